// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/deformable_convolution.h"

#include "graph/nn/layer_values.h"
#include "graph/nn/sampling.h"
#include "ops/convolution/windows.h"

namespace kiln::nn {
namespace {

using Numbers = std::vector<int64_t>;

// The places of all taps are constants.
constexpr int64_t kMaxTaps = int64_t{1} << 16;

Numbers spread(const Numbers& given, int count, int64_t otherwise) {
  if (given.empty()) {
    return Numbers(static_cast<size_t>(count), otherwise);
  }
  return given.size() == 1 ? Numbers(static_cast<size_t>(count), given[0]) : given;
}

struct Plan {
  int axes = 0;
  int64_t channels = 0, results = 0, taps = 1;
  std::vector<ops::Window> windows;
  Shape places;  // The spatial lengths of the result.
};

// Empty `why` when operands and options fit.
Plan planOf(Value x, Value filter, Value offset, const std::optional<Value>& mask, const DeformConvOptions& options,
            std::string& why) {
  Plan plan;
  plan.axes = x.rank() - 2;
  auto refuse = [&](std::string text) {
    why = std::move(text);
    return plan;
  };
  if (plan.axes < 1 || plan.axes > 3 || filter.rank() != x.rank() || offset.rank() != x.rank() ||
      (mask && mask->rank() != x.rank()) || filter.dtype() != x.dtype() || offset.dtype() != x.dtype() ||
      (mask && mask->dtype() != x.dtype())) {
    return refuse("x, filter, offset and mask have one dtype and the axes batch, channels and space; they are " +
                  typeText(x) + ", " + typeText(filter) + " and " + typeText(offset) +
                  (mask ? ", " + typeText(*mask) : ""));
  }
  if (!filter.shape().isStatic() || !x.shape()[1].isStatic()) {
    return refuse("the channels and the lengths of filter are numbers; x is " + typeText(x) + ", and filter is " +
                  typeText(filter));
  }
  plan.channels = x.shape()[1].value();
  plan.results = filter.shape()[0].value();
  const int64_t groups = options.groups, runs = options.offsetGroups;
  if (groups < 1 || runs < 1 || plan.channels % groups != 0 || plan.results % groups != 0 ||
      plan.channels % runs != 0 || filter.shape()[1].value() * groups != plan.channels) {
    return refuse("groups and offsetGroups divide the channels, and filter has those of a group; x is " + typeText(x) +
                  ", and filter is " + typeText(filter));
  }
  const Numbers strides = spread(options.strides, plan.axes, 1), dilations = spread(options.dilations, plan.axes, 1);
  const Numbers low = spread(options.padding.low, plan.axes, 0), high = spread(options.padding.high, plan.axes, 0);
  const size_t count = static_cast<size_t>(plan.axes);
  if (strides.size() != count || dilations.size() != count || low.size() != count || high.size() != count ||
      options.padding.mode != Padding::Mode::kNumbers) {
    return refuse("options have a number for each spatial axis");
  }
  for (int i = 0; i < plan.axes; ++i) {
    const size_t at = static_cast<size_t>(i);
    plan.windows.push_back({filter.shape()[i + 2].value(), strides[at], dilations[at], low[at], high[at]});
    if (plan.windows.back().kernel < 1 || plan.windows.back().kernel > kMaxTaps / plan.taps) {
      return refuse("filter has from 1 to " + std::to_string(kMaxTaps) + " taps; it is " + typeText(filter));
    }
    plan.taps *= plan.windows.back().kernel;
    plan.places.push_back(offset.shape()[i + 2]);
    const ops::Window& w = plan.windows.back();
    for (int64_t number : {w.stride, w.dilation, w.low + 1, w.high + 1}) {
      if (number < 1 || number > ops::kMaxWindowNumber) {
        return refuse("strides and dilations are positive, and padding is not negative");
      }
    }
    StatusOr<Dim> length =
        ops::windowCount(x.shape()[i + 2], plan.windows.back(), false, i + 2, {x.dtype(), x.shape()});
    if (!length.ok() || !(*length == offset.shape()[i + 2])) {
      return refuse("axis " + std::to_string(i + 2) + " of offset, which is " + typeText(offset) +
                    ", has the length of the result, " +
                    (length.ok() ? length->toString() : "which has no expression"));
    }
  }
  Shape wanted = offset.shape();
  wanted[0] = x.shape()[0];
  wanted[1] = Dim(runs * plan.taps * plan.axes);
  if (!(offset.shape() == wanted)) {
    return refuse("offset is " + typeText(offset) + ", wanted " + wanted.toString());
  }
  wanted[1] = Dim(runs * plan.taps);
  if (mask && !(mask->shape() == wanted)) {
    return refuse("mask is " + typeText(*mask) + ", wanted " + wanted.toString());
  }
  return plan;
}

// Where the taps of an axis are without offsets: [1, taps * places].
Value tapPositions(GraphBuilder& g, const Plan& plan, int axis, DType dtype, std::source_location where) {
  const ops::Window& window = plan.windows[static_cast<size_t>(axis)];
  int64_t inner = 1;
  for (int i = axis + 1; i < plan.axes; ++i) {
    inner *= plan.windows[static_cast<size_t>(i)].kernel;
  }
  Tensor taps(dtype, {plan.taps});
  for (int64_t k = 0; k < plan.taps; ++k) {
    taps.set(k, static_cast<double>(k / inner % window.kernel * window.dilation - window.low));
  }
  Shape full{Dim(plan.taps)};
  for (const Dim& length : plan.places) {
    full.push_back(length);
  }
  const Value place = cast(iota(g, Shape{plan.places[axis]}, 0, i64, where), dtype) * window.stride;
  const Value positions =
      alongAxis(g.constant(taps, "taps", where), 0, full.rank()) + alongAxis(place, axis + 1, full.rank());
  return reshape(broadcastTo(positions, full), Shape{Dim(1), full.numElements()});
}

}  // namespace

Value deformConv(GraphBuilder& g, Value x, Value filter, Value offset, std::optional<Value> mask,
                 const DeformConvOptions& options, std::source_location where) {
  if (!checkOperands(g, "deformConv",
                     {{"x", x}, {"filter", filter}, {"offset", offset}, {"mask", mask.value_or(Value()), -1, true}},
                     where)) {
    return g.poisoned();
  }
  std::string why;
  const Plan plan = planOf(x, filter, offset, mask, options, why);
  if (!why.empty()) {
    return failLayer(g, "deformConv", why, where);
  }
  const DType dtype = x.dtype(), compute = computeType(dtype);
  const Dim batch = x.shape()[0], runs = batch * Dim(options.offsetGroups), places = plan.places.numElements();
  const Dim reads = Dim(plan.taps) * places;
  // The runs of channels that share offsets are images of their own.
  Shape image = x.shape();
  image[0] = runs;
  image[1] = Dim(plan.channels / options.offsetGroups);
  const Value moved = reshape(cast(offset, compute), Shape{runs, Dim(plan.taps), Dim(plan.axes), places});
  std::vector<Value> positions;
  for (int axis = 0; axis < plan.axes; ++axis) {
    const Value along = reshape(sliceAlong(moved, 2, Dim(axis), Dim(axis + 1)), Shape{runs, reads});
    positions.push_back(along + tapPositions(g, plan, axis, compute, where));
  }
  Value columns = sampleAt(g, reshape(x, image), positions, {}, true, where);
  if (mask) {
    columns = columns * reshape(cast(*mask, compute), Shape{runs, Dim(1), reads});
  }
  const int64_t groups = options.groups, ofGroup = plan.channels / groups * plan.taps;
  columns = reshape(columns, Shape{batch, Dim(groups), Dim(ofGroup), places});
  const Value weights = reshape(cast(filter, compute), Shape{Dim(groups), Dim(plan.results / groups), Dim(ofGroup)});
  Shape result{batch, Dim(plan.results)};
  for (const Dim& length : plan.places) {
    result.push_back(length);
  }
  return cast(reshape(matmul(weights, columns), result), dtype);
}

}  // namespace kiln::nn
