// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The softmax family. The largest element is subtracted before exp, so that nothing overflows.
#include "compiler/simplify/expand_composites.h"

namespace kiln::compiler {
namespace {

struct Shifted {
  Value difference;   // x - max
  Value exponential;  // exp of it
  Value sum;          // of the exponentials, the axis kept with length 1
  Shape shape;
  int64_t axis;
};

Shifted shift(mlir::OpBuilder& b, mlir::Location loc, Value x, int64_t axis) {
  Shifted s;
  s.shape = shapeOf(x.getType());
  s.axis = axis < 0 ? axis + s.shape.rank() : axis;
  Value largest = reduceMax(b, loc, x, s.axis, /*keepDims=*/true);
  s.difference = sub(b, loc, x, broadcastTo(b, loc, largest, s.shape));
  s.exponential = create(b, loc, "exp", s.difference);
  s.sum = reduceSum(b, loc, s.exponential, s.axis, /*keepDims=*/true);
  return s;
}

Value logSoftmax(mlir::OpBuilder& b, mlir::Location loc, Value x, int64_t axis) {
  Shifted s = shift(b, loc, x, axis);
  return sub(b, loc, s.difference, broadcastTo(b, loc, create(b, loc, "log", s.sum), s.shape));
}

}  // namespace

llvm::SmallVector<Value> expandSoftmax(mlir::OpBuilder& b, mlir::Operation* op) {
  auto softmax = llvm::cast<SoftmaxOp>(op);
  Shifted s = shift(b, op->getLoc(), softmax.getX(), softmax.getAxis());
  return {div(b, op->getLoc(), s.exponential, broadcastTo(b, op->getLoc(), s.sum, s.shape))};
}

llvm::SmallVector<Value> expandLogSoftmax(mlir::OpBuilder& b, mlir::Operation* op) {
  auto softmax = llvm::cast<LogSoftmaxOp>(op);
  return {logSoftmax(b, op->getLoc(), softmax.getX(), softmax.getAxis())};
}

llvm::SmallVector<Value> expandSoftmaxCrossEntropy(mlir::OpBuilder& b, mlir::Operation* op) {
  auto loss = llvm::cast<SoftmaxCrossEntropyOp>(op);
  mlir::Location loc = op->getLoc();
  Shifted s = shift(b, loc, loss.getLogits(), -1);
  // A label is a class number: a negative one is no class, so it must not count from the end.
  Value picked = create(
      b, loc, "gather", {s.difference, loss.getLabels()},
      {b.getNamedAttr("axis", b.getI64IntegerAttr(s.axis)), b.getNamedAttr("batch_dims", b.getI64IntegerAttr(s.axis)),
       b.getNamedAttr("allow_negative", b.getBoolAttr(false))});
  Value logSum = create(b, loc, "log", s.sum);
  return {sub(b, loc, reshapeTo(b, loc, logSum, shapeOf(picked.getType())), picked)};
}

llvm::SmallVector<Value> expandSoftmaxCrossEntropyDense(mlir::OpBuilder& b, mlir::Operation* op) {
  auto loss = llvm::cast<SoftmaxCrossEntropyDenseOp>(op);
  mlir::Location loc = op->getLoc();
  Value weighted = mul(b, loc, loss.getLabels(), logSoftmax(b, loc, loss.getLogits(), -1));
  int64_t axis = shapeOf(weighted.getType()).rank() - 1;
  return {neg(b, loc, reduceSum(b, loc, weighted, axis, /*keepDims=*/false))};
}

}  // namespace kiln::compiler
