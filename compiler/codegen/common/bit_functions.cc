// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Bits and shifts, rounding to whole numbers, remainders, fused multiplication and addition, tests of floats.
#include <cmath>
#include <limits>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/codegen/common/library_call.h"
#include "compiler/codegen/common/math_builder.h"
#include "compiler/codegen/common/scalar_functions.h"
#include "compiler/codegen/common/special_functions.h"
#include "llvm/ADT/StringSwitch.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

namespace arith = mlir::arith;
namespace LLVM = mlir::LLVM;
using mlir::Type;
using mlir::Value;
using Compare = MathBuilder::Compare;
using IntCompare = arith::CmpIPredicate;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Type withElement(Type like, Type element) {
  auto vector = mlir::dyn_cast<mlir::VectorType>(like);
  return vector ? Type(mlir::VectorType::get(vector.getShape(), element)) : element;
}

Value signOf(MathBuilder& m, Value x) { return m.bitAnd(m.toBits(x), m.toBits(m.constant(-0.0))); }
Value copySign(MathBuilder& m, Value x, Value y) { return m.fromBits(m.bitOr(m.toBits(m.abs(x)), signOf(m, y))); }

//===-- whole numbers
//-------------------------------------------------------------------------------------------------===//

// Without instructions for it: numbers below 2^mantissa are rounded by adding and subtracting that, and corrected.
Value emitRounding(MathBuilder& m, llvm::StringRef name, Value x) {
  const Value one = m.constant(1.0);
  const Value magic = m.constant(m.isF32() ? 0x1p23 : 0x1p52);
  const Value magnitude = m.abs(x);
  Value result = copySign(m, m.sub(m.add(magnitude, magic), magic), x);
  if (name == "Floor") {
    result = m.select(m.compare(Compare::OGT, result, x), m.sub(result, one), result);
  } else if (name == "Ceil") {
    result = m.select(m.compare(Compare::OLT, result, x), m.add(result, one), result);
  } else if (name == "Trunc") {
    const Value size = m.abs(result);
    result = m.select(m.compare(Compare::OGT, size, magnitude), m.sub(size, one), size);
  }
  return m.select(m.compare(Compare::OLT, magnitude, magic), copySign(m, result, x), x);
}

Value emitWhole(const FunctionSite& site, MathBuilder& m, llvm::StringRef name, Value x) {
  if (!site.target.hasRounding) {
    return emitRounding(m, name, x);
  }
  mlir::OpBuilder& b = site.builder;
  if (name == "Floor") {
    return LLVM::FFloorOp::create(b, site.location, x.getType(), x);
  }
  if (name == "Ceil") {
    return LLVM::FCeilOp::create(b, site.location, x.getType(), x);
  }
  return name == "Trunc" ? LLVM::FTruncOp::create(b, site.location, x.getType(), x).getResult()
                         : LLVM::RoundEvenOp::create(b, site.location, x.getType(), x).getResult();
}

//===-- remainders
//----------------------------------------------------------------------------------------------------===//

// The remainder of truncated division of f32 numbers in f64. Where the quotient, rounded to a whole number, has 29 bits
// or fewer, its product with y is exact, and one step away from 0 mends what rounding did.
Value emitRemainderF32(const FunctionSite& site, MathBuilder& m, Value x, Value y) {
  const Value magic = m.constant(0x1.8p52);
  const Value quotient = m.div(x, y);
  const Value whole = m.sub(m.add(quotient, magic), magic);
  Value rest = m.sub(x, m.mul(whole, y));
  const Value size = m.abs(y);
  const Value zero = m.constant(0.0);
  const Value isOpposite = m.compare(Compare::OLT, m.mul(rest, copySign(m, m.constant(1.0), x)), zero);
  rest = m.select(isOpposite, m.add(rest, copySign(m, size, x)), rest);
  rest = copySign(m, rest, x);
  const Value isRare = m.either(m.compare(Compare::UGE, m.abs(quotient), m.constant(0x1p29)),
                                m.compare(Compare::OEQ, size, m.constant(kInfinity)));
  return emitWhereRare(site.builder, site.location, isRare, rest, [&](mlir::OpBuilder& b) {
    return emitLibraryCall(b, site.location, site.host, offsetof(kiln_library_t, fmod), {x, y});
  });
}

Value emitFloatRemainder(const FunctionSite& site, MathBuilder& m, bool isFloored, Value x, Value y) {
  if (!site.host) {
    return {};
  }
  Value rest;
  if (m.isF32()) {
    const Type wide = withElement(m.type(), site.builder.getF64Type());
    MathBuilder w(site.builder, site.location, wide, site.target);
    const auto extend = [&](Value value) -> Value {
      return arith::ExtFOp::create(site.builder, site.location, wide, value);
    };
    rest =
        arith::TruncFOp::create(site.builder, site.location, m.type(), emitRemainderF32(site, w, extend(x), extend(y)));
  } else {
    rest = emitLibraryCall(site.builder, site.location, site.host, offsetof(kiln_library_t, fmod), {x, y});
  }
  if (!isFloored) {
    return rest;
  }
  const Value zero = m.constant(0.0);
  // The signs, as numbers, whose product is negative where they differ.
  const Value one = m.constant(1.0);
  const Value product = m.mul(copySign(m, one, rest), copySign(m, one, y));
  const Value moved = m.select(m.compare(Compare::OLT, product, zero), m.add(rest, y), rest);
  return m.select(m.compare(Compare::OEQ, rest, zero), copySign(m, zero, y), moved);
}

//===-- fma
//-----------------------------------------------------------------------------------------------------------===//

// `value` (f64) with its last bit set where `error`, what is missing from it, is not zero, after a step toward zero
// where it was rounded away: so rounding it again gives what one rounding would (Boldo and Melquiond, Emulation of a
// FMA and correctly rounded sums, 2008).
Value toOdd(MathBuilder& m, const FunctionSite& site, Value value, Value isInexact, Value isAway) {
  const Value bits = m.toBits(value);
  const Value isEven = arith::CmpIOp::create(site.builder, site.location, IntCompare::eq,
                                             m.bitAnd(bits, m.constantBits(1)), m.constantBits(0));
  const Value step = m.select(isAway, m.constantBits(~uint64_t{0}), m.constantBits(1));
  const Value moved = m.fromBits(m.bitAdd(bits, step));
  return m.select(m.both(isInexact, isEven), moved, value);
}

// x y + z of f32 numbers: the product is exact in f64, the sum is rounded to odd, and then to f32: to nearest, or to
// odd again for a 16-bit float.
Value emitFmaF32(const FunctionSite& site, mlir::ValueRange operands, bool isToOdd) {
  const Type narrow = operands[0].getType();
  const Type wide = withElement(narrow, site.builder.getF64Type());
  MathBuilder m(site.builder, site.location, wide, site.target);
  MathBuilder f(site.builder, site.location, narrow, site.target);
  llvm::SmallVector<Value> x;
  for (const Value operand : operands) {
    x.push_back(arith::ExtFOp::create(site.builder, site.location, wide, operand));
  }
  const Value product = m.mul(x[0], x[1]);
  const Value sum = m.add(product, x[2]);
  const Value part = m.sub(sum, product);
  const Value error = m.add(m.sub(product, m.sub(sum, part)), m.sub(x[2], part));
  const Value zero = m.constant(0.0);
  const Value isAway = m.compare(Compare::OLT, m.mul(copySign(m, m.constant(1.0), error), sum), zero);
  const Value odd = toOdd(m, site, sum, m.compare(Compare::ONE, error, zero), isAway);
  const Value nearest = arith::TruncFOp::create(site.builder, site.location, narrow, odd);
  if (!isToOdd) {
    return nearest;
  }
  const Value back = arith::ExtFOp::create(site.builder, site.location, wide, nearest);
  return toOdd(f, site, nearest, m.compare(Compare::ONE, back, odd), m.compare(Compare::OGT, m.abs(back), m.abs(odd)));
}

Value emitFma(const FunctionSite& site, MathBuilder& m, mlir::ValueRange operands) {
  if (site.target.hasFma) {
    return m.mulAdd(operands[0], operands[1], operands[2]);
  }
  if (m.isF32()) {
    return emitFmaF32(site, operands, /*isToOdd=*/false);
  }
  return site.host ? emitLibraryCall(site.builder, site.location, site.host, offsetof(kiln_library_t, fma), operands)
                   : Value();
}

//===-- by type
//-------------------------------------------------------------------------------------------------------===//

Value emitClamp(const FunctionSite& site, mlir::ValueRange operands) {
  CodegenContext context;
  context.target = site.target;
  const auto apply = [&](llvm::StringRef name, Value x, Value y) {
    return emitScalarFunction(site.builder, site.location, name, {x, y}, context, site.isUnsigned);
  };
  return apply("Minimum", apply("Maximum", operands[0], operands[1]), operands[2]);
}

Value emitFloat(const FunctionSite& site, llvm::StringRef name, mlir::ValueRange operands) {
  MathBuilder m(site.builder, site.location, operands[0].getType(), site.target);
  const Value x = operands[0];
  if (name == "Floor" || name == "Ceil" || name == "Trunc" || name == "Round") {
    return emitWhole(site, m, name, x);
  }
  if (name == "Mod" || name == "Remainder") {
    return emitFloatRemainder(site, m, name == "Mod", x, operands[1]);
  }
  if (name == "Fma") {
    return emitFma(site, m, operands);
  }
  if (name == "FmaToOdd") {
    return emitFmaF32(site, operands, /*isToOdd=*/true);
  }
  if (name == "Copysign") {
    return copySign(m, x, operands[1]);
  }
  if (name == "Square") {
    return m.mul(x, x);
  }
  if (name == "IsNan") {
    return m.compare(Compare::UNO, x, x);
  }
  if (name == "IsInf") {
    return m.compare(Compare::OEQ, m.abs(x), m.constant(kInfinity));
  }
  return name == "IsFinite" ? m.compare(Compare::OLT, m.abs(x), m.constant(kInfinity)) : Value();
}

Value emitInteger(const FunctionSite& site, llvm::StringRef name, mlir::ValueRange operands) {
  mlir::OpBuilder& b = site.builder;
  const mlir::Location at = site.location;
  const Value x = operands[0];
  const Value y = operands.size() > 1 ? operands[1] : Value();
  const Type type = x.getType();
  const unsigned bits = mlir::getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  const auto constant = [&](int64_t value) -> Value {
    const mlir::IntegerAttr scalar = b.getIntegerAttr(mlir::getElementTypeOrSelf(type), value);
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(type)) {
      return arith::ConstantOp::create(b, at, mlir::DenseElementsAttr::get(vector, mlir::Attribute(scalar)));
    }
    return arith::ConstantOp::create(b, at, scalar);
  };
  const auto select = [&](Value condition, Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, at, condition, yes, no);
  };
  const auto compare = [&](IntCompare predicate, Value left, Value right) -> Value {
    return arith::CmpIOp::create(b, at, predicate, left, right);
  };
  if (name == "BitwiseAnd") {
    return arith::AndIOp::create(b, at, x, y);
  }
  if (name == "BitwiseOr") {
    return arith::OrIOp::create(b, at, x, y);
  }
  if (name == "BitwiseXor" || name == "Xor") {
    return arith::XOrIOp::create(b, at, x, y);
  }
  if (name == "BitwiseNot") {
    return arith::XOrIOp::create(b, at, x, constant(-1));
  }
  if (name == "Square") {
    return arith::MulIOp::create(b, at, x, x);
  }
  if (name == "Fma") {
    return arith::AddIOp::create(b, at, arith::MulIOp::create(b, at, x, y), operands[2]);
  }
  if (name == "ShiftLeft" || name == "ShiftRight") {
    // The instructions see only counts that they are defined for; as unsigned numbers negative ones are too large.
    const Value isDefined = compare(IntCompare::ult, y, constant(bits));
    const Value count = select(isDefined, y, constant(0));
    if (name == "ShiftRight" && !site.isUnsigned) {
      return arith::ShRSIOp::create(b, at, x, select(isDefined, y, constant(bits - 1)));
    }
    const Value shifted = name == "ShiftLeft" ? arith::ShLIOp::create(b, at, x, count).getResult()
                                              : arith::ShRUIOp::create(b, at, x, count).getResult();
    return select(isDefined, shifted, constant(0));
  }
  if (name == "Mod" || name == "Remainder") {
    // As emitIntegerDivide(): no divisor traps.
    const Value isZero = compare(IntCompare::eq, y, constant(0));
    if (site.isUnsigned) {
      return arith::RemUIOp::create(b, at, x, select(isZero, constant(1), y));
    }
    const Value isMinusOne = compare(IntCompare::eq, y, constant(-1));
    const Value divisor = select(arith::OrIOp::create(b, at, isZero, isMinusOne), constant(1), y);
    const Value rest = arith::RemSIOp::create(b, at, x, divisor);
    if (name == "Remainder") {
      return rest;
    }
    const Value signs = compare(IntCompare::slt, arith::XOrIOp::create(b, at, rest, y), constant(0));
    const Value isMoved = arith::AndIOp::create(b, at, signs, compare(IntCompare::ne, rest, constant(0)));
    return select(isMoved, arith::AddIOp::create(b, at, rest, y), rest);
  }
  return {};
}

}  // namespace

Value emitBitFunction(const FunctionSite& site, llvm::StringRef scalar, mlir::ValueRange operands) {
  if (scalar == "Clamp") {
    return emitClamp(site, operands);
  }
  const bool isFloat = mlir::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(operands[0].getType()));
  return isFloat ? emitFloat(site, scalar, operands) : emitInteger(site, scalar, operands);
}

}  // namespace kiln::compiler
