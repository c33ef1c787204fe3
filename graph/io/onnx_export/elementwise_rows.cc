// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elementwise ops: most have an operator of the same meaning; the others are formulas of those.
#include <limits>
#include <numbers>

#include "graph/io/onnx/tensor_proto.h"
#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

template <const char* kType>
Status writeUnary(NodeExport& n) {
  n.set(0, n.op(kType, {n.in(0)}));
  return {};
}

template <const char* kType>
Status writeBinary(NodeExport& n) {
  n.set(0, n.op(kType, n.leanInputs()));
  return {};
}

// `bool` operands need an operator of their own.
template <const char* kBits, const char* kBool>
Status writeBitwise(NodeExport& n) {
  n.set(0, n.op(n.dtype() == boolean ? kBool : kBits, n.inputs()));
  return {};
}

#define KILN_OPERATOR(name) constexpr char k##name[] = #name
KILN_OPERATOR(Abs);
KILN_OPERATOR(Acos);
KILN_OPERATOR(Acosh);
KILN_OPERATOR(Add);
KILN_OPERATOR(And);
KILN_OPERATOR(Asin);
KILN_OPERATOR(Asinh);
KILN_OPERATOR(Atan);
KILN_OPERATOR(Atanh);
KILN_OPERATOR(BitwiseAnd);
KILN_OPERATOR(BitwiseNot);
KILN_OPERATOR(BitwiseOr);
KILN_OPERATOR(BitwiseXor);
KILN_OPERATOR(Ceil);
KILN_OPERATOR(Cos);
KILN_OPERATOR(Cosh);
KILN_OPERATOR(Div);
KILN_OPERATOR(Equal);
KILN_OPERATOR(Erf);
KILN_OPERATOR(Exp);
KILN_OPERATOR(Floor);
KILN_OPERATOR(Greater);
KILN_OPERATOR(GreaterOrEqual);
KILN_OPERATOR(IsInf);
KILN_OPERATOR(IsNaN);
KILN_OPERATOR(Less);
KILN_OPERATOR(LessOrEqual);
KILN_OPERATOR(Log);
KILN_OPERATOR(Max);
KILN_OPERATOR(Min);
KILN_OPERATOR(Mul);
KILN_OPERATOR(Neg);
KILN_OPERATOR(Not);
KILN_OPERATOR(Or);
KILN_OPERATOR(Pow);
KILN_OPERATOR(Reciprocal);
KILN_OPERATOR(Round);
KILN_OPERATOR(Sigmoid);
KILN_OPERATOR(Sign);
KILN_OPERATOR(Sin);
KILN_OPERATOR(Sinh);
KILN_OPERATOR(Sqrt);
KILN_OPERATOR(Sub);
KILN_OPERATOR(Tan);
KILN_OPERATOR(Tanh);
KILN_OPERATOR(Xor);
#undef KILN_OPERATOR

Status set(NodeExport& n, const Formula& result) {
  n.set(0, result.value());
  return {};
}

// Whether the sign bit is set, of zeros too: 1 / x tells those apart.
Formula isNegative(const Formula& x) { return x + x.apply("Reciprocal") < 0.0; }

Status writeAtan2(NodeExport& n) {
  const Formula y = operand(n, 0), x = operand(n, 1);
  constexpr double kPi = std::numbers::pi;
  const Formula below = isNegative(y);
  const Formula signedPi = choose(below, x.number(-kPi), x.number(kPi));
  const Formula angle = (y / x).apply("Atan");
  const Formula upright = choose(below, x.number(-kPi / 2), x.number(kPi / 2));
  const Formula isOnAxis = isEqual(x, 0);
  // Along the axis of y only its sign counts, and at the origin the signs of both zeros.
  const Formula flat = choose(isNegative(x), signedPi, choose(below, x.number(-0.0), x.number(0.0)));
  const Formula beside = choose(x < 0.0, angle + signedPi, angle);
  return set(n, choose(isOnAxis, choose(isEqual(y, 0), flat, upright), beside));
}

Status writeCbrt(NodeExport& n) {
  const Formula x = operand(n, 0);
  return set(n, x.apply("Sign") * x.apply("Abs").with("Pow", x.number(1.0 / 3)));
}

Status writeClamp(NodeExport& n) {
  n.set(0, n.op("Min", {n.op("Max", {n.in(0), n.in(1)}), n.in(2)}));
  return {};
}

Status writeCopysign(NodeExport& n) {
  const Formula x = operand(n, 0).apply("Abs");
  return set(n, choose(isNegative(operand(n, 1)), -x, x));
}

Status writeErfc(NodeExport& n) { return set(n, 1.0 - operand(n, 0).apply("Erf")); }

Status writeExp2(NodeExport& n) {
  const Formula x = operand(n, 0);
  return set(n, x.number(2).with("Pow", x));
}

// exp(x) - 1 and log(1 + x) without the loss near 0: Kahan's quotients, in which the rounding errors cancel (Higham,
// Accuracy and Stability of Numerical Algorithms, 1.14.1).
Formula expm1(const Formula& x) {
  const Formula u = x.apply("Exp");
  const Formula quotient = (u - 1.0) * x / u.apply("Log");
  const Formula isFar = either(x > 1.0, x < -1.0);
  return choose(isEqual(u, 1), x, choose(isFar, u - 1.0, quotient));
}
Formula log1p(const Formula& x) {
  const Formula u = x + 1.0;
  const Formula quotient = u.apply("Log") * x / (u - 1.0);
  const Formula isFar = either(x > 1.0, x < -0.5);
  return choose(isEqual(u, 1), x, choose(isFar, u.apply("Log"), quotient));
}
Status writeExpm1(NodeExport& n) { return set(n, expm1(operand(n, 0))); }
Status writeLog1p(NodeExport& n) { return set(n, log1p(operand(n, 0))); }

Status writeFma(NodeExport& n) { return set(n, operand(n, 0) * operand(n, 1) + operand(n, 2)); }

Status writeHypot(NodeExport& n) {
  const Formula x = operand(n, 0).apply("Abs"), y = operand(n, 1).apply("Abs");
  const Formula large = x.with("Max", y), small = x.with("Min", y);
  const Formula quotient = small / large;
  const Formula length = large * (quotient * quotient + 1.0).apply("Sqrt");
  const Formula isPlain = both(large > 0.0, {n, n.op("Not", {n.op("IsInf", {large.value()})}), boolean});
  return set(n, choose(isPlain, length, large));
}

Status writeIsFinite(NodeExport& n) {
  n.set(0, n.op("Not", {n.op("Or", {n.op("IsInf", {n.in(0)}), n.op("IsNaN", {n.in(0)})})}));
  return {};
}

Status writeLog2(NodeExport& n) { return set(n, operand(n, 0).apply("Log") * std::numbers::log2e); }
Status writeLog10(NodeExport& n) { return set(n, operand(n, 0).apply("Log") * std::numbers::log10e); }

Status writeMod(NodeExport& n) {
  if (!isFloat(n.dtype())) {
    n.set(0, n.op("Mod", {n.in(0), n.in(1)}));
    return {};
  }
  const Formula y = operand(n, 1);
  const Formula rest(n, n.op("Mod", {n.in(0), n.in(1)}, {{"fmod", int64_t{1}}}), n.dtype());
  const Formula differs = (rest < 0.0).with("Xor", y < 0.0);
  const Formula isZero = isEqual(rest, 0);
  const Formula zero = choose(isNegative(y), y.number(-0.0), y.number(0.0));
  return set(n, choose(isZero, zero, choose(differs, rest + y, rest)));
}

Status writeRemainder(NodeExport& n) {
  n.set(0, n.op("Mod", {n.in(0), n.in(1)}, {{"fmod", int64_t{1}}}));
  return {};
}

Status writeNotEqual(NodeExport& n) {
  n.set(0, n.op("Not", {n.op("Equal", {n.in(0), n.in(1)})}));
  return {};
}

Status writeRelu(NodeExport& n) {
  n.set(0, isFloat(n.dtype()) ? n.op("Relu", {n.in(0)}) : n.op("Max", {n.in(0), n.number(0, n.dtype())}));
  return {};
}

Status writeRsqrt(NodeExport& n) {
  n.set(0, n.op("Reciprocal", {n.op("Sqrt", {n.in(0)})}));
  return {};
}

Status writeSelect(NodeExport& n) {
  n.set(0, n.where(n.in(0), n.in(1), n.in(2), n.dtype(1)));
  return {};
}

Status writeSquare(NodeExport& n) {
  n.set(0, n.op("Mul", {n.in(0), n.in(0)}));
  return {};
}

Status writeStep(NodeExport& n) {
  const Formula x = operand(n, 0);
  const Formula step(n, n.cast((x > 0.0).value(), boolean, n.dtype()), n.dtype());
  return set(n, isFloat(n.dtype()) ? choose({n, n.op("IsNaN", {n.in(0)}), boolean}, x, step) : step);
}

Status writeTrunc(NodeExport& n) {
  const Formula x = operand(n, 0);
  return set(n, choose(x < 0.0, x.apply("Ceil"), x.apply("Floor")));
}

DType unsignedOf(DType dtype) {
  switch (bitWidth(dtype)) {
    case 8:
      return u8;
    case 16:
      return u16;
    case 32:
      return u32;
    default:
      return u64;
  }
}

// The operator shifts unsigned integers by less than their width. Negative ones are shifted as their complement.
Status writeShift(NodeExport& n, bool isRight) {
  const DType dtype = n.dtype(), bits = unsignedOf(dtype);
  const auto asBits = [&](const Formula& x) { return Formula(n, n.cast(x.value(), dtype, bits), bits); };
  const Formula x = operand(n, 0), amount = asBits(operand(n, 1));
  const bool hasSign = isRight && isSignedInteger(dtype);
  const Formula below = x < 0.0;
  const Formula shiftedOne = asBits(hasSign ? choose(below, x.apply("BitwiseNot"), x) : x);
  const std::string moved =
      n.op("BitShift", {shiftedOne.value(), amount.value()}, {{"direction", std::string(isRight ? "RIGHT" : "LEFT")}});
  const Formula fits = amount < static_cast<double>(bitWidth(dtype));
  const Formula inRange = choose(fits, {n, moved, bits}, amount.number(0));
  const Formula result(n, n.cast(inRange.value(), bits, dtype), dtype);
  return set(n, hasSign ? choose(below, result.apply("BitwiseNot"), result) : result);
}
Status writeShiftLeft(NodeExport& n) { return writeShift(n, false); }
Status writeShiftRight(NodeExport& n) { return writeShift(n, true); }

Status writeCast(NodeExport& n) {
  n.set(0, n.cast(n.in(0), n.dtype(), n.attribute<DType>("to")));
  return {};
}

Status writeBitcast(NodeExport& n) {
  constexpr int64_t kSince = 26;
  if (isInteger(n.dtype()) && isInteger(n.attribute<DType>("to"))) {
    return writeCast(n);  // Which keeps the low bits.
  }
  if (n.opset() < kSince) {
    return n.unsupported("the operator BitCast is of operator set 26 and later");
  }
  n.set(0, n.op("BitCast", {n.in(0)}, {{"to", int64_t{elementTypeOf(n.attribute<DType>("to"))}}}));
  return {};
}

constexpr std::string_view kNoGamma = "ONNX has no gamma functions";

constexpr ExportRow kRows[] = {
    {"abs", writeUnary<kAbs>},
    {"acos", writeUnary<kAcos>},
    {"acosh", writeUnary<kAcosh>},
    {"add", writeBinary<kAdd>},
    {"asin", writeUnary<kAsin>},
    {"asinh", writeUnary<kAsinh>},
    {"atan", writeUnary<kAtan>},
    {"atan2", writeAtan2},
    {"atanh", writeUnary<kAtanh>},
    {"bitcast", writeBitcast},
    {"bitwise_and", writeBitwise<kBitwiseAnd, kAnd>},
    {"bitwise_not", writeBitwise<kBitwiseNot, kNot>},
    {"bitwise_or", writeBitwise<kBitwiseOr, kOr>},
    {"bitwise_xor", writeBitwise<kBitwiseXor, kXor>},
    {"cast", writeCast},
    {"cbrt", writeCbrt},
    {"ceil", writeUnary<kCeil>},
    {"clamp", writeClamp},
    {"copysign", writeCopysign},
    {"cos", writeUnary<kCos>},
    {"cosh", writeUnary<kCosh>},
    refused("digamma", kNoGamma),
    {"div", writeBinary<kDiv>},
    {"equal", writeBinary<kEqual>},
    {"erf", writeUnary<kErf>},
    {"erfc", writeErfc},
    refused("erfinv", "ONNX has no inverse error function"),
    {"exp", writeUnary<kExp>},
    {"exp2", writeExp2},
    {"expm1", writeExpm1},
    {"floor", writeUnary<kFloor>},
    {"fma", writeFma},
    {"greater", writeBinary<kGreater>},
    {"greater_equal", writeBinary<kGreaterOrEqual>},
    {"hypot", writeHypot},
    {"is_finite", writeIsFinite},
    {"is_inf", writeUnary<kIsInf>},
    {"is_nan", writeUnary<kIsNaN>},
    {"less", writeBinary<kLess>},
    {"less_equal", writeBinary<kLessOrEqual>},
    refused("lgamma", kNoGamma),
    {"log", writeUnary<kLog>},
    {"log10", writeLog10},
    {"log1p", writeLog1p},
    {"log2", writeLog2},
    {"logical_and", writeBinary<kAnd>},
    {"logical_not", writeUnary<kNot>},
    {"logical_or", writeBinary<kOr>},
    {"logical_xor", writeBinary<kXor>},
    {"maximum", writeBinary<kMax>},
    {"minimum", writeBinary<kMin>},
    {"mod", writeMod},
    {"mul", writeBinary<kMul>},
    {"neg", writeUnary<kNeg>},
    {"not_equal", writeNotEqual},
    {"pow", writeBinary<kPow>},
    {"reciprocal", writeUnary<kReciprocal>},
    {"relu", writeRelu},
    {"remainder", writeRemainder},
    {"round", writeUnary<kRound>},
    {"rsqrt", writeRsqrt},
    {"select", writeSelect},
    {"shift_left", writeShiftLeft},
    {"shift_right", writeShiftRight},
    {"sigmoid", writeUnary<kSigmoid>},
    {"sign", writeUnary<kSign>},
    {"sin", writeUnary<kSin>},
    {"sinh", writeUnary<kSinh>},
    {"sqrt", writeUnary<kSqrt>},
    {"square", writeSquare},
    {"step", writeStep},
    {"sub", writeBinary<kSub>},
    {"tan", writeUnary<kTan>},
    {"tanh", writeUnary<kTanh>},
    refused("trigamma", kNoGamma),
    {"trunc", writeTrunc},
};

}  // namespace

std::span<const ExportRow> elementwiseRows() { return kRows; }

}  // namespace kiln::onnx
