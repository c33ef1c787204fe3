// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elementwise operators: arithmetic, logic, comparisons, activations.
#include <algorithm>
#include <functional>

#include "graph/io/onnx/operands.h"

namespace kiln::onnx {
namespace {

// The inputs, which have to be `count`.
StatusOr<std::vector<Value>> inputsOf(NodeImport& n, size_t count) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, arithmeticInputs(n));
  if (inputs.size() != count) {
    return n.invalid("it has " + std::to_string(inputs.size()) + " inputs, wanted " + std::to_string(count));
  }
  return inputs;
}

Status convertUnary(NodeImport& n, const std::function<Value(Value)>& f) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, inputsOf(n, 1));
  n.set(0, f(inputs[0]));
  return {};
}

template <Value (*kOp)(Operand)>
Status unary(NodeImport& n) {
  return convertUnary(n, [](Value x) { return kOp(x); });
}

// A function of floats that is more than one operation: 16-bit floats are rounded only at its end.
Status activate(NodeImport& n, const std::function<Value(Value)>& f) {
  return convertUnary(n, [&](Value x) { return inWide(x, f); });
}

StatusOr<std::vector<Value>> pairOf(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, inputsOf(n, 2));
  KILN_ASSIGN_OR_RETURN(inputs[1], alignedTo(n, n.shape(0), inputs[1]));
  KILN_RETURN_IF_ERROR(checkAlike(n, inputs));
  return inputs;
}

template <Value (*kOp)(Operand, Operand)>
Status binary(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, pairOf(n));
  n.set(0, kOp(inputs[0], inputs[1]));
  return {};
}

// --- arithmetic of several inputs ------------------------------------------------------------------------------------

Status fold(NodeImport& n, bool isMean, Value (*op)(Operand, Operand)) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, arithmeticInputs(n));
  KILN_RETURN_IF_ERROR(checkAlike(n, inputs));
  const DType dtype = inputs[0].dtype();
  // Sums of 16-bit floats are rounded once.
  const bool isWide = op == &kiln::add && (dtype == f16 || dtype == bf16) && inputs.size() > 2;
  auto wide = [&](Value x) { return isWide ? cast(x, f32) : x; };
  Value result = wide(inputs[0]);
  for (size_t i = 1; i < inputs.size(); ++i) {
    result = op(result, wide(inputs[i]));
  }
  if (isMean && inputs.size() > 1) {
    result = result / static_cast<double>(inputs.size());
  }
  n.set(0, cast(result, dtype));
  return {};
}

// --- powers ----------------------------------------------------------------------------------------------------------

// The value of an input that is one number known now, and changes no shape.
std::optional<double> knownNumber(NodeImport& n, int i) {
  const TensorPtr tensor = n.tryConstant(i);
  if (tensor == nullptr || tensor->rank() > n.rank(0) || tensor->numElements() != 1) {
    return std::nullopt;
  }
  return tensor->at(0);
}

// An integer to the power of an integer, wrapping around as a product does: by squaring, with the lowest 7 bits of the
// exponent. Exponents above 64 count as 64 or 65, which is the same for the bases 0, 1 and -1 and for even ones (0);
// odd ones have left the range of the type long before. A negative exponent gives the reciprocal without its fraction.
Value integerPower(Value x, Value y) {
  const Value odd = bitwiseAnd(y, 1);
  Value isNegative;
  Value exponent = select(greater(y, 64), odd + 64, y);
  if (isSignedInteger(y.dtype())) {
    isNegative = less(y, 0);
    exponent = select(isNegative, odd, exponent);
  }
  Value result, square = x;
  for (int bit = 0; bit < 7; ++bit) {
    const Value isSet = notEqual(bitwiseAnd(exponent, int64_t{1} << bit), 0);
    result = bit == 0 ? select(isSet, square, 1) : select(isSet, result * square, result);
    square = square * square;
  }
  if (!isSignedInteger(y.dtype())) {
    return result;
  }
  const Value isOne = equal(x * x, 1);  // Also true of numbers whose square wraps around to 1, such as 2^63 + 1.
  const Value isUnit = isSignedInteger(x.dtype()) ? logicalAnd(isOne, equal(abs(x), 1)) : equal(x, 1);
  return select(logicalAnd(isNegative, logicalNot(isUnit)), 0, result);
}

Status convertPow(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, inputsOf(n, 2));
  KILN_ASSIGN_OR_RETURN(inputs[1], alignedTo(n, n.shape(0), inputs[1]));
  if (inputs[0].isPoisoned() || inputs[1].isPoisoned()) {
    n.set(0, n.g.poisoned());
    return {};
  }
  KILN_RETURN_IF_ERROR(checkBroadcast(n, {inputs[0].shape(), inputs[1].shape()}));
  const Value x = inputs[0], y = inputs[1];
  const std::optional<double> known = knownNumber(n, 1);
  if (known == 1) {
    n.set(0, x);
  } else if (known == 2) {
    n.set(0, square(x));
  } else if (known == 3) {
    n.set(0, inWide(x, [](Value v) { return v * v * v; }));
  } else if (isInteger(x.dtype()) && isInteger(y.dtype())) {
    n.set(0, integerPower(x, y));
  } else if (isFloat(x.dtype()) && (y.dtype() == x.dtype() || isInteger(y.dtype()))) {
    n.set(0, pow(x, cast(y, x.dtype())));
  } else {
    // Of an integer and a float, or of floats of two widths: in the widest, as far as the base can say it.
    n.set(0, cast(pow(cast(x, f64), cast(y, f64)), x.dtype()));
  }
  return {};
}

Status convertMod(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, pairOf(n));
  const bool isFmod = n.integer("fmod", 0) != 0;
  if (!isFmod && isFloat(n.dtype(0))) {
    return n.invalid("it is a remainder of floats without fmod=1");
  }
  n.set(0, isFmod ? remainder(inputs[0], inputs[1]) : mod(inputs[0], inputs[1]));
  return {};
}

Status convertBitShift(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, pairOf(n));
  const std::string direction = n.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT") {
    return n.invalid("attribute 'direction' is '" + direction + "', wanted LEFT or RIGHT");
  }
  n.set(0, direction == "LEFT" ? shiftLeft(inputs[0], inputs[1]) : shiftRight(inputs[0], inputs[1]));
  return {};
}

// --- comparisons and choices -----------------------------------------------------------------------------------------

Status convertEqual(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, pairOf(n));
  const bool isOfBools = n.dtype(0) == boolean;
  n.set(0, isOfBools ? logicalNot(logicalXor(inputs[0], inputs[1])) : equal(inputs[0], inputs[1]));
  return {};
}

Status convertWhere(NodeImport& n) {
  const Value condition = n.in(0), x = n.in(1), y = n.in(2);
  KILN_RETURN_IF_ERROR(checkAlike(n, {x, y}));
  if (!condition.isPoisoned() && !x.isPoisoned() && !y.isPoisoned()) {
    KILN_RETURN_IF_ERROR(checkBroadcast(n, {condition.shape(), x.shape(), y.shape()}));
  }
  n.set(0, select(condition, x, y), n.elementType(1));
  return {};
}

// A bound of Clip: a scalar, which old models write as a tensor of one element, and older ones as f32 for every type.
Value boundOf(NodeImport& n, int i) {
  Value bound = cast(n.in(i), n.dtype(0));
  return !bound.isPoisoned() && bound.rank() > 0 ? reshape(bound, Shape{}) : bound;
}

Status convertClip(NodeImport& n) {
  if (isStored(n.elementType(0))) {
    return n.unsupported("elements of type " + elementTypeName(n.elementType(0)));
  }
  const Value x = n.in(0);
  if (n.has(1) && n.has(2)) {
    n.set(0, clamp(x, boundOf(n, 1), boundOf(n, 2)));
  } else if (n.has(1)) {
    n.set(0, maximum(x, boundOf(n, 1)));
  } else if (n.has(2)) {
    n.set(0, minimum(x, boundOf(n, 2)));
  } else {
    n.forward(0, 0);
  }
  return {};
}

// Tests of 8-bit floats look at their codes, without the sign: that of the only infinity, and the first NaN.
struct Float8Specials {
  int elementType;
  int infinity;  ///< -1: none.
  int firstNan, lastNan;
};
constexpr Float8Specials kFloat8Specials[] = {
    {TensorProto::FLOAT8E4M3FN, -1, 0x7f, 0x7f},
    {TensorProto::FLOAT8E5M2, 0x7c, 0x7d, 0x7f},
};

// Of 8-bit floats without an infinity and a negative zero, whose code is their NaN.
bool hasOneNan(int elementType) {
  return elementType == TensorProto::FLOAT8E4M3FNUZ || elementType == TensorProto::FLOAT8E5M2FNUZ;
}

const Float8Specials* findSpecials(int elementType) {
  const auto* found = std::ranges::find(kFloat8Specials, elementType, &Float8Specials::elementType);
  return found == std::end(kFloat8Specials) ? nullptr : found;
}

Value allFalse(Value like) { return notEqual(like, like); }

Status convertIsNan(NodeImport& n) {
  const Value x = n.in(0);
  if (hasOneNan(n.elementType(0))) {
    n.set(0, equal(x, 0x80));
  } else if (const Float8Specials* specials = findSpecials(n.elementType(0))) {
    n.set(0, greaterEqual(bitwiseAnd(x, 0x7f), specials->firstNan));
  } else if (isStored(n.elementType(0))) {
    return n.unsupported("elements of type " + elementTypeName(n.elementType(0)));
  } else {
    n.set(0, isNan(x));
  }
  return {};
}

Status convertIsInf(NodeImport& n) {
  const Value x = n.in(0);
  const bool findsPositive = n.integer("detect_positive", 1) != 0, findsNegative = n.integer("detect_negative", 1) != 0;
  const Float8Specials* specials = findSpecials(n.elementType(0));
  if (hasOneNan(n.elementType(0)) || (specials != nullptr && specials->infinity < 0)) {
    n.set(0, allFalse(x));
    return {};
  }
  if (specials == nullptr && isStored(n.elementType(0))) {
    return n.unsupported("elements of type " + elementTypeName(n.elementType(0)));
  }
  if (!findsPositive && !findsNegative) {
    n.set(0, specials != nullptr ? allFalse(x) : logicalAnd(isNan(x), isInf(x)));
    return {};
  }
  if (specials != nullptr) {
    const Value code = findsPositive && findsNegative ? bitwiseAnd(x, 0x7f) : x;
    n.set(0, equal(code, findsPositive ? specials->infinity : specials->infinity | 0x80));
  } else if (findsPositive && findsNegative) {
    n.set(0, isInf(x));
  } else {
    n.set(0, logicalAnd(isInf(x), findsPositive ? greater(x, 0) : less(x, 0)));
  }
  return {};
}

// --- activations -----------------------------------------------------------------------------------------------------

Status convertPRelu(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, inputsOf(n, 2));
  if (inputs[1].isPoisoned() || inputs[0].isPoisoned()) {
    n.set(0, n.g.poisoned());
    return {};
  }
  // Before operator set 7 a slope of several elements has one for each channel, and any other is one number.
  if (n.hasAttribute("kiln_axis") && inputs[1].shape().numElements() == Dim(1)) {
    inputs[1] = reshape(inputs[1], Shape{});
  } else {
    KILN_ASSIGN_OR_RETURN(inputs[1], alignedTo(n, n.shape(0), inputs[1]));
  }
  KILN_RETURN_IF_ERROR(checkAlike(n, inputs));
  const Value x = inputs[0], slope = inputs[1];
  if (slope.rank() > x.rank()) {
    return n.invalid("the slope " + slope.shape().toString() + " has more axes than " + x.shape().toString());
  }
  n.set(0, isFloat(x.dtype()) ? prelu(x, slope) : select(less(x, 0), x * slope, x));
  return {};
}

Status convertShrink(NodeImport& n) {
  const double bias = n.number("bias", 0), lambd = n.number("lambd", 0.5);
  return convertUnary(n, [=](Value x) {
    // The threshold and the bias are no integers.
    const Value v = isInteger(x.dtype()) ? cast(x, f64) : x.dtype() == f64 ? x : cast(x, f32);
    const Value up = select(greater(v, lambd), v - bias, 0);
    return cast(select(less(v, -lambd), v + bias, up), x.dtype());
  });
}

Status convertGelu(NodeImport& n) {
  const std::string approximate = n.text("approximate", "none");
  if (approximate != "none" && approximate != "tanh") {
    return n.invalid("attribute 'approximate' is '" + approximate + "', wanted none or tanh");
  }
  return convertUnary(n, [&](Value x) { return approximate == "tanh" ? geluTanh(x) : gelu(x); });
}

Status convertCelu(NodeImport& n) {
  const double alpha = n.number("alpha", 1);
  if (alpha == 0) {
    return n.invalid("attribute 'alpha' is 0, which it divides by");
  }
  return activate(n, [=](Value x) {
    return alpha > 0 ? celu(x, alpha) : maximum(x, 0) + minimum(alpha * (exp(x / alpha) - 1), 0);
  });
}

Status convertElu(NodeImport& n) {
  const double alpha = n.number("alpha", 1);
  return activate(n, [=](Value x) { return elu(x, alpha); });
}

Status convertSelu(NodeImport& n) {
  const double alpha = n.number("alpha", 1.67326319217681884765625),
               gamma = n.number("gamma", 1.05070102214813232421875);
  return activate(n, [=](Value x) { return selu(x, alpha, gamma); });
}

Status convertLeakyRelu(NodeImport& n) {
  const double alpha = n.number("alpha", 0.01F);
  return activate(n, [=](Value x) { return leakyRelu(x, alpha); });
}

Status convertHardSigmoid(NodeImport& n) {
  const double alpha = n.number("alpha", 0.2F), beta = n.number("beta", 0.5);
  return activate(n, [=](Value x) { return clamp(x * alpha + beta, 0, 1); });
}

Status convertSwish(NodeImport& n) {
  const double alpha = n.number("alpha", 1);
  return activate(n, [=](Value x) { return alpha == 1 ? silu(x) : x * sigmoid(x * alpha); });
}

Status convertThresholdedRelu(NodeImport& n) {
  const double alpha = n.number("alpha", 1);
  return convertUnary(n, [=](Value x) { return thresholdedRelu(x, alpha); });
}

template <Value (*kOp)(Operand)>
Status activation(NodeImport& n) {
  return activate(n, [](Value x) { return kOp(x); });
}

constexpr Converter kConverters[] = {
    // Functions of one number.
    {"Abs", unary<&kiln::abs>},
    {"Acos", unary<&kiln::acos>},
    {"Acosh", unary<&kiln::acosh>},
    {"Asin", unary<&kiln::asin>},
    {"Asinh", unary<&kiln::asinh>},
    {"Atan", unary<&kiln::atan>},
    {"Atanh", unary<&kiln::atanh>},
    {"Ceil", unary<&kiln::ceil>},
    {"Cos", unary<&kiln::cos>},
    {"Cosh", unary<&kiln::cosh>},
    {"Erf", unary<&kiln::erf>},
    {"Exp", unary<&kiln::exp>},
    {"Floor", unary<&kiln::floor>},
    {"Log", unary<&kiln::log>},
    {"Neg", unary<&kiln::neg>},
    {"Reciprocal", unary<&kiln::reciprocal>},
    {"Round", unary<&kiln::round>},
    {"Sign", unary<&kiln::sign>},
    {"Sin", unary<&kiln::sin>},
    {"Sinh", unary<&kiln::sinh>},
    {"Sqrt", unary<&kiln::sqrt>},
    {"Tan", unary<&kiln::tan>},
    {"Tanh", unary<&kiln::tanh>},
    // Arithmetic.
    {"Add", binary<&kiln::add>},
    {"Sub", binary<&kiln::sub>},
    {"Mul", binary<&kiln::mul>},
    {"Div", binary<&kiln::div>},
    {"Mod", convertMod},
    {"Pow", convertPow},
    {"Sum", [](NodeImport& n) { return fold(n, false, &kiln::add); }},
    {"Mean", [](NodeImport& n) { return fold(n, true, &kiln::add); }},
    {"Max", [](NodeImport& n) { return fold(n, false, &kiln::maximum); }},
    {"Min", [](NodeImport& n) { return fold(n, false, &kiln::minimum); }},
    {"Clip", convertClip},
    // Bits and truth.
    {"BitShift", convertBitShift},
    {"BitwiseAnd", binary<&kiln::bitwiseAnd>},
    {"BitwiseOr", binary<&kiln::bitwiseOr>},
    {"BitwiseXor", binary<&kiln::bitwiseXor>},
    {"BitwiseNot", unary<&kiln::bitwiseNot>},
    {"And", binary<&kiln::logicalAnd>},
    {"Or", binary<&kiln::logicalOr>},
    {"Xor", binary<&kiln::logicalXor>},
    {"Not", unary<&kiln::logicalNot>},
    // Comparisons and choices.
    {"Equal", convertEqual},
    {"Greater", binary<&kiln::greater>},
    {"GreaterOrEqual", binary<&kiln::greaterEqual>},
    {"Less", binary<&kiln::less>},
    {"LessOrEqual", binary<&kiln::lessEqual>},
    {"IsInf", convertIsInf},
    {"IsNaN", convertIsNan},
    {"Where", convertWhere},
    // Activations.
    {"Celu", convertCelu},
    {"Elu", convertElu},
    {"Gelu", convertGelu},
    {"HardSigmoid", convertHardSigmoid},
    {"HardSwish", activation<&kiln::hardSwish>},
    {"LeakyRelu", convertLeakyRelu},
    {"Mish", unary<&kiln::mish>},
    {"PRelu", convertPRelu},
    {"Relu", unary<&kiln::relu>},
    {"Selu", convertSelu},
    {"Shrink", convertShrink},
    {"Sigmoid", unary<&kiln::sigmoid>},
    {"Softplus", [](NodeImport& n) { return activate(n, [](Value x) { return softplus(x); }); }},
    {"Softsign", activation<&kiln::softsign>},
    {"Swish", convertSwish},
    {"ThresholdedRelu", convertThresholdedRelu},
};

}  // namespace

std::span<const Converter> mathConverters() { return kConverters; }

}  // namespace kiln::onnx
