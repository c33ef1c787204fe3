// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/differentiable_paths.h"

#include <algorithm>

namespace kiln {
namespace {

// Why no derivative passes through a node; empty when one does.
std::string reasonOf(const Node& node) {
  if (node.op->gradient == GradientKind::kNone) {
    return std::string(node.op->noGradientReason);
  }
  if (std::none_of(node.outputs.begin(), node.outputs.end(), [](const ValueType& t) { return isFloat(t.dtype); })) {
    return "its result is " + (node.outputs.empty() ? std::string("no value") : node.outputs[0].toString());
  }
  return "";
}

// Of two paths the better one counts.
bool improve(Dependence& dependence, const Dependence& path) {
  if (path.kind <= dependence.kind) {
    return false;
  }
  dependence = path;
  return true;
}

// One dependence after another; the obstacle nearest to the dependent value is kept.
Dependence chained(const Dependence& outer, const Dependence& inner) {
  if (outer.kind == Dependence::kNone || inner.kind == Dependence::kNone) {
    return {};
  }
  return outer.kind == Dependence::kBlocked ? outer : inner;
}

// Ops whose results are those of their functions; others that name functions have derivatives of their own.
bool passesThrough(const Node& node) {
  static constexpr std::string_view kOps[] = {"call", "checkpoint",  "for_range", "if_else",
                                              "scan", "switch_case", "vectorize", "while_loop"};
  return node.op->family == "control" && std::find(std::begin(kOps), std::end(kOps), node.op->name) != std::end(kOps);
}

}  // namespace

int DifferentiablePaths::addObstacle(const Node& node, const std::string& function, std::string reason) {
  obstacles_.push_back({&node, function, std::move(reason)});
  return static_cast<int>(obstacles_.size()) - 1;
}

std::vector<std::vector<Dependence>> DifferentiablePaths::dependences(const Body& body, const std::vector<ValueRef>& ys,
                                                                      const std::string& function) {
  std::vector<std::vector<Dependence>> found(body.nodes.size());
  auto at = [&](ValueRef value) -> Dependence& {
    std::vector<Dependence>& outputs = found[value.node];
    if (outputs.empty()) {
      outputs.resize(body.node(value.node).outputs.size());
    }
    return outputs[value.output];
  };
  NodeId highest = -1;
  for (ValueRef y : ys) {
    at(y).kind = Dependence::kDifferentiable;
    highest = std::max(highest, y.node);
  }
  for (NodeId id = highest; id >= 0; --id) {  // readers come after what they read
    if (found[id].empty()) {
      continue;
    }
    const Node& node = body.node(id);
    if (passesThrough(node)) {
      const Flow flow = flowOf(node);
      for (size_t result = 0; result < found[id].size() && result < flow.size(); ++result) {
        for (size_t input = 0; input < node.inputs.size(); ++input) {
          improve(at(node.inputs[input]), chained(found[id][result], flow[result][input]));
        }
      }
      continue;
    }
    Dependence passed;
    for (const Dependence& output : found[id]) {
      improve(passed, output);
    }
    if (passed.kind == Dependence::kDifferentiable) {
      if (std::string reason = reasonOf(node); !reason.empty()) {
        passed = {Dependence::kBlocked, addObstacle(node, function, std::move(reason))};
      }
    }
    for (ValueRef input : node.inputs) {
      improve(at(input), passed);
    }
  }
  return found;
}

const DifferentiablePaths::Flow& DifferentiablePaths::flowOf(const std::string& name) {
  auto [known, isNew] = flows_.try_emplace(name);
  auto function = functions_.find(name);
  if (!isNew || function == functions_.end()) {
    return known->second;
  }
  Flow flow;
  for (ValueRef result : function->second.results) {
    const auto found = dependences(function->second.body, {result}, name);
    std::vector<Dependence>& row = flow.emplace_back();
    for (ValueRef parameter : function->second.parameters) {
      row.push_back(found[parameter.node].empty() ? Dependence() : found[parameter.node][0]);
    }
  }
  return flows_[name] = std::move(flow);
}

DifferentiablePaths::Flow DifferentiablePaths::flowOf(const Node& node) {
  const std::vector<std::string> callees = calleesOf(*node.op, node.attributes);
  const size_t numInputs = node.inputs.size();
  const std::string_view op = node.op->name;
  if (op == "call" || op == "checkpoint" || op == "vectorize") {
    return flowOf(callees[0]);
  }
  Flow flow(node.outputs.size(), std::vector<Dependence>(numInputs));
  if (op == "if_else" || op == "switch_case") {
    for (std::vector<Dependence>& row : flow) {
      row[0].kind = Dependence::kDifferentiable;  // what makes the condition stops the path: it is no float
    }
    for (const std::string& branch : callees) {
      const Flow& inner = flowOf(branch);
      for (size_t result = 0; result < flow.size(); ++result) {
        for (size_t input = 1; input < numInputs; ++input) {
          improve(flow[result][input], inner[result][input - 1]);
        }
      }
    }
    return flow;
  }
  // The body's parameters are the step and then the inputs, in all loops; before these for_range has the count.
  const size_t numLeading = op == "for_range" ? 1 : 0;
  flow = loopFlow(node, flowOf(callees.back()), numLeading);
  for (std::vector<Dependence>& row : flow) {
    if (numLeading == 1) {
      row[0].kind = Dependence::kDifferentiable;
    }
    if (op == "while_loop") {
      const std::vector<Dependence>& condition = flowOf(callees[0])[0];
      for (size_t input = 0; input < numInputs; ++input) {
        improve(row[input], condition[input]);
      }
    }
  }
  return flow;
}

DifferentiablePaths::Flow DifferentiablePaths::loopFlow(const Node& node, const Flow& body, size_t numLeading) {
  const size_t numInputs = node.inputs.size() - numLeading;
  const size_t numCarries = static_cast<size_t>(node.attributes.get<int64_t>("num_carries"));
  // How the carries before the last step depend on the first ones: after no step a carry is what it was, and every
  // further step may add paths, until none is new.
  Flow carries(numCarries, std::vector<Dependence>(numInputs));
  for (size_t i = 0; i < numCarries; ++i) {
    carries[i][i].kind = Dependence::kDifferentiable;
  }
  auto through = [&](const std::vector<Dependence>& row, std::vector<Dependence>& into) {
    bool isNew = false;
    for (size_t input = 0; input < numInputs; ++input) {
      const Dependence& step = row[input + 1];
      if (step.kind == Dependence::kNone) {
        continue;
      }
      if (input >= numCarries) {
        isNew = improve(into[input], step) || isNew;
        continue;
      }
      for (size_t source = 0; source < numInputs; ++source) {
        isNew = improve(into[source], chained(step, carries[input][source])) || isNew;
      }
    }
    return isNew;
  };
  for (bool isNew = true; isNew;) {
    isNew = false;
    for (size_t i = 0; i < numCarries; ++i) {
      isNew = through(body[i], carries[i]) || isNew;
    }
  }
  Flow flow;
  for (size_t result = 0; result < node.outputs.size(); ++result) {
    // A loop is taken for one that takes a step: a body that no derivative passes is no error of loops without steps.
    std::vector<Dependence> row(numInputs);
    through(body[result], row);
    if (result < numCarries && row[result].kind == Dependence::kNone) {
      row[result].kind = Dependence::kDifferentiable;
    }
    row.insert(row.begin(), numLeading, Dependence());
    flow.push_back(std::move(row));
  }
  return flow;
}

}  // namespace kiln
