// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/accumulator.h"

#include "compiler/codegen/common/conversions.h"
#include "compiler/codegen/common/scalar_functions.h"
#include "compiler/dialect/reductions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using mlir::Location;
using mlir::OpBuilder;
using mlir::Operation;
using mlir::Type;

namespace {

mlir::TypedAttr toTyped(OpBuilder& b, Type type, int64_t value) {
  return llvm::isa<mlir::FloatType>(type) ? mlir::TypedAttr(b.getFloatAttr(type, static_cast<double>(value)))
                                          : b.getIntegerAttr(type, value);
}

Type shaped(Value like, Type element) {
  auto vector = llvm::dyn_cast<mlir::VectorType>(like.getType());
  return vector ? mlir::VectorType::get(vector.getShape(), element) : element;
}

}  // namespace

Accumulator::Accumulator(Operation* op, const CodegenContext& context)
    : op_(op), element_(mlir::getElementTypeOrSelf(op->getOperand(0))), context_(context) {
  isArg_ = isArgReductionOp(op);
  isSum_ = llvm::isa<ReduceSumOp, ReduceMeanOp>(op);
  if (llvm::isa<ReduceMinOp, ArgminOp>(op)) {
    scalar_ = "Minimum";
  } else if (llvm::isa<ReduceMaxOp, ArgmaxOp>(op)) {
    scalar_ = "Maximum";
  } else if (llvm::isa<ReduceProdOp>(op)) {
    scalar_ = "Mul";
  } else if (llvm::isa<ReduceAnyOp>(op)) {
    scalar_ = "Or";
  } else if (llvm::isa<ReduceAllOp>(op)) {
    scalar_ = "And";
  }
  isWide_ = element_.isF32() && (isSum_ || scalar_ == "Mul");
}

size_t Accumulator::count() const { return isArg_ || (isSum_ && element_.isF64()) ? 2 : 1; }

Accumulator::Values Accumulator::init(OpBuilder& b, int64_t width) const {
  Values values;
  const Type held = isWide_ ? b.getF64Type() : registerType(element_);
  if (isSum_) {
    values.assign(count(), literal(b, b.getZeroAttr(held), width));
    return values;
  }
  values.push_back(literal(b, neutral(b, held), width));
  if (isArg_) {
    values.push_back(literal(b, b.getI64IntegerAttr(0), width));
  }
  return values;
}

Accumulator::Values Accumulator::add(OpBuilder& b, llvm::ArrayRef<Value> carried, Value x, Value mask,
                                     Value index) const {
  Location loc = op_->getLoc();
  const bool isMin = scalar_ == "Minimum";
  if (isArg_) {
    Value isBetter, isNan, wasNan;
    if (llvm::isa<mlir::FloatType>(element_)) {
      Value isBeyond =
          arith::CmpFOp::create(b, loc, isMin ? arith::CmpFPredicate::OLT : arith::CmpFPredicate::OGT, x, carried[0]);
      isNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
      wasNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, carried[0], carried[0]);
      Value isFirstNan = arith::AndIOp::create(b, loc, isNan, wasNan);
      isBetter = arith::OrIOp::create(b, loc, isBeyond, isFirstNan);
    } else {
      const auto less = isUnsigned(element_) ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt;
      isBetter = arith::CmpIOp::create(b, loc, less, isMin ? x : carried[0], isMin ? carried[0] : x);
    }
    return {arith::SelectOp::create(b, loc, isBetter, x, carried[0]),
            arith::SelectOp::create(b, loc, isBetter, index, carried[1])};
  }
  Value term = x;
  if (isWide_) {
    term = arith::ExtFOp::create(b, loc, shaped(x, b.getF64Type()), x);
  }
  if (mask) {
    Values none = init(b, llvm::cast<mlir::VectorType>(x.getType()).getNumElements());
    term = arith::SelectOp::create(b, loc, mask, term, none[0]);
  }
  if (!isSum_) {
    return {emitScalarFunction(b, loc, scalar_, {carried[0], term}, context_, isUnsigned(element_))};
  }
  if (count() == 2) {
    return twoSum(b, carried[0], carried[1], term);
  }
  return {plus(b, carried[0], term)};
}

Accumulator::Values Accumulator::combine(OpBuilder& b, llvm::ArrayRef<Value> x, llvm::ArrayRef<Value> y) const {
  if (!isSum_) {
    return {emitScalarFunction(b, op_->getLoc(), scalar_, {x[0], y[0]}, context_, isUnsigned(element_))};
  }
  if (count() == 2) {
    return twoSum(b, x[0], plus(b, x[1], y[1]), y[0]);
  }
  return {plus(b, x[0], y[0])};
}

Value Accumulator::finish(OpBuilder& b, llvm::ArrayRef<Value> carried, Value length) const {
  Location loc = op_->getLoc();
  if (isArg_) {
    return carried[1];
  }
  Value result = carried[0];
  if (count() == 2) {
    // After an infinity the error term is NaN, and the sum itself right.
    Value isFinite = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, carried[1], carried[1]);
    Value corrected = arith::AddFOp::create(b, loc, carried[0], carried[1]);
    result = arith::SelectOp::create(b, loc, isFinite, corrected, carried[0]);
  }
  if (llvm::isa<ReduceMeanOp>(op_)) {
    if (isHalf(element_)) {
      result = arith::ExtFOp::create(b, loc, shaped(result, b.getF64Type()), result);
    }
    Value divisor = arith::SIToFPOp::create(b, loc, b.getF64Type(), length);
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(result.getType())) {
      divisor = mlir::vector::BroadcastOp::create(b, loc, vector, divisor);
    }
    result = arith::DivFOp::create(b, loc, result, divisor);
  }
  if (isWide_) {
    result = arith::TruncFOp::create(b, loc, shaped(result, element_), result);
  }
  return isSum_ || scalar_ == "Mul" ? roundTo(b, loc, result, element_, context_.target) : result;
}

Value Accumulator::literal(OpBuilder& b, mlir::TypedAttr value, int64_t width) const {
  if (width > 1) {
    value = mlir::DenseElementsAttr::get(mlir::VectorType::get({width}, value.getType()),
                                         llvm::ArrayRef<mlir::Attribute>{value});
  }
  return arith::ConstantOp::create(b, op_->getLoc(), value);
}
mlir::TypedAttr Accumulator::neutral(OpBuilder& b, Type held) const {
  if (scalar_ == "Mul") {
    return toTyped(b, held, 1);
  }
  if (scalar_ == "Or" || scalar_ == "And") {
    return b.getBoolAttr(scalar_ == "And");
  }
  const bool isMin = scalar_ == "Minimum";
  if (auto real = llvm::dyn_cast<mlir::FloatType>(held)) {
    return mlir::FloatAttr::get(real, llvm::APFloat::getInf(real.getFloatSemantics(), /*Negative=*/!isMin));
  }
  const unsigned bits = held.getIntOrFloatBitWidth();
  if (isUnsigned(element_)) {
    return mlir::IntegerAttr::get(held, isMin ? llvm::APInt::getMaxValue(bits) : llvm::APInt::getMinValue(bits));
  }
  return mlir::IntegerAttr::get(held,
                                isMin ? llvm::APInt::getSignedMaxValue(bits) : llvm::APInt::getSignedMinValue(bits));
}
Value Accumulator::plus(OpBuilder& b, Value x, Value y) const {
  return emitScalarFunction(b, op_->getLoc(), "Add", {x, y}, context_);
}
Accumulator::Values Accumulator::twoSum(OpBuilder& b, Value sum, Value error, Value term) const {
  Location loc = op_->getLoc();
  Value next = arith::AddFOp::create(b, loc, sum, term);
  Value taken = arith::SubFOp::create(b, loc, next, sum);
  Value before = arith::SubFOp::create(b, loc, next, taken);
  Value lostOfSum = arith::SubFOp::create(b, loc, sum, before);
  Value lostOfTerm = arith::SubFOp::create(b, loc, term, taken);
  Value lost = arith::AddFOp::create(b, loc, lostOfSum, lostOfTerm);
  return {next, arith::AddFOp::create(b, loc, error, lost)};
}

}  // namespace kiln::compiler
