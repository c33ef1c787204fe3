// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/resize.h"

#include <algorithm>
#include <cmath>

#include "graph/nn/layer_values.h"

namespace kiln::nn {
namespace {

using Coordinates = ResizeOptions::Coordinates;
using Rounding = ResizeOptions::Rounding;

// More elements for one of the result than this are weighed as a product with a matrix.
constexpr size_t kMaxTaps = 8;

// For each element of the result along one axis the elements that it is made of, and their weights.
struct AxisTaps {
  std::vector<Value> indices;      // i64 [length]
  std::vector<Value> weights;      // [length], empty where each element is one of x.
  std::optional<Value> isOutside;  // bool [length]
};

// --- lengths that are numbers ----------------------------------------------------------------------------------------

// T is f32 for kNearest, whose choice between two elements hangs on the last bit: other runtimes find positions in f32.
template <class T>
T sourcePosition(T i, T n, T length, T scale, const ResizedAxis& axis, Coordinates mode) {
  const T r = axis.scale ? scale * n : length, half = T(0.5);
  switch (mode) {
    case Coordinates::kHalfPixel:
      return (i + half) / scale - half;
    case Coordinates::kHalfPixelSymmetric:
      return n / 2 * (1 - length / r) + (i + half) / scale - half;
    case Coordinates::kPytorchHalfPixel:
      return length == 1 ? 0 : (i + half) / scale - half;
    case Coordinates::kAlignCorners:
      return r == 1 || length == 1 ? 0 : i * (n - 1) / (r - 1);
    case Coordinates::kAsymmetric:
      return i / scale;
    case Coordinates::kCropAndResize:
      break;
  }
  const T begin = static_cast<T>(axis.begin), span = (static_cast<T>(axis.end) - begin) * (n - 1);
  return begin * (n - 1) + (r == 1 || length == 1 ? span / 2 : i * span / (r - 1));
}

double nearest(double position, Rounding rounding) {
  switch (rounding) {
    case Rounding::kPreferFloor:
      return std::ceil(position - 0.5);
    case Rounding::kPreferCeil:
      return std::floor(position + 0.5);
    case Rounding::kFloor:
      return std::floor(position);
    case Rounding::kCeil:
      break;
  }
  return std::ceil(position);
}

// The filters, of how far an element is from the position.
double linearWeight(double d) { return std::max(0.0, 1 - std::abs(d)); }
double cubicWeight(double d, double a) {
  d = std::abs(d);
  if (d <= 1) {
    return ((a + 2) * d - (a + 3)) * d * d + 1;
  }
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

// Taps of numbers; taps[k] is the k-th of each element.
struct StaticTaps {
  std::vector<std::vector<int64_t>> indices;
  std::vector<std::vector<double>> weights;
  std::vector<bool> isOutside;
};

StaticTaps staticTaps(const ResizedAxis& axis, int64_t n, const ResizeOptions& options) {
  const int64_t length = axis.length.value();
  const double scale = axis.scale.value_or(static_cast<double>(length) / static_cast<double>(n));
  const bool isNearest = options.mode == Interpolation::kNearest, isCubic = options.mode == Interpolation::kCubic;
  const double stretch = options.antialias ? std::min(scale, 1.0) : 1.0;
  const int64_t reach = isNearest ? 0 : static_cast<int64_t>(std::ceil((isCubic ? 2 : 1) / stretch));
  const int64_t count = isNearest ? 1 : 2 * reach;
  StaticTaps taps;
  taps.indices.assign(static_cast<size_t>(count), std::vector<int64_t>(static_cast<size_t>(length)));
  taps.weights.assign(static_cast<size_t>(count), std::vector<double>(static_cast<size_t>(length), 1));
  taps.isOutside.assign(static_cast<size_t>(length), false);
  for (int64_t i = 0; i < length; ++i) {
    auto positionIn = [&]<class T>(T) -> double {
      return sourcePosition(static_cast<T>(i), static_cast<T>(n), static_cast<T>(length), static_cast<T>(scale), axis,
                            options.coordinates);
    };
    const double position = isNearest ? positionIn(0.0F) : positionIn(0.0);
    const size_t at = static_cast<size_t>(i);
    taps.isOutside[at] =
        options.coordinates == Coordinates::kCropAndResize && (position < 0 || position > static_cast<double>(n - 1));
    // Far outside all taps are the same element.
    const double bounded =
        std::clamp(position, -2.0 * static_cast<double>(n + reach + 1), 3.0 * static_cast<double>(n + reach + 1));
    const int64_t first = isNearest ? static_cast<int64_t>(nearest(bounded, options.rounding))
                                    : static_cast<int64_t>(std::floor(bounded)) + 1 - reach;
    double sum = 0;
    for (int64_t k = 0; k < count; ++k) {
      const int64_t element = first + k;
      double& weight = taps.weights[static_cast<size_t>(k)][at];
      if (!isNearest) {
        const double d = (static_cast<double>(element) - bounded) * stretch;
        weight = isCubic ? cubicWeight(d, options.cubicCoefficient) : linearWeight(d);
        if (options.excludeOutside && (element < 0 || element >= n)) {
          weight = 0;
        }
      }
      sum += weight;
      taps.indices[static_cast<size_t>(k)][at] = std::clamp<int64_t>(element, 0, n - 1);
    }
    if (!isNearest && (options.antialias || options.excludeOutside) && sum != 0) {
      for (std::vector<double>& weights : taps.weights) {
        weights[at] /= sum;
      }
    }
  }
  for (size_t k = taps.weights.size(); k-- > 0 && taps.weights.size() > 1;) {
    if (std::ranges::all_of(taps.weights[k], [](double weight) { return weight == 0; })) {
      taps.weights.erase(taps.weights.begin() + static_cast<int64_t>(k));
      taps.indices.erase(taps.indices.begin() + static_cast<int64_t>(k));
    }
  }
  return taps;
}

Value vectorOf(GraphBuilder& g, const std::vector<double>& values, DType dtype, std::source_location where) {
  Tensor tensor(dtype, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i) {
    tensor.set(static_cast<int64_t>(i), values[i]);
  }
  return g.constant(std::move(tensor), "weights", where);
}

// The first step when indices go up by equal steps from it.
std::optional<int64_t> stepOf(const std::vector<int64_t>& indices) {
  const int64_t step = indices.size() > 1 ? indices[1] - indices[0] : 1;
  for (size_t i = 1; i < indices.size(); ++i) {
    if (indices[i] - indices[i - 1] != step) {
      return std::nullopt;
    }
  }
  return step >= 1 ? std::optional(step) : std::nullopt;
}

bool repeatsEach(const std::vector<int64_t>& indices, int64_t n) {
  const int64_t length = static_cast<int64_t>(indices.size()), times = n > 0 ? length / n : 0;
  if (times < 2 || times * n != length) {
    return false;
  }
  for (int64_t i = 0; i < length; ++i) {
    if (indices[static_cast<size_t>(i)] != i / times) {
      return false;
    }
  }
  return true;
}

// Every element of the axis `times` times: without indices, so that it can be a part of any kernel.
Value repeat(Value x, int axis, int64_t times) {
  Shape split = x.shape(), result = x.shape();
  std::vector<Dim> dims = split.dims();
  dims.insert(dims.begin() + axis + 1, Dim(1));
  const Value spread = reshape(x, Shape(dims));
  dims[static_cast<size_t>(axis) + 1] = Dim(times);
  result[axis] = result[axis] * Dim(times);
  return reshape(broadcastTo(spread, Shape(dims)), result);
}

Value pick(GraphBuilder& g, Value x, int axis, const std::vector<int64_t>& indices, std::source_location where) {
  const int64_t n = x.shape()[axis].value();
  if (repeatsEach(indices, n)) {
    return repeat(x, axis, static_cast<int64_t>(indices.size()) / n);
  }
  const std::optional<int64_t> step = stepOf(indices);
  if (step && !indices.empty()) {
    Shape starts(std::vector<Dim>(static_cast<size_t>(x.rank()), Dim(0))), ends = x.shape();
    std::vector<int64_t> steps(static_cast<size_t>(x.rank()), 1);
    starts[axis] = Dim(indices.front());
    ends[axis] = Dim(indices.back() + 1);
    steps[static_cast<size_t>(axis)] = *step;
    return slice(x, starts, ends, steps);
  }
  return gather(x, g.constant(Tensor::of<int64_t>({static_cast<int64_t>(indices.size())}, indices), "indices", where),
                axis);
}

// x with the axis multiplied by a matrix [length, n].
Value multiplyAxis(GraphBuilder& g, Value x, int axis, const StaticTaps& taps, std::source_location where) {
  const Shape shape = x.shape();
  const int64_t n = shape[axis].value(), length = static_cast<int64_t>(taps.isOutside.size());
  Tensor matrix(x.dtype(), {length, n});
  std::vector<double> sums(static_cast<size_t>(length * n), 0);
  for (size_t k = 0; k < taps.indices.size(); ++k) {
    for (size_t i = 0; i < taps.indices[k].size(); ++i) {
      sums[i * static_cast<size_t>(n) + static_cast<size_t>(taps.indices[k][i])] += taps.weights[k][i];
    }
  }
  for (size_t i = 0; i < sums.size(); ++i) {
    matrix.set(static_cast<int64_t>(i), sums[i]);
  }
  const Value weights = g.constant(std::move(matrix), "weights", where);
  Shape result = shape;
  result[axis] = Dim(length);
  const Dim before = productOf(shape, 0, axis), after = productOf(shape, axis + 1, shape.rank());
  if (after == Dim(1)) {
    return reshape(matmul(reshape(x, Shape{before, Dim(n)}), weights, false, true), result);
  }
  return reshape(matmul(weights, reshape(x, Shape{before, Dim(n), after})), result);
}

Value resizeStatic(GraphBuilder& g, Value x, const ResizedAxis& axis, const ResizeOptions& options,
                   std::optional<Value>& isOutside, std::source_location where) {
  const int at = static_cast<int>(axis.axis);
  const StaticTaps taps = staticTaps(axis, x.shape()[at].value(), options);
  if (std::ranges::count(taps.isOutside, true) > 0) {
    Tensor outside(boolean, {static_cast<int64_t>(taps.isOutside.size())});
    for (size_t i = 0; i < taps.isOutside.size(); ++i) {
      outside.set(static_cast<int64_t>(i), taps.isOutside[i] ? 1 : 0);
    }
    isOutside = g.constant(std::move(outside), "outside", where);
  }
  if (options.mode != Interpolation::kNearest && taps.indices.size() > kMaxTaps) {
    return multiplyAxis(g, x, at, taps, where);
  }
  std::optional<Value> sum;
  for (size_t k = 0; k < taps.indices.size(); ++k) {
    Value part = pick(g, x, at, taps.indices[k], where);
    if (std::ranges::any_of(taps.weights[k], [](double weight) { return weight != 1; })) {
      part = part * alongAxis(vectorOf(g, taps.weights[k], x.dtype(), where), at, x.rank());
    }
    sum = sum ? *sum + part : part;
  }
  return *sum;
}

// --- symbolic lengths: the same, computed in the run ----------------------------------------------------------------

Value positionsOf(GraphBuilder& g, const ResizedAxis& axis, const Dim& from, Coordinates mode, DType dtype,
                  std::source_location where) {
  const Value n = lengthValue(g, from, dtype, where), length = lengthValue(g, axis.length, dtype, where);
  const Value scale = axis.scale ? g.scalar(*axis.scale, dtype, where) : length / n;
  const Value r = axis.scale ? scale * n : length;
  const Value i = cast(iota(g, Shape{axis.length}, 0, i64, where), dtype);
  const Value halfPixel = (i + 0.5) / scale - 0.5;
  const Value isOne = logicalOr(equal(r, 1), equal(length, 1));
  // Not zero where it is not used.
  const Value steps = select(isOne, g.scalar(1, dtype, where), r - 1);
  switch (mode) {
    case Coordinates::kHalfPixel:
      return halfPixel;
    case Coordinates::kHalfPixelSymmetric:
      return n / 2 * (1 - Operand(length / r)) + (i + 0.5) / scale - 0.5;
    case Coordinates::kPytorchHalfPixel:
      return select(equal(length, 1), i * 0, halfPixel);
    case Coordinates::kAlignCorners:
      return select(isOne, i * 0, i * (n - 1) / steps);
    case Coordinates::kAsymmetric:
      return i / scale;
    case Coordinates::kCropAndResize:
      break;
  }
  const Value begin = g.scalar(axis.begin, dtype, where), span = (g.scalar(axis.end, dtype, where) - begin) * (n - 1);
  return begin * (n - 1) + select(isOne, i * 0 + span / 2, i * span / steps);
}

Value nearestOf(Value position, Rounding rounding) {
  switch (rounding) {
    case Rounding::kPreferFloor:
      return ceil(position - 0.5);
    case Rounding::kPreferCeil:
      return floor(position + 0.5);
    case Rounding::kFloor:
      return floor(position);
    case Rounding::kCeil:
      break;
  }
  return ceil(position);
}

AxisTaps symbolicTaps(GraphBuilder& g, const ResizedAxis& axis, const Dim& from, const ResizeOptions& options,
                      DType dtype, std::source_location where) {
  const DType precision = options.mode == Interpolation::kNearest ? f32 : f64;
  const Value position = positionsOf(g, axis, from, options.coordinates, precision, where);
  const Value last = lengthValue(g, from, precision, where) - 1;
  AxisTaps taps;
  if (options.coordinates == Coordinates::kCropAndResize) {
    taps.isOutside = logicalOr(less(position, 0), greater(position, last));
  }
  auto add = [&](Value element) { taps.indices.push_back(cast(clamp(element, 0, last), i64)); };
  if (options.mode == Interpolation::kNearest) {
    add(nearestOf(position, options.rounding));
    return taps;
  }
  const bool isCubic = options.mode == Interpolation::kCubic;
  const double a = options.cubicCoefficient;
  const Value floored = floor(position);
  std::vector<Value> weights;
  std::optional<Value> sum;
  for (int k = isCubic ? -1 : 0; k <= (isCubic ? 2 : 1); ++k) {
    const Value element = floored + k;
    const Value d = abs(element - position);
    Value weight = 1 - Operand(d);
    if (isCubic) {
      weight = k == 0 || k == 1 ? (d * (a + 2) - (a + 3)) * d * d + 1 : ((d * a - 5 * a) * d + 8 * a) * d - 4 * a;
    }
    if (options.excludeOutside) {
      weight = select(logicalAnd(greaterEqual(element, 0), lessEqual(element, last)), weight, weight * 0);
    }
    sum = sum ? *sum + weight : weight;
    weights.push_back(weight);
    add(element);
  }
  for (Value weight : weights) {
    taps.weights.push_back(cast(options.excludeOutside ? weight / *sum : weight, dtype));
  }
  return taps;
}

// How often each element is repeated, when that is all that resizing does for any length.
std::optional<int64_t> repetitions(const ResizedAxis& axis, const Dim& from, const ResizeOptions& options) {
  const std::optional<Dim> times = axis.length.dividedBy(from);
  if (options.mode != Interpolation::kNearest || !times || !times->isStatic() || times->value() < 1 ||
      axis.scale.value_or(static_cast<double>(times->value())) != static_cast<double>(times->value())) {
    return std::nullopt;
  }
  const bool isRounded = options.rounding == Rounding::kPreferFloor || options.rounding == Rounding::kPreferCeil;
  const bool fits = (options.coordinates == Coordinates::kHalfPixel && isRounded) ||
                    (options.coordinates == Coordinates::kAsymmetric && options.rounding == Rounding::kFloor);
  return fits ? std::optional(times->value()) : std::nullopt;
}

Value resizeSymbolic(GraphBuilder& g, Value x, const ResizedAxis& axis, const ResizeOptions& options,
                     std::optional<Value>& isOutside, std::source_location where) {
  const int at = static_cast<int>(axis.axis);
  const Dim from = x.shape()[at];
  if (const std::optional<int64_t> times = repetitions(axis, from, options)) {
    return *times == 1 ? x : repeat(x, at, *times);
  }
  const AxisTaps taps = symbolicTaps(g, axis, from, options, x.dtype(), where);
  isOutside = taps.isOutside;
  std::optional<Value> sum;
  for (size_t k = 0; k < taps.indices.size(); ++k) {
    Value part = gather(x, taps.indices[k], at);
    if (k < taps.weights.size()) {
      part = part * alongAxis(taps.weights[k], at, x.rank());
    }
    sum = sum ? *sum + part : part;
  }
  return *sum;
}

// --------------------------------------------------------------------------------------------------------------------

// Whether the taps are computed here; those of longer axes would be larger than what they are for.
bool hasStaticTaps(const ResizedAxis& axis, const Dim& from, const ResizeOptions& options) {
  constexpr double kMostTaps = 1 << 24;
  constexpr int64_t kLongest = 1 << 20;
  if (!from.isStatic() || !axis.length.isStatic() || axis.length.value() > kLongest || from.value() > kLongest) {
    return false;
  }
  const auto n = static_cast<double>(from.value()), length = static_cast<double>(axis.length.value());
  const double scale = axis.scale.value_or(n > 0 ? length / n : 1);
  return !options.antialias || (length / std::min(scale, 1.0) <= kMostTaps && length * n <= kMostTaps);
}

// What is wrong, or "".
std::string faultOf(Value x, const std::vector<ResizedAxis>& axes, const ResizeOptions& options) {
  std::vector<int64_t> seen;
  for (const ResizedAxis& axis : axes) {
    const std::string name = "axis " + std::to_string(axis.axis);
    if (axis.axis < 0 || axis.axis >= x.rank() || std::ranges::count(seen, axis.axis) > 0) {
      return name + " of x, which is " + typeText(x) + ", is given twice or does not exist";
    }
    seen.push_back(axis.axis);
    const Dim& from = x.shape()[static_cast<int>(axis.axis)];
    if (axis.length.isStatic() && axis.length.value() < 0) {
      return name + " gets the length " + axis.length.toString();
    }
    if (axis.scale && !(*axis.scale > 0 && std::isfinite(*axis.scale))) {
      return "the scale of " + name + " is no positive number";
    }
    if (from == Dim(0) && !(axis.length == Dim(0))) {
      return name + " has no elements to make " + axis.length.toString() + " of";
    }
    if (options.antialias && options.mode != Interpolation::kNearest && !(from.isStatic() && axis.length.isStatic())) {
      return "antialias wants lengths that are numbers; x is " + typeText(x);
    }
    if (options.antialias && !hasStaticTaps(axis, from, options)) {
      return "antialias of " + name + " from " + from.toString() + " to " + axis.length.toString() +
             " elements takes too many weights";
    }
    if (!std::isfinite(axis.begin) || !std::isfinite(axis.end)) {
      return "the part of " + name + " that is read is not finite";
    }
  }
  if (options.antialias && options.mode == Interpolation::kNearest) {
    return "antialias is not for the nearest element";
  }
  return "";
}

bool isUnchanged(const ResizedAxis& axis, const Dim& from, const ResizeOptions& options) {
  const bool isWhole = options.coordinates != Coordinates::kCropAndResize || (axis.begin == 0 && axis.end == 1);
  return axis.length == from && axis.scale.value_or(1) == 1 && isWhole;
}

}  // namespace

Value resize(GraphBuilder& g, Value x, const std::vector<ResizedAxis>& axes, const ResizeOptions& options,
             std::source_location where) {
  if (!isGiven(x) || x.isPoisoned()) {
    return isGiven(x) ? x : failLayer(g, "resize", "x is missing", where);
  }
  if (const std::string fault = faultOf(x, axes, options); !fault.empty()) {
    return failLayer(g, "resize", fault, where);
  }
  const DType dtype = x.dtype();
  const bool isNearest = options.mode == Interpolation::kNearest;
  Value result = isNearest ? x : cast(x, computeType(dtype));
  std::vector<std::pair<int, Value>> outside;
  for (const ResizedAxis& axis : axes) {
    const int at = static_cast<int>(axis.axis);
    const Dim from = result.shape()[at];
    if (isUnchanged(axis, from, options)) {
      continue;
    }
    std::optional<Value> isOutside;
    result = hasStaticTaps(axis, from, options) ? resizeStatic(g, result, axis, options, isOutside, where)
                                                : resizeSymbolic(g, result, axis, options, isOutside, where);
    if (result.isPoisoned()) {
      return result;
    }
    if (isOutside) {
      outside.emplace_back(at, *isOutside);
    }
  }
  for (const auto& [axis, isOutside] : outside) {
    const Value value = cast(g.scalar(options.extrapolation, f64, where), result.dtype());
    result = select(alongAxis(isOutside, axis, result.rank()), value, result);
  }
  return cast(isNearest || isFloat(dtype) ? result : round(result), dtype);
}

}  // namespace kiln::nn
