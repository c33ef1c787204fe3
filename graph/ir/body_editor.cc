// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/ir/body_editor.h"

#include <algorithm>
#include <utility>

namespace kiln {

template <class F>
void BodyEditor::forEachReference(const BodyId& place, const F& change) {
  for (Node& node : bodyOf(place).nodes) {
    std::for_each(node.inputs.begin(), node.inputs.end(), change);
  }
  if (!place.empty()) {
    Function& function = data_.functions.at(place);
    std::for_each(function.parameters.begin(), function.parameters.end(), change);
    std::for_each(function.results.begin(), function.results.end(), change);
    return;
  }
  for (Entry& entry : data_.entries) {
    for (std::vector<Port>* ports : {&entry.feeds, &entry.fetches}) {
      for (Port& port : *ports) {
        change(port.value);
      }
    }
    for (NodeId& target : entry.targets) {
      ValueRef reference{target, 0};
      change(reference);
      target = reference.node;
    }
  }
  std::for_each(kept_.begin(), kept_.end(), change);
}

std::vector<ValueType> BodyEditor::parameterTypes(const BodyId& place) const {
  const Function& function = data_.functions.at(place);
  std::vector<ValueType> types;
  for (ValueRef parameter : function.parameters) {
    types.push_back(function.body.type(parameter));
  }
  return types;
}

BodyId BodyEditor::ownBody(const BodyId& place, NodeId id, const BodySlot& slot) {
  Node& caller = node(place, id);
  const std::string callee = calleeOf(caller, slot);
  if (own_.contains(callee)) {
    return callee;
  }
  std::string name = callee + "/tapped";
  for (int i = 1; data_.functions.contains(name); ++i) {
    name = callee + "/tapped_" + std::to_string(i);
  }
  Function copy = data_.functions.at(callee);
  copy.name = name;
  data_.functions.emplace(name, std::move(copy));
  own_.insert(name);
  const std::string attribute(slot.attribute);
  if (slot.index < 0) {
    caller.attributes.set(attribute, name);
  } else {
    std::vector<std::string> names = caller.attributes.get<std::vector<std::string>>(attribute);
    names[static_cast<size_t>(slot.index)] = name;
    caller.attributes.set(attribute, std::move(names));
  }
  return name;
}

std::string BodyEditor::freshNode(const BodyId& place, std::string_view base) {
  auto [names, isNew] = names_.try_emplace(place);
  if (isNew) {
    for (const Node& node : body(place).nodes) {
      names->second.insert(node.name);
    }
  }
  const std::string wanted = "tap/" + std::string(base);
  std::string name = wanted;
  for (int i = 1; !names->second.insert(name).second; ++i) {
    name = wanted + "_" + std::to_string(i);
  }
  return name;
}

ValueRef BodyEditor::insert(const BodyId& place, NodeId position, std::string_view op, std::vector<ValueRef> inputs,
                            Attributes attributes, std::vector<ValueType> outputs, const SourceLocation& where) {
  Body& body = bodyOf(place);
  if (static_cast<size_t>(position) < body.nodes.size()) {
    forEachReference(place, [&](ValueRef& reference) { reference.node += reference.node >= position ? 1 : 0; });
  }
  Node node;
  node.op = findOp(op);
  KILN_CHECK(node.op != nullptr);
  node.name = freshNode(place, op);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  node.outputs = std::move(outputs);
  node.location = where;
  body.nodes.insert(body.nodes.begin() + position, std::move(node));
  for (size_t i = static_cast<size_t>(position); i < body.nodes.size(); ++i) {
    body.nodes[i].id = static_cast<NodeId>(i);
  }
  return {position, 0};
}

ValueRef BodyEditor::addOutput(const BodyId& place, NodeId id, ValueType type) {
  return insertOutput(place, id, static_cast<int32_t>(node(place, id).outputs.size()), std::move(type));
}

ValueRef BodyEditor::insertOutput(const BodyId& place, NodeId id, int32_t output, ValueType type) {
  forEachReference(place, [&](ValueRef& reference) {
    reference.output += reference.node == id && reference.output >= output ? 1 : 0;
  });
  std::vector<ValueType>& outputs = node(place, id).outputs;
  outputs.insert(outputs.begin() + output, std::move(type));
  return {id, output};
}

GraphData BodyEditor::take() {
  // Types are inferred again where bodies have changed.
  auto forget = [&](Body& body) {
    for (Node& node : body.nodes) {
      const std::vector<std::string> callees = calleesOf(*node.op, node.attributes);
      if (std::any_of(callees.begin(), callees.end(), [&](const std::string& c) { return own_.contains(c); })) {
        node.outputs.clear();
      }
    }
  };
  forget(data_.body);
  for (auto& [name, function] : data_.functions) {
    forget(function.body);
  }
  return std::exchange(data_, {});
}

}  // namespace kiln
