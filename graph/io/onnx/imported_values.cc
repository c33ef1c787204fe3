// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Values of the model: how they are found by name, become values of the graph, and what they depend on.
#include "graph/io/onnx/importer.h"

#include <algorithm>

namespace kiln::onnx {
namespace {

// Tensors of more bytes are variables of the graph, whose values lie in the model's file; smaller ones are constants.
constexpr int64_t kMostConstantBytes = 1024;

// What of the model's inputs must be given for a value to be known.
struct Needs {
  std::vector<std::string> values, lengths;
  bool canHelp = false;  // whether giving them makes it known
};

Needs needsOf(const Imported& imported, const Model& model, const ImportOptions& options) {
  Needs needs;
  bool areSmall = true;
  for (int index : imported.origins.inputs) {
    const ModelPort& port = model.inputs()[static_cast<size_t>(index)];
    if (options.values.contains(port.name)) {
      continue;
    }
    areSmall &= !port.shape || !port.shape->isStatic() ||
                checkedNumElements(port.shape->staticDims()).value_or(kMostElementsOfShapeInput + 1) <=
                    kMostElementsOfShapeInput;
    needs.values.push_back(port.name);
  }
  if (imported.origins.needsLengths) {
    for (const ModelPort& port : model.inputs()) {
      if (port.shape && !port.shape->isStatic() && !options.shapes.contains(port.name)) {
        needs.lengths.push_back(port.name);
      }
    }
  }
  needs.canHelp = areSmall && !imported.origins.isDecidedByRun && !(needs.values.empty() && needs.lengths.empty());
  return needs;
}

}  // namespace

Imported* Importer::find(std::string_view name) {
  for (auto environment = environments_.rbegin(); environment != environments_.rend(); ++environment) {
    if (auto found = environment->values.find(name); found != environment->values.end()) {
      return found->second.get();
    }
    if (environment->isFunction) {
      break;
    }
  }
  return nullptr;
}

bool Importer::isWeight(const Imported& imported) const {
  return imported.constant != nullptr && openBodies_.size() == 1 && imported.constant->numBytes() > kMostConstantBytes;
}

Value Importer::materialize(Imported& imported, GraphBuilder& g) {
  const bool isMain = &g == g_.get();
  if (isMain && imported.value.builder() == &g && std::ranges::find(openBodies_, imported.body) != openBodies_.end()) {
    return imported.value;
  }
  if (imported.isBroken || (!isMain && imported.constant == nullptr && !imported.dims)) {
    return g.poisoned();
  }
  Value value;
  if (imported.constant != nullptr) {
    if (isMain && isWeight(imported)) {
      std::string name = "weights/" + graphName(imported.name);
      while (!weightNames_.insert(name).second) {
        name += "_";
      }
      value = g.weight(name, imported.constant);
    } else {
      value = g.constant(*imported.constant, "constant");
    }
  } else if (imported.dims) {
    value = g.makeNode("shape_value", {}, {{"shape", Shape(*imported.dims)}}, "", std::source_location::current())[0];
    if (imported.shape.rank() == 0) {
      value = reshape(value, Shape{});
    }
  } else {
    return g.poisoned();
  }
  if (isMain) {
    imported.value = value;
    imported.body = currentBody();
  }
  return value;
}

bool Importer::isKnowable(const Imported& imported) const {
  return imported.constant != nullptr || needsOf(imported, model_, options_).canHelp;
}

Status Importer::require(const Imported& imported, std::string_view what) {
  const Needs needs = needsOf(imported, model_, options_);
  if (needs.canHelp) {
    neededValues_.insert(needs.values.begin(), needs.values.end());
    neededShapes_.insert(needs.lengths.begin(), needs.lengths.end());
  }
  return makeError<ErrorId::kG0506>(currentNode_, what);
}

Status Importer::define(const NodeProto& node, int output, Imported value) {
  const std::string& name = node.output(output);
  if (name.empty()) {
    return {};
  }
  auto [slot, isNew] = environments_.back().values.emplace(name, nullptr);
  if (!isNew) {
    return makeError<ErrorId::kG0504>(nameInMessages(node), name);
  }
  value.name = name;
  slot->second = std::make_shared<Imported>(std::move(value));
  return {};
}

}  // namespace kiln::onnx
