// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/linear_attention.h"

#include <cmath>

#include "graph/build/control_flow.h"
#include "graph/nn/layer_support.h"

namespace kiln::nn {
namespace {

constexpr const char* kLayer = "linearAttention";

// [batch, heads, length, size] as [length, batch, heads, size]: one row for each step.
Value stepsOf(Value x, DType type, Place at) { return transpose(at(cast(at(x), type)), {2, 0, 1, 3}); }

std::string shapeFault(const Shape& q, const Shape& k, const Shape& v) {
  if (!(q[3] == k[3]) || !(q[0] == k[0]) || !(q[2] == k[2])) {
    return "queries are " + q.toString() + ", and keys " + k.toString();
  }
  if (!(k[0] == v[0]) || !(k[1] == v[1]) || !(k[2] == v[2])) {
    return "keys are " + k.toString() + ", and values " + v.toString();
  }
  if (!q[1].dividedBy(k[1])) {
    return q[1].toString() + " heads are no multiple of " + k[1].toString() + " heads of keys";
  }
  return "";
}

}  // namespace

LinearAttentionResult linearAttention(GraphBuilder& g, Value q, Value k, Value v, const LinearAttentionOptions& options,
                                      std::source_location where) {
  const Place at{where};
  auto failed = [&] { return LinearAttentionResult{g.poisoned(), g.poisoned()}; };
  if (!checkOperands(g, kLayer,
                     {{"q", q, 4},
                      {"k", k, 4},
                      {"v", v, 4},
                      {"decay", options.decay, 4, true},
                      {"rate", options.rate, 4, true},
                      {"pastState", options.pastState, 4, true}},
                     where)) {
    return failed();
  }
  if (const std::string fault = shapeFault(q.shape(), k.shape(), v.shape()); !fault.empty()) {
    failLayer(g, kLayer, fault, where);
    return failed();
  }
  const Shape of = q.shape();
  const Dim heads = k.shape()[1], size = of[3], valueSize = v.shape()[3], group = *of[1].dividedBy(heads);
  if (!options.scale && !size.isStatic()) {
    failLayer(g, kLayer, "the size of heads is " + size.toString() + ", so a scale is needed", where);
    return failed();
  }
  const double scale = options.scale.value_or(size.isStatic() ? 1 / std::sqrt(static_cast<double>(size.value())) : 1);
  const DType type = sumType(q.dtype());
  const Shape stateShape{of[0], heads, size, valueSize};
  Value state = isGiven(options.pastState) ? cast(at(options.pastState), type) : full(g, stateShape, 0, type, where);
  if (!state.isPoisoned() && !(state.shape() == stateShape)) {
    failLayer(g, kLayer, "the past state is " + typeText(state) + ", wanted " + stateShape.toString(), where);
    return failed();
  }

  const Value queries = at(stepsOf(q, type, at)) * at(scale);
  Values rows = {reshape(at(queries), Shape{of[2], of[0], heads, group, size}), expandDims(at(stepsOf(k, type, at)), 4),
                 expandDims(at(stepsOf(v, type, at)), 3)};
  const bool isGated = isGiven(options.decay), isDelta = isGiven(options.rate);
  if (isGated) {
    rows.push_back(expandDims(at(exp(at(stepsOf(options.decay, type, at)))), 4));
  }
  if (isDelta) {
    rows.push_back(expandDims(at(stepsOf(options.rate, type, at)), 3));
  }
  const ScanResult steps = scan(
      g, {state}, rows,
      [&](Value, const Values& carries, const Values& row) {
        Value s = carries[0];
        const Value &key = row[1], &rate = row.back();
        if (isGated) {
          s = at(s) * at(row[3]);
        }
        Value value = row[2];
        if (isDelta) {
          value = at(at(value) - at(matmul(at(key), at(s), true))) * at(rate);
        }
        s = at(s) + at(at(key) * at(value));
        return std::pair<Values, Values>({s}, {matmul(at(row[0]), at(s))});
      },
      {.name = "linear_attention", .length = {}}, where);
  if (steps.carries.size() != 1 || steps.stacked.size() != 1 || steps.stacked[0].isPoisoned()) {
    return failed();
  }
  // [length, batch, heads of keys, group, size of values]
  const Value result =
      reshape(at(transpose(at(steps.stacked[0]), {1, 2, 3, 0, 4})), Shape{of[0], of[1], of[2], valueSize});
  const DType stateType = isGiven(options.pastState) ? options.pastState.dtype() : q.dtype();
  return {cast(at(result), q.dtype()), cast(at(steps.carries[0]), stateType)};
}

CausalConvolutionResult causalConvolution(GraphBuilder& g, Value x, Value filter, Value bias, Value pastState,
                                          std::source_location where) {
  constexpr const char* kName = "causalConvolution";
  const Place at{where};
  auto failed = [&] { return CausalConvolutionResult{g.poisoned(), g.poisoned()}; };
  if (!checkOperands(g, kName,
                     {{"x", x, 3}, {"filter", filter, 3}, {"bias", bias, 1, true}, {"pastState", pastState, 3, true}},
                     where)) {
    return failed();
  }
  const Shape shape = x.shape(), window = filter.shape();
  if (!window.isStatic() || !(window[0] == shape[1]) || !(window[1] == Dim(1)) || window[2].value() < 1) {
    failLayer(g, kName, "the filter is " + typeText(filter) + ", and x " + typeText(x), where);
    return failed();
  }
  const int64_t before = window[2].value() - 1;
  Value padded;
  if (isGiven(pastState)) {
    if (!(pastState.shape() == Shape{shape[0], shape[1], before})) {
      failLayer(g, kName, "the past state is " + typeText(pastState) + ", and x " + typeText(x), where);
      return failed();
    }
    padded = concat({pastState, x}, 2, where);
  } else {
    padded = pad(at(x), at(0), Shape{0, 0, before}, Shape{0, 0, 0});
  }
  const DType type = sumType(x.dtype());
  Value result = conv(at(cast(at(padded), type)), at(cast(at(filter), type)),
                      {.groups = window[0].value(), .layout = "NCW", .filterLayout = "OIW"});
  if (isGiven(bias)) {
    result = at(result) + at(expandDims(at(cast(at(bias), type)), 1));
  }
  return {cast(at(result), x.dtype()), sliceAlong(at(padded), 2, shape[2], shape[2] + Dim(before))};
}

}  // namespace kiln::nn
