// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx_export/graph_exporter.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "graph/eval/interpreter.h"
#include "graph/ir/diagnostics.h"

namespace kiln::onnx {
namespace {

// The version of the file format that came with each operator set, from the first that is exported on.
constexpr std::array<int64_t, kNewestExportedOpset - kOldestExportedOpset + 1> kIrVersions = {10, 10, 11, 11,
                                                                                              12, 13, 13};

std::vector<NodeId> nodesOf(const std::vector<ValueRef>& values) {
  std::vector<NodeId> nodes;
  for (ValueRef value : values) {
    nodes.push_back(value.node);
  }
  return nodes;
}

// Removes nodes whose results nothing reads, in bodies too; `used` holds names that are read.
void removeDeadNodes(GraphProto& graph, std::unordered_set<std::string>& used) {
  for (const ValueInfoProto& output : graph.output()) {
    used.insert(output.name());
  }
  std::vector<NodeProto> kept;
  for (int i = graph.node_size() - 1; i >= 0; --i) {
    NodeProto& node = *graph.mutable_node(i);
    if (std::none_of(node.output().begin(), node.output().end(),
                     [&](const std::string& name) { return used.contains(name); })) {
      continue;
    }
    used.insert(node.input().begin(), node.input().end());
    for (AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) {
        removeDeadNodes(*attribute.mutable_g(), used);
      }
    }
    kept.push_back(std::move(node));
  }
  graph.clear_node();
  for (auto node = kept.rbegin(); node != kept.rend(); ++node) {
    *graph.add_node() = std::move(*node);
  }
}

}  // namespace

// Everything that cannot be exported, in one error.
Status GraphExporter::refuseAtOnce() {
  ErrorList errors;
  std::set<std::string> functions;
  const std::function<void(const Body&, const std::vector<NodeId>&)> visit = [&](const Body& body,
                                                                                 const std::vector<NodeId>& roots) {
    for (NodeId id : body.slice(roots)) {
      const Node& node = body.node(id);
      const ExportRow* row = findRow(node.op->name);
      if (row == nullptr || row->write == nullptr) {
        errors.add(unsupportedNode(node, row == nullptr ? "ONNX has no form for it" : row->reason));
      }
      for (const std::string& name : calleesOf(*node.op, node.attributes)) {
        if (functions.insert(name).second) {
          const Function& function = graph_.functions().at(name);
          visit(function.body, nodesOf(function.results));
        }
      }
    }
  };
  std::vector<NodeId> roots = assigns_;
  for (const Port& port : entry_.fetches) {
    roots.push_back(port.value.node);
  }
  visit(graph_.body(), roots);
  return errors.status();
}

Status GraphExporter::unsupportedNode(const Node& node, std::string_view why) {
  return diagnose(makeError<ErrorId::kG0510>(describe(node), why), node.location);
}

StatusOr<std::string> GraphExporter::variable(const Node& node) {
  if (auto found = stateInputs_.find(node.name); found != stateInputs_.end()) {
    return found->second;
  }
  return writer_.initializer(node.name, values_.at(node.name));
}

Status GraphExporter::addInputs(Frame& frame) {
  for (const Port& port : entry_.feeds) {
    const ValueType& type = frame.body->type(port.value);
    const std::string name = writer_.freshName(port.name);
    KILN_RETURN_IF_ERROR(setType(*frame.proto->add_input(), name, type, true,
                                 "feed '" + port.name + "' of entry '" + entry_.name + "'"));
    frame.bind(port.value, name);
    frame.givers.push_back({type.shape, name});
  }
  for (NodeId assign : assigns_) {
    const Node& variable = frame.body->node(frame.body->node(assign).inputs[0].node);
    const std::string name = writer_.freshName(variable.name);
    KILN_RETURN_IF_ERROR(
        setType(*frame.proto->add_input(), name, variable.outputs[0], true, "variable '" + variable.name + "'"));
    stateInputs_[variable.name] = name;
    model_.state[name] = values_.at(variable.name);
  }
  return {};
}

Status GraphExporter::addOutputs(Frame& frame) {
  std::unordered_set<std::string> done;
  const auto add = [&](const std::string& wanted, ValueRef value) -> Status {
    const std::string& made = frame.values.at(Frame::keyOf(value));
    std::string name = made;
    if (made != wanted || !done.insert(made).second) {
      if (!reserved_.contains(wanted)) {
        return makeError<ErrorId::kG0510>("entry '" + entry_.name + "'",
                                          "two of its values have the name '" + wanted + "'");
      }
      name = wanted;
      NodeProto& node = *frame.proto->add_node();
      node.set_op_type("Identity");
      node.set_name(name);
      node.add_input(made);
      node.add_output(name);
    }
    reserved_.erase(wanted);
    return setType(*frame.proto->add_output(), name, frame.body->type(value), true,
                   "fetch '" + wanted + "' of entry '" + entry_.name + "'");
  };
  for (const Port& port : entry_.fetches) {
    KILN_RETURN_IF_ERROR(add(port.name, port.value));
  }
  for (NodeId assign : assigns_) {
    const Node& node = frame.body->node(assign);
    KILN_RETURN_IF_ERROR(add(frame.body->node(node.inputs[0].node).name + "/next", node.inputs[1]));
  }
  return {};
}

// A result gets the name that it shall have, or its node's.
void GraphExporter::nameResult(Frame& frame, const Node& node, int output, const std::string& made, int firstNode) {
  const int64_t key = Frame::keyOf({node.id, output});
  NodeProto* maker = nullptr;
  std::string* slot = nullptr;
  for (int i = frame.proto->node_size() - 1; i >= firstNode && slot == nullptr; --i) {
    maker = frame.proto->mutable_node(i);
    for (std::string& name : *maker->mutable_output()) {
      slot = name == made ? &name : slot;
    }
  }
  if (slot == nullptr) {
    frame.values[key] = made;  // Another node's value.
    return;
  }
  std::string name;
  if (auto wanted = frame.wanted.find(key); wanted != frame.wanted.end()) {
    name = wanted->second;
    frame.wanted.erase(wanted);
  } else {
    name = writer_.freshName(frame.prefix + node.name + (output == 0 ? "" : ":" + std::to_string(output)));
  }
  if (maker->name() == made) {
    maker->set_name(name);
  }
  *slot = name;
  for (int i = firstNode; i < frame.proto->node_size(); ++i) {
    for (std::string& input : *frame.proto->mutable_node(i)->mutable_input()) {
      if (input == made) {
        input = name;
      }
    }
  }
  for (auto* cached : {&frame.symbols, &frame.shapes}) {
    for (auto& [text, value] : *cached) {
      if (value == made) {
        value = name;
      }
    }
  }
  frame.values[key] = name;
}

Status GraphExporter::writeNode(Frame& frame, const Node& node) {
  const ExportRow* row = findRow(node.op->name);
  if (row == nullptr || row->write == nullptr) {
    return unsupportedNode(node, row == nullptr ? "ONNX has no form for it" : row->reason);
  }
  const int firstNode = frame.proto->node_size();
  NodeExport n(*this, writer_, frame, node);
  KILN_RETURN_IF_ERROR(row->write(n));
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (!n.results()[i].empty()) {
      nameResult(frame, node, static_cast<int>(i), n.results()[i], firstNode);
    }
  }
  return {};
}

Status GraphExporter::writeNodes(Frame& frame, const std::vector<NodeId>& roots) {
  const std::vector<NodeId> slice = frame.body->slice(roots);
  for (NodeId id : slice) {
    for (ValueRef input : frame.body->node(id).inputs) {
      frame.used.insert(Frame::keyOf(input));
    }
  }
  for (NodeId id : slice) {
    if (!frame.values.contains(Frame::keyOf({id, 0}))) {
      KILN_RETURN_IF_ERROR(writeNode(frame, frame.body->node(id)));
    }
  }
  return {};
}

StatusOr<std::vector<std::string>> GraphExporter::call(NodeExport& at, GraphProto* proto, const std::string& function,
                                                       const std::vector<std::string>& arguments) {
  const Function& callee = graph_.functions().at(function);
  KILN_CHECK(arguments.size() == callee.parameters.size());
  Frame frame;
  frame.body = &callee.body;
  frame.proto = proto;
  frame.prefix = at.prefix() + at.node.name + "/";
  for (size_t i = 0; i < arguments.size(); ++i) {
    frame.bind(callee.parameters[i], arguments[i]);
    frame.givers.push_back({callee.body.type(callee.parameters[i]).shape, arguments[i]});
  }
  for (ValueRef result : callee.results) {
    frame.used.insert(Frame::keyOf(result));
  }
  KILN_RETURN_IF_ERROR(writeNodes(frame, nodesOf(callee.results)));
  std::vector<std::string> results;
  for (ValueRef result : callee.results) {
    results.push_back(frame.values.at(Frame::keyOf(result)));
  }
  return results;
}

StatusOr<ExportedModel> GraphExporter::run() {
  assigns_ = assignsOf(graph_.body(), entry_.targets);
  KILN_RETURN_IF_ERROR(refuseAtOnce());
  ModelProto& proto = model_.proto;
  proto.set_ir_version(kIrVersions[static_cast<size_t>(options_.opset - kOldestExportedOpset)]);
  proto.set_producer_name("Kiln");
  OperatorSetIdProto* opset = proto.add_opset_import();
  opset->set_domain("");
  opset->set_version(options_.opset);
  proto.mutable_graph()->set_name(graph_.name().empty() ? entry_.name : graph_.name());

  Frame frame;
  frame.body = &graph_.body();
  frame.proto = proto.mutable_graph();
  std::vector<NodeId> roots;
  for (const Port& port : entry_.fetches) {
    roots.push_back(port.value.node);
  }
  for (NodeId assign : assigns_) {
    roots.push_back(graph_.body().node(assign).inputs[1].node);
  }
  // Values of variables come from the graph's weights; only what is not there asks for a run of init.
  std::vector<NodeId> read = assigns_;
  read.insert(read.end(), roots.begin(), roots.end());
  bool isComplete = true;
  for (NodeId id : graph_.body().slice(read)) {
    const Node& node = graph_.body().node(id);
    if (node.op->name == "variable") {
      auto weight = graph_.weights().find(node.name);
      values_[node.name] = weight == graph_.weights().end() ? nullptr : weight->second;
      isComplete &= values_[node.name] != nullptr;
    }
  }
  if (!isComplete) {
    KILN_ASSIGN_OR_RETURN(const VariableStore store, initialValues(graph_));
    for (auto& [name, value] : values_) {
      if (value == nullptr) {
        const Tensor* initial = store.find(name);
        if (initial == nullptr) {
          return makeError<ErrorId::kG0510>("variable '" + name + "'",
                                            "it has no value: neither weights nor init give it");
        }
        value = std::make_shared<const Tensor>(*initial);
      }
    }
  }
  KILN_RETURN_IF_ERROR(addInputs(frame));
  const auto want = [&](const std::string& name, ValueRef value) {
    const int64_t key = Frame::keyOf(value);
    frame.used.insert(key);
    if (!writer_.isTaken(name)) {
      reserved_.insert(writer_.freshName(name));
      frame.wanted.try_emplace(key, name);
    }
  };
  for (const Port& port : entry_.fetches) {
    want(port.name, port.value);
  }
  for (NodeId assign : assigns_) {
    const Node& node = graph_.body().node(assign);
    want(graph_.body().node(node.inputs[0].node).name + "/next", node.inputs[1]);
  }
  KILN_RETURN_IF_ERROR(writeNodes(frame, roots));
  KILN_RETURN_IF_ERROR(addOutputs(frame));
  std::unordered_set<std::string> used;
  removeDeadNodes(*frame.proto, used);
  writer_.finish(model_);
  return std::move(model_);
}

}  // namespace kiln::onnx
