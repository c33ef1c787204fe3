// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>

#include "graph/build/builder_state.h"

namespace kiln {
namespace {

// Why no derivative passes through a node; empty when one does.
std::string obstacleOf(const Node& node) {
  if (node.op->gradient == GradientKind::kNone) {
    return std::string(node.op->noGradientReason);
  }
  if (std::none_of(node.outputs.begin(), node.outputs.end(), [](const ValueType& t) { return isFloat(t.dtype); })) {
    return "its result is " + (node.outputs.empty() ? std::string("no value") : node.outputs[0].toString());
  }
  return "";
}

}  // namespace

bool GraphBuilder::State::checkDifferentiable(const std::vector<Value>& ys, const std::vector<Value>& xs,
                                              SourceLocation where, std::string_view subject) {
  const Body& body = current().body;
  // For each node: not reached from the ys, reached, or reached through differentiable ops only. `reader` leads back to
  // a y.
  enum : char { kUnreached, kReached, kDifferentiable };
  std::vector<char> reach(body.nodes.size(), kUnreached);
  std::vector<NodeId> reader(body.nodes.size(), -1);
  NodeId highest = -1;
  for (const Value& y : ys) {
    reach[y.ref_.node] = kDifferentiable;
    highest = std::max(highest, y.ref_.node);
  }
  for (NodeId id = highest; id >= 0; --id) {  // readers come after what they read
    if (reach[id] == kUnreached) {
      continue;
    }
    const char passed = reach[id] == kDifferentiable && obstacleOf(body.node(id)).empty() ? kDifferentiable : kReached;
    for (ValueRef input : body.node(id).inputs) {
      if (passed > reach[input.node]) {
        reach[input.node] = passed;
        reader[input.node] = id;
      }
    }
  }
  bool isFine = true;
  for (const Value& x : xs) {
    if (reach[x.ref_.node] != kReached) {
      continue;
    }
    NodeId at = reader[x.ref_.node];
    while (obstacleOf(body.node(at)).empty()) {
      at = reader[at];
    }
    const Node& obstacle = body.node(at);
    fail(withNote(makeError<ErrorId::kG0212>(ys.size() == 1 ? ys[0].name() : "the ys", x.name(),
                                             kiln::describe(obstacle), obstacleOf(obstacle)),
                  obstacle.location, kiln::describe(obstacle) + " was made here"),
         where, subject);
    isFine = false;
  }
  return isFine;
}

std::vector<Value> GraphBuilder::gradients(const std::vector<Value>& ys, const std::vector<Value>& xs,
                                           const std::vector<Value>& seeds, Where where) {
  State& state = *state_;
  const SourceLocation location = state.locate(where);
  const std::vector<Value> poisoned(xs.size(), state.poison());
  const OpSchema& schema = *findOp("gradients");
  const std::string name = state.freshName(state.scopedName("gradients"));
  const std::string subject = "kiln.gradients '" + name + "'";
  std::vector<Value> inputs = ys;
  inputs.insert(inputs.end(), xs.begin(), xs.end());
  inputs.insert(inputs.end(), seeds.begin(), seeds.end());
  if (state.isFinished || !state.checkOperands(schema, inputs, location, subject)) {
    return poisoned;
  }
  bool isFine = true;
  auto fail = [&](const Status& status, const Value& culprit) {
    state.fail(status, location, subject, {culprit});
    isFine = false;
  };
  auto typeOf = [](const Value& value) { return ValueType{value.dtype(), value.shape()}.toString(); };
  for (const Value& y : ys) {
    if (!isFloat(y.dtype())) {
      fail(makeError<ErrorId::kG0210>(y.name(), typeOf(y), "only floats have gradients"), y);
    } else if (seeds.empty() && y.rank() != 0) {
      fail(makeError<ErrorId::kG0210>(y.name(), typeOf(y), "without a seed it has to be a scalar"), y);
    }
  }
  for (const Value& x : xs) {
    if (!isFloat(x.dtype())) {
      fail(makeError<ErrorId::kG0211>(x.name(), typeOf(x)), x);
    }
  }
  if (!seeds.empty() && seeds.size() != ys.size()) {
    state.fail(makeError<ErrorId::kG0213>(std::to_string(seeds.size()) + " seeds", std::to_string(ys.size()) + " ys"),
               location, subject);
    return poisoned;
  }
  for (size_t i = 0; i < seeds.size(); ++i) {
    if (typeOf(seeds[i]) != typeOf(ys[i])) {
      fail(makeError<ErrorId::kG0213>("seed " + std::to_string(i) + " is " + typeOf(seeds[i]), typeOf(ys[i])),
           seeds[i]);
    }
  }
  if (!isFine || !state.checkDifferentiable(ys, xs, location, subject)) {
    return poisoned;
  }
  std::vector<Value> results =
      makeNode("gradients", inputs,
               {{"num_ys", static_cast<int64_t>(ys.size())}, {"num_xs", static_cast<int64_t>(xs.size())}}, "", where);
  return results.size() == xs.size() ? results : poisoned;
}

}  // namespace kiln
