// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One node: what is known before the run is computed, the rest becomes operations.
#include "graph/io/onnx/importer.h"

#include <algorithm>
#include <chrono>

#include "graph/eval/interpreter.h"

namespace kiln::onnx {
namespace {

// What is known before the run is computed by slow and obvious code; what takes longer is left to the run.
constexpr std::chrono::milliseconds kLongestFold{300};
// The same of all nodes together; from then on only small tensors are computed, which hold lengths and axes.
constexpr std::chrono::milliseconds kLongestFolding{1500};
constexpr int64_t kMostElementsOfSmallFold = 256;

bool isRandom(std::string_view op) {
  return op.starts_with("Random") || op == "Bernoulli" || op == "Multinomial" || op == "Dropout";
}

bool hasBodies(const NodeProto& node) {
  return std::ranges::any_of(node.attribute(),
                             [](const AttributeProto& a) { return a.has_g() || a.graphs_size() > 0; });
}

// No machine holds a tensor of more, and sizes in bytes stay far from overflow.
constexpr int64_t kMostElements = int64_t{1} << 40;

// Whether the lengths that are numbers have no larger product.
bool isCountable(const Shape& shape) {
  std::vector<int64_t> lengths;
  for (const Dim& dim : shape) {
    lengths.push_back(dim.isStatic() ? dim.value() : 1);
  }
  return checkedNumElements(lengths).value_or(kMostElements + 1) <= kMostElements;
}

}  // namespace

Status Importer::convertNode(const NodeProto& node, std::vector<Imported*> inputs) {
  const Converter& converter = *findConverter(node.domain(), node.op_type());
  Origins origins;
  bool isKnown = true;
  for (const Imported* input : inputs) {
    if (input != nullptr) {
      origins.add(input->origins);
      isKnown &= input->constant != nullptr;
    }
  }
  origins.isDecidedByRun |= isRandom(node.op_type());
  auto place = [&](NodeImport& n) {
    for (int i = 0; i < node.output_size(); ++i) {
      Imported& result = n.results()[static_cast<size_t>(i)];
      if (!node.output(i).empty() && result.elementType == 0 && !result.isBroken) {
        return n.invalid("output " + std::to_string(i) + " is not one of the operator's");
      }
      if (!std::ranges::all_of(result.shape, isShort)) {
        return makeError<ErrorId::kG0507>(currentNode_, "lengths of its results are long expressions",
                                          std::to_string(kMostTermsOfLength) + " terms");
      }
      if (!isCountable(result.shape)) {
        return makeError<ErrorId::kG0507>(currentNode_, "its result has the shape " + result.shape.toString(),
                                          std::to_string(kMostElements) + " elements");
      }
      if (result.constant == nullptr && !result.dims) {
        result.origins.add(origins);
      }
      result.origins.needsLengths |= result.dims && result.constant == nullptr;
      KILN_RETURN_IF_ERROR(define(node, i, std::move(result)));
    }
    return Status();
  };

  NodeImport n(*this, *g_, node, inputs);
  if (foldShapeArithmetic(n)) {
    return place(n);
  }
  const bool hasInputs = std::ranges::any_of(inputs, [](const Imported* input) { return input != nullptr; });
  if (isKnown && hasInputs && !isRandom(node.op_type()) && !hasBodies(node)) {
    bool isDone = false;
    KILN_RETURN_IF_ERROR(foldNode(node, converter, inputs, isDone));
    if (isDone) {
      return {};
    }
  }
  for (const Imported* input : inputs) {
    // What comes of dims through other operations is known when they are numbers.
    origins.needsLengths |=
        input != nullptr && ((input->dims && input->constant == nullptr) || !input->shape.isStatic());
  }
  g_->setOrigin(SourceLocation{internString(model_.file()), static_cast<int>(numNodes_)});
  for (Imported* input : inputs) {
    if (input != nullptr && isWeight(*input)) {
      materialize(*input, *g_);  // outside of the node's scope, so that weights have names of their own
    }
  }
  Status status;
  {
    auto scope = g_->scope(graphName(node.name().empty() ? node.op_type() : node.name()));
    status = converter.convert(n);
  }
  g_->setOrigin(std::nullopt);
  status = status.ok() ? n.status() : status;
  if (!status.ok()) {
    if (neededValues_.empty() && neededShapes_.empty() && errorIdOf(status) == "KILN-G0501") {
      reportUnsupported(node, status);
      for (int i = 0; i < node.output_size(); ++i) {
        Imported broken;
        broken.isBroken = true;
        KILN_RETURN_IF_ERROR(define(node, i, std::move(broken)));
      }
      return {};
    }
    return status;
  }
  for (const Imported& result : n.results()) {
    if (result.isBroken) {
      // An operation was refused: the builder knows why, and can say it only at the end.
      StatusOr<Graph> graph = g_->finish();
      return graph.ok() ? makeError<ErrorId::kG0502>(currentNode_, "it was refused")
                        : makeError<ErrorId::kG0502>(currentNode_, std::string(graph.status().message()));
    }
  }
  return place(n);
}

// Computes the node now when that is cheap. Otherwise isDone stays false, and it becomes a part of the graph.
Status Importer::foldNode(const NodeProto& node, const Converter& converter, const std::vector<Imported*>& inputs,
                          bool& isDone) {
  int64_t elements = 0;
  for (const Imported* input : inputs) {
    elements += input == nullptr ? 0 : input->constant->numElements();
  }
  const bool isLate = foldingTime_ > kLongestFolding;
  if (elements >
      (isLate ? std::min(kMostElementsOfSmallFold, options_.maxFoldedElements) : options_.maxFoldedElements)) {
    return {};
  }
  GraphBuilder scratch("fold");
  NodeImport n(*this, scratch, node, inputs);
  Status status = converter.convert(n);
  if (!status.ok() || !n.status().ok()) {
    return {};  // converting it into the graph meets the same error, and reports it
  }
  EntrySpec spec;
  std::vector<int> fetched;
  for (int i = 0; i < node.output_size(); ++i) {
    Imported& result = n.results()[static_cast<size_t>(i)];
    if (result.isBroken || (result.constant == nullptr && !result.dims && result.value.builder() != &scratch)) {
      if (n.wants(i)) {
        return {};
      }
      continue;
    }
    if (result.constant == nullptr && !result.dims) {
      // Of constants a length is open only where the run finds it, and then it is bounded by them.
      if (result.shape.isStatic() &&
          checkedNumElements(result.shape.staticDims()).value_or(INT64_MAX) > options_.maxFoldedElements) {
        return {};
      }
      fetched.push_back(i);
      spec.fetches.emplace_back("result" + std::to_string(i), result.value);
    }
  }
  if (!fetched.empty()) {
    scratch.entry("fold", spec);
    auto graph = scratch.finish();
    if (!graph.ok() || !graph->variables().empty()) {
      return {};
    }
    VariableStore none;
    const auto start = std::chrono::steady_clock::now();
    auto values = Interpreter({.cancel = nullptr, .deadline = kLongestFold})
                      .evaluate(*graph, *graph->findEntry("fold"), {}, none);
    foldingTime_ += std::chrono::steady_clock::now() - start;
    if (!values.ok()) {
      return {};  // a fault, such as an index out of range, belongs to the run
    }
    for (size_t k = 0; k < fetched.size(); ++k) {
      Imported& result = n.results()[static_cast<size_t>(fetched[k])];
      result.constant = std::make_shared<const Tensor>(std::move((*values)[k]));
      result.shape = Shape::of(result.constant->dims());
      result.value = Value();
      result.body = -1;
    }
  }
  for (int i = 0; i < node.output_size(); ++i) {
    KILN_RETURN_IF_ERROR(define(node, i, std::move(n.results()[static_cast<size_t>(i)])));
  }
  isDone = true;
  return {};
}

}  // namespace kiln::onnx
