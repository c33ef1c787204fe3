// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/sampling.h"

#include <optional>

#include "graph/nn/layer_values.h"

namespace kiln::nn {
namespace {

// An element that is read along one axis for each place.
struct Tap {
  Value index;                    // i64 [batch, places], within the image.
  std::optional<Value> weight;    // 1 when there is none.
  std::optional<Value> isInside;  // Always when there is none.
};

struct Axis {
  Value last;       // The number of the last element.
  Value low, span;  // Where images are mirrored, and how far that is apart.
};

Value mirrored(const Axis& axis, Value position) {
  // Without a second element all are the first one; the period is only not to be zero.
  const Value period = maximum(axis.span * 2, 1);
  const Value distance = abs(position - axis.low);
  const Value within = distance - floor(distance / period) * period;
  return axis.low + minimum(within, axis.span * 2 - within);
}

// The weights of the elements 1 before, and 0, 1 and 2 after floor(position).
std::vector<Value> cubicWeights(Value ratio) {
  constexpr double kA = -0.75;
  auto far = [&](Value d) { return ((d * kA - 5 * kA) * d + 8 * kA) * d - 4 * kA; };
  auto near = [&](Value d) { return (d * (kA + 2) - (kA + 3)) * d * d + 1; };
  const Value rest = 1 - Operand(ratio);
  return {far(ratio + 1), near(ratio), near(rest), far(rest + 1)};
}

std::vector<Tap> tapsOf(const Axis& axis, Value position, const GridSampleOptions& options) {
  Value p = options.mode == Interpolation::kNearest ? round(position) : position;
  // The four elements of kCubic are brought to the border each, the position is not: as in PyTorch.
  if (options.padding == Outside::kBorder && options.mode != Interpolation::kCubic) {
    p = clamp(p, 0, axis.last);
  } else if (options.padding == Outside::kReflection) {
    p = mirrored(axis, p);
  }
  std::vector<Value> elements, weights;
  if (options.mode == Interpolation::kNearest) {
    elements = {p};
  } else {
    const Value first = floor(p), ratio = p - first;
    elements = {first, first + 1};
    weights = {1 - Operand(ratio), ratio};
    if (options.mode == Interpolation::kCubic) {
      elements = {first - 1, first, first + 1, first + 2};
      weights = cubicWeights(ratio);
    }
  }
  std::vector<Tap> taps;
  for (size_t i = 0; i < elements.size(); ++i) {
    Tap tap;
    Value element = stopGradient(elements[i]);
    if (options.padding == Outside::kZeros) {
      tap.isInside = logicalAnd(greaterEqual(element, 0), lessEqual(element, axis.last));
    } else if (options.padding == Outside::kReflection) {
      element = round(mirrored(axis, element));
    }
    tap.index = cast(clamp(element, 0, axis.last), i64);
    if (!weights.empty()) {
      tap.weight = weights[i];
    }
    taps.push_back(tap);
  }
  return taps;
}

}  // namespace

Value sampleAt(GraphBuilder& g, Value x, const std::vector<Value>& positions, const GridSampleOptions& options,
               bool mirrorsAtCenters, std::source_location where) {
  const int axes = x.rank() - 2;
  const DType dtype = positions[0].dtype();
  const Shape shape = x.shape();
  std::vector<std::vector<Tap>> taps;
  for (int i = 0; i < axes; ++i) {
    const Value length = lengthValue(g, shape[i + 2], dtype, where);
    const Axis axis{length - 1, g.scalar(mirrorsAtCenters ? 0 : -0.5, dtype, where),
                    mirrorsAtCenters ? length - 1 : length};
    taps.push_back(tapsOf(axis, positions[static_cast<size_t>(i)], options));
  }
  Value image = reshape(x, Shape{shape[0], shape[1], productOf(shape, 2, shape.rank())});
  if (options.mode != Interpolation::kNearest) {
    image = cast(image, computeType(x.dtype()));
  }
  const Shape perPlace{positions[0].shape()[0], Dim(1), positions[0].shape()[1]};
  std::vector<size_t> choice(static_cast<size_t>(axes), 0);
  std::optional<Value> sum;
  // One gather for each combination of taps of the axes.
  while (true) {
    Value index;
    std::optional<Value> weight, isInside;
    for (size_t i = 0; i < choice.size(); ++i) {
      const Tap& tap = taps[i][choice[i]];
      index = i == 0 ? tap.index : index * lengthValue(g, shape[static_cast<int>(i) + 2], i64, where) + tap.index;
      if (tap.weight) {
        weight = weight ? *weight * *tap.weight : *tap.weight;
      }
      if (tap.isInside) {
        isInside = isInside ? logicalAnd(*isInside, *tap.isInside) : *tap.isInside;
      }
    }
    Value read = gather(image, index, 2, 1);
    if (isInside) {
      read = select(reshape(*isInside, perPlace), read, cast(g.scalar(0, f32, where), read.dtype()));
    }
    if (weight) {
      read = read * cast(reshape(*weight, perPlace), read.dtype());
    }
    sum = sum ? *sum + read : read;
    size_t axis = choice.size();
    while (axis > 0 && ++choice[axis - 1] == taps[axis - 1].size()) {
      choice[--axis] = 0;
    }
    if (axis == 0) {
      return *sum;
    }
  }
}

Value gridSample(GraphBuilder& g, Value x, Value grid, const GridSampleOptions& options, std::source_location where) {
  std::vector<LayerOperand> operands = {{"grid", grid}};
  if (options.mode != Interpolation::kNearest || !isGiven(x)) {
    operands.insert(operands.begin(), {"x", x});
  }
  if (!checkOperands(g, "gridSample", operands, where) || x.isPoisoned()) {
    return g.poisoned();
  }
  const int axes = x.rank() - 2;
  const Shape &image = x.shape(), &places = grid.shape();
  if (axes < 1 || axes > 3 || grid.rank() != x.rank() || !(image[0] == places[0]) || !(places[axes + 1] == Dim(axes))) {
    return failLayer(
        g, "gridSample",
        "x is [batch, channels, spatial..] with 1 to 3 spatial axes, and grid [batch, places.., axes]; they are " +
            typeText(x) + " and " + typeText(grid),
        where);
  }
  const Dim count = productOf(places, 1, axes + 1);
  const Value flat = reshape(cast(grid, computeType(grid.dtype())), Shape{places[0], count, Dim(axes)});
  std::vector<Value> positions;
  for (int i = 0; i < axes; ++i) {
    const Dim at(axes - 1 - i);
    const Value entry = reshape(sliceAlong(flat, 2, at, at + Dim(1)), Shape{places[0], count});
    const Value length = lengthValue(g, image[i + 2], entry.dtype(), where);
    positions.push_back(options.alignCorners ? (entry + 1) / 2 * (length - 1) : ((entry + 1) * length - 1) / 2);
  }
  const Value samples = cast(sampleAt(g, x, positions, options, options.alignCorners, where), x.dtype());
  Shape result{image[0], image[1]};
  for (int i = 1; i <= axes; ++i) {
    result.push_back(places[i]);
  }
  return reshape(samples, result);
}

Value affineGrid(GraphBuilder& g, Value theta, const Shape& lengths, bool alignCorners, std::source_location where) {
  if (!checkOperands(g, "affineGrid", {{"theta", theta, 3}}, where)) {
    return g.poisoned();
  }
  const int axes = lengths.rank();
  if (axes < 1 || !(theta.shape()[1] == Dim(axes)) || !(theta.shape()[2] == Dim(axes + 1))) {
    return failLayer(
        g, "affineGrid",
        "theta is [batch, axes, axes + 1]; it is " + typeText(theta) + ", for " + std::to_string(axes) + " axes",
        where);
  }
  const DType dtype = computeType(theta.dtype());
  // The corners' coordinates, the last axis first, and a one.
  std::vector<Value> coordinates;
  for (int axis = axes - 1; axis >= 0; --axis) {
    const Value place = cast(iota(g, Shape{lengths[axis]}, 0, i64, where), dtype);
    const Value length = lengthValue(g, lengths[axis], dtype, where);
    // The one position of a length of 1 is the middle.
    const Value along =
        alignCorners ? (place * 2 - (length - 1)) / maximum(length - 1, 1) : (place * 2 + 1 - length) / length;
    coordinates.push_back(broadcastTo(alongAxis(along, axis, axes), lengths));
  }
  coordinates.push_back(full(g, lengths, 1, dtype, where));
  const Value base = reshape(stack(coordinates, axes, where), Shape{lengths.numElements(), Dim(axes + 1)});
  Shape result{theta.shape()[0]};
  for (const Dim& length : lengths) {
    result.push_back(length);
  }
  result.push_back(Dim(axes));
  return cast(reshape(matmul(base, cast(theta, dtype), false, true), result), theta.dtype());
}

}  // namespace kiln::nn
