// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// erf and erfc, and the activations x f(x) whose f falls to 0 as fast as e^x: all keep their digits in that tail.
#include <limits>

#include "compiler/codegen/common/library_call.h"
#include "compiler/codegen/common/math_builder.h"
#include "compiler/codegen/common/special_functions.h"
#include "compiler/codegen/common/transcendental.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

using mlir::Value;
using Compare = MathBuilder::Compare;

// erfc(z) e^(z^2) (1 + 2 z) as a function of (z - 2.5) / (z + 2.5), for 0.47 <= z <= 10.3 (the variable of Shepherd and
// Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x, 1981), and (erf x - x) / x as a function of x^2,
// for |x| <= 0.9. Made by special_coefficients.py.
constexpr double kScaledErfc[] = {
    1.2648382186889648,  -0.12235675752162933,  -0.09902440011501312, 0.15762977302074432,    -0.10297015309333801,
    0.03276007995009422, 0.0009559985483065248, -0.00436332868412137, 0.00041491881711408496, 0.0005507853929884732};
constexpr double kErfSmall[] = {0.12837916612625122,   -0.37612634897232056,  0.11283718049526215,
                                -0.026860665529966354, 0.0052042268216609955, -0.0008179632131941617,
                                8.529401384294033e-05};
constexpr double kErfcCenter = 2.5;
constexpr double kErfcBegin = 0.47;
constexpr double kErfcEnd = 10.3;  // erfc is 0 in f32 beyond
constexpr double kErfSmallEnd = 0.9;

constexpr double kTwoOverSqrtPi = 1.1283791670955126;
constexpr double kInverseSqrtTwoPi = 0.3989422804014327;
constexpr double kTailSeries[] = {1, -1, 3, -15, 105, -945, 10395, -135135};
constexpr double kGeluTail = -35;
constexpr double kSqrtHalf = 0.7071067811865476;
constexpr double kSqrtHalfLow = -4.833646656726457e-17;

// 1 + tanh(u) = 2 / (1 + e^(-2 u)), and these are the coefficients of 2 u = a x + b x^3, as sums of two numbers for
// f64.
constexpr double kGeluLinear = 1.5957691216057308;
constexpr double kGeluLinearLow = -9.96930880911092e-17;
constexpr double kGeluCubic = 0.07135481627260025;
constexpr double kGeluCubicLow = -6.175149918155315e-19;

// erfc(z) e^(z^2) in f32, for kErfcBegin <= z <= kErfcEnd.
Value scaledErfc(MathBuilder& m, Value z) {
  const Value center = m.constant(kErfcCenter);
  const Value t = m.div(m.sub(z, center), m.add(z, center));
  return m.div(m.polynomial(t, kScaledErfc), m.mulAdd(z, m.constant(2.0), m.constant(1.0)));
}

// erf(x) in f32, for |x| <= kErfSmallEnd.
Value smallErf(MathBuilder& m, Value x) { return m.mulAdd(x, m.polynomial(m.mul(x, x), kErfSmall), x); }

// erfc(z) in f32, for z >= kErfcBegin. What rounding takes from z^2 is put back: e^-(s + t) = e^-s (1 - t).
Value largeErfc(MathBuilder& m, Value z) {
  const Value bounded = m.atMost(z, kErfcEnd);
  const Value square = m.mul(bounded, bounded);
  const Value rest = m.sub(m.constant(1.0), m.productError(bounded, bounded, square));
  return emitScaledExp(m, m.neg(square), m.mul(scaledErfc(m, bounded), rest));
}

Value emitErfcF32(MathBuilder& m, Value x) {
  const Value magnitude = m.abs(x);
  const Value tail = largeErfc(m, magnitude);
  const Value isNegative = m.compare(Compare::OLT, x, m.constant(0.0));
  const Value large = m.select(isNegative, m.sub(m.constant(2.0), tail), tail);
  const Value isSmall = m.compare(Compare::OLT, magnitude, m.constant(kErfcBegin));
  return m.select(isSmall, m.sub(m.constant(1.0), smallErf(m, x)), large);
}

Value emitErfF32(MathBuilder& m, Value x) {
  const Value magnitude = m.abs(x);
  const Value large = m.sub(m.constant(1.0), largeErfc(m, magnitude));
  const Value sign = m.bitAnd(m.toBits(x), m.toBits(m.constant(-0.0)));
  const Value isSmall = m.compare(Compare::OLT, magnitude, m.constant(kErfSmallEnd));
  return m.select(isSmall, smallErf(m, x), m.fromBits(m.bitOr(m.toBits(large), sign)));
}

// x P(x), P the normal distribution: P(-a) = erfc(a / sqrt 2) / 2 with the exponential of a^2 / 2 itself.
Value emitGeluF32(MathBuilder& m, Value x) {
  const Value a = m.atMost(m.abs(x), 14.5);
  const Value z = m.mul(a, m.constant(kSqrtHalf));
  const Value square = m.mul(a, a);
  const Value half = m.constant(0.5);
  const Value rest = m.sub(m.constant(1.0), m.mul(m.productError(a, a, square), half));
  const Value factor = m.mul(m.mul(scaledErfc(m, z), half), rest);
  const Value exponent = m.mul(square, m.constant(-0.5));
  const Value above = m.mul(x, m.sub(m.constant(1.0), emitScaledExp(m, exponent, factor)));
  const Value below = emitScaledExp(m, exponent, m.neg(m.mul(a, factor)));
  const Value large = m.select(m.compare(Compare::OLT, x, m.constant(0.0)), below, above);
  const Value erf = smallErf(m, m.mul(x, m.constant(kSqrtHalf)));
  const Value small = m.mul(x, m.mulAdd(erf, half, half));
  return m.select(m.compare(Compare::OLT, z, m.constant(kErfcBegin)), small, large);
}

// x erfc(-x / sqrt 2) / 2 with the host's erfc; what rounding takes from its argument is put back by the derivative.
Value emitGeluF64(const FunctionSite& site, MathBuilder& m, Value x) {
  const Value bounded = m.atLeast(m.atMost(x, 40.0), -40.0);
  const Value scale = m.constant(-kSqrtHalf);
  const Value z = m.mul(bounded, scale);
  const Value zLow = m.add(m.productError(bounded, scale, z), m.mul(bounded, m.constant(-kSqrtHalfLow)));
  const Value erfc = emitLibraryCall(site.builder, site.location, site.host, offsetof(kiln_library_t, erfc), {z});
  const Value slope = emitScaledExp(m, m.neg(m.mul(z, z)), m.mul(zLow, m.constant(-kTwoOverSqrtPi)));
  const Value sum = m.mul(m.add(erfc, slope), m.constant(0.5));
  const Value usual = m.mul(x, sum);
  // Where erfc nears the denormal numbers: the asymptotic series of x P(x) (Abramowitz and Stegun 7.1.23).
  const Value tail = m.atLeast(m.atMost(x, kGeluTail), -45.0);
  const Value square = m.mul(tail, tail);
  const Value rest = m.sub(m.constant(1.0), m.mul(m.productError(tail, tail, square), m.constant(0.5)));
  const Value series = m.polynomial(m.div(m.constant(1.0), square), kTailSeries);
  const Value factor = m.mul(m.mul(series, m.constant(-kInverseSqrtTwoPi)), rest);
  const Value far = emitScaledExp(m, m.mul(square, m.constant(-0.5)), factor);
  return m.select(m.compare(Compare::OLT, x, m.constant(kGeluTail)), far, usual);
}

// x / (1 + e^-x) for the exponent -(v + low), v >= 0, of |x|, which is bounded by `a`.
Value emitGate(MathBuilder& m, Value x, Value a, Value v, Value low) {
  const Value one = m.constant(1.0);
  const Value exponent = m.neg(v);
  Value factor = m.neg(a);
  Value t = emitExp(m, exponent);
  if (low) {
    const Value rest = m.sub(one, low);
    factor = m.mul(factor, rest);
    t = m.mul(t, rest);
  }
  const Value below = emitScaledExp(m, exponent, factor);
  const Value isBelow = m.compare(Compare::OLT, x, m.constant(0.0));
  return m.div(m.select(isBelow, below, x), m.add(one, t));
}

Value emitSilu(MathBuilder& m, Value x) {
  const Value a = m.atMost(m.abs(x), m.isF32() ? 200.0 : 800.0);
  return emitGate(m, x, a, a, {});
}

Value emitGeluTanh(MathBuilder& m, Value x) {
  const Value a = m.atMost(m.abs(x), 23.0);
  const Value linear = m.constant(kGeluLinear), cubic = m.constant(kGeluCubic);
  // v = a (linear + cubic a^2) and its error, of f32 with the coefficients' own: theirs are not f32 numbers.
  const bool isF32 = m.isF32();
  const Value linearLow = m.constant(isF32 ? kGeluLinear - static_cast<float>(kGeluLinear) : kGeluLinearLow);
  const Value cubicLow = m.constant(isF32 ? kGeluCubic - static_cast<float>(kGeluCubic) : kGeluCubicLow);
  const Value square = m.mul(a, a);
  const Value squareLow = m.productError(a, a, square);
  const Value term = m.mul(cubic, square);
  const Value termLow = m.add(m.productError(cubic, square, term), m.mulAdd(cubic, squareLow, m.mul(cubicLow, square)));
  const Value sum = m.add(linear, term);
  const Value part = m.sub(sum, linear);
  const Value sumError = m.add(m.sub(linear, m.sub(sum, part)), m.sub(term, part));
  const Value sumLow = m.add(m.add(sumError, termLow), linearLow);
  const Value v = m.mul(a, sum);
  const Value low = m.mulAdd(a, sumLow, m.productError(a, sum, v));
  return emitGate(m, x, a, v, low);
}

// tanh(log(1 + e^x)) = (1 + 2 t) / (1 + 2 t + 2 t^2) with t = e^-x, = t (t + 2) / (t (t + 2) + 2) with t = e^x.
Value emitMish(MathBuilder& m, Value x) {
  const Value one = m.constant(1.0), two = m.constant(2.0);
  const Value a = m.atMost(m.abs(x), m.isF32() ? 200.0 : 800.0);
  const Value t = emitExp(m, m.neg(a));
  const Value isBelow = m.compare(Compare::OLT, x, m.constant(0.0));
  const Value inner = m.mul(t, m.add(t, two));
  const Value below = m.mul(emitScaledExp(m, m.neg(a), m.neg(a)), m.add(t, two));
  const Value aboveNumerator = m.mulAdd(two, t, one);
  const Value aboveDivisor = m.mulAdd(m.mul(two, t), t, aboveNumerator);
  const Value above = m.mul(x, m.div(aboveNumerator, aboveDivisor));
  return m.select(isBelow, m.div(below, m.add(inner, two)), above);
}

}  // namespace

Value emitErrorFunction(const FunctionSite& site, llvm::StringRef scalar, mlir::ValueRange operands) {
  MathBuilder m(site.builder, site.location, operands[0].getType(), site.target);
  const Value x = operands[0];
  if (scalar == "Silu") {
    return emitSilu(m, x);
  }
  if (scalar == "GeluTanh") {
    return emitGeluTanh(m, x);
  }
  if (scalar == "Mish") {
    return emitMish(m, x);
  }
  const bool isErf = scalar == "Erf", isErfc = scalar == "Erfc";
  if (!isErf && !isErfc && scalar != "Gelu") {
    return {};
  }
  if (m.isF32()) {
    return isErf ? emitErfF32(m, x) : isErfc ? emitErfcF32(m, x) : emitGeluF32(m, x);
  }
  if (!site.host) {
    return {};
  }
  if (!isErf && !isErfc) {
    return emitGeluF64(site, m, x);
  }
  const size_t field = isErf ? offsetof(kiln_library_t, erf) : offsetof(kiln_library_t, erfc);
  return emitLibraryCall(site.builder, site.location, site.host, field, operands);
}

}  // namespace kiln::compiler
