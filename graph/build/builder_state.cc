// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/builder_state.h"

#include <algorithm>

#include "graph/ir/verify.h"

namespace kiln {
namespace {

const std::vector<std::string>& opNames() {
  static const auto& names = *new std::vector<std::string>([] {
    std::vector<std::string> list;
    for (const OpSchema& op : allOps()) {
      list.emplace_back(op.name);
    }
    return list;
  }());
  return names;
}

// Absolute paths are kept to two components: enough to know the file, and the same on every machine.
std::string_view shortFile(std::string_view file) {
  if (!file.starts_with('/')) {
    return file;
  }
  size_t slash = file.rfind('/');
  slash = slash == 0 ? 0 : file.rfind('/', slash - 1);
  return slash == std::string_view::npos ? file : file.substr(slash + 1);
}

std::string operandName(const OpSchema& op, size_t index) {
  if (op.operands.empty()) {
    return std::to_string(index);
  }
  const OperandSpec& spec = op.operands[std::min(index, op.operands.size() - 1)];
  std::string name(spec.name);
  return spec.isVariadic ? name + "[" + std::to_string(index + 1 - op.operands.size()) + "]" : name;
}

}  // namespace

const Body& GraphBuilder::State::bodyOf(int index) const {
  const BodyState& state = bodies[index];
  const bool isMain = state.function.empty();
  if (isFinished && isMain && !graph.body().nodes.empty()) {
    return graph.body();
  }
  if (!isMain && state.body.nodes.empty()) {  // handed over to the function or the graph
    const auto& held = isFinished && graph.functions().contains(state.function) ? graph.functions() : functions;
    if (auto found = held.find(state.function); found != held.end()) {
      return found->second.body;
    }
  }
  return state.body;
}

const Node* GraphBuilder::State::nodeOf(const Value& value) const {
  const Body& body = bodyOf(value.body_);
  return value.isPoisoned() || value.ref_.node >= static_cast<NodeId>(body.nodes.size()) ? nullptr
                                                                                         : &body.node(value.ref_.node);
}

Value GraphBuilder::State::makeValue(int body, ValueRef ref) const {
  Value value;
  value.builder_ = builder;
  value.body_ = body;
  value.ref_ = ref;
  return value;
}

SourceLocation GraphBuilder::State::locate(Where where) {
  if (origin) {
    return *origin;
  }
  auto [found, isNew] = files.try_emplace(where.file_name());
  if (isNew) {
    found->second = internString(shortFile(where.file_name()));
  }
  return {found->second, static_cast<int>(where.line())};
}

std::string GraphBuilder::State::freshName(const std::string& wanted) {
  BodyState& body = current();
  if (!body.names.contains(wanted)) {
    return wanted;
  }
  int& suffix = body.nodeSuffixes[wanted];
  std::string name;
  do {
    name = wanted + "_" + std::to_string(++suffix);
  } while (body.names.contains(name));
  return name;
}

void GraphBuilder::State::fail(const Status& status, SourceLocation where, std::string_view subject,
                               const std::vector<Value>& inputs) {
  Status error = diagnose(status, where, subject);
  constexpr size_t kNotedInputs = 3;
  for (size_t i = 0; i < inputs.size() && i < kNotedInputs; ++i) {
    const Node* maker = inputs[i].builder_ == nullptr ? nullptr : inputs[i].builder_->state().nodeOf(inputs[i]);
    if (maker != nullptr) {
      error = withNote(error, maker->location,
                       kiln::describe(*maker) + " was made here: " +
                           (maker->outputs.empty() ? "no value" : maker->outputs[inputs[i].ref_.output].toString()));
    }
  }
  errors.add(error);
}

bool GraphBuilder::State::checkOperands(const OpSchema& op, const std::vector<Value>& inputs, SourceLocation where,
                                        std::string_view subject) {
  bool isFine = true;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Value& input = inputs[i];
    if (input.builder_ == nullptr) {
      fail(makeError<ErrorId::kG0201>(operandName(op, i)), where, subject);
      isFine = false;
    } else if (input.builder_ != builder) {
      fail(makeError<ErrorId::kG0202>(operandName(op, i), input.name(), input.builder_->name()), where, subject,
           {input});
      isFine = false;
    } else if (input.isPoisoned()) {
      isFine = false;
    } else if (input.body_ != openBodies.back()) {
      fail(makeError<ErrorId::kG0203>(operandName(op, i), input.name(), bodies[input.body_].describe(),
                                      current().describe()),
           where, subject, {input});
      isFine = false;
    } else if (const Node& maker = current().body.node(input.ref_.node); maker.outputs.empty() && op.name != "group") {
      fail(makeError<ErrorId::kG0002>(i, kiln::describe(maker) + " gives no value"), where, subject, {input});
      isFine = false;
    }
  }
  return isFine;
}

const Node* GraphBuilder::State::addNode(const OpSchema& op, const std::vector<Value>& inputs, Attributes attributes,
                                         std::string name, SourceLocation where) {
  BodyState& state = current();
  Node node;
  node.id = static_cast<NodeId>(state.body.nodes.size());
  node.op = &op;
  node.name = std::move(name);
  node.attributes = std::move(attributes);
  node.location = where;
  node.inputs.reserve(inputs.size());
  NodeId source = -1;
  for (const Value& input : inputs) {
    node.inputs.push_back(input.ref_);
    source = source < 0 ? state.sourceOf[input.ref_.node] : source;
  }
  if (Status status = state.inference.infer(node); !status.ok()) {
    fail(status, where, kiln::describe(node), inputs);
    return nullptr;
  }
  const bool isState = op.name == "variable" && node.name != kRandomState;
  state.sourceOf.push_back(isState || op.name == "placeholder" ? node.id : source);
  state.names.emplace(node.name, node.id);
  state.body.nodes.push_back(std::move(node));
  return &state.body.nodes.back();
}

const Node* GraphBuilder::State::addNamedNode(const OpSchema& op, const std::vector<Value>& inputs,
                                              Attributes attributes, std::string name, SourceLocation where) {
  const std::string subject = "kiln." + std::string(op.name) + " '" + name + "'";
  if (Status status = checkName(name); !status.ok()) {
    fail(status, where, subject);
    return nullptr;
  }
  BodyState& state = current();
  if (auto found = state.names.find(name); found != state.names.end()) {
    const Node& other = state.body.node(found->second);
    fail(withNote(makeError<ErrorId::kG0001>(kiln::describe(other)), other.location,
                  kiln::describe(other) + " was made here"),
         where, subject);
    return nullptr;
  }
  return addNode(op, inputs, std::move(attributes), std::move(name), where);
}

bool GraphBuilder::State::refuseInFunction(std::string_view what, std::string_view why, SourceLocation where) {
  if (current().function.empty()) {
    return false;
  }
  fail(makeError<ErrorId::kG0019>(what, current().function, why), where);
  return true;
}

std::vector<Value> GraphBuilder::makeNode(std::string_view op, const std::vector<Value>& given, Attributes attributes,
                                          std::string_view name, Where where) {
  const SourceLocation location = state_->locate(where);
  const OpSchema* schema = findOp(op);
  if (schema == nullptr) {
    state_->fail(makeError<ErrorId::kG0220>(op, didYouMean(op, opNames())), location);
    return {};
  }
  const bool isVariadic =
      std::any_of(schema->results.begin(), schema->results.end(), [](const OperandSpec& r) { return r.isVariadic; });
  std::vector<Value> results(isVariadic ? 0 : schema->results.size(), state_->poison());
  if (state_->isFinished) {
    return results;  // finish() was refused or will be
  }
  std::vector<Value> adopted;
  if (state_->current().closure != nullptr) {
    adopted = state_->adopt(given);
  }
  const std::vector<Value>& inputs = state_->current().closure != nullptr ? adopted : given;
  std::string nodeName = state_->freshName(state_->scopedName(name.empty() ? schema->name : name));
  const std::string subject = "kiln." + std::string(schema->name) + " '" + nodeName + "'";
  if (!name.empty()) {
    if (Status status = checkName(nodeName); !status.ok()) {
      state_->fail(status, location, subject);
      return results;
    }
  }
  if (!state_->checkOperands(*schema, inputs, location, subject)) {
    return results;
  }
  const Node* node = state_->addNode(*schema, inputs, std::move(attributes), std::move(nodeName), location);
  if (node != nullptr) {
    results.clear();
    for (size_t i = 0; i < node->outputs.size(); ++i) {
      results.push_back(state_->makeValue(state_->openBodies.back(), {node->id, static_cast<int32_t>(i)}));
    }
  }
  return results;
}

}  // namespace kiln
