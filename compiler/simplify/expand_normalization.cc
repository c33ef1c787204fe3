// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The normalisations and dropout. The variance is taken around the mean, in a second pass: the mean of squares minus
// the square of the mean would cancel.
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/image_windows.h"

namespace kiln::compiler {
namespace {

DType statisticsType(DType dtype) { return dtype == f16 || dtype == bf16 ? f32 : dtype; }

Value reduceMean(mlir::OpBuilder& b, mlir::Location loc, Value x, llvm::ArrayRef<int64_t> axes) {
  if (axes.empty()) {
    return x;
  }
  return create(
      b, loc, "reduce_mean", x,
      {b.getNamedAttr("axes", b.getDenseI64ArrayAttr(axes)), b.getNamedAttr("keep_dims", b.getBoolAttr(true))});
}

double epsilonOf(mlir::Operation* op) {
  auto epsilon = op->getAttrOfType<mlir::FloatAttr>("epsilon");
  return epsilon ? epsilon.getValueAsDouble() : std::get<double>(*schemaOf(op)->attributes.back().defaultValue);
}

int axisOf(mlir::Operation* op) {
  const int64_t rank = shapeOf(op->getOperand(0).getType()).rank();
  auto attribute = op->getAttrOfType<mlir::IntegerAttr>("axis");
  const int64_t axis = attribute ? attribute.getInt() : -1;
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

// A value for each channel as [1, .., channels, .., 1].
Value alongAxis(mlir::OpBuilder& b, mlir::Location loc, Value channels, int axis, int rank) {
  Shape shape(std::vector<Dim>(static_cast<size_t>(rank), Dim(1)));
  shape[axis] = shapeOf(channels.getType())[0];
  return reshapeTo(b, loc, channels, shape);
}

struct Normalizer {
  mlir::OpBuilder& b;
  mlir::Location loc;
  mlir::Operation* op;
  DType dtype;
  DType inner;  // What statistics are computed in.

  Normalizer(mlir::OpBuilder& builder, mlir::Operation* norm)
      : b(builder),
        loc(norm->getLoc()),
        op(norm),
        dtype(dtypeOf(norm->getOperand(0).getType())),
        inner(statisticsType(dtype)) {}

  Value operand(unsigned i) const { return castTo(b, loc, op->getOperand(i), inner); }
  Value spread(Value x, const Shape& shape) const { return broadcastTo(b, loc, x, shape); }

  struct Statistics {
    Value mean, variance, centred;  // mean and variance with length 1 along the axes
  };
  Statistics statistics(Value x, llvm::ArrayRef<int64_t> axes) const {
    Statistics s;
    s.mean = reduceMean(b, loc, x, axes);
    s.centred = sub(b, loc, x, spread(s.mean, shapeOf(x.getType())));
    s.variance = reduceMean(b, loc, mul(b, loc, s.centred, s.centred), axes);
    return s;
  }
  // centred / sqrt(variance + epsilon), variance being broadcastable.
  Value scaled(Value centred, Value variance) const {
    Value shifted = add(b, loc, variance, splatLike(b, loc, epsilonOf(op), variance));
    return div(b, loc, centred, spread(create(b, loc, "sqrt", shifted), shapeOf(centred.getType())));
  }
  // x * scale + bias, both broadcastable; in the op's dtype.
  Value affine(Value x, Value scale, Value bias) const {
    const Shape shape = shapeOf(x.getType());
    x = mul(b, loc, x, spread(scale, shape));
    x = bias ? add(b, loc, x, spread(bias, shape)) : x;
    return castTo(b, loc, x, dtype);
  }
};

llvm::SmallVector<int64_t> axesExcept(int rank, llvm::ArrayRef<int64_t> kept) {
  llvm::SmallVector<int64_t> axes;
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (!llvm::is_contained(kept, axis)) {
      axes.push_back(axis);
    }
  }
  return axes;
}

// Statistics over the axes after the batch and over runs of channels; one channel each when groups is 0.
Value normalizeGroups(mlir::OpBuilder& b, mlir::Operation* op, int64_t groups) {
  const Normalizer n(b, op);
  const int axis = axisOf(op);
  Value x = n.operand(0);
  const Shape shape = shapeOf(x.getType());
  Value normal;
  if (groups == 0) {
    const auto s = n.statistics(x, axesExcept(shape.rank(), {0, axis}));
    normal = n.scaled(s.centred, s.variance);
  } else {
    Shape split(std::vector<Dim>(shape.begin(), shape.begin() + axis));
    split.push_back(Dim(groups));
    split.push_back(Dim(shape[axis].value() / groups));
    for (int after = axis + 1; after < shape.rank(); ++after) {
      split.push_back(shape[after]);
    }
    const auto s = n.statistics(reshapeTo(b, n.loc, x, split), axesExcept(split.rank(), {0, axis}));
    normal = reshapeTo(b, n.loc, n.scaled(s.centred, s.variance), shape);
  }
  return n.affine(normal, alongAxis(b, n.loc, n.operand(1), axis, shape.rank()),
                  alongAxis(b, n.loc, n.operand(2), axis, shape.rank()));
}

}  // namespace

llvm::SmallVector<Value> expandBatchNorm(mlir::OpBuilder& b, mlir::Operation* op) {
  const Normalizer n(b, op);
  const int axis = axisOf(op);
  Value x = n.operand(0);
  const Shape shape = shapeOf(x.getType()), channels{shape[axis]};
  const auto s = n.statistics(x, axesExcept(shape.rank(), {axis}));
  Value result = n.affine(n.scaled(s.centred, s.variance), alongAxis(b, n.loc, n.operand(1), axis, shape.rank()),
                          alongAxis(b, n.loc, n.operand(2), axis, shape.rank()));
  return {result, reshapeTo(b, n.loc, s.mean, channels), reshapeTo(b, n.loc, s.variance, channels)};
}

llvm::SmallVector<Value> expandBatchNormInference(mlir::OpBuilder& b, mlir::Operation* op) {
  const Normalizer n(b, op);
  const int axis = axisOf(op);
  Value x = n.operand(0);
  const Shape shape = shapeOf(x.getType());
  auto along = [&](unsigned i) { return alongAxis(b, n.loc, n.operand(i), axis, shape.rank()); };
  Value centred = sub(b, n.loc, x, n.spread(along(3), shape));
  return {n.affine(n.scaled(centred, along(4)), along(1), along(2))};
}

llvm::SmallVector<Value> expandLayerNorm(mlir::OpBuilder& b, mlir::Operation* op) {
  const Normalizer n(b, op);
  Value x = n.operand(0);
  const auto s = n.statistics(x, llvm::to_vector(llvm::seq<int64_t>(axisOf(op), shapeOf(x.getType()).rank())));
  return {n.affine(n.scaled(s.centred, s.variance), n.operand(1), n.operand(2))};
}

llvm::SmallVector<Value> expandRmsNorm(mlir::OpBuilder& b, mlir::Operation* op) {
  const Normalizer n(b, op);
  Value x = n.operand(0);
  const auto axes = llvm::to_vector(llvm::seq<int64_t>(axisOf(op), shapeOf(x.getType()).rank()));
  Value squares = reduceMean(b, n.loc, mul(b, n.loc, x, x), axes);
  return {n.affine(n.scaled(x, squares), n.operand(1), Value())};
}

llvm::SmallVector<Value> expandInstanceNorm(mlir::OpBuilder& b, mlir::Operation* op) {
  return {normalizeGroups(b, op, 0)};
}

llvm::SmallVector<Value> expandGroupNorm(mlir::OpBuilder& b, mlir::Operation* op) {
  return {normalizeGroups(b, op, op->getAttrOfType<mlir::IntegerAttr>("groups").getInt())};
}

llvm::SmallVector<Value> expandDropout(mlir::OpBuilder& b, mlir::Operation* op) {
  mlir::Location loc = op->getLoc();
  Value x = op->getOperand(0);
  const double rate = op->getAttrOfType<mlir::FloatAttr>("rate").getValueAsDouble();
  Value numbers = create(b, loc, "random_uniform", {op->getOperand(1), shapeValue(b, loc, shapeOf(x.getType()))},
                         {b.getNamedAttr("op_id", op->getAttr("op_id")),
                          b.getNamedAttr("dtype", mlir::TypeAttr::get(elementType(b.getContext(), f32))),
                          b.getNamedAttr("low", b.getF64FloatAttr(0)), b.getNamedAttr("high", b.getF64FloatAttr(1))});
  Value isKept = create(b, loc, "greater_equal", {numbers, splatLike(b, loc, rate, numbers)});
  Value scaled = mul(b, loc, x, splatLike(b, loc, rate < 1 ? 1 / (1 - rate) : 0, x));
  return {select(b, loc, isKept, scaled, splatLike(b, loc, 0, x))};
}

}  // namespace kiln::compiler
