// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/operations.h"

#include <algorithm>

#include "graph/build/broadcasting.h"
#include "graph/build/builder_state.h"

namespace kiln {
namespace {

std::vector<int64_t> allAxes(const Operand& x) {
  std::vector<int64_t> axes(x.value.rank());
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i] = static_cast<int64_t>(i);
  }
  return axes;
}

Value shapeValue(GraphBuilder& g, Shape shape, std::source_location where) {
  return g.makeNode("shape_value", {}, {{"shape", std::move(shape)}}, "", where)[0];
}

// An op on one value and shapes; the value may turn out to be empty or poisoned.
Value withShapes(std::string_view op, const Operand& x, const std::vector<Shape>& shapes, Attributes attributes) {
  if (x.value.builder() == nullptr || x.value.isPoisoned()) {
    return x.value;
  }
  GraphBuilder& g = *x.value.builder();
  std::vector<Value> inputs = {x.value};
  for (const Shape& shape : shapes) {
    inputs.push_back(shapeValue(g, shape, x.where));
  }
  return g.makeNode(op, inputs, std::move(attributes), "", x.where)[0];
}

// The axis from the front, or nothing after an error.
std::optional<int> resolveAxis(const Operand& x, int64_t axis, int64_t count) {
  if (axis < -count || axis >= count) {
    x.value.builder()->addError(makeError<ErrorId::kG0224>(axis, -count, count), x.where);
    return std::nullopt;
  }
  return static_cast<int>(axis < 0 ? axis + count : axis);
}

bool isUsable(const Operand& x) { return x.value.builder() != nullptr && !x.value.isPoisoned(); }

Value poisonOf(const Operand& x) { return x.value.builder()->state().poison(); }

}  // namespace

namespace detail {

std::vector<Value> makeOperations(std::string_view op, std::vector<Operand> operands, Attributes attributes) {
  GraphBuilder* builder = nullptr;
  for (const Operand& operand : operands) {
    builder = builder != nullptr || operand.number ? builder : operand.value.builder();
  }
  const size_t numResults = findOp(op)->results.size();
  if (builder == nullptr) {
    return std::vector<Value>(numResults);  // numbers and empty values only: whoever uses the result hears of it
  }
  std::optional<std::vector<Value>> values = operandValues(*builder, op, operands);
  std::vector<Value> results;
  if (values) {
    results = builder->makeNode(op, *values, std::move(attributes), "", operands[0].where);
  }
  return results.empty() ? std::vector<Value>(numResults, builder->state().poison()) : results;
}

Value makeOperation(std::string_view op, std::vector<Operand> operands, Attributes attributes) {
  return makeOperations(op, std::move(operands), std::move(attributes))[0];
}

}  // namespace detail

#include "graph/build/ops_defs.inc"

Value operator+(Operand x, Operand y) { return detail::makeOperation("add", {x, y}); }
Value operator-(Operand x, Operand y) { return detail::makeOperation("sub", {x, y}); }
Value operator*(Operand x, Operand y) { return detail::makeOperation("mul", {x, y}); }
Value operator/(Operand x, Operand y) { return detail::makeOperation("div", {x, y}); }
Value operator-(Operand x) { return detail::makeOperation("neg", {x}); }

Value cast(Operand x, DType to) {
  return isUsable(x) && x.value.dtype() == to ? x.value : detail::makeOperation("cast", {x}, {{"to", to}});
}

Value bitcast(Operand x, DType to) { return detail::makeOperation("bitcast", {x}, {{"to", to}}); }

Value matmul(Operand a, Operand b, bool transposeA, bool transposeB) {
  if (isUsable(a) && isUsable(b) && a.value.rank() >= 2 && b.value.rank() >= 2) {
    if (!broadcastBatches(a, b)) {
      return poisonOf(a);
    }
  }
  return detail::makeOperation("matmul", {a, b}, {{"transpose_a", transposeA}, {"transpose_b", transposeB}});
}

// --- reductions
// ---------------------------------------------------------------------------------------------------------

Value reduceSum(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return detail::makeOperation("reduce_sum", {x}, {{"axes", std::move(axes)}, {"keep_dims", keepDims}});
}
Value reduceSum(Operand x) { return reduceSum(x, allAxes(x)); }

Value reduceMean(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return detail::makeOperation("reduce_mean", {x}, {{"axes", std::move(axes)}, {"keep_dims", keepDims}});
}
Value reduceMean(Operand x) { return reduceMean(x, allAxes(x)); }

Value reduceMax(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return detail::makeOperation("reduce_max", {x}, {{"axes", std::move(axes)}, {"keep_dims", keepDims}});
}
Value reduceMax(Operand x) { return reduceMax(x, allAxes(x)); }

Value argmax(Operand x, int64_t axis, bool keepDims) {
  return detail::makeOperation("argmax", {x}, {{"axis", axis}, {"keep_dims", keepDims}});
}

Value softmaxCrossEntropy(Operand logits, Operand labels) {
  const bool isDense = isFloat(labels.value.dtype());
  return detail::makeOperation(isDense ? "softmax_cross_entropy_dense" : "softmax_cross_entropy", {logits, labels});
}

// --- movement
// -----------------------------------------------------------------------------------------------------------

Value reshape(Operand x, Shape shape) {
  const auto isUnknown = [](const Dim& d) { return d.isStatic() && d.value() == -1; };
  const auto unknowns = std::count_if(shape.begin(), shape.end(), isUnknown);
  if (unknowns > 0 && isUsable(x)) {
    Dim known = 1;
    int at = 0;
    for (int i = 0; i < shape.rank(); ++i) {
      if (isUnknown(shape[i])) {
        at = i;
      } else {
        known = known * shape[i];
      }
    }
    const Dim total = x.value.shape().numElements();
    const bool isZero = known.isStatic() && known.value() == 0;
    std::optional<Dim> length = unknowns == 1 && !isZero ? total.dividedBy(known) : std::nullopt;
    if (!length) {
      const std::string reason = unknowns > 1
                                     ? "there are " + std::to_string(unknowns) + " of them"
                                     : "'" + x.value.name() + "' of shape " + x.value.shape().toString() + " has " +
                                           total.toString() + " elements, which is no multiple of " + known.toString();
      x.value.builder()->addError(makeError<ErrorId::kG0207>(shape.toString(), reason), x.where);
      return poisonOf(x);
    }
    shape[at] = *length;
  }
  return withShapes("reshape", x, {std::move(shape)}, {});
}

Value transpose(Operand x, std::vector<int64_t> permutation) {
  return detail::makeOperation("transpose", {x}, {{"permutation", std::move(permutation)}});
}
Value transpose(Operand x) {
  std::vector<int64_t> order = allAxes(x);
  std::reverse(order.begin(), order.end());
  return transpose(x, std::move(order));
}

Value broadcastTo(Operand x, Shape shape) {
  return isUsable(x) && x.value.shape() == shape ? x.value : withShapes("broadcast", x, {std::move(shape)}, {});
}

Value slice(Operand x, Shape starts, Shape ends, std::vector<int64_t> steps) {
  if (steps.empty()) {
    steps.assign(starts.rank(), 1);
  }
  return withShapes("slice", x, {std::move(starts), std::move(ends)}, {{"steps", std::move(steps)}});
}

Value concat(const std::vector<Value>& inputs, int64_t axis, std::source_location where) {
  return detail::makeOperation("concat",
                               [&] {
                                 std::vector<Operand> operands;
                                 for (const Value& input : inputs) {
                                   operands.emplace_back(input, where);
                                 }
                                 return operands;
                               }(),
                               {{"axis", axis}});
}

Value pad(Operand x, Operand value, Shape low, Shape high, std::vector<int64_t> interior) {
  if (!isUsable(x)) {
    return x.value;
  }
  GraphBuilder& g = *x.value.builder();
  const Value filling = value.number ? g.scalar(*value.number, x.value.dtype(), value.where) : value.value;
  if (interior.empty()) {
    interior.assign(low.rank(), 0);
  }
  const std::vector<Value> inputs = {x.value, filling, shapeValue(g, std::move(low), x.where),
                                     shapeValue(g, std::move(high), x.where)};
  return g.makeNode("pad", inputs, {{"interior", std::move(interior)}}, "", x.where)[0];
}

Value expandDims(Operand x, int64_t axis) {
  if (!isUsable(x)) {
    return x.value;
  }
  const std::optional<int> at = resolveAxis(x, axis, x.value.rank() + 1);
  if (!at) {
    return poisonOf(x);
  }
  std::vector<Dim> dims = x.value.shape().dims();
  dims.insert(dims.begin() + *at, Dim(1));
  return reshape(x, Shape(std::move(dims)));
}

Value squeeze(Operand x, int64_t axis) {
  if (!isUsable(x)) {
    return x.value;
  }
  const std::optional<int> at = resolveAxis(x, axis, x.value.rank());
  if (!at) {
    return poisonOf(x);
  }
  std::vector<Dim> dims = x.value.shape().dims();
  dims.erase(dims.begin() + *at);
  return reshape(x, Shape(std::move(dims)));
}

// --- indexing
// -----------------------------------------------------------------------------------------------------------

Value gather(Operand x, Operand indices, int64_t axis, int64_t batchDims) {
  return detail::makeOperation("gather", {x, indices}, {{"axis", axis}, {"batch_dims", batchDims}});
}

Value scatterAdd(Operand x, Operand indices, Operand updates, int64_t axis, int64_t batchDims) {
  return detail::makeOperation("scatter_add", {x, indices, updates}, {{"axis", axis}, {"batch_dims", batchDims}});
}

Value oneHot(Operand indices, int64_t depth, DType dtype) {
  return detail::makeOperation("one_hot", {indices}, {{"depth", depth}, {"dtype", dtype}});
}

Value iota(GraphBuilder& g, Shape shape, int64_t axis, DType dtype, std::source_location where) {
  return g.makeNode("iota", {shapeValue(g, std::move(shape), where)}, {{"axis", axis}, {"dtype", dtype}}, "", where)[0];
}

Value full(GraphBuilder& g, Shape shape, double value, DType dtype, std::source_location where) {
  return broadcastTo(Operand(g.scalar(value, dtype, where), where), std::move(shape));
}

// --- random numbers
// -----------------------------------------------------------------------------------------------------

Value randomUniform(GraphBuilder& g, Shape shape, DType dtype, double low, double high, std::source_location where) {
  return g.makeNode("random_uniform", {g.randomState(where), shapeValue(g, std::move(shape), where)},
                    {{"op_id", g.nextRandomOpId()}, {"dtype", dtype}, {"low", low}, {"high", high}}, "", where)[0];
}

Value randomNormal(GraphBuilder& g, Shape shape, DType dtype, double mean, double stddev, std::source_location where) {
  return g.makeNode("random_normal", {g.randomState(where), shapeValue(g, std::move(shape), where)},
                    {{"op_id", g.nextRandomOpId()}, {"dtype", dtype}, {"mean", mean}, {"stddev", stddev}}, "",
                    where)[0];
}

// --- optimizer steps
// ----------------------------------------------------------------------------------------------------

namespace {

std::vector<Value> makeUpdate(std::string_view op, const std::vector<Operand>& operands, Attributes attributes) {
  const Operand& parameter = operands[0];
  const std::vector<Value> poisoned(3, parameter.value);
  if (!isUsable(parameter)) {
    return poisoned;
  }
  std::optional<std::vector<Value>> values = operandValues(*parameter.value.builder(), op, operands);
  if (!values) {
    return std::vector<Value>(3, poisonOf(parameter));
  }
  return parameter.value.builder()->makeNode(op, *values, std::move(attributes), "", parameter.where);
}

}  // namespace

Value sgdUpdate(Operand parameter, Operand gradient, Operand learningRate, double weightDecay) {
  return makeUpdate("sgd", {parameter, gradient, learningRate}, {{"weight_decay", weightDecay}})[0];
}

MomentumResult momentumUpdate(Operand parameter, Operand gradient, Operand velocity, Operand learningRate,
                              double momentum, bool nesterov, double weightDecay) {
  const std::vector<Value> results =
      makeUpdate("momentum", {parameter, gradient, velocity, learningRate},
                 {{"momentum", momentum}, {"nesterov", nesterov}, {"weight_decay", weightDecay}});
  return {results[0], results[1]};
}

AdamResult adamUpdate(Operand parameter, Operand gradient, Operand firstMoment, Operand secondMoment, Operand step,
                      Operand learningRate, double beta1, double beta2, double epsilon, double weightDecay) {
  const std::vector<Value> results =
      makeUpdate("adam", {parameter, gradient, firstMoment, secondMoment, step, learningRate},
                 {{"beta1", beta1}, {"beta2", beta2}, {"epsilon", epsilon}, {"weight_decay", weightDecay}});
  return {results[0], results[1], results[2]};
}

}  // namespace kiln
