// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>

#include "graph/build/builder_state.h"

namespace kiln {
namespace {

std::string typeText(const Value& value) { return ValueType{value.dtype(), value.shape()}.toString(); }

std::vector<ValueRef> refsOf(const std::vector<Value>& values) {
  std::vector<ValueRef> refs;
  for (const Value& value : values) {
    refs.push_back(value.ref());
  }
  return refs;
}

Dependence at(const std::vector<std::vector<Dependence>>& found, ValueRef value) {
  return found[value.node].empty() ? Dependence() : found[value.node][value.output];
}

}  // namespace

bool GraphBuilder::State::checkDifferentiable(const std::vector<Value>& ys, const std::vector<Value>& xs,
                                              SourceLocation where, std::string_view subject) {
  DifferentiablePaths paths(functions);
  if (current().closure != nullptr && !checkInside(ys, xs, paths, where, subject)) {
    return false;
  }
  const auto found = paths.dependences(current().body, refsOf(ys), "");
  bool isFine = true;
  for (const Value& x : xs) {
    const Dependence dependence = at(found, x.ref_);
    if (dependence.kind != Dependence::kBlocked) {
      continue;
    }
    const Obstacle& obstacle = paths.obstacle(dependence.obstacle);
    const std::string name =
        kiln::describe(*obstacle.node) + (obstacle.function.empty() ? "" : " in function '" + obstacle.function + "'");
    fail(withNote(makeError<ErrorId::kG0212>(ys.size() == 1 ? ys[0].name() : "the ys", x.name(), name, obstacle.reason),
                  obstacle.node->location, name + " was made here"),
         where, subject);
    isFine = false;
  }
  return isFine;
}

bool GraphBuilder::State::checkInside(const std::vector<Value>& ys, const std::vector<Value>& xs,
                                      DifferentiablePaths& paths, SourceLocation where, std::string_view subject) {
  auto refuse = [&](const Value& y, const std::string& why) {
    fail(makeError<ErrorId::kG0210>(
             y.name(), typeText(y),
             why + " outside of " + current().describe() + ", where the gradient is taken; do both in one place"),
         where, subject, {y});
    return false;
  };
  auto isX = [&](ValueRef ref) {
    return std::any_of(xs.begin(), xs.end(), [&](const Value& x) { return x.ref_ == ref; });
  };
  // Values that the ys depend on and the xs, in one body after another from here outwards.
  std::vector<ValueRef> sources = refsOf(ys), targets = refsOf(xs);
  for (size_t level = openBodies.size() - 1; level > 0 && bodies[openBodies[level]].closure != nullptr; --level) {
    const BodyState& body = bodies[openBodies[level]];
    const auto found = paths.dependences(body.body, sources, "");
    std::vector<ValueRef> outerSources, outerTargets;
    for (const auto& [outer, parameter] : body.closure->parameterOf) {
      const ValueRef here{parameter, 0};
      if (std::find(targets.begin(), targets.end(), here) != targets.end()) {
        outerTargets.push_back(outer);
      } else if (at(found, here).kind == Dependence::kDifferentiable) {
        outerSources.push_back(outer);
      }
      const bool isHere = level + 1 == openBodies.size();
      for (const Value& y : ys) {
        if (isHere && y.ref_ == here && !isX(here)) {
          return refuse(y, "it is computed");
        }
      }
    }
    if (outerTargets.empty() || outerSources.empty()) {
      return true;
    }
    const BodyState& enclosing = bodies[openBodies[level - 1]];
    for (ValueRef source : outerSources) {
      const auto outside = paths.dependences(enclosing.body, {source}, "");
      for (ValueRef target : outerTargets) {
        if (at(outside, target).kind == Dependence::kDifferentiable) {
          return refuse(ys[0], "it depends on '" + endpointName(enclosing.body, target) + "' through '" +
                                   endpointName(enclosing.body, source) + "', which is computed");
        }
      }
    }
    sources = std::move(outerSources);
    targets = std::move(outerTargets);
  }
  return true;
}

bool GraphBuilder::State::checkDerivative(const DerivativeRequest& request, Where where) {
  const SourceLocation location = locate(where);
  if (isFinished) {
    return false;
  }
  const OpSchema& schema = *findOp(request.op);
  const std::string subject = "kiln." + std::string(schema.name) + " '" + freshName(scopedName(schema.name)) + "'";
  const std::vector<Value> ys = adopt(request.ys), xs = adopt(request.xs), weights = adopt(request.weights);
  std::vector<Value> inputs = ys;
  inputs.insert(inputs.end(), xs.begin(), xs.end());
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  if (!checkOperands(schema, inputs, location, subject)) {
    return false;
  }
  bool isFine = true;
  auto refuse = [&](const Status& status, const Value& culprit) {
    fail(status, location, subject, {culprit});
    isFine = false;
  };
  for (const Value& y : ys) {
    if (!isFloat(y.dtype())) {
      refuse(makeError<ErrorId::kG0210>(y.name(), typeText(y), "only floats have gradients"), y);
    } else if (request.needsScalars && y.rank() != 0) {
      refuse(makeError<ErrorId::kG0210>(y.name(), typeText(y), "without a seed it has to be a scalar"), y);
    }
  }
  for (const Value& x : xs) {
    if (!isFloat(x.dtype())) {
      refuse(makeError<ErrorId::kG0211>(x.name(), typeText(x)), x);
    }
  }
  if (weights.size() != request.weighted.size()) {
    fail(makeError<ErrorId::kG0213>(std::to_string(weights.size()) + " " + std::string(request.weightName) + "s",
                                    std::to_string(request.weighted.size()) + " " + std::string(request.weightedName)),
         location, subject);
    return false;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    if (typeText(weights[i]) != typeText(request.weighted[i])) {
      refuse(makeError<ErrorId::kG0213>(
                 std::string(request.weightName) + " " + std::to_string(i) + " is " + typeText(weights[i]),
                 typeText(request.weighted[i])),
             weights[i]);
    }
  }
  return isFine && checkDifferentiable(ys, xs, location, subject);
}

std::vector<Value> GraphBuilder::gradients(const std::vector<Value>& ys, const std::vector<Value>& xs,
                                           const std::vector<Value>& seeds, Where where) {
  State& state = *state_;
  const std::vector<Value> poisoned(xs.size(), state.poison());
  const bool hasSeeds = !seeds.empty();
  if (!state.checkDerivative({.op = "gradients",
                              .ys = ys,
                              .xs = xs,
                              .weights = seeds,
                              .weightName = "seed",
                              .weightedName = "ys",
                              .weighted = hasSeeds ? ys : std::vector<Value>(),
                              .needsScalars = !hasSeeds},
                             where)) {
    return poisoned;
  }
  std::vector<Value> inputs = ys;
  inputs.insert(inputs.end(), xs.begin(), xs.end());
  inputs.insert(inputs.end(), seeds.begin(), seeds.end());
  std::vector<Value> results =
      makeNode("gradients", inputs,
               {{"num_ys", static_cast<int64_t>(ys.size())}, {"num_xs", static_cast<int64_t>(xs.size())}}, "", where);
  return results.size() == xs.size() ? results : poisoned;
}

}  // namespace kiln
