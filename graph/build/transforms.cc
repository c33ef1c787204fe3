// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/transforms.h"

#include "absl/strings/str_cat.h"
#include "graph/build/closures.h"
#include "graph/build/operations.h"

namespace kiln {

Values vmap(GraphBuilder& g, const std::function<Values(const Values&)>& f, Values mapped, std::vector<int64_t> inAxes,
            std::vector<int64_t> outAxes, std::string_view name, GraphBuilder::Where where) {
  ClosureNode node(g, "vectorize", name, where);
  node.take(mapped);
  if (inAxes.empty()) {
    inAxes.assign(mapped.size(), 0);
  }
  if (node.isFine() && (inAxes.size() != mapped.size() || mapped.empty())) {
    node.fail(
        makeError<ErrorId::kO0145>("in_axes", absl::StrCat(inAxes.size(), " axes"),
                                   absl::StrCat("one for each of ", mapped.size(), " mapped values, at least one")));
  }
  std::vector<LambdaParameter> examples;
  std::optional<Dim> size;
  for (size_t i = 0; i < mapped.size() && node.isFine(); ++i) {
    const ValueType type = typeOf(mapped[i]);
    const int64_t rank = type.shape.rank();
    if (inAxes[i] < -rank || inAxes[i] >= rank) {
      node.fail(makeError<ErrorId::kO0146>(i, inAxes[i], type.toString()), {mapped[i]});
      break;
    }
    inAxes[i] += inAxes[i] < 0 ? rank : 0;
    std::vector<Dim> dims = type.shape.dims();
    const auto axis = dims.begin() + inAxes[i];
    size = size.value_or(*axis);
    if (*axis != *size) {
      node.fail(makeError<ErrorId::kO0147>(i, axis->toString(), size->toString()), {mapped[i]});
      break;
    }
    dims.erase(axis);
    examples.push_back({absl::StrCat("in/example", i), {type.dtype, Shape(std::move(dims)), type.kind}});
  }
  const Values results = node.lambda({.role = "function", .leading = std::move(examples), .trailing = {}},
                                     [&](const Values& given) { return f(given); });
  if (outAxes.empty()) {
    outAxes.assign(results.size(), 0);
  }
  for (size_t i = 0; i < outAxes.size() && i < results.size() && node.isFine(); ++i) {
    const int64_t rank = results[i].rank() + 1;
    if (outAxes[i] < -rank || outAxes[i] >= rank) {
      node.fail(makeError<ErrorId::kG0224>(outAxes[i], -rank, rank), {results[i]});
    }
    outAxes[i] += outAxes[i] < 0 ? rank : 0;
  }
  Attributes attributes = {{"callee", node.functionName(0)},
                           {"in_axes", std::move(inAxes)},
                           {"out_axes", std::move(outAxes)},
                           {"size", Shape{size.value_or(Dim(0))}}};
  return node.finish(std::move(mapped), std::move(attributes), results.size());
}

Values checkpoint(GraphBuilder& g, const std::function<Values(const Values&)>& f, Values inputs, std::string_view name,
                  GraphBuilder::Where where) {
  ClosureNode node(g, "checkpoint", name, where);
  node.take(inputs);
  const size_t expected =
      node.lambda({.role = "function", .leading = parametersFor("in/input", inputs), .trailing = {}}, f).size();
  return node.finish(std::move(inputs), {{"callee", node.functionName(0)}}, expected);
}

Values customGradient(GraphBuilder& g, const std::function<Values(const Values&)>& f, Values inputs,
                      const std::function<Values(const Values&, const Values&, const Values&)>& backward,
                      std::string_view name, GraphBuilder::Where where) {
  ClosureNode node(g, "custom_gradient", name, where);
  node.take(inputs);
  const std::vector<LambdaParameter> leading = parametersFor("in/input", inputs);
  const Values results = node.lambda({.role = "forward", .leading = leading, .trailing = {}}, f);
  Values floats;
  if (node.isFine()) {
    std::copy_if(results.begin(), results.end(), std::back_inserter(floats),
                 [](const Value& result) { return isFloat(result.dtype()); });
  }
  std::vector<LambdaParameter> trailing;
  if (node.isFine()) {
    trailing = parametersFor("in/result", results);
    const std::vector<LambdaParameter> cotangents = parametersFor("in/cotangent", floats);
    trailing.insert(trailing.end(), cotangents.begin(), cotangents.end());
  }
  node.lambda({.role = "backward", .leading = leading, .trailing = std::move(trailing)}, [&](const Values& given) {
    const size_t numInputs = inputs.size(), numResults = results.size();
    return backward(sliceOf(given, 0, numInputs), sliceOf(given, numInputs, numInputs + numResults),
                    sliceOf(given, numInputs + numResults, given.size()));
  });
  node.addResultsForCaptured(1, [&](const Values& captured) {
    Values zeros;
    for (const Value& value : captured) {
      if (isFloat(value.dtype())) {
        zeros.push_back(full(g, value.shape(), 0, value.dtype(), where));
      }
    }
    return zeros;
  });
  return node.finish(std::move(inputs), {{"forward", node.functionName(0)}, {"backward", node.functionName(1)}},
                     results.size());
}

Values jvp(GraphBuilder& g, const Values& ys, const Values& xs, const Values& tangents, GraphBuilder::Where where) {
  const Values poisoned(ys.size(), g.poisoned());
  GraphBuilder::State& state = g.state();
  if (!state.checkDerivative({.op = "tangents",
                              .ys = ys,
                              .xs = xs,
                              .weights = tangents,
                              .weightName = "tangent",
                              .weightedName = "xs",
                              .weighted = xs},
                             where)) {
    return poisoned;
  }
  Values inputs = ys;
  inputs.insert(inputs.end(), xs.begin(), xs.end());
  inputs.insert(inputs.end(), tangents.begin(), tangents.end());
  Values results =
      g.makeNode("tangents", inputs,
                 {{"num_ys", static_cast<int64_t>(ys.size())}, {"num_xs", static_cast<int64_t>(xs.size())}}, "", where);
  return results.size() == ys.size() ? results : poisoned;
}

Values vjp(GraphBuilder& g, const Values& ys, const Values& xs, const Values& cotangents, GraphBuilder::Where where) {
  return g.gradients(ys, xs, cotangents, where);
}

Value jacobian(GraphBuilder& g, Value y, Value x, JacobianMode mode, GraphBuilder::Where where) {
  if (!g.state().checkDerivative(
          {.op = "jacobian", .ys = {y}, .xs = {x}, .weights = {}, .weightName = "", .weightedName = "", .weighted = {}},
          where)) {
    return g.poisoned();
  }
  const Dim difference = y.shape().numElements() - x.shape().numElements();
  const bool isXSmaller = difference.isStatic() && difference.value() > 0;
  const bool isForward = mode == JacobianMode::kForward || (mode == JacobianMode::kAuto && isXSmaller);
  return g.makeNode("jacobian", {y, x}, {{"forward", isForward}}, "", where)[0];
}

Value hessian(GraphBuilder& g, Value y, Value x, GraphBuilder::Where where) {
  return jacobian(g, g.gradients({y}, {x}, {}, where)[0], x, JacobianMode::kForward, where);
}

Value hvp(GraphBuilder& g, Value y, Value x, Value vector, GraphBuilder::Where where) {
  return jvp(g, g.gradients({y}, {x}, {}, where), {x}, {vector}, where)[0];
}

Values optimizationBarrier(GraphBuilder& g, const Values& values, GraphBuilder::Where where) {
  Values results = g.makeNode("optimization_barrier", values, {}, "", where);
  return results.size() == values.size() ? results : Values(values.size(), g.poisoned());
}

}  // namespace kiln
