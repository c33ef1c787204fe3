// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/regions.h"

#include <limits>

#include "graph/build/control_flow.h"
#include "graph/nn/layer_values.h"

namespace kiln::nn {
namespace {

// Of cells and samples along an axis: their numbers are constants.
bool isCount(int64_t count) { return count >= 1 && count <= 4096; }

// What reads the pixels of all images: [batch * height * width, channels].
struct Pixels {
  Value rows;
  Value height, width;  // i64
  Value firstRow;       // i64 [regions, 1, 1]: the first pixel of the region's image.
};

Pixels pixelsOf(GraphBuilder& g, Value x, Value images, std::source_location where) {
  const Shape& shape = x.shape();
  Pixels pixels;
  pixels.rows = reshape(transpose(x, {0, 2, 3, 1}), Shape{shape[0] * shape[2] * shape[3], shape[1]});
  pixels.height = lengthValue(g, shape[2], i64, where);
  pixels.width = lengthValue(g, shape[3], i64, where);
  pixels.firstRow = alongAxis(cast(images, i64), 0, 3) * (pixels.height * pixels.width);
  return pixels;
}

// A column of [regions, columns].
Value columnOf(Value regions, int64_t column) {
  return reshape(sliceAlong(regions, 1, Dim(column), Dim(column + 1)), Shape{regions.shape()[0]});
}

// Rows y [regions, a] and columns x [regions, b] of pixels, as [regions, a, b, channels].
Value read(const Pixels& pixels, Value y, Value x) {
  const Shape &rows = y.shape(), &columns = x.shape();
  const Value index = pixels.firstRow + reshape(y, Shape{rows[0], rows[1], Dim(1)}) * pixels.width +
                      reshape(x, Shape{columns[0], Dim(1), columns[1]});
  return gather(pixels.rows, index);
}

// Samples along one axis, [regions, places]: between which pixels they are and how near to the second, and whether they
// count: samples more than a pixel outside of the image do not.
struct AxisSamples {
  Value low, high;  // i64
  Value ratio;
  Value isCounted;  // bool
};

AxisSamples samplesAt(Value position, Value length) {
  const DType dtype = position.dtype();
  const Value last = cast(length - 1, dtype);
  AxisSamples samples;
  samples.isCounted = logicalAnd(greaterEqual(position, -1), lessEqual(position, cast(length, dtype)));
  const Value inside = clamp(position, 0, last);
  const Value low = floor(inside);
  samples.ratio = inside - low;
  samples.low = cast(low, i64);
  samples.high = cast(minimum(low + 1, last), i64);
  return samples;
}

// The samples [regions, a, b, channels]: means of four pixels, or the largest of the four weighed ones.
Value interpolate(GraphBuilder& g, const Pixels& pixels, const AxisSamples& y, const AxisSamples& x,
                  bool takesLargest) {
  const Shape &rows = y.ratio.shape(), &columns = x.ratio.shape();
  const Shape byRow{rows[0], rows[1], Dim(1), Dim(1)}, byColumn{columns[0], Dim(1), columns[1], Dim(1)};
  const DType dtype = pixels.rows.dtype();
  auto part = [&](bool isLower, bool isRight) {
    const Value wy = reshape(isLower ? y.ratio : 1 - Operand(y.ratio), byRow);
    const Value wx = reshape(isRight ? x.ratio : 1 - Operand(x.ratio), byColumn);
    return read(pixels, isLower ? y.high : y.low, isRight ? x.high : x.low) * cast(wy * wx, dtype);
  };
  const Value a = part(false, false), b = part(false, true), c = part(true, false), d = part(true, true);
  const Value value = takesLargest ? maximum(maximum(a, b), maximum(c, d)) : a + b + (c + d);
  return select(logicalAnd(reshape(y.isCounted, byRow), reshape(x.isCounted, byColumn)), value, g.scalar(0, dtype));
}

// Where the cells of regions begin along one axis, how long they are, and how many samples they have.
struct Cells {
  Value start, size;  // [regions, 1]
  Value samples;      // [regions, 1], as floats; none for a fixed number.
  int64_t count = 1;  // Of cells.
};

Cells cellsOf(Value begin, Value end, int64_t count, const RoiAlignOptions& options) {
  const double offset = options.halfPixel ? 0.5 : 0;
  Cells cells;
  cells.count = count;
  const Value from = begin * options.spatialScale - offset, to = end * options.spatialScale - offset;
  Value length = to - from;
  length = options.halfPixel ? length : maximum(length, 1);
  const Shape column{begin.shape()[0], Dim(1)};
  cells.start = reshape(from, column);
  cells.size = reshape(length / count, column);
  if (options.samples == 0) {
    cells.samples = stopGradient(ceil(cells.size));
  }
  return cells;
}

// [1, cells, samples] flattened: the number of the cell, and of the sample.
Value numbersOf(GraphBuilder& g, int64_t cells, int64_t samples, bool ofCell, DType dtype, std::source_location where) {
  Tensor numbers(dtype, {1, cells * samples});
  for (int64_t i = 0; i < cells * samples; ++i) {
    numbers.set(i, static_cast<double>(ofCell ? i / samples : i % samples));
  }
  return g.constant(std::move(numbers), "numbers", where);
}

Value alignWithSamples(GraphBuilder& g, const Pixels& pixels, const Cells& y, const Cells& x,
                       const RoiAlignOptions& options, std::source_location where) {
  const int64_t s = options.samples;
  const DType dtype = y.start.dtype();
  auto along = [&](const Cells& cells, Value length) {
    const Value cell = numbersOf(g, cells.count, s, true, dtype, where);
    const Value sample = numbersOf(g, cells.count, s, false, dtype, where);
    return samplesAt(cells.start + (cell + (sample + 0.5) / s) * cells.size, length);
  };
  const Value all = interpolate(g, pixels, along(y, pixels.height), along(x, pixels.width), options.takesLargest);
  const Value split = reshape(all, Shape{all.shape()[0], Dim(y.count), Dim(s), Dim(x.count), Dim(s), all.shape()[3]});
  return options.takesLargest ? reduceMax(split, {2, 4}) : reduceMean(split, {2, 4});
}

// The largest entry as an i64 scalar, at least 0 and so also of nothing.
Value largestCount(Value counts) {
  return maximum(reduceMax(concat({reshape(counts, Shape{counts.shape().numElements()}),
                                   reshape(counts.builder()->scalar(0, i64), Shape{Dim(1)})},
                                  0)),
                 0);
}

// One sample of each cell after the other, as many as the region with the most has.
Value alignAdaptively(GraphBuilder& g, const Pixels& pixels, const Cells& y, const Cells& x,
                      const RoiAlignOptions& options, std::source_location where) {
  const DType dtype = y.start.dtype(), result = pixels.rows.dtype();
  const Shape shape{y.start.shape()[0], Dim(y.count), Dim(x.count), pixels.rows.shape()[1]};
  const Value rows = cast(y.samples, i64), columns = cast(x.samples, i64);
  const Value mostRows = largestCount(rows), mostColumns = largestCount(columns);
  auto along = [&](const Cells& cells, Value sample, Value length) {
    const Value cell = numbersOf(g, cells.count, 1, true, dtype, where);
    const Value within = (cast(sample, dtype) + 0.5) / maximum(cells.samples, 1);
    return samplesAt(cells.start + (cell + within) * cells.size, length);
  };
  const double none = options.takesLargest ? -std::numeric_limits<double>::infinity() : 0;
  const Value start = broadcastTo(g.scalar(none, result, where), shape);
  const Shape perRegion{shape[0], Dim(1), Dim(1), Dim(1)};
  const Values sums = forRange(
      g, 0, mostRows * mostColumns, 1, {start},
      [&](Value step, const Values& carries) -> Values {
        const Value row = step / mostColumns, column = remainder(step, mostColumns);
        const Value isThere = reshape(logicalAnd(less(row, rows), less(column, columns)), perRegion);
        const Value value =
            interpolate(g, pixels, along(y, row, pixels.height), along(x, column, pixels.width), options.takesLargest);
        const Value next = options.takesLargest ? maximum(carries[0], value) : carries[0] + value;
        return {select(isThere, next, carries[0])};
      },
      "samples", where);
  if (options.takesLargest) {
    const Value isEmpty = reshape(logicalOr(lessEqual(rows, 0), lessEqual(columns, 0)), perRegion);
    return select(isEmpty, g.scalar(0, result, where), sums[0]);
  }
  return sums[0] / reshape(cast(maximum(y.samples * x.samples, 1), result), perRegion);
}

}  // namespace

Value roiAlign(GraphBuilder& g, Value x, Value regions, Value images, const RoiAlignOptions& options,
               std::source_location where) {
  if (!checkOperands(g, "roiAlign", {{"x", x, 4}, {"regions", regions, 2}, {"images", images, 1, false, false}},
                     where)) {
    return g.poisoned();
  }
  if (!(regions.shape()[1] == Dim(4)) || !(regions.shape()[0] == images.shape()[0]) || regions.dtype() != x.dtype()) {
    return failLayer(g, "roiAlign",
                     "regions are [regions, 4] of the dtype of x, and images [regions]; they are " + typeText(regions) +
                         " and " + typeText(images),
                     where);
  }
  if (!isCount(options.height) || !isCount(options.width) || (options.samples != 0 && !isCount(options.samples))) {
    return failLayer(g, "roiAlign", "height, width and samples are from 1 to 4096, or samples 0", where);
  }
  const DType dtype = x.dtype(), compute = computeType(dtype);
  const Value wide = cast(regions, compute);
  const Cells columns = cellsOf(columnOf(wide, 0), columnOf(wide, 2), options.width, options);
  const Cells rows = cellsOf(columnOf(wide, 1), columnOf(wide, 3), options.height, options);
  const Pixels pixels = pixelsOf(g, cast(x, compute), images, where);
  const Value result = options.samples > 0 ? alignWithSamples(g, pixels, rows, columns, options, where)
                                           : alignAdaptively(g, pixels, rows, columns, options, where);
  return cast(transpose(result, {0, 3, 1, 2}), dtype);
}

Value maxRoiPool(GraphBuilder& g, Value x, Value regions, int64_t height, int64_t width, double spatialScale,
                 std::source_location where) {
  if (!checkOperands(g, "maxRoiPool", {{"x", x, 4}, {"regions", regions, 2}}, where)) {
    return g.poisoned();
  }
  if (!(regions.shape()[1] == Dim(5)) || !isCount(height) || !isCount(width)) {
    return failLayer(g, "maxRoiPool",
                     "regions are [regions, 5], and height and width from 1 to 4096; regions are " + typeText(regions),
                     where);
  }
  const DType dtype = x.dtype();
  const Value wide = cast(regions, computeType(regions.dtype()));
  const Pixels pixels = pixelsOf(g, x, columnOf(wide, 0), where);
  // Where cells begin and end: [regions, cells].
  auto edgesOf = [&](int64_t begin, int64_t end, int64_t count, Value length) {
    // Halves are rounded up, and regions are not negative.
    const Value from = floor(columnOf(wide, begin) * spatialScale + 0.5);
    const Value to = floor(columnOf(wide, end) * spatialScale + 0.5);
    const Shape column{wide.shape()[0], Dim(1)};
    const Value size = reshape(maximum(to - from + 1, 1) / count, column);
    const Value cell = numbersOf(g, count, 1, true, wide.dtype(), where);
    auto inside = [&](Value edge) { return clamp(cast(edge + reshape(from, column), i64), 0, length); };
    return std::pair(inside(floor(cell * size)), inside(ceil((cell + 1) * size)));
  };
  const auto [top, bottom] = edgesOf(2, 4, height, pixels.height);
  const auto [left, right] = edgesOf(1, 3, width, pixels.width);
  const Value mostRows = largestCount(bottom - top), mostColumns = largestCount(right - left);
  const Shape shape{wide.shape()[0], Dim(height), Dim(width), x.shape()[1]};
  const Shape byRow{shape[0], shape[1], Dim(1), Dim(1)}, byColumn{shape[0], Dim(1), shape[2], Dim(1)};
  const Value start = broadcastTo(g.scalar(-std::numeric_limits<double>::infinity(), dtype, where), shape);
  const Values largest = forRange(
      g, 0, mostRows * mostColumns, 1, {start},
      [&](Value step, const Values& carries) -> Values {
        const Value row = top + step / mostColumns, column = left + remainder(step, mostColumns);
        const Value isThere = logicalAnd(reshape(less(row, bottom), byRow), reshape(less(column, right), byColumn));
        const Value value = read(pixels, minimum(row, pixels.height - 1), minimum(column, pixels.width - 1));
        return {select(isThere, maximum(carries[0], value), carries[0])};
      },
      "elements", where);
  const Value isEmpty =
      logicalOr(reshape(greaterEqual(top, bottom), byRow), reshape(greaterEqual(left, right), byColumn));
  return transpose(select(isEmpty, g.scalar(0, dtype, where), largest[0]), {0, 3, 1, 2});
}

}  // namespace kiln::nn
