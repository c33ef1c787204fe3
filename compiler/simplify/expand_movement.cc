// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops that arrange elements, written with slices, reshapes and broadcasts, which fuse into what reads them.
#include <algorithm>

#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/index_terms.h"

namespace kiln::compiler {
namespace {

// x with its positions on an axis moved by `shift`.
Value rollAxis(const IndexBuilder& make, Value x, int axis, int64_t shift) {
  const Dim n = shapeOf(x.getType())[axis];
  if (n.isStatic()) {
    const int64_t length = std::max<int64_t>(n.value(), 1), cut = ((-shift % length) + length) % length;
    if (cut == 0) {
      return x;
    }
    return make.concat({make.sliceOn(x, axis, cut, n), make.sliceOn(x, axis, 0, cut)}, axis);
  }
  // The remainder of a length that only a run knows; it is at least 1 where there is an element.
  mlir::OpBuilder& b = make.b;
  const mlir::Location loc = make.loc;
  const Shape line = {n};
  Value length = create(b, loc, "maximum", {make.dimIn(n, line), make.numberIn(1, line)});
  Value moved = sub(b, loc, make.iota(line, 0), make.numberIn(shift, line));
  Value rest = sub(b, loc, moved, mul(b, loc, div(b, loc, moved, length), length));
  Value isNegative = create(b, loc, "less", {rest, make.numberIn(0, line)});
  Value from = select(b, loc, isNegative, add(b, loc, rest, length), rest);
  return make.gather(x, from, axis, 0, /*allowNegative=*/false);
}

// `count` elements that continue an axis of length n before its first element, or after its last.
Value borderOf(const IndexBuilder& make, Value x, int axis, llvm::StringRef mode, int64_t count, bool isBefore) {
  const int64_t n = shapeOf(x.getType())[axis].value();
  if (mode == "wrap") {
    return isBefore ? make.sliceOn(x, axis, n - count, n) : make.sliceOn(x, axis, 0, count);
  }
  if (mode == "reflect") {
    const int64_t start = isBefore ? 1 : n - 1 - count;
    return make.reverse(make.sliceOn(x, axis, start, start + count), axis);
  }
  Value edge = isBefore ? make.sliceOn(x, axis, 0, 1) : make.sliceOn(x, axis, n - 1, n);
  Shape repeated = shapeOf(edge.getType());
  repeated[axis] = Dim(count);
  return broadcastTo(make.b, make.loc, edge, repeated);
}

}  // namespace

llvm::SmallVector<Value> expandTile(mlir::OpBuilder& b, mlir::Operation* op) {
  auto tile = llvm::cast<TileOp>(op);
  const Shape x = shapeOf(tile.getX().getType());
  Shape apart, repeated;  // an axis of its own for the copies, before the one that is copied
  for (auto [axis, repeats] : llvm::enumerate(tile.getRepeats())) {
    if (repeats != 1) {
      apart.push_back(Dim(1));
      repeated.push_back(Dim(repeats));
    }
    apart.push_back(x[static_cast<int>(axis)]);
    repeated.push_back(x[static_cast<int>(axis)]);
  }
  Value copies = broadcastTo(b, op->getLoc(), reshapeTo(b, op->getLoc(), tile.getX(), apart), repeated);
  return {reshapeTo(b, op->getLoc(), copies, shapeOf(op->getResult(0).getType()))};
}

llvm::SmallVector<Value> expandRoll(mlir::OpBuilder& b, mlir::Operation* op) {
  auto roll = llvm::cast<RollOp>(op);
  const IndexBuilder make{b, op->getLoc()};
  Value x = roll.getX();
  for (auto [shift, axis] : llvm::zip(roll.getShifts(), roll.getAxes())) {
    x = rollAxis(make, x, frontAxis(static_cast<uint64_t>(axis), shapeOf(x.getType()).rank()), shift);
  }
  return {x};
}

llvm::SmallVector<Value> expandPadExtend(mlir::OpBuilder& b, mlir::Operation* op) {
  auto pad = llvm::cast<PadExtendOp>(op);
  const IndexBuilder make{b, op->getLoc()};
  Value x = pad.getX();
  for (int axis = 0; axis < shapeOf(x.getType()).rank(); ++axis) {
    const int64_t low = pad.getLow()[static_cast<size_t>(axis)], high = pad.getHigh()[static_cast<size_t>(axis)];
    llvm::SmallVector<Value> parts;
    if (low > 0) {
      parts.push_back(borderOf(make, x, axis, pad.getMode(), low, /*isBefore=*/true));
    }
    parts.push_back(x);
    if (high > 0) {
      parts.push_back(borderOf(make, x, axis, pad.getMode(), high, /*isBefore=*/false));
    }
    x = make.concat(parts, axis);
  }
  return {x};
}

llvm::SmallVector<Value> expandDiagonal(mlir::OpBuilder& b, mlir::Operation* op) {
  auto diagonal = llvm::cast<DiagonalOp>(op);
  const mlir::Location loc = op->getLoc();
  const IndexBuilder make{b, loc};
  const Shape x = shapeOf(diagonal.getX().getType());
  const int rows = frontAxis(diagonal.getAxis1(), x.rank()), columns = frontAxis(diagonal.getAxis2(), x.rank());
  const auto offset = static_cast<int64_t>(diagonal.getOffset());
  llvm::SmallVector<int64_t> order;
  Shape flat;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis != rows && axis != columns) {
      order.push_back(axis);
      flat.push_back(x[axis]);
    }
  }
  order.append({rows, columns});
  const int last = flat.rank();
  flat.push_back(x[rows] * x[columns]);
  // In a matrix laid out as one line, neighbours on the diagonal are a row and an element apart.
  Value line = reshapeTo(b, loc, transposeBy(b, loc, diagonal.getX(), order), flat);
  if (!x[columns].isStatic()) {
    const Shape steps = {x[rows]};
    Value next = add(b, loc, make.dimIn(x[columns], steps), make.numberIn(1, steps));
    return {make.gather(line, mul(b, loc, make.iota(steps, 0), next), last, 0, /*allowNegative=*/false)};
  }
  const int64_t width = x[columns].value(), length = shapeOf(op->getResult(0).getType())[last].value();
  const int64_t start = length == 0 ? 0 : std::max<int64_t>(-offset, 0) * width + std::max<int64_t>(offset, 0);
  Shape starts(std::vector<Dim>(static_cast<size_t>(flat.rank()), Dim(0))), ends = flat;
  starts[last] = Dim(start);
  ends[last] = Dim(length == 0 ? 0 : start + (length - 1) * (width + 1) + 1);
  llvm::SmallVector<int64_t> steps(static_cast<size_t>(flat.rank()), 1);
  steps.back() = width + 1;
  return {sliceOf(b, loc, line, starts, ends, steps)};
}

llvm::SmallVector<Value> expandTriangular(mlir::OpBuilder& b, mlir::Operation* op) {
  auto triangular = llvm::cast<TriangularOp>(op);
  const mlir::Location loc = op->getLoc();
  const IndexBuilder make{b, loc};
  const Shape x = shapeOf(triangular.getX().getType());
  const Shape matrix = {x[x.rank() - 2], x[x.rank() - 1]};
  Value number = sub(b, loc, make.iota(matrix, 1), make.iota(matrix, 0));
  Value isKept = create(b, loc, triangular.getUpper() ? "greater_equal" : "less_equal",
                        {number, make.numberIn(static_cast<int64_t>(triangular.getK()), matrix)});
  return {select(b, loc, broadcastTo(b, loc, isKept, x), triangular.getX(), splatLike(b, loc, 0.0, triangular.getX()))};
}

}  // namespace kiln::compiler
