// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// solve, inverse and det by LU decomposition.
#include "compiler/simplify/expand_composites.h"

namespace kiln::compiler {
namespace {

class Algebra {
 public:
  Algebra(mlir::OpBuilder& b, mlir::Operation* op) : b_(b), loc_(op->getLoc()) {}

  mlir::Operation* decompose(Value a, bool allowSingular) const {
    return createOp(b_, loc_, "lu", a, b_.getNamedAttr("allow_singular", b_.getBoolAttr(allowSingular)));
  }
  // U^-1 L^-1 x, for right sides whose rows were permuted.
  Value solve(mlir::Operation* lu, Value x) const {
    return triangular(lu, triangular(lu, x, /*lower=*/true), /*lower=*/false);
  }
  // Positions on one axis of a shape.
  Value positions(const Shape& shape, int axis) const {
    return create(b_, loc_, "iota", shapeValue(b_, loc_, shape),
                  {b_.getNamedAttr("axis", b_.getI64IntegerAttr(axis)),
                   b_.getNamedAttr("dtype", mlir::TypeAttr::get(elementType(b_.getContext(), i64)))});
  }

 private:
  Value triangular(mlir::Operation* lu, Value x, bool lower) const {
    return create(
        b_, loc_, "triangular_solve", {lu->getResult(0), x},
        {b_.getNamedAttr("lower", b_.getBoolAttr(lower)), b_.getNamedAttr("unit_diagonal", b_.getBoolAttr(lower))});
  }

  mlir::OpBuilder& b_;
  mlir::Location loc_;
};

bool allowsSingular(mlir::Operation* op) {
  const auto attribute = op->getAttrOfType<mlir::BoolAttr>("allow_singular");
  return attribute && attribute.getValue();
}

}  // namespace

llvm::SmallVector<Value> expandSolve(mlir::OpBuilder& b, mlir::Operation* op) {
  const Algebra algebra(b, op);
  mlir::Operation* lu = algebra.decompose(op->getOperand(0), allowsSingular(op));
  const int64_t batch = shapeOf(op->getOperand(0).getType()).rank() - 2;
  Value permuted = create(
      b, op->getLoc(), "gather", {op->getOperand(1), lu->getResult(2)},
      {b.getNamedAttr("axis", b.getI64IntegerAttr(batch)), b.getNamedAttr("batch_dims", b.getI64IntegerAttr(batch))});
  return {algebra.solve(lu, permuted)};
}

llvm::SmallVector<Value> expandInverse(mlir::OpBuilder& b, mlir::Operation* op) {
  const Algebra algebra(b, op);
  mlir::Operation* lu = algebra.decompose(op->getOperand(0), allowsSingular(op));
  const ValueType type = valueType(op->getResult(0).getType());
  // The identity with its rows permuted has its ones where the permutation says.
  Shape columns = type.shape;
  columns[columns.rank() - 1] = Dim(1);
  Value from = broadcastTo(b, op->getLoc(), reshapeTo(b, op->getLoc(), lu->getResult(2), columns), type.shape);
  Value isOne = create(b, op->getLoc(), "equal", {from, algebra.positions(type.shape, type.shape.rank() - 1)});
  return {algebra.solve(lu, castTo(b, op->getLoc(), isOne, type.dtype))};
}

llvm::SmallVector<Value> expandDet(mlir::OpBuilder& b, mlir::Operation* op) {
  const Algebra algebra(b, op);
  const mlir::Location loc = op->getLoc();
  mlir::Operation* lu = algebra.decompose(op->getOperand(0), /*allowSingular=*/true);
  Value factors = lu->getResult(0), pivots = lu->getResult(1);
  const Shape shape = shapeOf(factors.getType());
  const int rank = shape.rank();
  Value isDiagonal = create(b, loc, "equal", {algebra.positions(shape, rank - 2), algebra.positions(shape, rank - 1)});
  Value diagonal = reduceSum(b, loc, select(b, loc, isDiagonal, factors, splatLike(b, loc, 0.0, factors)), {-1}, false);
  // Each exchange of rows turns the sign.
  Value isKept = create(b, loc, "equal", {pivots, algebra.positions(shapeOf(pivots.getType()), rank - 2)});
  Value turned = select(b, loc, isKept, diagonal, neg(b, loc, diagonal));
  return {create(b, loc, "reduce_prod", turned, b.getNamedAttr("axes", b.getDenseI64ArrayAttr({-1})))};
}

}  // namespace kiln::compiler
