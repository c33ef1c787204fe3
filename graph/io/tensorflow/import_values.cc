// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Values while they are imported: where they come from, what is known of them, and how they get into the graph.
#include <algorithm>

#include "graph/io/tensorflow/importer.h"

namespace kiln::tensorflow {
namespace {

// Why an op is not there, for those that many graphs have.
std::string reasonFor(std::string_view op) {
  if (op.starts_with("VarHandle") || op.starts_with("Variable") || op.starts_with("ReadVariable") ||
      op.starts_with("Assign") || op == "ResourceGather") {
    return "the graph is not frozen: its variables are to be made constants first";
  }
  if (op.starts_with("Quantize") || op.starts_with("Dequantize") || op.starts_with("Requantiz")) {
    return "quantized operations are not supported";
  }
  if (op == "Switch" || op == "Merge" || op == "Enter" || op == "Exit" || op == "NextIteration" || op == "LoopCond") {
    return "not in the form of tf.while_loop or tf.cond";
  }
  return "Kiln has no such operation";
}

}  // namespace

ImportedPtr brokenValue() {
  auto broken = std::make_shared<Imported>();
  broken->isBroken = true;
  return broken;
}

// --- names and messages

std::string Importer::nameInMessages(const wire::NodeDef& node) const {
  return describe(node) + (callStack_.empty() ? "" : " in function '" + callStack_.back().first + "'");
}

std::string Importer::uniqueName(const std::string& name) {
  const int number = names_[name]++;
  return number == 0 ? name : uniqueName(name + "_" + std::to_string(number));
}

bool Importer::isFed(const wire::NodeDef& node) const {
  return callStack_.empty() && inputNumbers_.contains(node.name()) &&
         (node.op() == "Placeholder" || std::ranges::find(use_.fed, node.name()) != use_.fed.end());
}

std::vector<std::string> Importer::openInputs() const {
  std::vector<std::string> names;
  for (const int number : usedInputs_) {
    const GraphPort& port = inputs_[static_cast<size_t>(number)];
    if ((!port.shape || !port.shape->isStatic()) && !options_.shapes.contains(port.name) &&
        !options_.values.contains(port.name)) {
      names.push_back(port.name);
    }
  }
  return names;
}

void Importer::reportUnsupported(const wire::NodeDef& node, const Status& status) {
  constexpr size_t kMostListed = 64;
  if (unsupported_.size() < kMostListed) {
    // The message without its id, which the whole list has.
    std::string text(status.message());
    const size_t colon = text.find(": ");
    unsupported_.push_back(status.ok() ? nameInMessages(node) + ": " + reasonFor(node.op())
                                       : text.substr(colon == std::string::npos ? 0 : colon + 2));
  }
}

const wire::AttrValue* Importer::argumentOf(std::string_view placeholder) const {
  if (callStack_.empty()) {
    return nullptr;
  }
  auto found = callStack_.back().second->find(std::string(placeholder));
  return found == callStack_.back().second->end() ? nullptr : &found->second;
}

// --- values

Value Importer::materialize(Imported& imported, GraphBuilder& g) {
  const bool isMain = &g == main_.get();
  if (imported.value.builder() == &g && std::ranges::find(openBodies_, imported.body) != openBodies_.end()) {
    return imported.value;
  }
  if (imported.isBroken) {
    return g.poisoned();
  }
  Value value;
  if (imported.constant != nullptr) {
    const Tensor& tensor = *imported.constant;
    const bool isLarge = tensor.numBytes() > kMostConstantBytes;
    if (isLarge && isMain && openBodies_.size() == 1) {
      value = g.weight(uniqueName("weights/" + graphName(imported.name)), imported.constant);
    } else if (isLarge && !isMain && &g == g_) {
      value = full(g, imported.shape, 0, tensor.dtype());  // types are learnt there, and no value matters
    } else {
      value = g.constant(tensor, "constant");
    }
  } else if (imported.dims) {
    value = g.makeNode("shape_value", {}, {{"shape", Shape(*imported.dims)}}, "", std::source_location::current())[0];
    if (imported.shape.rank() == 0) {
      value = reshape(value, Shape{});
    }
    value = cast(value, imported.dtype);
  } else if (imported.list != nullptr && imported.list->element && imported.value.builder() == nullptr) {
    std::vector<Dim> dims = {imported.list->size};
    dims.insert(dims.end(), imported.list->element->begin(), imported.list->element->end());
    value = full(g, Shape(std::move(dims)), 0, imported.list->dtype);
  } else {
    return g.poisoned();
  }
  if (isMain) {
    imported.value = value;
    imported.body = currentBody();
  }
  return value;
}

Status Importer::require(const Imported& imported, std::string_view what) {
  bool canHelp = !imported.origins.isDecidedByRun;
  std::vector<std::string> values, lengths;
  for (const int index : imported.origins.inputs) {
    const GraphPort& port = inputs_[static_cast<size_t>(index)];
    if (options_.values.contains(port.name)) {
      continue;
    }
    const bool isSmall = !port.shape || !port.shape->isStatic() ||
                         checkedNumElements(port.shape->staticDims()).value_or(kMostElementsOfShapeInput + 1) <=
                             kMostElementsOfShapeInput;
    canHelp &= isSmall;
    values.push_back(port.name);
  }
  if (imported.origins.needsLengths || imported.dims) {
    lengths = openInputs();
  }
  if (canHelp && !(values.empty() && lengths.empty())) {
    neededValues_.insert(values.begin(), values.end());
    neededShapes_.insert(lengths.begin(), lengths.end());
  }
  return makeError<ErrorId::kG0506>(currentNode_, what);
}

StatusOr<ImportedPtr> Importer::importConstant(const wire::NodeDef& node) {
  ImportedPtr& slot = constants_[&node];
  if (slot == nullptr) {
    auto found = node.attr().find("value");
    if (found == node.attr().end() || !found->second.has_tensor()) {
      return makeError<ErrorId::kG0502>(currentNode_, "it has no attribute 'value' that is a tensor");
    }
    auto tensor = tensorFromProto(found->second.tensor(), budget_);
    if (!tensor.ok()) {
      return annotate(tensor.status(), "node " + currentNode_);
    }
    auto imported = std::make_shared<Imported>();
    imported->name = node.name();
    imported->dtype = tensor->dtype();
    imported->shape = Shape::of(tensor->dims());
    imported->constant = std::make_shared<const Tensor>(*std::move(tensor));
    slot = std::move(imported);
  }
  return slot;
}

StatusOr<ImportedPtr> Importer::importPlaceholder(const wire::NodeDef& node) {
  const int number = inputNumbers_.at(node.name());
  const GraphPort* port = &inputs_[static_cast<size_t>(number)];
  auto imported = std::make_shared<Imported>();
  imported->name = node.name();
  imported->dtype = port->dtype;
  if (port->dtype == DType::kInvalid) {
    reportUnsupported(node, makeError<ErrorId::kG0501>(currentNode_ + ": an input of its type"));
    return brokenValue();
  }
  if (auto known = options_.values.find(port->name); known != options_.values.end()) {
    if (known->second->dtype() != port->dtype) {
      return makeError<ErrorId::kG0509>(port->name, toString(known->second->dtype()), toString(port->dtype));
    }
    imported->constant = known->second;
    imported->shape = Shape::of(known->second->dims());
    builtIn_.push_back(port->name);
    return imported;
  }
  std::optional<Shape> shape = port->shape;
  if (auto given = options_.shapes.find(port->name); given != options_.shapes.end()) {
    shape = Shape::of(given->second);
    const bool fits = !port->shape || (port->shape->rank() == shape->rank() && [&] {
      for (int i = 0; i < shape->rank(); ++i) {
        if ((*port->shape)[i].isStatic() && (*port->shape)[i] != (*shape)[i]) {
          return false;
        }
      }
      return true;
    }());
    if (!fits) {
      return makeError<ErrorId::kG0509>(port->name, shape->toString(), port->shape->toString());
    }
  }
  if (!shape) {
    neededShapes_.insert(port->name);
    return brokenValue();
  }
  if (isOneBatch_ && shape->rank() > 0 && !(*shape)[0].isStatic()) {
    (*shape)[0] = dim("batch");
  }
  imported->shape = *shape;
  imported->value = main_->placeholder(uniqueName(graphName(port->name)), port->dtype, *shape);
  imported->body = 0;
  imported->origins.inputs = {number};
  feeds_.emplace(number, NamedValue(port->name, imported->value));
  return imported;
}

}  // namespace kiln::tensorflow
