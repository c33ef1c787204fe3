// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A short notation for arithmetic on scalars and vectors alike, from which the math functions are written.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "compiler/codegen/common/target.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// Builds operations on values of one shape: a scalar, or a vector of rank 1. Constants are splats of that shape.
/// Thread-compatible, as the builder it holds.
class MathBuilder {
 public:
  using Value = mlir::Value;
  using Compare = mlir::arith::CmpFPredicate;

  /// Works on values of `type` (a float or integer, or a vector of it).
  MathBuilder(mlir::OpBuilder& builder, mlir::Location location, mlir::Type type, const TargetInfo& target);

  mlir::Type type() const { return type_; }
  bool isF32() const { return mlir::getElementTypeOrSelf(type_).isF32(); }
  /// The integer type as wide as the float, in the same shape.
  mlir::Type bitsType() const { return bitsType_; }

  Value constant(double value);        ///< Of type().
  Value constantBits(uint64_t value);  ///< Of bitsType().

  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  Value div(Value x, Value y);
  Value neg(Value x);
  Value abs(Value x);
  Value sqrt(Value x);
  /// x * y + z, rounded once where the target can, else twice.
  Value mulAdd(Value x, Value y, Value z);

  /// The rounding error of `product` = x * y, exactly.
  Value productError(Value x, Value y, Value product);

  Value compare(Compare predicate, Value x, Value y);
  Value select(Value condition, Value x, Value y);
  Value both(Value a, Value b);    ///< Of conditions.
  Value either(Value a, Value b);  ///< Of conditions.
  /// The smaller of x and the bound; NaN when x is.
  Value atMost(Value x, double bound);
  Value atLeast(Value x, double bound);

  Value toBits(Value x);
  Value fromBits(Value bits);
  Value bitAdd(Value x, Value y);
  Value bitAnd(Value x, Value y);
  Value bitOr(Value x, Value y);
  Value bitXor(Value x, Value y);
  Value shiftLeft(Value x, int count);
  Value shiftRight(Value x, int count);  ///< Zeros come in.

  /// c[0] + c[1] x + c[2] x^2 ..., as a tree: short dependence chains rather than few operations.
  Value polynomial(Value x, std::span<const double> coefficients);

 private:
  Value splat(mlir::Type type, mlir::TypedAttr scalar);

  mlir::OpBuilder& builder_;
  mlir::Location location_;
  mlir::Type type_;
  mlir::Type bitsType_;
  bool hasFma_;
};

}  // namespace kiln::compiler
