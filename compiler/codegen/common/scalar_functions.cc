// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/scalar_functions.h"

#include "compiler/codegen/common/math_builder.h"
#include "compiler/codegen/common/special_functions.h"
#include "compiler/codegen/common/transcendental.h"
#include "llvm/ADT/StringSwitch.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

namespace kiln::compiler {
namespace {

namespace arith = mlir::arith;
using mlir::Location;
using mlir::OpBuilder;
using mlir::Type;
using mlir::Value;
using FloatCompare = arith::CmpFPredicate;
using IntCompare = arith::CmpIPredicate;

enum class Scalar {
  kUnknown,
  kNeg,
  kAbs,
  kSign,
  kExp,
  kLog,
  kSqrt,
  kRsqrt,
  kTanh,
  kSigmoid,
  kRelu,
  kStep,
  kNot,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMaximum,
  kMinimum,
  kPow,
  kAnd,
  kOr,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kSelect,
};

Scalar scalarOf(llvm::StringRef name) {
  return llvm::StringSwitch<Scalar>(name)
      .Case("Neg", Scalar::kNeg)
      .Case("Abs", Scalar::kAbs)
      .Case("Sign", Scalar::kSign)
      .Case("Exp", Scalar::kExp)
      .Case("Log", Scalar::kLog)
      .Case("Sqrt", Scalar::kSqrt)
      .Case("Rsqrt", Scalar::kRsqrt)
      .Case("Tanh", Scalar::kTanh)
      .Case("Sigmoid", Scalar::kSigmoid)
      .Case("Relu", Scalar::kRelu)
      .Case("Step", Scalar::kStep)
      .Case("Not", Scalar::kNot)
      .Case("Add", Scalar::kAdd)
      .Case("Sub", Scalar::kSub)
      .Case("Mul", Scalar::kMul)
      .Case("Div", Scalar::kDiv)
      .Case("Maximum", Scalar::kMaximum)
      .Case("Minimum", Scalar::kMinimum)
      .Case("Pow", Scalar::kPow)
      .Case("And", Scalar::kAnd)
      .Case("Or", Scalar::kOr)
      .Case("Equal", Scalar::kEqual)
      .Case("NotEqual", Scalar::kNotEqual)
      .Case("Less", Scalar::kLess)
      .Case("LessEqual", Scalar::kLessEqual)
      .Case("Greater", Scalar::kGreater)
      .Case("GreaterEqual", Scalar::kGreaterEqual)
      .Case("Select", Scalar::kSelect)
      .Default(Scalar::kUnknown);
}

Type withElement(Type like, Type element) {
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(like)) {
    return mlir::VectorType::get(vector.getShape(), element);
  }
  return element;
}

Value integerConstant(OpBuilder& builder, Location location, Type type, int64_t value) {
  const mlir::IntegerAttr scalar = builder.getIntegerAttr(mlir::getElementTypeOrSelf(type), value);
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(type)) {
    return arith::ConstantOp::create(builder, location, mlir::DenseElementsAttr::get(vector, mlir::Attribute(scalar)));
  }
  return arith::ConstantOp::create(builder, location, scalar);
}

Value emitPowAsF64(OpBuilder& builder, Location location, mlir::ValueRange operands, const TargetInfo& target) {
  const Type type = operands[0].getType();
  const Type wide = withElement(type, builder.getF64Type());
  MathBuilder m(builder, location, wide, target);
  const Value x = arith::ExtFOp::create(builder, location, wide, operands[0]);
  const Value y = arith::ExtFOp::create(builder, location, wide, operands[1]);
  return arith::TruncFOp::create(builder, location, type, emitPow(m, x, y, /*forF32=*/true));
}

Value emitFloat(OpBuilder& builder, Location location, Scalar scalar, mlir::ValueRange operands,
                const TargetInfo& target) {
  MathBuilder m(builder, location, operands[0].getType(), target);
  const Value x = operands[0];
  const Value y = operands.size() > 1 ? operands[1] : Value();
  switch (scalar) {
    case Scalar::kNeg:
      return m.neg(x);
    case Scalar::kAbs:
      return m.abs(x);
    case Scalar::kSign: {
      // Zeros and NaN are their own sign.
      const Value sign = m.bitAnd(m.toBits(x), m.toBits(m.constant(-0.0)));
      const Value one = m.fromBits(m.bitOr(m.toBits(m.constant(1.0)), sign));
      return m.select(m.compare(FloatCompare::UEQ, x, m.constant(0.0)), x, one);
    }
    case Scalar::kExp:
      return emitExp(m, x);
    case Scalar::kLog:
      return emitLog(m, x);
    case Scalar::kSqrt:
      return m.sqrt(x);
    case Scalar::kRsqrt:
      return m.div(m.constant(1.0), m.sqrt(x));
    case Scalar::kTanh:
      return emitTanh(m, x);
    case Scalar::kSigmoid:
      return emitSigmoid(m, x);
    case Scalar::kRelu:
      return m.select(m.compare(FloatCompare::UGT, x, m.constant(0.0)), x, m.constant(0.0));  // NaN stays, -0 does not
    case Scalar::kStep: {
      const Value zero = m.constant(0.0);
      const Value nanOrZero = m.select(m.compare(FloatCompare::UNO, x, x), x, zero);
      return m.select(m.compare(FloatCompare::OGT, x, zero), m.constant(1.0), nanOrZero);
    }
    case Scalar::kAdd:
      return m.add(x, y);
    case Scalar::kSub:
      return m.sub(x, y);
    case Scalar::kMul:
      return m.mul(x, y);
    case Scalar::kDiv:
      return m.div(x, y);
    // IEEE 754's maximum and minimum: NaN when either is, and +0 above -0.
    case Scalar::kMaximum:
      return arith::MaximumFOp::create(builder, location, x, y);
    case Scalar::kMinimum:
      return arith::MinimumFOp::create(builder, location, x, y);
    case Scalar::kPow:
      return m.isF32() ? emitPowAsF64(builder, location, operands, target) : emitPow(m, x, y, /*forF32=*/false);
    case Scalar::kEqual:
      return m.compare(FloatCompare::OEQ, x, y);
    case Scalar::kNotEqual:
      return m.compare(FloatCompare::UNE, x, y);
    case Scalar::kLess:
      return m.compare(FloatCompare::OLT, x, y);
    case Scalar::kLessEqual:
      return m.compare(FloatCompare::OLE, x, y);
    case Scalar::kGreater:
      return m.compare(FloatCompare::OGT, x, y);
    case Scalar::kGreaterEqual:
      return m.compare(FloatCompare::OGE, x, y);
    default:
      return {};
  }
}

Value emitInteger(OpBuilder& builder, Location location, Scalar scalar, mlir::ValueRange operands, bool isUnsigned) {
  const Type type = operands[0].getType();
  const Value x = operands[0];
  const Value y = operands.size() > 1 ? operands[1] : Value();
  const auto constant = [&](int64_t value) { return integerConstant(builder, location, type, value); };
  const auto compare = [&](IntCompare predicate, Value a, Value b) -> Value {
    return arith::CmpIOp::create(builder, location, predicate, a, b);
  };
  const auto select = [&](Value condition, Value a, Value b) -> Value {
    return arith::SelectOp::create(builder, location, condition, a, b);
  };
  const auto sub = [&](Value a, Value b) -> Value { return arith::SubIOp::create(builder, location, a, b); };
  const IntCompare less = isUnsigned ? IntCompare::ult : IntCompare::slt;
  const IntCompare lessEqual = isUnsigned ? IntCompare::ule : IntCompare::sle;
  const IntCompare greater = isUnsigned ? IntCompare::ugt : IntCompare::sgt;
  const IntCompare greaterEqual = isUnsigned ? IntCompare::uge : IntCompare::sge;
  switch (scalar) {
    case Scalar::kNeg:
      return sub(constant(0), x);
    case Scalar::kAbs:
      if (isUnsigned) {
        return x;
      }
      return select(compare(less, x, constant(0)), sub(constant(0), x), x);
    case Scalar::kSign: {
      const Value positive = arith::ExtUIOp::create(builder, location, type, compare(greater, x, constant(0)));
      const Value negative = arith::ExtUIOp::create(builder, location, type, compare(less, x, constant(0)));
      return sub(positive, negative);
    }
    case Scalar::kRelu:
      return select(compare(greater, x, constant(0)), x, constant(0));
    case Scalar::kStep:
      return arith::ExtUIOp::create(builder, location, type, compare(greater, x, constant(0)));
    case Scalar::kAdd:
      return arith::AddIOp::create(builder, location, x, y);
    case Scalar::kSub:
      return sub(x, y);
    case Scalar::kMul:
      return arith::MulIOp::create(builder, location, x, y);
    case Scalar::kDiv:
      return emitIntegerDivide(builder, location, x, y, isUnsigned);
    case Scalar::kMaximum:
      return select(compare(greater, x, y), x, y);
    case Scalar::kMinimum:
      return select(compare(less, x, y), x, y);
    case Scalar::kEqual:
      return compare(IntCompare::eq, x, y);
    case Scalar::kNotEqual:
      return compare(IntCompare::ne, x, y);
    case Scalar::kLess:
      return compare(less, x, y);
    case Scalar::kLessEqual:
      return compare(lessEqual, x, y);
    case Scalar::kGreater:
      return compare(greater, x, y);
    case Scalar::kGreaterEqual:
      return compare(greaterEqual, x, y);
    default:
      return {};
  }
}

Value emitBool(OpBuilder& builder, Location location, Scalar scalar, mlir::ValueRange operands) {
  switch (scalar) {
    case Scalar::kNot:
      return arith::XOrIOp::create(builder, location, operands[0],
                                   integerConstant(builder, location, operands[0].getType(), 1));
    case Scalar::kAnd:
      return arith::AndIOp::create(builder, location, operands[0], operands[1]);
    case Scalar::kOr:
      return arith::OrIOp::create(builder, location, operands[0], operands[1]);
    case Scalar::kEqual:
      return arith::CmpIOp::create(builder, location, IntCompare::eq, operands[0], operands[1]);
    case Scalar::kNotEqual:
      return arith::CmpIOp::create(builder, location, IntCompare::ne, operands[0], operands[1]);
    default:
      return {};
  }
}

}  // namespace

bool isScalarFunction(llvm::StringRef scalar) {
  return scalarOf(scalar) != Scalar::kUnknown || isSpecialFunction(scalar);
}

Value emitScalarFunction(OpBuilder& builder, Location location, llvm::StringRef scalar, mlir::ValueRange operands,
                         const CodegenContext& context, bool isUnsigned, Value host) {
  const Scalar function = scalarOf(scalar);
  if (function == Scalar::kUnknown) {
    const FunctionSite site{builder, location, context.target, host, isUnsigned};
    for (const auto emit : {emitBitFunction, emitErrorFunction, emitSpecialFunction}) {
      if (Value result = isSpecialFunction(scalar) ? emit(site, scalar, operands) : Value()) {
        return result;
      }
    }
    return {};
  }
  if (function == Scalar::kSelect) {
    return arith::SelectOp::create(builder, location, operands[0], operands[1], operands[2]);
  }
  const Type element = mlir::getElementTypeOrSelf(operands[0].getType());
  if (mlir::isa<mlir::FloatType>(element)) {
    return emitFloat(builder, location, function, operands, context.target);
  }
  if (element.isInteger(1)) {
    return emitBool(builder, location, function, operands);
  }
  return emitInteger(builder, location, function, operands, isUnsigned);
}

Value emitIntegerDivide(OpBuilder& builder, Location location, Value x, Value y, bool isUnsigned) {
  const Type type = x.getType();
  const Value zero = integerConstant(builder, location, type, 0);
  const Value one = integerConstant(builder, location, type, 1);
  if (isUnsigned) {
    const Value isZero = arith::CmpIOp::create(builder, location, IntCompare::eq, y, zero);
    const Value divisor = arith::SelectOp::create(builder, location, isZero, one, y);
    return arith::DivUIOp::create(builder, location, x, divisor);
  }
  const Value minusOne = integerConstant(builder, location, type, -1);
  const Value byZero = arith::CmpIOp::create(builder, location, IntCompare::eq, y, zero);
  const Value byMinusOne = arith::CmpIOp::create(builder, location, IntCompare::eq, y, minusOne);
  const Value replace = arith::OrIOp::create(builder, location, byZero, byMinusOne);
  const Value divisor = arith::SelectOp::create(builder, location, replace, one, y);
  const Value quotient = arith::DivSIOp::create(builder, location, x, divisor);
  const Value negated = arith::SubIOp::create(builder, location, zero, x);
  return arith::SelectOp::create(builder, location, byMinusOne, negated, quotient);
}

}  // namespace kiln::compiler
