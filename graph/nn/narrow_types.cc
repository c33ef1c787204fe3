// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/narrow_types.h"

#include <cmath>

namespace kiln::nn {
namespace {

// A float of 1 sign bit, some exponent bits and `mantissaBits`: (-1)^s 2^(e - bias) 1.m, denormal for e = 0.
struct FloatFormat {
  int bits, mantissaBits, bias;
  int largest;      // The code of the largest finite number,
  int beyond;       // of what is larger when not saturated,
  int nan;          // and of NaN, without sign.
  bool hasOneZero;  // The code of -0 is NaN.
};

FloatFormat formatOf(NarrowType type) {
  switch (type) {
    case NarrowType::kF4E2M1:
      return {4, 1, 1, 7, 7, 8, false};
    case NarrowType::kF8E4M3FN:
      return {8, 3, 7, 0x7E, 0x7F, 0x7F, false};
    case NarrowType::kF8E4M3FNUZ:
      return {8, 3, 8, 0x7F, 0x80, 0x80, true};
    case NarrowType::kF8E5M2:
      return {8, 2, 15, 0x7B, 0x7C, 0x7E, false};
    default:
      return {8, 2, 16, 0x7F, 0x80, 0x80, true};
  }
}

constexpr int kF32MantissaBits = 23, kF32Bias = 127;
constexpr int64_t kF32Magnitude = 0x7FFFFFFF, kF32Infinity = 0x7F800000;

// x as f32 such that rounding that to 10 bits or fewer gives what rounding x once would: inexact values of f64 get the
// neighbour with an odd significand (Boldo and Melquiond, Emulation of a FMA and correctly rounded sums, 2008).
// Integers that f32 does not have are beyond all formats with more than powers of two.
Value toF32(Operand x) {
  if (x.value.dtype() != f64) {
    return cast(x, f32);
  }
  const Value nearest = cast(x, f32);
  const Value back = cast(nearest, f64);
  const Value isInexact = logicalAnd(notEqual(back, x), equal(x, x));
  const Value isAway = cast(greater(abs(back), abs(x)), i32);
  const Value odd = bitwiseOr(bitcast(nearest, i32) - isAway, 1);
  return select(isInexact, bitcast(odd, f32), nearest);
}

Value encodePowers(Value x, const ConvertOptions& options) {
  const bool isUp = options.powers == PowerRounding::kUp, isDown = options.powers == PowerRounding::kDown;
  const Value magnitude = bitwiseAnd(bitcast(x, i32), kF32Magnitude);
  // Added to a number between two powers, it carries into the exponent exactly when the upper one is chosen.
  const Value normal = shiftRight(magnitude + (isUp ? 0x7FFFFF : isDown ? 0 : 0x400000), kF32MantissaBits);
  // Of the denormal numbers only 2^-127 has a code, which is 0; above this one they become 2^-126.
  const Value denormal = cast(greater(magnitude, isUp ? 0x400000 : isDown ? 0x7FFFFF : 0x5FFFFF), i32);
  Value code = select(less(magnitude, 0x800000), denormal, normal);
  if (options.saturate) {
    code = minimum(code, 254);
  } else {
    code = select(less(magnitude, 0x400000), 255, minimum(code, 255));
  }
  return cast(select(greater(magnitude, kF32Infinity), 255, code), u8);
}

Value decodePowers(Value code) {
  const Value bits =
      select(equal(code, 0), 0x400000, select(equal(code, 255), 0x7FC00000, shiftLeft(code, kF32MantissaBits)));
  return bitcast(bits, f32);
}

Value wrongType(Operand x, const char* function, const char* wanted) {
  x.value.builder()->addError(
      makeError<ErrorId::kG0512>(
          function, "x is " + ValueType{x.value.dtype(), x.value.shape()}.toString() + ", wanted " + wanted),
      x.where);
  return x.value.builder()->poisoned();
}

// Nothing can be made of it, and somebody has been told or will be.
bool isUnusable(const Operand& x) { return x.value.builder() == nullptr || x.value.isPoisoned(); }

bool isNumeric(DType type) {
  return bitWidth(type) >= 8 && (kiln::isFloat(type) || isInteger(type) || type == boolean);
}

}  // namespace

bool isFloat(NarrowType type) { return type >= NarrowType::kF4E2M1; }

bool isFloat(const NumberType& type) { return type.narrow ? isFloat(*type.narrow) : kiln::isFloat(type.dtype); }

DType storageOf(NarrowType type) { return type == NarrowType::kI2 || type == NarrowType::kI4 ? i8 : u8; }

IntegerRange rangeOf(const NumberType& type) {
  const bool isSigned = isSignedInteger(type.dtype);
  int bits = bitWidth(type.dtype);
  if (type.narrow) {
    bits = *type.narrow == NarrowType::kI2 || *type.narrow == NarrowType::kU2 ? 2 : 4;
  }
  return isSigned ? IntegerRange{-(int64_t{1} << (bits - 1)), (int64_t{1} << (bits - 1)) - 1}
                  : IntegerRange{0, (int64_t{1} << bits) - 1};
}

Value encodeFloat(Operand x, NarrowType type, const ConvertOptions& options) {
  if (isUnusable(x)) {
    return x.value;
  }
  if (!isFloat(type) || !isNumeric(x.value.dtype())) {
    return wrongType(x, "encodeFloat", "numbers, and a narrow float to encode them in");
  }
  const Value wide = toF32(x);
  if (type == NarrowType::kF8E8M0) {
    return encodePowers(wide, options);
  }
  const FloatFormat format = formatOf(type);
  const Value bits = bitcast(wide, i32);
  const Value magnitude = bitwiseAnd(bits, kF32Magnitude);
  // A carry out of the significand moves into the exponent by itself.
  const int shift = kF32MantissaBits - format.mantissaBits;
  const Value rebased = magnitude - (int64_t{kF32Bias - format.bias} << kF32MantissaBits);
  const Value lowest = bitwiseAnd(shiftRight(rebased, shift), 1);
  const Value normal = shiftRight(rebased + lowest + ((1 << (shift - 1)) - 1), shift);
  // With a number whose last bit weighs as much as that of denormal results, the sum has the code in its low bits.
  const int magicExponent = kF32MantissaBits + 1 - format.bias - format.mantissaBits;
  const Value sum = bitcast(magnitude, f32) + std::ldexp(1.0, magicExponent);
  const Value denormal = bitcast(sum, i32) - (int64_t{kF32Bias + magicExponent} << kF32MantissaBits);
  const int64_t smallestNormal = int64_t{kF32Bias + 1 - format.bias} << kF32MantissaBits;
  Value code = select(less(magnitude, smallestNormal), denormal, normal);
  if (options.saturate || type == NarrowType::kF4E2M1) {
    code = minimum(code, format.largest);
  } else {
    code = select(greater(code, format.largest), format.beyond, code);
  }
  code = select(greater(magnitude, kF32Infinity), format.nan, code);
  const Value sign = bitwiseAnd(shiftRight(bits, 32 - format.bits), 1 << (format.bits - 1));
  Value coded = bitwiseOr(code, sign);
  if (format.hasOneZero) {
    coded = select(equal(code, 0), 0, coded);
  }
  return cast(coded, u8);
}

Value decodeFloat(Operand codes, NarrowType type) {
  if (isUnusable(codes)) {
    return codes.value;
  }
  if (!isFloat(type) || codes.value.dtype() != u8) {
    return wrongType(codes, "decodeFloat", "codes of a narrow float, in u8");
  }
  const Value code = cast(codes, i32);
  if (type == NarrowType::kF8E8M0) {
    return decodePowers(code);
  }
  const FloatFormat format = formatOf(type);
  const int signBit = 1 << (format.bits - 1);
  const Value magnitude = bitwiseAnd(code, signBit - 1);
  const Value normal = shiftLeft(magnitude, kF32MantissaBits - format.mantissaBits) +
                       (int64_t{kF32Bias - format.bias} << kF32MantissaBits);
  const Value denormal = cast(magnitude, f32) * std::ldexp(1.0, 1 - format.bias - format.mantissaBits);
  Value bits = select(less(magnitude, 1 << format.mantissaBits), bitcast(denormal, i32), normal);
  if (type == NarrowType::kF8E5M2) {
    const Value special = shiftLeft(bitwiseAnd(magnitude, 3), kF32MantissaBits - 2) + kF32Infinity;
    bits = select(greaterEqual(magnitude, format.beyond), special, bits);
  } else if (type == NarrowType::kF8E4M3FN) {
    bits = select(equal(magnitude, format.nan), 0x7FC00000, bits);
  }
  bits = bitwiseOr(bits, shiftLeft(bitwiseAnd(code, signBit), 32 - format.bits));
  if (format.hasOneZero) {
    bits = select(equal(code, format.nan), 0x7FC00000, bits);
  }
  return bitcast(bits, f32);
}

Value wrapInteger(Operand x, NarrowType type) {
  if (isUnusable(x)) {
    return x.value;
  }
  if (isFloat(type) || !isNumeric(x.value.dtype())) {
    return wrongType(x, "wrapInteger", "numbers, and a narrow integer to hold them in");
  }
  const Value wide = cast(x, i32);
  const IntegerRange range = rangeOf(type);
  if (storageOf(type) == u8) {
    return cast(bitwiseAnd(wide, range.high), u8);
  }
  const int shift = type == NarrowType::kI2 ? 30 : 28;
  return cast(shiftRight(shiftLeft(wide, shift), shift), i8);
}

Value convert(Operand x, const NumberType& from, const NumberType& to, const ConvertOptions& options) {
  if (isUnusable(x)) {
    return x.value;
  }
  if (x.value.dtype() != from.dtype) {
    return wrongType(x, "convert", std::string(toString(from.dtype)).c_str());
  }
  if (from == to) {
    return x.value;
  }
  const Operand number(from.narrow && isFloat(*from.narrow) ? decodeFloat(x, *from.narrow) : x.value, x.where);
  if (!to.narrow) {
    return cast(number, to.dtype);
  }
  return isFloat(*to.narrow) ? encodeFloat(number, *to.narrow, options) : wrapInteger(number, *to.narrow);
}

}  // namespace kiln::nn
