// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops that pick or write elements by index, written with gather and the scatters along one axis.
#include "compiler/dialect/constant_pool.h"
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/index_terms.h"
#include "ops/indexing/segment.h"

namespace kiln::compiler {
namespace {

// Index vectors [.., k] for the axes of x from `firstAxis` on become positions [..] in those axes laid out as one.
Value flatPositions(const IndexBuilder& make, Value vectors, const Shape& x, int firstAxis) {
  const Shape shape = shapeOf(vectors.getType());
  const int last = shape.rank() - 1;
  const auto k = static_cast<int>(shape[last].value());
  Shape picks(std::vector<Dim>(shape.begin(), shape.end() - 1));
  Value position;
  for (int i = 0; i < k; ++i) {
    const Dim& n = x[firstAxis + i];
    Value component = reshapeTo(make.b, make.loc, make.sliceOn(vectors, last, i, i + 1), picks);
    Value index = make.checked(component, n);
    position = position ? add(make.b, make.loc, mul(make.b, make.loc, position, make.dimIn(n, picks)), index) : index;
  }
  return position;
}

// x with axes [begin, end) laid out as one.
Value mergeAxes(const IndexBuilder& make, Value x, int begin, int end) {
  const Shape shape = shapeOf(x.getType());
  Shape merged(std::vector<Dim>(shape.begin(), shape.begin() + begin));
  merged.push_back(productOfDims(shape, begin, end));
  for (int axis = end; axis < shape.rank(); ++axis) {
    merged.push_back(shape[axis]);
  }
  return reshapeTo(make.b, make.loc, x, merged);
}

Value flatten(const IndexBuilder& make, Value x) { return mergeAxes(make, x, 0, shapeOf(x.getType()).rank()); }

}  // namespace

llvm::SmallVector<Value> expandGatherElements(mlir::OpBuilder& b, mlir::Operation* op) {
  auto gather = llvm::cast<GatherElementsOp>(op);
  const mlir::Location loc = op->getLoc();
  const IndexBuilder make{b, loc};
  const Shape indices = shapeOf(gather.getIndices().getType());
  const int rank = indices.rank(), axis = frontAxis(gather.getAxis(), rank);
  Value x = gather.getX();
  llvm::SmallVector<int64_t> order;  // which exchanges axis with the last one, so it is its own inverse
  for (int i = 0; i < rank; ++i) {
    x = i == axis ? x : make.sliceOn(x, i, 0, indices[i]);
    order.push_back(i == axis ? rank - 1 : (i == rank - 1 ? axis : i));
  }
  Value picked = make.gather(transposeBy(b, loc, x, order), transposeBy(b, loc, gather.getIndices(), order), rank - 1,
                             rank - 1, /*allowNegative=*/true);
  return {transposeBy(b, loc, picked, order)};
}

llvm::SmallVector<Value> expandGatherNd(mlir::OpBuilder& b, mlir::Operation* op) {
  auto gather = llvm::cast<GatherNdOp>(op);
  const IndexBuilder make{b, op->getLoc()};
  const Shape x = shapeOf(gather.getX().getType()), indices = shapeOf(gather.getIndices().getType());
  const auto batch = static_cast<int>(gather.getBatchDims());
  const auto k = static_cast<int>(indices[indices.rank() - 1].value());
  Value positions = flatPositions(make, gather.getIndices(), x, batch);
  return {make.gather(mergeAxes(make, gather.getX(), batch, batch + k), positions, batch, batch,
                      /*allowNegative=*/false)};
}

// As a scatter into x laid out as one line: the position of each update is that in indices, but for the axis.
llvm::SmallVector<Value> expandScatter(mlir::OpBuilder& b, mlir::Operation* op) {
  auto scatter = llvm::cast<ScatterOp>(op);
  const mlir::Location loc = op->getLoc();
  const IndexBuilder make{b, loc};
  const Shape x = shapeOf(scatter.getX().getType()), picks = shapeOf(scatter.getIndices().getType());
  const int axis = frontAxis(scatter.getAxis(), x.rank());
  Value position;
  for (int i = 0; i < x.rank(); ++i) {
    Value index = i == axis ? make.checked(scatter.getIndices(), x[i]) : make.iota(picks, i);
    position = position ? add(b, loc, mul(b, loc, position, make.dimIn(x[i], picks)), index) : index;
  }
  Value line = make.scatter(flatten(make, scatter.getX()), flatten(make, position), flatten(make, scatter.getUpdates()),
                            0, /*allowNegative=*/false, scatter.getReduction().str());
  return {reshapeTo(b, loc, line, x)};
}

llvm::SmallVector<Value> expandScatterNd(mlir::OpBuilder& b, mlir::Operation* op) {
  auto scatter = llvm::cast<ScatterNdOp>(op);
  const IndexBuilder make{b, op->getLoc()};
  const Shape x = shapeOf(scatter.getX().getType()), indices = shapeOf(scatter.getIndices().getType());
  const auto k = static_cast<int>(indices[indices.rank() - 1].value());
  Value positions = flatPositions(make, scatter.getIndices(), x, 0);
  Value merged = make.scatter(mergeAxes(make, scatter.getX(), 0, k), positions, scatter.getUpdates(), 0,
                              /*allowNegative=*/false, scatter.getReduction().str());
  return {reshapeTo(b, op->getLoc(), merged, x)};
}

llvm::SmallVector<Value> expandEmbedding(mlir::OpBuilder& b, mlir::Operation* op) {
  auto embedding = llvm::cast<EmbeddingOp>(op);
  const mlir::Location loc = op->getLoc();
  const IndexBuilder make{b, loc};
  Value rows = make.gather(embedding.getWeights(), embedding.getIds(), 0, 0, /*allowNegative=*/false);
  const auto padding = static_cast<int64_t>(embedding.getPaddingIdx());
  if (padding < 0) {
    return {rows};
  }
  Value ids = castTo(b, loc, embedding.getIds(), i64);
  Value isPadding = create(b, loc, "equal", {ids, make.numberIn(padding, shapeOf(ids.getType()))});
  return {select(b, loc, make.spread(isPadding, shapeOf(rows.getType())), splatLike(b, loc, 0.0, rows), rows)};
}

namespace {

struct Segments {
  Value data, ids;  // the axes of the ids laid out as one
  Shape result;
};

template <class Op>
Segments segmentsOf(const IndexBuilder& make, Op op) {
  const int axes = shapeOf(op.getSegmentIds().getType()).rank();
  return {mergeAxes(make, op.getData(), 0, axes), flatten(make, op.getSegmentIds()), shapeOf(op.getResult().getType())};
}

Value sumSegments(const IndexBuilder& make, const Segments& s) {
  Value zeros = splat(make.b, make.loc, 0.0, {dtypeOf(s.data.getType()), s.result});
  return make.scatter(zeros, s.ids, s.data, 0, /*allowNegative=*/false, "add");
}

// The greatest or least of each segment, beginning with the extreme of the dtype.
Value chooseOfSegments(const IndexBuilder& make, const Segments& s, bool isMax) {
  const Tensor extreme = ops::extremeOf(dtypeOf(s.data.getType()), /*isHighest=*/!isMax);
  Value start =
      create(make.b, make.loc, "constant", {}, make.b.getNamedAttr("value", denseAttr(make.b.getContext(), extreme)));
  return make.scatter(broadcastTo(make.b, make.loc, start, s.result), s.ids, s.data, 0, /*allowNegative=*/false,
                      isMax ? "max" : "min");
}

}  // namespace

llvm::SmallVector<Value> expandSegmentSum(mlir::OpBuilder& b, mlir::Operation* op) {
  const IndexBuilder make{b, op->getLoc()};
  return {sumSegments(make, segmentsOf(make, llvm::cast<SegmentSumOp>(op)))};
}

llvm::SmallVector<Value> expandSegmentMean(mlir::OpBuilder& b, mlir::Operation* op) {
  const mlir::Location loc = op->getLoc();
  const IndexBuilder make{b, loc};
  Segments s = segmentsOf(make, llvm::cast<SegmentMeanOp>(op));
  const DType dtype = dtypeOf(s.data.getType()), wide = dtype == f64 ? f64 : f32;
  s.data = castTo(b, loc, s.data, wide);
  // Counted as integers: a count beyond 2^24 has no f32.
  const Segments ones{splat(b, loc, 1.0, {i64, shapeOf(s.ids.getType())}), s.ids, {s.result[0]}};
  Value counts = sumSegments(make, ones);
  Value divisors = create(b, loc, "maximum", {counts, make.numberIn(1, {s.result[0]})});
  Value mean = div(b, loc, sumSegments(make, s), make.spread(castTo(b, loc, divisors, wide), s.result));
  return {castTo(b, loc, mean, dtype)};
}

llvm::SmallVector<Value> expandSegmentMax(mlir::OpBuilder& b, mlir::Operation* op) {
  const IndexBuilder make{b, op->getLoc()};
  return {chooseOfSegments(make, segmentsOf(make, llvm::cast<SegmentMaxOp>(op)), true)};
}

llvm::SmallVector<Value> expandSegmentMin(mlir::OpBuilder& b, mlir::Operation* op) {
  const IndexBuilder make{b, op->getLoc()};
  return {chooseOfSegments(make, segmentsOf(make, llvm::cast<SegmentMinOp>(op)), false)};
}

}  // namespace kiln::compiler
