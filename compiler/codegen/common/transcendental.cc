// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/transcendental.h"

#include <cmath>
#include <limits>
#include <span>

namespace kiln::compiler {
namespace {

using mlir::Value;
using Compare = MathBuilder::Compare;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// (e^r - 1 - r) / r^2 on [-ln 2 / 2, ln 2 / 2]: interpolation at Chebyshev's nodes, rounded to the type.
constexpr double kExpF32[] = {
    0.5, 0.1666666716337204, 0.04166646674275398, 0.00833331048488617, 0.0013933649752289057, 0.00019890991097781807};
constexpr double kExpF64[] = {0.5,
                              0.1666666666666667,
                              0.04166666666666667,
                              0.008333333333326136,
                              0.0013888888888883748,
                              0.00019841269874820627,
                              2.4801587325547743e-05,
                              2.7557255400206422e-06,
                              2.75572736431103e-07,
                              2.5105217004720745e-08,
                              2.0914686968086876e-09};
// With s = f / (2 + f) and z = s^2: (log(1 + f) - 2 s) / (s z), for 1 + f in [sqrt(1/2), sqrt(2)].
constexpr double kLogF32[] = {0.6666668653488159, 0.3998875916004181, 0.29580986499786377};
constexpr double kLogF64[] = {0.666666666666667,  0.3999999999989889,  0.28571428626253836, 0.22222211089379496,
                              0.1818289243253687, 0.15331611722055008, 0.14617807153417325};
// The same less its first term 2/3, over z.
constexpr double kLogTail[] = {0.4,
                               0.2857142857142937,
                               0.22222222221652765,
                               0.18181818336099848,
                               0.1538459488700718,
                               0.1333480879881234,
                               0.11706126464563398,
                               0.11724327060846747};
// (tanh x - x) / x^3 as a function of x^2, for |x| <= kTanhSmall.
constexpr double kTanhF32[] = {-0.3333333134651184, 0.13333113491535187, -0.05390936881303787, 0.021309029310941696,
                               -0.006609552539885044};
constexpr double kTanhF64[] = {-0.3333333333333333,    0.13333333333332711,    -0.05396825396743151,
                               0.021869488493552625,   -0.008863234395177999,  0.003592110343931255,
                               -0.0014556615522767396, 0.00058893468259176,    -0.00023463067524526733,
                               8.510647287642557e-05,  -2.0598135435770385e-05};
constexpr double kTanhSmall = 0.55;
constexpr double kTwoThirdsHigh = 0.6666666666666666;
constexpr double kTwoThirdsLow = 3.700743415417188e-17;

// What depends on the float format.
struct Format {
  int mantissaBits;
  int bias;
  double magic;    // adding it rounds to an integer, which then stands in the low bits
  double ln2High;  // so few bits that its product with any exponent is exact
  double ln2Low;
  double expLowest;  // e^x is 0 below, infinite above the highest
  double expHighest;
  double smallestNormal;
  double normalize;  // 2^normalizeExponent makes a denormal normal
  int normalizeExponent;
  uint64_t sqrtHalf;  // bits of sqrt(1/2), rounded
  double tanhOne;     // tanh of half of it rounds to 1
  std::span<const double> exp;
  std::span<const double> log;
  std::span<const double> tanh;
};
constexpr Format kF32 = {23,         127,  12582912.0,     0.693145751953125, 1.428606765330187e-06,
                         -105.0,     89.0, 1.17549435e-38, 8388608.0,         23,
                         0x3f3504f3, 19.0, kExpF32,        kLogF32,           kTanhF32};
constexpr Format kF64 = {52,
                         1023,
                         6755399441055744.0,
                         0.693147180559663,
                         2.8235290563031577e-13,
                         -746.0,
                         710.0,
                         2.2250738585072014e-308,
                         18014398509481984.0,
                         54,
                         0x3fe6a09e667f3bcd,
                         39.0,
                         kExpF64,
                         kLogF64,
                         kTanhF64};
constexpr double kLog2E = 1.4426950408889634;
constexpr double kLn2 = 0.6931471805599453;
constexpr double kExpm1Lowest = -40;  // e^x - 1 rounds to -1 below

const Format& formatOf(const MathBuilder& m) { return m.isF32() ? kF32 : kF64; }

uint64_t oneBits(const Format& format) { return static_cast<uint64_t>(format.bias) << format.mantissaBits; }

// x = n ln 2 + r with a whole n and |r| <= ln 2 / 2.
struct Reduced {
  Value rounded;  // n + magic: n stands in its low bits
  Value n;
  Value r;
};
Reduced reduce(MathBuilder& m, Value x) {
  const Format& format = formatOf(m);
  Reduced result;
  const Value magic = m.constant(format.magic);
  result.rounded = m.mulAdd(x, m.constant(kLog2E), magic);
  result.n = m.sub(result.rounded, magic);
  result.r = m.mulAdd(result.n, m.constant(-format.ln2High), x);
  result.r = m.mulAdd(result.n, m.constant(-format.ln2Low), result.r);
  return result;
}

// e^r - 1 for a reduced r, precise also near 0.
Value expMinusOne(MathBuilder& m, Value r) { return m.mulAdd(m.mul(r, r), m.polynomial(r, formatOf(m).exp), r); }

// So near 0 that x + x^2 / 2 rounds to x, or nearly: where a denormal number and a zero keep their digits and sign.
Value isTiny(MathBuilder& m, Value x) {
  return m.compare(Compare::OLT, m.abs(x), m.constant(m.isF32() ? 0x1p-26 : 0x1p-55));
}

// 2^n, from n + magic; n within the exponents of normal numbers.
Value powerOfTwo(MathBuilder& m, Value rounded) {
  const Format& format = formatOf(m);
  const Value exponent = m.shiftLeft(m.toBits(rounded), format.mantissaBits);
  return m.fromBits(m.bitAdd(exponent, m.constantBits(oneBits(format))));
}

// y 2^n for any n that |n| / 2 is a normal exponent of: in two steps, of which only the last can round.
Value scale(MathBuilder& m, Value y, Value n) {
  const Value magic = m.constant(formatOf(m).magic);
  const Value half = m.mulAdd(n, m.constant(0.5), magic);
  const Value rest = m.add(m.sub(n, m.sub(half, magic)), magic);
  return m.mul(m.mul(y, powerOfTwo(m, half)), powerOfTwo(m, rest));
}

// 1 + f in [sqrt(1/2), sqrt(2)) and a whole k with x = (1 + f) 2^k, for finite x > 0.
struct Split {
  Value f;
  Value k;
};
Split splitExponent(MathBuilder& m, Value x, bool mayBeDenormal) {
  const Format& format = formatOf(m);
  Value bias = m.constant(std::ldexp(1.0, format.mantissaBits) + format.bias);
  if (mayBeDenormal) {
    const Value small = m.compare(Compare::OLT, x, m.constant(format.smallestNormal));
    x = m.select(small, m.mul(x, m.constant(format.normalize)), x);
    const double shifted = std::ldexp(1.0, format.mantissaBits) + format.bias + format.normalizeExponent;
    bias = m.select(small, m.constant(shifted), bias);
  }
  const Value sqrtHalf = m.constantBits(format.sqrtHalf);
  const Value moved = m.bitAdd(m.toBits(x), m.constantBits(oneBits(format) - format.sqrtHalf));
  // An integer below 2^mantissaBits becomes a float by standing in the low bits of 2^mantissaBits.
  const Value exponent = m.shiftRight(moved, format.mantissaBits);
  const uint64_t wholeBits = static_cast<uint64_t>(format.bias + format.mantissaBits) << format.mantissaBits;
  Split result;
  result.k = m.sub(m.fromBits(m.bitOr(exponent, m.constantBits(wholeBits))), bias);
  const uint64_t mantissa = (uint64_t{1} << format.mantissaBits) - 1;
  const Value significand = m.fromBits(m.bitAdd(m.bitAnd(moved, m.constantBits(mantissa)), sqrtHalf));
  result.f = m.sub(significand, m.constant(1.0));
  return result;
}

// log x + rest for finite x > 0 and a rest that is small beside it.
Value positiveLog(MathBuilder& m, Value x, bool mayBeDenormal, Value rest = {}) {
  const Format& format = formatOf(m);
  const auto [f, k] = splitExponent(m, x, mayBeDenormal);
  const Value s = m.div(f, m.add(f, m.constant(2.0)));
  const Value z = m.mul(s, s);
  const Value halfSquare = m.mul(m.mul(f, m.constant(0.5)), f);
  // log(1 + f) = f - (f^2/2 - s (f^2/2 + R)): the large terms are exact or nearly so.
  const Value correction = m.mulAdd(z, m.polynomial(z, format.log), halfSquare);
  Value low = m.mulAdd(k, m.constant(format.ln2Low), m.mul(s, correction));
  if (rest) {
    low = m.add(low, rest);
  }
  return m.mulAdd(k, m.constant(format.ln2High), m.sub(f, m.sub(halfSquare, low)));
}

// log of any x >= 0 from its value for finite x > 0; NaN for NaN.
Value completeLog(MathBuilder& m, Value x, Value log) {
  const Value finite = m.compare(Compare::OLT, x, m.constant(kInfinity));
  const Value zero = m.compare(Compare::OEQ, x, m.constant(0.0));
  return m.select(zero, m.constant(-kInfinity), m.select(finite, log, x));
}

// A number as the sum of two, the second below the rounding error of the first.
struct Double {
  Value high;
  Value low;
};

// log x for finite x > 0 with a relative error near 2^-66.
Double precisePositiveLog(MathBuilder& m, Value x) {
  const auto [f, k] = splitExponent(m, x, /*mayBeDenormal=*/true);
  const Value two = m.constant(2.0);
  // s = f / (2 + f)
  const Value divisor = m.add(f, two);
  const Value divisorLow = m.sub(f, m.sub(divisor, two));
  const Value s = m.div(f, divisor);
  const Value back = m.mul(s, divisor);
  Value rest = m.sub(m.sub(f, back), m.productError(s, divisor, back));
  rest = m.sub(rest, m.mul(s, divisorLow));
  const Value sLow = m.div(rest, divisor);
  // z = s^2
  const Value z = m.mul(s, s);
  const Value zLow = m.mulAdd(m.mul(two, s), sLow, m.productError(s, s, z));
  // a = 2 + 2/3 z + z^2 tail(z); log(1 + f) = s a
  const Value twoThirds = m.constant(kTwoThirdsHigh);
  const Value cubic = m.mul(twoThirds, z);
  Value cubicLow = m.mulAdd(twoThirds, zLow, m.productError(twoThirds, z, cubic));
  cubicLow = m.mulAdd(m.constant(kTwoThirdsLow), z, cubicLow);
  cubicLow = m.mulAdd(m.mul(z, z), m.polynomial(z, kLogTail), cubicLow);
  const Value a = m.add(two, cubic);
  const Value aLow = m.add(m.sub(cubic, m.sub(a, two)), cubicLow);
  const Value product = m.mul(s, a);
  const Value productLow = m.add(m.productError(s, a, product), m.mulAdd(s, aLow, m.mul(sLow, a)));
  // k ln 2 is 0 or larger than the rest. Sums of a larger and a smaller number have an error that can be had exactly.
  const Value whole = m.mul(k, m.constant(kF64.ln2High));
  const Value sum = m.add(whole, product);
  const Value error = m.sub(product, m.sub(sum, whole));
  const Value low = m.add(error, m.mulAdd(k, m.constant(kF64.ln2Low), productLow));
  Double result;
  result.high = m.add(sum, low);
  result.low = m.sub(low, m.sub(result.high, sum));
  return result;
}

}  // namespace

Value emitExp(MathBuilder& m, Value x) {
  const Format& format = formatOf(m);
  const Value bounded = m.atLeast(m.atMost(x, format.expHighest), format.expLowest);
  const Reduced reduced = reduce(m, bounded);
  const Value y = m.add(expMinusOne(m, reduced.r), m.constant(1.0));
  return scale(m, y, reduced.n);
}

Value emitScaledExp(MathBuilder& m, Value x, Value factor) {
  const Format& format = formatOf(m);
  // Ten below the point where e^x is 0, for factors up to e^10.
  const Value bounded = m.atLeast(m.atMost(x, format.expHighest), format.expLowest - 14);
  const Reduced reduced = reduce(m, bounded);
  const Value y = m.add(expMinusOne(m, reduced.r), m.constant(1.0));
  return scale(m, m.mul(y, factor), reduced.n);
}

// With h = 2^n / 2: 2 (h (e^r - 1) + (h - 1/2)), where nothing cancels and h is finite wherever the result is.
Value emitExpm1(MathBuilder& m, Value x) {
  const Format& format = formatOf(m);
  const Reduced reduced = reduce(m, m.atLeast(m.atMost(x, format.expHighest), kExpm1Lowest));
  const Value exponent = m.shiftLeft(m.toBits(reduced.rounded), format.mantissaBits);
  const uint64_t halfBits = oneBits(format) - (uint64_t{1} << format.mantissaBits);
  const Value half = m.fromBits(m.bitAdd(exponent, m.constantBits(halfBits)));
  const Value y = m.mulAdd(expMinusOne(m, reduced.r), half, m.sub(half, m.constant(0.5)));
  return m.select(isTiny(m, x), x, m.add(y, y));
}

Value emitExp2(MathBuilder& m, Value x) {
  const Format& format = formatOf(m);
  const double lowest = -(format.bias + format.mantissaBits + 1);
  const Value bounded = m.atLeast(m.atMost(x, format.bias + 2), lowest);
  const Value magic = m.constant(format.magic);
  const Value n = m.sub(m.add(bounded, magic), magic);
  const Value r = m.mul(m.sub(bounded, n), m.constant(kLn2));
  return scale(m, m.add(expMinusOne(m, r), m.constant(1.0)), n);
}

// log u + c / u, where u = 1 + x after rounding and c what the rounding took away.
Value emitLog1p(MathBuilder& m, Value x) {
  const Value one = m.constant(1.0);
  const Value u = m.add(x, one);
  const Value isSmall = m.compare(Compare::OLT, m.abs(x), one);
  const Value c = m.select(isSmall, m.sub(x, m.sub(u, one)), m.sub(one, m.sub(u, x)));
  const Value log = completeLog(m, u, positiveLog(m, u, /*mayBeDenormal=*/false, m.div(c, u)));
  const Value result = m.select(m.compare(Compare::OLT, u, m.constant(0.0)), m.constant(kNaN), log);
  return m.select(isTiny(m, x), x, result);
}

Value emitLog(MathBuilder& m, Value x) {
  const Value log = completeLog(m, x, positiveLog(m, x, /*mayBeDenormal=*/true));
  return m.select(m.compare(Compare::OLT, x, m.constant(0.0)), m.constant(kNaN), log);
}

// 1 - 2 / (e^2|x| + 1), and where that cancels an odd polynomial; both are computed side by side.
Value emitTanh(MathBuilder& m, Value x) {
  const Format& format = formatOf(m);
  const Value magnitude = m.abs(x);
  const Value twice = m.atMost(m.add(magnitude, magnitude), format.tanhOne);
  const Reduced reduced = reduce(m, twice);
  const Value power = powerOfTwo(m, reduced.rounded);
  const Value exponential = m.mulAdd(expMinusOne(m, reduced.r), power, power);
  const Value one = m.constant(1.0);
  const Value large = m.add(m.div(m.constant(-2.0), m.add(exponential, one)), one);
  const Value square = m.mul(magnitude, magnitude);
  const Value cubic = m.mul(square, magnitude);
  const Value small = m.mulAdd(cubic, m.polynomial(square, format.tanh), magnitude);
  const Value isSmall = m.compare(Compare::OLT, magnitude, m.constant(kTanhSmall));
  const Value sign = m.bitAnd(m.toBits(x), m.toBits(m.constant(-0.0)));
  return m.fromBits(m.bitOr(m.toBits(m.select(isSmall, small, large)), sign));
}

// With t = e^-|x|: 1 / (1 + t) above 0, t / (1 + t) below; t never overflows.
Value emitSigmoid(MathBuilder& m, Value x) {
  const Value one = m.constant(1.0);
  const Value t = emitExp(m, m.neg(m.abs(x)));
  const Value above = m.compare(Compare::OGE, x, m.constant(0.0));
  return m.div(m.select(above, one, t), m.add(t, one));
}

Value emitPow(MathBuilder& m, Value x, Value y, bool forF32) {
  const Value zero = m.constant(0.0);
  const Value one = m.constant(1.0);
  const Value base = m.abs(x);

  // e^(y log |x|)
  Value exponent;
  Value exponentLow;
  if (forF32) {
    exponent = m.mul(y, completeLog(m, base, positiveLog(m, base, /*mayBeDenormal=*/false)));
    exponent = m.atLeast(m.atMost(exponent, 200.0), -200.0);
  } else {
    const Double log = precisePositiveLog(m, base);
    const Value high = completeLog(m, base, log.high);
    exponent = m.mul(y, high);
    exponentLow = m.mulAdd(y, log.low, m.productError(y, high, exponent));
    // Beyond, the result is 0 or infinite, and the low part may be anything.
    const Value ordinary = m.compare(Compare::OLT, m.abs(exponent), m.constant(800.0));
    exponentLow = m.select(ordinary, exponentLow, zero);
    exponent = m.atLeast(m.atMost(exponent, kF64.expHighest), kF64.expLowest);
  }
  Reduced reduced = reduce(m, exponent);
  if (exponentLow) {
    reduced.r = m.add(reduced.r, exponentLow);
  }
  const Value power = m.add(expMinusOne(m, reduced.r), one);
  Value result = forF32 ? m.mul(power, powerOfTwo(m, reduced.rounded)) : scale(m, power, reduced.n);

  // pow(-1, +-inf) = 1, unless y is NaN.
  const Value unitBase = m.both(m.compare(Compare::OEQ, base, one), m.compare(Compare::ORD, y, y));
  result = m.select(unitBase, one, result);

  // A negative base gives the result its sign when y is odd. Every float from 2^52 up is whole, and from 2^53 up even.
  const Value whole = m.constant(std::ldexp(1.0, 52));
  const auto hasFraction = [&](Value value) {
    const Value rounded = m.sub(m.add(value, whole), whole);
    return m.both(m.compare(Compare::OLT, value, whole), m.compare(Compare::UNE, rounded, value));
  };
  const Value magnitude = m.abs(y);
  const Value fractional = hasFraction(magnitude);
  const Value halfFractional = hasFraction(m.mul(magnitude, m.constant(0.5)));
  const Value keep = m.constantBits(0);
  const Value sign = m.bitAnd(m.toBits(x), m.toBits(m.constant(-0.0)));
  const Value flip = m.select(fractional, keep, m.select(halfFractional, sign, keep));
  result = m.fromBits(m.bitXor(m.toBits(result), flip));

  // Its power is real for whole y only; -inf and -0 count as limits.
  const Value negative = m.both(m.compare(Compare::OLT, x, zero), m.compare(Compare::OGT, x, m.constant(-kInfinity)));
  result = m.select(m.both(negative, fractional), m.constant(kNaN), result);

  // 1 to any power and anything to the power 0 are 1, NaN included.
  const Value alwaysOne = m.either(m.compare(Compare::OEQ, x, one), m.compare(Compare::OEQ, y, zero));
  return m.select(alwaysOne, one, result);
}

}  // namespace kiln::compiler
