// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pools as reductions over unfolded windows; where an adaptive pool's windows differ in length, over gathered ones.
#include <limits>

#include "compiler/dialect/constant_pool.h"
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/image_windows.h"
#include "ops/spec/loops.h"

namespace kiln::compiler {
namespace {

double lowestOf(DType dtype) {
  double lowest = -std::numeric_limits<double>::infinity();
  if (!isFloat(dtype)) {
    KILN_CHECK(ops::withInteger(dtype, [&]<class T>(T) {
                 lowest = static_cast<double>(std::numeric_limits<T>::lowest());
                 return Status();
               }).ok());
  }
  return lowest;
}

Value constantOf(mlir::OpBuilder& b, mlir::Location loc, const Tensor& tensor) {
  return create(b, loc, "constant", {}, b.getNamedAttr("value", denseAttr(b.getContext(), tensor)));
}

// The number of positions as a value, wherever it is known.
Value numberLike(mlir::OpBuilder& b, mlir::Location loc, const Dim& count, Value like) {
  const ValueType type = valueType(like.getType());
  if (count.isStatic()) {
    return splat(b, loc, static_cast<double>(count.value()), type);
  }
  Value number = castTo(b, loc, shapeValue(b, loc, {count}), type.dtype);
  return broadcastTo(b, loc, reshapeTo(b, loc, number, {}), type.shape);
}

// From the elements of all windows [batch, windows and taps.., channels] and, broadcastable to them, their positions
// (-1: no element), the largest values and where the first of them is.
std::pair<Value, Value> largest(mlir::OpBuilder& b, mlir::Location loc, Value elements, Value positions,
                                const Dim& count, llvm::ArrayRef<int64_t> taps) {
  const Shape shape = shapeOf(elements.getType());
  Value values = reduceMax(b, loc, elements, taps, /*keepDims=*/false);
  Value all = broadcastOverAxes(b, loc, values, taps, /*keptDims=*/false, shape);
  Value isLargest = create(b, loc, "equal", {elements, all});
  if (isFloat(dtypeOf(elements.getType()))) {
    // A NaN is the largest of all, and equals nothing.
    isLargest = create(b, loc, "logical_or", {isLargest, create(b, loc, "not_equal", {elements, elements})});
  }
  // The first position is where what is left until the end is largest; padding and losers count as the end.
  Value left = sub(b, loc, numberLike(b, loc, count, positions), positions);
  Value isElement = create(b, loc, "greater_equal", {positions, splatLike(b, loc, 0, positions)});
  Value zero = splatLike(b, loc, 0, positions);
  Value candidates = broadcastTo(b, loc, select(b, loc, isElement, left, zero), shape);
  candidates = select(b, loc, isLargest, candidates, splatLike(b, loc, 0, candidates));
  Value best = reduceMax(b, loc, candidates, taps, /*keepDims=*/false);
  Value end = numberLike(b, loc, count, best), none = splatLike(b, loc, 0, best);
  Value index = select(b, loc, create(b, loc, "equal", {best, none}), none, sub(b, loc, end, best));
  return {values, castTo(b, loc, index, i64)};
}

// Halves are averaged in f32.
DType sumType(DType dtype) { return dtype == f16 || dtype == bf16 ? f32 : dtype; }

Value averagePool(mlir::OpBuilder& b, mlir::Location loc, Value x, const ops::Layout& layout,
                  std::vector<ops::Window> windows, bool ceilMode, bool countPadding) {
  const DType dtype = dtypeOf(x.getType());
  x = toChannelsLast(b, loc, castTo(b, loc, x, sumType(dtype)), layout);
  const Shape shape = shapeOf(x.getType());
  const size_t spatial = windows.size();
  // What counts as an element lies in an image of ones, with these windows over it.
  Shape ones{Dim(1)};
  std::vector<ops::Window> counted = windows;
  bool isConstant = true;
  int64_t taps = 1;
  for (size_t i = 0; i < spatial; ++i) {
    ops::Window& w = windows[i];
    const Dim& length = shape[static_cast<int>(i) + 1];
    const int64_t padding = w.high;
    if (ceilMode && length.isStatic()) {
      w = ops::withCeilMode(w, length.value());
    }
    counted[i] = w;
    Dim inside = length;
    if (countPadding) {
      inside = length + Dim(w.low + padding);
      counted[i].low = 0;
      counted[i].high = w.high - padding;
    }
    ones.push_back(inside);
    taps *= w.kernel;
    isConstant &= counted[i].low <= 0 && counted[i].high <= 0;
  }
  ones.push_back(Dim(1));
  Value sums = reduceSum(b, loc, unfoldWindows(b, loc, x, 0, windows), tapAxes(spatial), /*keepDims=*/false);
  Value counts;
  if (isConstant) {
    counts = splatLike(b, loc, static_cast<double>(taps), sums);
  } else {
    Value one = splat(b, loc, 1, {dtypeOf(x.getType()), ones});
    counts = reduceSum(b, loc, unfoldWindows(b, loc, one, 0, counted), tapAxes(spatial), /*keepDims=*/false);
    counts = broadcastTo(b, loc, counts, shapeOf(sums.getType()));
  }
  return castTo(b, loc, fromChannelsLast(b, loc, div(b, loc, sums, counts), layout), dtype);
}

std::pair<Value, Value> maximumPool(mlir::OpBuilder& b, mlir::Location loc, Value x, const MaxPool& pool) {
  Value image = toChannelsLast(b, loc, x, pool.layout);
  Value elements = unfoldWindows(b, loc, image, lowestOf(dtypeOf(x.getType())), pool.windows);
  auto [values, indices] =
      largest(b, loc, elements, tapPositions(b, loc, pool), pool.lengths.numElements(), tapAxes(pool.windows.size()));
  return {fromChannelsLast(b, loc, values, pool.layout), fromChannelsLast(b, loc, indices, pool.layout)};
}

// Adaptive windows that are all alike and do not overlap, or nothing.
std::optional<std::vector<ops::Window>> equalWindows(const ops::AdaptivePool& pool) {
  std::vector<ops::Window> windows;
  for (size_t i = 0; i < pool.lengths.size(); ++i) {
    if (pool.lengths[i] % pool.outputSize[i] != 0) {
      return std::nullopt;
    }
    const int64_t length = pool.lengths[i] / pool.outputSize[i];
    windows.push_back({length, length, 1, 0, 0});
  }
  return windows;
}

// The elements of adaptive windows [batch, windows, taps of each axis in turn.., channels]. All windows of an axis get
// the taps of the longest; what a shorter one lacks are repetitions of its last element.
struct AdaptiveElements {
  Value elements;
  std::vector<std::vector<int64_t>> positions;  // For each spatial axis, those of [windows, taps].
  std::vector<int64_t> taps;                    // For each spatial axis.
  llvm::SmallVector<int64_t> tapAxes;
};

AdaptiveElements gatherWindows(mlir::OpBuilder& b, mlir::Location loc, Value image, const ops::AdaptivePool& pool) {
  AdaptiveElements result;
  result.elements = image;
  for (size_t i = 0; i < pool.lengths.size(); ++i) {
    const int64_t count = pool.outputSize[i];
    int64_t taps = 0;
    for (int64_t o = 0; o < count; ++o) {
      const ops::Bin bin = ops::adaptiveBin(o, pool.lengths[i], count);
      taps = std::max(taps, bin.end - bin.begin);
    }
    Tensor picks(i64, {count, taps});
    std::vector<int64_t> positions;
    for (int64_t o = 0; o < count; ++o) {
      const ops::Bin bin = ops::adaptiveBin(o, pool.lengths[i], count);
      for (int64_t k = 0; k < taps; ++k) {
        positions.push_back(std::min(bin.begin + k, bin.end - 1));
        picks.mutableData<int64_t>()[o * taps + k] = positions.back();
      }
    }
    // The axes before this one are two each by now.
    const int64_t axis = 1 + 2 * static_cast<int64_t>(i);
    result.elements =
        create(b, loc, "gather", {result.elements, constantOf(b, loc, picks)},
               {b.getNamedAttr("axis", b.getI64IntegerAttr(axis)), b.getNamedAttr("batch_dims", b.getI64IntegerAttr(0)),
                b.getNamedAttr("allow_negative", b.getBoolAttr(false))});
    result.positions.push_back(std::move(positions));
    result.taps.push_back(taps);
    result.tapAxes.push_back(axis + 1);
  }
  return result;
}

// A constant [1, windows, taps.., 1] that has at each place the value of `of`, given the places along [windows, taps]
// of each axis.
template <class F>
Value perTap(mlir::OpBuilder& b, mlir::Location loc, const ops::AdaptivePool& pool, const AdaptiveElements& elements,
             DType dtype, F&& of) {
  std::vector<int64_t> places, dims = {1};
  for (size_t i = 0; i < pool.lengths.size(); ++i) {
    places.push_back(pool.outputSize[i] * elements.taps[i]);
    dims.insert(dims.end(), {pool.outputSize[i], elements.taps[i]});
  }
  dims.push_back(1);
  Tensor values(dtype, dims);
  ops::forEachIndex(places,
                    [&](const std::vector<int64_t>& index, int64_t position) { values.set(position, of(index)); });
  return constantOf(b, loc, values);
}

}  // namespace

llvm::SmallVector<Value> expandMaxPool(mlir::OpBuilder& b, mlir::Operation* op) {
  auto [values, indices] = maximumPool(b, op->getLoc(), op->getOperand(0), maxPoolOf(op));
  return {values, indices};
}

llvm::SmallVector<Value> expandAvgPool(mlir::OpBuilder& b, mlir::Operation* op) {
  const Attributes attributes = attributesOf(op);
  const ops::Pool pool = ops::poolOf(attributes, valueType(op->getOperand(0).getType())).value();
  return {averagePool(b, op->getLoc(), op->getOperand(0), pool.layout, pool.windows, pool.ceilMode,
                      attributes.get<bool>("count_padding"))};
}

llvm::SmallVector<Value> expandAdaptiveAvgPool(mlir::OpBuilder& b, mlir::Operation* op) {
  mlir::Location loc = op->getLoc();
  Value x = op->getOperand(0);
  const ops::AdaptivePool pool = ops::adaptivePoolOf(attributesOf(op), valueType(x.getType())).value();
  if (auto windows = equalWindows(pool)) {
    return {averagePool(b, loc, x, pool.layout, *windows, /*ceilMode=*/false, /*countPadding=*/false)};
  }
  const DType dtype = dtypeOf(x.getType());
  Value image = toChannelsLast(b, loc, castTo(b, loc, x, sumType(dtype)), pool.layout);
  const AdaptiveElements windows = gatherWindows(b, loc, image, pool);
  const DType summed = sumType(dtype);
  // 1 for elements, 0 for repetitions.
  Value isElement = perTap(b, loc, pool, windows, summed, [&](const std::vector<int64_t>& index) {
    double value = 1;
    for (size_t i = 0; i < index.size(); ++i) {
      const ops::Bin bin = ops::adaptiveBin(index[i] / windows.taps[i], pool.lengths[i], pool.outputSize[i]);
      value *= bin.begin + index[i] % windows.taps[i] < bin.end ? 1 : 0;
    }
    return value;
  });
  const Shape shape = shapeOf(windows.elements.getType());
  // Selected, not multiplied: an infinity times 0 is no 0.
  Value isPicked =
      broadcastTo(b, loc, create(b, loc, "not_equal", {isElement, splatLike(b, loc, 0, isElement)}), shape);
  Value picked = select(b, loc, isPicked, windows.elements, splatLike(b, loc, 0, windows.elements));
  Value sums = reduceSum(b, loc, picked, windows.tapAxes, /*keepDims=*/false);
  Value counts = reduceSum(b, loc, isElement, windows.tapAxes, /*keepDims=*/false);
  Value means = div(b, loc, sums, broadcastTo(b, loc, counts, shapeOf(sums.getType())));
  return {castTo(b, loc, fromChannelsLast(b, loc, means, pool.layout), dtype)};
}

llvm::SmallVector<Value> expandAdaptiveMaxPool(mlir::OpBuilder& b, mlir::Operation* op) {
  mlir::Location loc = op->getLoc();
  Value x = op->getOperand(0);
  const ops::AdaptivePool pool = ops::adaptivePoolOf(attributesOf(op), valueType(x.getType())).value();
  int64_t count = 1;
  for (int64_t length : pool.lengths) {
    count *= length;
  }
  if (auto windows = equalWindows(pool)) {
    auto [values, indices] = maximumPool(b, loc, x, {pool.layout, *windows, Shape::of(pool.lengths)});
    return {values, indices};
  }
  const AdaptiveElements windows = gatherWindows(b, loc, toChannelsLast(b, loc, x, pool.layout), pool);
  const bool isSmall = count <= std::numeric_limits<int32_t>::max();
  Value positions = perTap(b, loc, pool, windows, isSmall ? i32 : i64, [&](const std::vector<int64_t>& index) {
    int64_t position = 0;
    for (size_t i = 0; i < index.size(); ++i) {
      position = position * pool.lengths[i] + windows.positions[i][static_cast<size_t>(index[i])];
    }
    return static_cast<double>(position);
  });
  auto [values, indices] = largest(b, loc, windows.elements, positions, Dim(count), windows.tapAxes);
  return {fromChannelsLast(b, loc, values, pool.layout), fromChannelsLast(b, loc, indices, pool.layout)};
}

}  // namespace kiln::compiler
