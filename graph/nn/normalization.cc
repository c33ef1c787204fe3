// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/normalization.h"

namespace kiln::nn {
namespace {

Value failed(GraphBuilder& g, Status status, std::source_location where) {
  g.addError(std::move(status), where);
  return g.poisoned();
}

// True when nothing stands in the way of using x: it is a float tensor with numbers as lengths of its axes from `first`
// to `last`. Otherwise `result` is what the layer returns.
bool isFit(GraphBuilder& g, const std::string& layer, Value x, int64_t first, int64_t last, std::source_location where,
           Value& result) {
  result = x;
  if (x.builder() == nullptr) {
    result = failed(g, makeError<ErrorId::kG0201>("x"), where);
    return false;
  }
  if (x.isPoisoned()) {
    return false;
  }
  bool fits = isFloat(x.dtype()) && x.rank() >= 1 && first >= 0 && last < x.rank();
  for (int64_t axis = first; fits && axis <= last; ++axis) {
    fits = x.shape()[static_cast<int>(axis)].isStatic();
  }
  if (!fits) {
    result = failed(g,
                    makeError<ErrorId::kG0243>("x of " + layer, ValueType{x.dtype(), x.shape()}.toString(),
                                               "a float tensor with the normalised axes, whose lengths are numbers"),
                    where);
  }
  return fits;
}

int64_t fromFront(int64_t axis, Value x) {
  const bool hasRank = x.builder() != nullptr && !x.isPoisoned();
  return axis < 0 && hasRank ? axis + x.rank() : axis;
}

Value parameter(GraphBuilder& g, std::string_view name, const Shape& shape, DType dtype, double value, bool isTrainable,
                std::source_location where) {
  return g.variable(name, Operand(full(g, shape, value, dtype, where), where), isTrainable, where);
}

// How many elements share one channel's statistics, as a scalar.
Value countOf(GraphBuilder& g, Value x, int64_t axis, DType dtype, std::source_location where) {
  Dim count(1);
  for (int i = 0; i < x.rank(); ++i) {
    count = i == axis ? count : count * x.shape()[i];
  }
  if (count.isStatic()) {
    return g.scalar(static_cast<double>(count.value()), dtype, where);
  }
  const Value shape = g.makeNode("shape_value", {}, {{"shape", Shape{count}}}, "", where)[0];
  return cast(Operand(reshape(Operand(shape, where), Shape{}), where), dtype);
}

struct Affine {
  Value scale, bias;
};
Affine affineOf(GraphBuilder& g, const Shape& shape, DType dtype, std::source_location where) {
  const Value scale = parameter(g, "scale", shape, dtype, 1, true, where);
  return {scale, parameter(g, "bias", shape, dtype, 0, true, where)};
}

Shape lastAxes(Value x, int64_t axes) { return Shape(std::vector<Dim>(x.shape().end() - axes, x.shape().end())); }

}  // namespace

BatchNormResult batchNorm(GraphBuilder& g, std::string_view name, Value x, const BatchNormOptions& options,
                          std::source_location where) {
  const std::string layer = "batchNorm '" + std::string(name) + "'";
  const int64_t axis = fromFront(options.axis, x);
  Value unfit;
  if (!isFit(g, layer, x, axis, axis, where, unfit)) {
    return {unfit, {}};
  }
  if (!(options.momentum >= 0 && options.momentum <= 1)) {
    return {failed(g, makeError<ErrorId::kG0243>("momentum of " + layer, options.momentum, "0 to 1"), where), {}};
  }
  auto scope = g.scope(name, where);
  const Shape channels{x.shape()[static_cast<int>(axis)]};
  const DType statistics = x.dtype() == f16 || x.dtype() == bf16 ? f32 : x.dtype();
  const Affine affine = affineOf(g, channels, x.dtype(), where);
  const Value mean = parameter(g, "running_mean", channels, statistics, 0, false, where);
  const Value variance = parameter(g, "running_variance", channels, statistics, 1, false, where);
  const Operand of(x, where);
  if (!options.isTraining) {
    return {kiln::batchNormInference(of, affine.scale, affine.bias, mean, variance, axis, options.epsilon), {}};
  }
  const auto batch = kiln::batchNorm(of, affine.scale, affine.bias, axis, options.epsilon);
  if (batch.result.isPoisoned()) {
    return {batch.result, {}};
  }
  const Operand count(countOf(g, x, axis, statistics, where), where);
  const Value corrected = Operand(Operand(batch.variance, where) * count, where) /
                          Operand(maximum(Operand(count - Operand(1, where), where), Operand(1, where)), where);
  auto blend = [&](Value running, Value now) {
    const Value kept = Operand(running, where) * Operand(1 - options.momentum, where);
    return Operand(kept, where) + Operand(Operand(now, where) * Operand(options.momentum, where), where);
  };
  const Target means = g.assign(mean, Operand(blend(mean, batch.mean), where), "", where);
  const Target variances = g.assign(variance, Operand(blend(variance, corrected), where), "", where);
  return {batch.result, g.group("update", {means, variances}, where)};
}

Value layerNorm(GraphBuilder& g, std::string_view name, Value x, int64_t axes, double epsilon,
                std::source_location where) {
  const int64_t first = fromFront(-axes, x);
  Value unfit;
  if (!isFit(g, "layerNorm '" + std::string(name) + "'", x, axes < 1 ? -1 : first, first + axes - 1, where, unfit)) {
    return unfit;
  }
  auto scope = g.scope(name, where);
  const Affine affine = affineOf(g, lastAxes(x, axes), x.dtype(), where);
  return kiln::layerNorm(Operand(x, where), affine.scale, affine.bias, first, epsilon);
}

Value rmsNorm(GraphBuilder& g, std::string_view name, Value x, int64_t axes, double epsilon,
              std::source_location where) {
  const int64_t first = fromFront(-axes, x);
  Value unfit;
  if (!isFit(g, "rmsNorm '" + std::string(name) + "'", x, axes < 1 ? -1 : first, first + axes - 1, where, unfit)) {
    return unfit;
  }
  auto scope = g.scope(name, where);
  const Value scale = parameter(g, "scale", lastAxes(x, axes), x.dtype(), 1, true, where);
  return kiln::rmsNorm(Operand(x, where), scale, first, epsilon);
}

Value instanceNorm(GraphBuilder& g, std::string_view name, Value x, int64_t axis, double epsilon,
                   std::source_location where) {
  const int64_t at = fromFront(axis, x);
  Value unfit;
  if (!isFit(g, "instanceNorm '" + std::string(name) + "'", x, at, at, where, unfit)) {
    return unfit;
  }
  auto scope = g.scope(name, where);
  const Affine affine = affineOf(g, Shape{x.shape()[static_cast<int>(at)]}, x.dtype(), where);
  return kiln::instanceNorm(Operand(x, where), affine.scale, affine.bias, at, epsilon);
}

Value groupNorm(GraphBuilder& g, std::string_view name, Value x, int64_t groups, int64_t axis, double epsilon,
                std::source_location where) {
  const int64_t at = fromFront(axis, x);
  Value unfit;
  if (!isFit(g, "groupNorm '" + std::string(name) + "'", x, at, at, where, unfit)) {
    return unfit;
  }
  auto scope = g.scope(name, where);
  const Affine affine = affineOf(g, Shape{x.shape()[static_cast<int>(at)]}, x.dtype(), where);
  return kiln::groupNorm(Operand(x, where), affine.scale, affine.bias, groups, at, epsilon);
}

}  // namespace kiln::nn
