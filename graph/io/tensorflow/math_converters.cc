// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Arithmetic, logic and activations, elementwise.
#include <cmath>
#include <limits>

#include "graph/io/tensorflow/node_import.h"

namespace kiln::tensorflow {
namespace {

template <Value (*F)(Operand)>
Status convertUnary(NodeImport& n) {
  n.set(0, F(n.in(0)));
  return {};
}

template <Value (*F)(Operand, Operand)>
Status convertBinary(NodeImport& n) {
  const Value x = n.in(0);
  n.set(0, F(x, n.in(1)));
  return {};
}

Status convertReciprocal(NodeImport& n) {
  n.set(0, reciprocal(n.in(0)));
  return {};
}

// For division: toward zero for integers, as C++.
Status convertTruncateDiv(NodeImport& n) {
  const Value x = n.in(0), y = n.in(1);
  n.set(0, isFloat(n.dtype(0)) ? trunc(div(x, y)) : div(x, y));
  return {};
}

Status convertFloorDiv(NodeImport& n) {
  const Value x = n.in(0), y = n.in(1);
  if (isFloat(n.dtype(0))) {
    n.set(0, floor(div(x, y)));
  } else if (isUnsignedInteger(n.dtype(0))) {
    n.set(0, div(x, y));
  } else {
    n.set(0, div(sub(x, mod(x, y)), y));
  }
  return {};
}

// 0 where the divisor, or the first factor, is 0, whatever the other operand is.
Status convertDivNoNan(NodeImport& n) {
  const Value x = n.in(0), y = n.in(1);
  n.set(0, select(equal(y, 0), mul(y, 0), div(x, y)));
  return {};
}

Status convertMulNoNan(NodeImport& n) {
  const Value x = n.in(0), y = n.in(1);
  n.set(0, select(equal(y, 0), mul(y, 0), mul(x, y)));
  return {};
}

Status convertXlogy(NodeImport& n) {
  const Value x = n.in(0), y = n.in(1);
  n.set(0, select(equal(x, 0), mul(x, 0), mul(x, log(y))));
  return {};
}

Status convertXdivy(NodeImport& n) {
  const Value x = n.in(0), y = n.in(1);
  n.set(0, select(equal(x, 0), mul(x, 0), div(x, y)));
  return {};
}

Status convertPow(NodeImport& n) {
  const Value x = n.in(0), y = n.in(1);
  if (isFloat(n.dtype(0))) {
    n.set(0, pow(x, y));
    return {};
  }
  if (bitWidth(n.dtype(0)) > 32) {
    return n.unsupported("powers of integers of 64 bits");
  }
  n.set(0, cast(pow(cast(x, f64), cast(y, f64)), n.dtype(0)));
  return {};
}

Status convertSquaredDifference(NodeImport& n) {
  const Value x = n.in(0);
  n.set(0, square(sub(x, n.in(1))));
  return {};
}

Status convertAddN(NodeImport& n) {
  Value sum = n.in(0);
  for (int i = 1; i < n.numInputs(); ++i) {
    sum = add(sum, n.in(i));
  }
  n.set(0, sum);
  return {};
}

Status convertBiasAdd(NodeImport& n) {
  const Value x = n.in(0), bias = n.in(1);
  const std::string format = n.text("data_format", "NHWC");
  if (n.rank(1) != 1 || n.rank(0) < 1) {
    return n.invalid("the bias has the shape " + n.shape(1).toString() + ", wanted a vector");
  }
  if (format != "NCHW" && format != "NCDHW") {
    n.set(0, add(x, bias));
    return {};
  }
  if (n.rank(0) < 2) {
    return n.invalid("x has the shape " + n.shape(0).toString() + " and no axis of channels");
  }
  Shape shape = n.shape(1);
  for (int i = 2; i < n.rank(0); ++i) {
    shape.push_back(1);
  }
  n.set(0, add(x, reshape(bias, shape)));
  return {};
}

Status convertLeakyRelu(NodeImport& n) {
  n.set(0, leakyRelu(n.in(0), n.number("alpha", 0.2)));
  return {};
}

Status convertElu(NodeImport& n) {
  n.set(0, elu(n.in(0)));
  return {};
}

Status convertSelu(NodeImport& n) {
  n.set(0, selu(n.in(0)));
  return {};
}

Status convertSoftplus(NodeImport& n) {
  n.set(0, softplus(n.in(0)));
  return {};
}

Status convertClipByValue(NodeImport& n) {
  const Value x = n.in(0), low = n.in(1);
  n.set(0, minimum(maximum(x, low), n.in(2)));
  return {};
}

// A condition of rank 1 chooses rows, and one of rank 0 everything; otherwise all shapes are equal.
Status convertSelect(NodeImport& n) {
  Value condition = n.in(0);
  if (n.rank(0) == 1 && n.rank(1) > 1) {
    Shape shape = n.shape(0);
    for (int i = 1; i < n.rank(1); ++i) {
      shape.push_back(1);
    }
    condition = reshape(condition, shape);
  }
  const Value x = n.in(1);
  n.set(0, select(condition, x, n.in(2)));
  return {};
}

Status convertSelectV2(NodeImport& n) {
  const Value condition = n.in(0), x = n.in(1);
  n.set(0, select(condition, x, n.in(2)));
  return {};
}

Status convertApproximateEqual(NodeImport& n) {
  const Value x = n.in(0);
  n.set(0, less(abs(sub(x, n.in(1))), n.number("tolerance", 1e-5)));
  return {};
}

Status convertCheckNumerics(NodeImport& n) {
  const Value x = n.in(0);
  n.set(0, assertThat(x, isFinite(x), n.text("message", "a value is infinite or no number")));
  return {};
}

// Values on a grid of 2^bits - 1 steps between two limits, moved so that 0 is on it (B. Jacob et al., "Quantization and
// Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018).
Value onGrid(NodeImport& n, Value x, Value low, Value high) {
  const double quantLow = n.boolean("narrow_range", false) ? 1 : 0;
  const double quantHigh = std::exp2(static_cast<double>(n.integer("num_bits", 8))) - 1;
  const Value scale = div(sub(high, low), quantHigh - quantLow);
  const Value zeroFromLow = sub(quantLow, div(low, scale));
  const Value zero = minimum(maximum(floor(add(zeroFromLow, 0.5)), quantLow), quantHigh);
  const Value nudgedLow = mul(sub(quantLow, zero), scale), nudgedHigh = mul(sub(quantHigh, zero), scale);
  const Value clamped = sub(minimum(maximum(x, nudgedLow), nudgedHigh), nudgedLow);
  return add(mul(floor(add(div(clamped, scale), 0.5)), scale), nudgedLow);
}

Status convertFakeQuantArgs(NodeImport& n) {
  const Value low = n.g.scalar(n.number("min", -6), f32), high = n.g.scalar(n.number("max", 6), f32);
  n.set(0, onGrid(n, n.in(0), low, high));
  return {};
}

Status convertFakeQuantVars(NodeImport& n) {
  const Value x = n.in(0), low = n.in(1);
  n.set(0, onGrid(n, x, low, n.in(2)));
  return {};
}

constexpr Converter kConverters[] = {
    {"Abs", convertUnary<abs>},
    {"Acos", convertUnary<acos>},
    {"Acosh", convertUnary<acosh>},
    {"Add", convertBinary<add>},
    {"AddN", convertAddN},
    {"AddV2", convertBinary<add>},
    {"ApproximateEqual", convertApproximateEqual},
    {"Asin", convertUnary<asin>},
    {"Asinh", convertUnary<asinh>},
    {"Atan", convertUnary<atan>},
    {"Atan2", convertBinary<atan2>},
    {"Atanh", convertUnary<atanh>},
    {"BiasAdd", convertBiasAdd},
    {"BiasAddV1", convertBiasAdd},
    {"BitwiseAnd", convertBinary<bitwiseAnd>},
    {"BitwiseOr", convertBinary<bitwiseOr>},
    {"BitwiseXor", convertBinary<bitwiseXor>},
    {"Ceil", convertUnary<ceil>},
    {"CheckNumerics", convertCheckNumerics},
    {"ClipByValue", convertClipByValue},
    {"Cos", convertUnary<cos>},
    {"Cosh", convertUnary<cosh>},
    {"Digamma", convertUnary<digamma>},
    {"Div", convertBinary<div>},
    {"DivNoNan", convertDivNoNan},
    {"Elu", convertElu},
    {"Equal", convertBinary<equal>},
    {"Erf", convertUnary<erf>},
    {"Erfc", convertUnary<erfc>},
    {"Erfinv", convertUnary<erfinv>},
    {"Exp", convertUnary<exp>},
    {"Expm1", convertUnary<expm1>},
    {"FakeQuantWithMinMaxArgs", convertFakeQuantArgs},
    {"FakeQuantWithMinMaxVars", convertFakeQuantVars},
    {"FakeQuantWithMinMaxVarsPerChannel", convertFakeQuantVars},
    {"Floor", convertUnary<floor>},
    {"FloorDiv", convertFloorDiv},
    {"FloorMod", convertBinary<mod>},
    {"Greater", convertBinary<greater>},
    {"GreaterEqual", convertBinary<greaterEqual>},
    {"Inv", convertReciprocal},
    {"Invert", convertUnary<bitwiseNot>},
    {"IsFinite", convertUnary<isFinite>},
    {"IsInf", convertUnary<isInf>},
    {"IsNan", convertUnary<isNan>},
    {"LeakyRelu", convertLeakyRelu},
    {"LeftShift", convertBinary<shiftLeft>},
    {"Less", convertBinary<less>},
    {"LessEqual", convertBinary<lessEqual>},
    {"Lgamma", convertUnary<lgamma>},
    {"Log", convertUnary<log>},
    {"Log1p", convertUnary<log1p>},
    {"LogicalAnd", convertBinary<logicalAnd>},
    {"LogicalNot", convertUnary<logicalNot>},
    {"LogicalOr", convertBinary<logicalOr>},
    {"Maximum", convertBinary<maximum>},
    {"Minimum", convertBinary<minimum>},
    {"Mod", convertBinary<remainder>},
    {"Mul", convertBinary<mul>},
    {"MulNoNan", convertMulNoNan},
    {"Neg", convertUnary<neg>},
    {"NotEqual", convertBinary<notEqual>},
    {"Pow", convertPow},
    {"RealDiv", convertBinary<div>},
    {"Reciprocal", convertReciprocal},
    {"Relu", convertUnary<relu>},
    {"Relu6", convertUnary<relu6>},
    {"RightShift", convertBinary<shiftRight>},
    {"Rint", convertUnary<round>},
    {"Round", convertUnary<round>},
    {"Rsqrt", convertUnary<rsqrt>},
    {"Select", convertSelect},
    {"SelectV2", convertSelectV2},
    {"Selu", convertSelu},
    {"Sigmoid", convertUnary<sigmoid>},
    {"Sign", convertUnary<sign>},
    {"Sin", convertUnary<sin>},
    {"Sinh", convertUnary<sinh>},
    {"Softplus", convertSoftplus},
    {"Softsign", convertUnary<softsign>},
    {"Sqrt", convertUnary<sqrt>},
    {"Square", convertUnary<square>},
    {"SquaredDifference", convertSquaredDifference},
    {"Sub", convertBinary<sub>},
    {"Tan", convertUnary<tan>},
    {"Tanh", convertUnary<tanh>},
    {"TruncateDiv", convertTruncateDiv},
    {"TruncateMod", convertBinary<remainder>},
    {"Xdivy", convertXdivy},
    {"Xlogy", convertXlogy},
};

}  // namespace

std::span<const Converter> mathConverters() { return kConverters; }

}  // namespace kiln::tensorflow
