// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Norms, log-sum-exp and variance. Elements of 16 bits are computed with in f32, and the result rounded once.
#include <limits>

#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/terms.h"

namespace kiln::compiler {
namespace {

// A reduction that is being expanded: its axes, counted from the front.
class Reduction {
 public:
  Reduction(mlir::OpBuilder& b, mlir::Operation* op)
      : b_(b),
        loc_(op->getLoc()),
        x_(Term(b, op->getLoc(), op->getOperand(0)).wide()),
        result_(valueType(op->getResult(0).getType())) {
    axes_ = normalizedAxes(op->getAttrOfType<mlir::DenseI64ArrayAttr>("axes").asArrayRef(), x_.shape().rank());
  }

  const Term& x() const { return x_; }
  // Over the axes, which stay with length 1.
  Term sum(const Term& x) const { return x.with(reduceSum(b_, loc_, x.value(), axes_, /*keepDims=*/true)); }
  Term largest() const { return x_.with(reduceMax(b_, loc_, x_.value(), axes_, /*keepDims=*/true)); }
  Term mean(const Term& x) const {
    return x.apply("reduce_mean", {b_.getNamedAttr("axes", b_.getDenseI64ArrayAttr(axes_)),
                                   b_.getNamedAttr("keep_dims", b_.getBoolAttr(true))});
  }
  Term spread(const Term& reduced) const { return reduced.spread(x_.shape()); }
  // How many elements become one.
  Dim count() const {
    Dim count(1);
    for (int64_t axis : axes_) {
      count = count * x_.shape()[static_cast<int>(axis)];
    }
    return count;
  }
  // A length of the run as a number, spread to a shape.
  Term number(const Dim& dim, const Term& like) const {
    Value vector = shapeValue(b_, loc_, Shape({dim}));
    return like.with(reshapeTo(b_, loc_, vector, Shape())).cast(like.dtype()).spread(like.shape());
  }
  // What the op gives: with its dtype and shape.
  llvm::SmallVector<Value> finish(const Term& reduced) const {
    return {reshapeTo(b_, loc_, reduced.cast(result_.dtype).value(), result_.shape)};
  }

 private:
  mlir::OpBuilder& b_;
  mlir::Location loc_;
  Term x_;
  ValueType result_;
  llvm::SmallVector<int64_t> axes_;
};

}  // namespace

llvm::SmallVector<Value> expandReduceL1(mlir::OpBuilder& b, mlir::Operation* op) {
  const Reduction r(b, op);
  return r.finish(r.sum(abs(r.x())));
}

llvm::SmallVector<Value> expandReduceSumSquare(mlir::OpBuilder& b, mlir::Operation* op) {
  const Reduction r(b, op);
  return r.finish(r.sum(square(r.x())));
}

llvm::SmallVector<Value> expandReduceL2(mlir::OpBuilder& b, mlir::Operation* op) {
  const Reduction r(b, op);
  return r.finish(sqrt(r.sum(square(r.x()))));
}

llvm::SmallVector<Value> expandReduceLogSumExp(mlir::OpBuilder& b, mlir::Operation* op) {
  const Reduction r(b, op);
  const Term largest = r.largest();
  // An infinite shift would make NaN of infinities that have a result.
  const Term isFinite = abs(largest) < std::numeric_limits<double>::infinity();
  const Term shift = choose(isFinite, largest, largest.with(0.0));
  return r.finish(shift + log(r.sum(exp(r.x() - r.spread(shift)))));
}

llvm::SmallVector<Value> expandReduceVariance(mlir::OpBuilder& b, mlir::Operation* op) {
  const Reduction r(b, op);
  const auto attribute = op->getAttrOfType<mlir::IntegerAttr>("correction");
  const int64_t correction = attribute ? attribute.getInt() : 0;
  const Term squares = square(r.x() - r.spread(r.mean(r.x())));
  if (correction == 0) {
    return r.finish(r.mean(squares));
  }
  const Term sum = r.sum(squares);
  return r.finish(sum / maximum(r.number(r.count(), sum) - static_cast<double>(correction), 0.0));
}

}  // namespace kiln::compiler
