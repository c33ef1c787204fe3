// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/pooling.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "graph/nn/layer_values.h"
#include "ops/convolution/windows.h"
#include "ops/spec/loops.h"

namespace kiln::nn {
namespace {

using Numbers = std::vector<int64_t>;

// x with channels last, and the windows over it.
struct WindowPlan {
  ops::Layout layout;
  Value image;            // [batch, spatial.., channels]
  WindowOptions windows;  // With what ceilMode adds to the high padding.
  Numbers low, high;      // As the caller gave them.
  Numbers backToLayout;   // Of [batch, spatial.., channels].
  Numbers tapAxes;        // Of unfold's result.
};

Numbers spread(const Numbers& given, size_t count, int64_t otherwise) {
  if (given.empty()) {
    return Numbers(count, otherwise);
  }
  return given.size() == 1 ? Numbers(count, given[0]) : given;
}

StatusOr<WindowPlan> planOf(const char* layer, Value x, const PoolOptions& options) {
  std::string layout = options.layout;
  if (layout.empty() && x.rank() >= 3 && x.rank() <= 5) {
    layout = "N" + std::string("DHW").substr(static_cast<size_t>(5 - x.rank())) + "C";
  }
  WindowPlan plan;
  KILN_ASSIGN_OR_RETURN(plan.layout, ops::parseLayout(layout, {x.dtype(), x.shape()}, "x"));
  const size_t count = plan.layout.spatial.size();
  plan.windows.kernel = spread(options.kernel, count, 1);
  plan.windows.strides = options.strides.empty() ? plan.windows.kernel : spread(options.strides, count, 1);
  plan.windows.dilations = spread(options.dilations, count, 1);
  plan.low = spread(options.padding.low, count, 0);
  plan.high = spread(options.padding.high, count, 0);
  for (const Numbers* list :
       {&plan.windows.kernel, &plan.windows.strides, &plan.windows.dilations, &plan.low, &plan.high}) {
    if (list->size() != count) {
      return makeError<ErrorId::kG0512>(std::string(layer),
                                        "options have another number of entries than x has spatial axes");
    }
  }
  if (options.padding.mode != Padding::Mode::kNumbers) {
    return makeError<ErrorId::kG0512>(std::string(layer), "padding is given in numbers");
  }
  Numbers high = plan.high;
  for (size_t i = 0; i < count && options.ceilMode; ++i) {
    const Dim& length = x.shape()[plan.layout.spatial[i]];
    const ops::Window window{plan.windows.kernel[i], plan.windows.strides[i], plan.windows.dilations[i], plan.low[i],
                             plan.high[i]};
    if (window.stride == 1) {
      continue;
    }
    if (!length.isStatic()) {
      return makeError<ErrorId::kG0512>(std::string(layer), "ceilMode wants lengths that are numbers");
    }
    high[i] = ops::withCeilMode(window, length.value()).high;
  }
  plan.windows.padding = {plan.low, high};
  const Numbers permutation = ops::toChannelsLast(plan.layout);
  plan.image = transpose(x, permutation);
  plan.backToLayout.resize(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) {
    plan.backToLayout[static_cast<size_t>(permutation[i])] = static_cast<int64_t>(i);
  }
  for (size_t i = 0; i < count; ++i) {
    plan.tapAxes.push_back(static_cast<int64_t>(1 + count + i));
  }
  return plan;
}

double lowestOf(DType dtype) {
  double lowest = -std::numeric_limits<double>::infinity();
  if (!isFloat(dtype)) {
    (void)ops::withInteger(dtype, [&]<class T>(T) {
      lowest = static_cast<double>(std::numeric_limits<T>::lowest());
      return Status();
    });
  }
  return lowest;
}

// The plan, or nothing after an error.
std::optional<WindowPlan> planOrError(GraphBuilder& g, const char* layer, Value x, const PoolOptions& options,
                                      std::source_location where) {
  if (x.isPoisoned()) {
    return std::nullopt;
  }
  StatusOr<WindowPlan> plan = planOf(layer, x, options);
  if (!plan.ok()) {
    g.addError(plan.status(), where);
    return std::nullopt;
  }
  return *std::move(plan);
}

Value sumOf(const WindowPlan& plan, Value image, const WindowOptions& windows) {
  return reduceSum(unfold(image, 0, windows), plan.tapAxes);
}

}  // namespace

Value sumPool(GraphBuilder& g, Value x, const PoolOptions& options, std::source_location where) {
  const std::optional<WindowPlan> plan = planOrError(g, "sumPool", x, options, where);
  return plan ? transpose(sumOf(*plan, plan->image, plan->windows), plan->backToLayout) : g.poisoned();
}

Value largestPool(GraphBuilder& g, Value x, const PoolOptions& options, std::source_location where) {
  const std::optional<WindowPlan> plan = planOrError(g, "largestPool", x, options, where);
  if (!plan) {
    return g.poisoned();
  }
  const Value windows = unfold(plan->image, Operand(g.scalar(lowestOf(x.dtype()), x.dtype(), where)), plan->windows);
  return transpose(reduceMax(windows, plan->tapAxes), plan->backToLayout);
}

MaxPoolResult largestPoolWithIndices(GraphBuilder& g, Value x, const PoolOptions& options, std::source_location where) {
  const std::optional<WindowPlan> plan = planOrError(g, "largestPoolWithIndices", x, options, where);
  if (!plan) {
    return {g.poisoned(), g.poisoned()};
  }
  Shape low(std::vector<Dim>(static_cast<size_t>(x.rank()), Dim(0))), high = low;
  for (size_t i = 0; i < plan->low.size(); ++i) {
    const int axis = plan->layout.spatial[i];
    if (!x.shape()[axis].isStatic() || plan->low[i] < 0 || plan->windows.padding.high[i] < 0) {
      failLayer(g, "largestPoolWithIndices", "lengths are numbers and padding is not negative; x is " + typeText(x),
                where);
      return {g.poisoned(), g.poisoned()};
    }
    low[axis] = Dim(plan->low[i]);
    high[axis] = Dim(plan->windows.padding.high[i]);
  }
  const Value padded = pad(x, g.scalar(lowestOf(x.dtype()), x.dtype(), where), low, high);
  PoolOptions inside = options;
  inside.padding = {};
  inside.ceilMode = false;
  MaxPoolResult result = maxPoolWithIndices(padded, inside);
  if (result.indices.isPoisoned()) {
    return result;
  }
  // Positions in the padded tensor, taken apart and put together as those in x. Those of padding alone are the nearest.
  Value rest = result.indices, position = g.scalar(0, i64, where);
  int64_t stride = 1;
  for (size_t i = plan->low.size(); i-- > 0;) {
    const int axis = plan->layout.spatial[i];
    const int64_t length = x.shape()[axis].value(), paddedLength = padded.shape()[axis].value();
    const Value at = clamp(remainder(rest, paddedLength) - plan->low[i], 0, std::max<int64_t>(length - 1, 0));
    position = at * stride + position;
    rest = rest / paddedLength;
    stride *= length;
  }
  result.indices = position;
  return result;
}

Value meanPool(GraphBuilder& g, Value x, const PoolOptions& options, bool countPadding, std::source_location where) {
  const std::optional<WindowPlan> plan = planOrError(g, "meanPool", x, options, where);
  if (!plan) {
    return g.poisoned();
  }
  // What counts lies in an image of ones, under the same windows.
  Shape ones{Dim(1)};
  WindowOptions counted = plan->windows;
  for (size_t i = 0; i < plan->low.size(); ++i) {
    Dim length = x.shape()[plan->layout.spatial[i]];
    if (countPadding) {
      length = length + Dim(plan->low[i] + plan->high[i]);
      counted.padding.low[i] = 0;
      counted.padding.high[i] -= plan->high[i];
    }
    ones.push_back(length);
  }
  ones.push_back(Dim(1));
  const Value counts = sumOf(*plan, full(g, ones, 1, x.dtype(), where), counted);
  return transpose(sumOf(*plan, plan->image, plan->windows) / counts, plan->backToLayout);
}

Value lpPool(GraphBuilder& g, Value x, const PoolOptions& options, double p, std::source_location where) {
  if (x.isPoisoned()) {
    return x;
  }
  if (!isFloat(x.dtype()) || !(p >= 1)) {
    return failLayer(g, "lpPool", "x is of floats, and p at least 1", where);
  }
  const DType dtype = x.dtype();
  const Value wide = cast(x, computeType(dtype));
  Value result;
  if (p == 1) {
    result = sumPool(g, abs(wide), options, where);
  } else if (p == 2) {
    result = sqrt(sumPool(g, square(wide), options, where));
  } else {
    result = pow(sumPool(g, pow(abs(wide), p), options, where), 1 / p);
  }
  return cast(result, dtype);
}

Value maxUnpool(GraphBuilder& g, Value x, Value indices, const Shape& shape, std::source_location where) {
  if (x.isPoisoned() || indices.isPoisoned()) {
    return g.poisoned();
  }
  if (!(x.shape() == indices.shape())) {
    return failLayer(g, "maxUnpool", "x is " + x.shape().toString() + ", and indices are " + indices.shape().toString(),
                     where);
  }
  const Value zeros = full(g, Shape{shape.numElements()}, 0, x.dtype(), where);
  const Shape flat{x.shape().numElements()};
  return reshape(scatter(zeros, reshape(indices, flat), reshape(x, flat)), shape);
}

Value col2im(GraphBuilder& g, Value x, const Shape& lengths, const WindowOptions& options, std::source_location where) {
  if (x.isPoisoned()) {
    return x;
  }
  const size_t count = static_cast<size_t>(lengths.rank());
  if (x.rank() != 3 || !x.shape()[1].isStatic() || count < 1 || count > 3) {
    return failLayer(g, "col2im",
                     "x is [batch, channels * taps, windows] with a number of channels, for 1 to 3 spatial axes; it "
                     "is " +
                         x.shape().toString() + ", for " + std::to_string(count),
                     where);
  }
  WindowOptions windows;
  windows.kernel = spread(options.kernel, count, 1);
  windows.strides = spread(options.strides, count, 1);
  windows.dilations = spread(options.dilations, count, 1);
  windows.padding = {spread(options.padding.low, count, 0), spread(options.padding.high, count, 0)};
  int64_t taps = 1;
  Shape split{x.shape()[0], Dim(0)};
  for (size_t i = 0; i < count && i < windows.kernel.size(); ++i) {
    if (windows.kernel[i] < 1 || windows.kernel[i] > ops::kMaxWindowNumber || taps > ops::kMaxWindowNumber) {
      return failLayer(g, "col2im", "the kernel has positive lengths, and not too many taps", where);
    }
    taps *= windows.kernel[i];
    split.push_back(Dim(windows.kernel[i]));
  }
  if (taps < 1 || x.shape()[1].value() % taps != 0 || windows.strides.size() != count ||
      windows.kernel.size() != count || windows.dilations.size() != count || windows.padding.low.size() != count ||
      windows.padding.high.size() != count) {
    return failLayer(g, "col2im",
                     "axis 1 of x, which is " + x.shape().toString() + ", is a multiple of the " +
                         std::to_string(taps) + " taps, and options have an entry for each spatial axis",
                     where);
  }
  split[1] = Dim(x.shape()[1].value() / taps);
  for (size_t i = 0; i < count; ++i) {
    const ops::Window window{windows.kernel[i], windows.strides[i], windows.dilations[i], windows.padding.low[i],
                             windows.padding.high[i]};
    StatusOr<Dim> length =
        ops::windowCount(lengths[static_cast<int>(i)], window, false, static_cast<int>(i), {x.dtype(), lengths});
    if (!length.ok()) {
      g.addError(length.status(), where);
      return g.poisoned();
    }
    split.push_back(*length);
  }
  // [batch, channels, taps.., windows..] to [batch, windows.., taps.., channels]
  Numbers toWindows = {0}, toImage = {0, static_cast<int64_t>(count) + 1};
  for (size_t i = 0; i < count; ++i) {
    toWindows.push_back(static_cast<int64_t>(2 + count + i));
    toImage.push_back(static_cast<int64_t>(1 + i));
  }
  for (size_t i = 0; i < count; ++i) {
    toWindows.push_back(static_cast<int64_t>(2 + i));
  }
  toWindows.push_back(1);
  return transpose(fold(transpose(reshape(x, split), toWindows), lengths, windows), toImage);
}

}  // namespace kiln::nn
