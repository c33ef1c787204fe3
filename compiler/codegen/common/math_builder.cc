// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/math_builder.h"

#include <vector>

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using mlir::Value;

namespace {
mlir::Type withElement(mlir::Type like, mlir::Type element) {
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(like)) {
    return mlir::VectorType::get(vector.getShape(), element);
  }
  return element;
}
}  // namespace

MathBuilder::MathBuilder(mlir::OpBuilder& builder, mlir::Location location, mlir::Type type, const TargetInfo& target)
    : builder_(builder), location_(location), type_(type), hasFma_(target.hasFma) {
  const unsigned bits = mlir::getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  bitsType_ = withElement(type, builder.getIntegerType(bits));
}

Value MathBuilder::splat(mlir::Type type, mlir::TypedAttr scalar) {
  mlir::TypedAttr value = scalar;
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(type)) {
    value = mlir::DenseElementsAttr::get(vector, scalar);
  }
  return arith::ConstantOp::create(builder_, location_, value);
}

Value MathBuilder::constant(double value) {
  const mlir::Type element = mlir::getElementTypeOrSelf(type_);
  if (mlir::isa<mlir::FloatType>(element)) {
    return splat(type_, builder_.getFloatAttr(element, value));
  }
  return splat(type_, builder_.getIntegerAttr(element, static_cast<int64_t>(value)));
}

Value MathBuilder::constantBits(uint64_t value) {
  const mlir::Type element = mlir::getElementTypeOrSelf(bitsType_);
  const unsigned width = element.getIntOrFloatBitWidth();
  return splat(bitsType_, builder_.getIntegerAttr(element, llvm::APInt(width, value, false, true)));
}

Value MathBuilder::add(Value x, Value y) { return arith::AddFOp::create(builder_, location_, x, y); }
Value MathBuilder::sub(Value x, Value y) { return arith::SubFOp::create(builder_, location_, x, y); }
Value MathBuilder::mul(Value x, Value y) { return arith::MulFOp::create(builder_, location_, x, y); }
Value MathBuilder::div(Value x, Value y) { return arith::DivFOp::create(builder_, location_, x, y); }
Value MathBuilder::neg(Value x) { return arith::NegFOp::create(builder_, location_, x); }
Value MathBuilder::abs(Value x) { return mlir::LLVM::FAbsOp::create(builder_, location_, x.getType(), x); }
Value MathBuilder::sqrt(Value x) { return mlir::LLVM::SqrtOp::create(builder_, location_, x.getType(), x); }

Value MathBuilder::mulAdd(Value x, Value y, Value z) {
  if (hasFma_) {
    return mlir::LLVM::FMAOp::create(builder_, location_, x.getType(), x, y, z);
  }
  return add(mul(x, y), z);
}

Value MathBuilder::productError(Value x, Value y, Value product) {
  if (hasFma_) {
    return mlir::LLVM::FMAOp::create(builder_, location_, x.getType(), x, y, neg(product));
  }
  // Dekker: both factors split into halves whose products are exact.
  const Value splitter = constant(isF32() ? 4097.0 : 134217729.0);
  const auto split = [&](Value value, Value& high, Value& low) {
    const Value scaled = mul(splitter, value);
    high = sub(scaled, sub(scaled, value));
    low = sub(value, high);
  };
  Value xHigh, xLow, yHigh, yLow;
  split(x, xHigh, xLow);
  split(y, yHigh, yLow);
  const Value first = sub(mul(xHigh, yHigh), product);
  return add(add(add(first, mul(xHigh, yLow)), mul(xLow, yHigh)), mul(xLow, yLow));
}

Value MathBuilder::compare(Compare predicate, Value x, Value y) {
  return arith::CmpFOp::create(builder_, location_, predicate, x, y);
}
Value MathBuilder::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(builder_, location_, condition, x, y);
}
Value MathBuilder::both(Value a, Value b) { return arith::AndIOp::create(builder_, location_, a, b); }
Value MathBuilder::either(Value a, Value b) { return arith::OrIOp::create(builder_, location_, a, b); }

// The form `bound < x ? bound : x` is one instruction, which gives x when x is NaN.
Value MathBuilder::atMost(Value x, double bound) {
  const Value limit = constant(bound);
  return select(compare(Compare::OLT, limit, x), limit, x);
}
Value MathBuilder::atLeast(Value x, double bound) {
  const Value limit = constant(bound);
  return select(compare(Compare::OGT, limit, x), limit, x);
}

Value MathBuilder::toBits(Value x) { return arith::BitcastOp::create(builder_, location_, bitsType_, x); }
Value MathBuilder::fromBits(Value bits) { return arith::BitcastOp::create(builder_, location_, type_, bits); }
Value MathBuilder::bitAdd(Value x, Value y) { return arith::AddIOp::create(builder_, location_, x, y); }
Value MathBuilder::bitAnd(Value x, Value y) { return arith::AndIOp::create(builder_, location_, x, y); }
Value MathBuilder::bitOr(Value x, Value y) { return arith::OrIOp::create(builder_, location_, x, y); }
Value MathBuilder::bitXor(Value x, Value y) { return arith::XOrIOp::create(builder_, location_, x, y); }
Value MathBuilder::shiftLeft(Value x, int count) {
  return arith::ShLIOp::create(builder_, location_, x, constantBits(static_cast<uint64_t>(count)));
}
Value MathBuilder::shiftRight(Value x, int count) {
  return arith::ShRUIOp::create(builder_, location_, x, constantBits(static_cast<uint64_t>(count)));
}

// Estrin's scheme: neighbours are paired with x, pairs of pairs with x^2, and so on.
Value MathBuilder::polynomial(Value x, std::span<const double> coefficients) {
  std::vector<Value> terms;
  for (size_t i = 0; i < coefficients.size(); i += 2) {
    const Value low = constant(coefficients[i]);
    terms.push_back(i + 1 < coefficients.size() ? mulAdd(constant(coefficients[i + 1]), x, low) : low);
  }
  Value power = x;
  while (terms.size() > 1) {
    power = mul(power, power);
    std::vector<Value> next;
    for (size_t i = 0; i < terms.size(); i += 2) {
      next.push_back(i + 1 < terms.size() ? mulAdd(terms[i + 1], power, terms[i]) : terms[i]);
    }
    terms = std::move(next);
  }
  return terms.front();
}

}  // namespace kiln::compiler
