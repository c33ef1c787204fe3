// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/special_functions.h"

#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>

namespace kiln::runtime {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr long double kPi = 3.14159265358979323846264338327950288L;
constexpr long double kHalfSqrtPi = 0.886226925452758013649083741670572591L;

// The series below are good to 2^-64 from here on.
constexpr long double kAsymptotic = 16;
constexpr int kTerms = 12;

// Coefficients of the asymptotic series of digamma, B_2n / 2n, and of trigamma, B_2n (Abramowitz and
// Stegun 6.3.18, 6.4.12).
constexpr long double kBernoulli[kTerms] = {1.0L / 6,       -1.0L / 30,       1.0L / 42,       -1.0L / 30,
                                            5.0L / 66,      -691.0L / 2730,   7.0L / 6,        -3617.0L / 510,
                                            43867.0L / 798, -174611.0L / 330, 854513.0L / 138, -236364091.0L / 2730};

// The zero of digamma above 0, as a sum of two numbers, and the Taylor series of digamma there, from its first power
// on:
// (-1)^(n + 1) zeta(n + 1, zero), from mpmath.
constexpr long double kZero = 1.461632144968362341280917L;
constexpr long double kZeroLow = -1.8257096315963484214601e-20L;
constexpr long double kNearZero = 0.3L;
constexpr long double kTaylor[] = {
    0.9676722454476211704274L,      -0.4427631689835921060929L,    0.2584997609556510106244L,
    -0.1639427054424065275043L,     0.1078240506912623657572L,     -0.07219956125645471092612L,
    0.04880428816414310722509L,     -0.03316112647484735929226L,   0.02259764823221810465962L,
    -0.0154247659049489591388L,     0.01053879161661217538812L,    -0.00720453438635686824097L,
    0.004926781395729853446354L,    -0.003369801655439328082793L,  0.002305126326734927836938L,
    -0.001576936771430197259271L,   0.001078825201916296580692L,   -0.000738070938996005129566L,
    0.0005049532658346020351774L,   -0.0003454680251063076995556L, 0.0002363560156402705279237L,
    -0.0001617062209197480344936L,  0.0001106337276874741090409L,  -0.00007569179582195065919238L,
    0.00005178575795222080868993L,  -0.0000354300709476596063157L, 0.00002424006611860131765268L,
    -0.00001658424227185413337524L, 0.0000113463845846638498067L,  -0.000007762817668462094425268L};

long double digammaOfPositive(long double x) {
  if (std::fabs(x - kZero) < kNearZero) {
    const long double distance = (x - kZero) - kZeroLow;
    long double series = 0;
    for (size_t n = std::size(kTaylor); n-- > 0;) {
      series = (series + kTaylor[n]) * distance;
    }
    return series;
  }
  // x (x + 1) ... and its derivative: their quotient is 1 / x + 1 / (x + 1) + ...
  long double product = 1, derivative = 0;
  while (x < kAsymptotic) {
    derivative = derivative * x + product;
    product *= x;
    x += 1;
  }
  const long double inverse = 1 / (x * x);
  long double series = 0;
  for (int n = kTerms; n-- > 0;) {
    series = (series + kBernoulli[n] / (2 * (n + 1))) * inverse;
  }
  return ((std::log(x) - derivative / product) - 1 / (2 * x)) - series;
}

long double trigammaOfPositive(long double x) {
  long double below = 0;
  while (x < kAsymptotic) {
    below += 1 / (x * x);
    x += 1;
  }
  const long double inverse = 1 / (x * x);
  long double series = 0;
  for (int n = kTerms; n-- > 0;) {
    series = (series + kBernoulli[n]) * inverse;
  }
  return below + (1 + 1 / (2 * x) + series) / x;
}

}  // namespace

// A start by elementary functions (Winitzki, A handy approximation for the error function and its inverse, 2008: 2e-3),
// then Halley's method on erf y - x, or on erfc y - (1 - x) where that is small; 1 - x is exact there.
double inverseErf(double value) {
  const double size = std::fabs(value);
  if (!(size < 1)) {
    return size == 1 ? std::copysign(kInfinity, value) : kNaN;
  }
  if (size < 1e-9) {
    return static_cast<double>(kHalfSqrtPi * value);
  }
  constexpr double kA = 0.147;
  const double log = std::log1p(-size * size);
  const double b = 2 / (static_cast<double>(kPi) * kA) + log / 2;
  long double y = std::sqrt(std::sqrt(b * b - log / kA) - b);
  const bool isTail = size > 0.5;
  for (int i = 0; i < 3; ++i) {
    const long double error = isTail ? (1 - static_cast<long double>(size)) - std::erfc(y) : std::erf(y) - size;
    const long double step = error * kHalfSqrtPi * std::exp(y * y);
    y -= step / (1 + y * step);
  }
  return std::copysign(static_cast<double>(y), value);
}

double logGamma(double x) {
  int sign = 0;
  return static_cast<double>(::lgammal_r(x, &sign));
}

double digamma(double x) {
  if (x == 0) {
    return std::copysign(kInfinity, -x);
  }
  if (x > 0) {
    return x == kInfinity ? x : static_cast<double>(digammaOfPositive(x));
  }
  if (!(x > -kInfinity) || x == std::floor(x)) {
    return kNaN;
  }
  // digamma(1 - x) - digamma(x) = pi cot(pi x), which has the period 1
  const long double wide = x;
  const long double angle = kPi * (wide - std::round(wide));
  return static_cast<double>(digammaOfPositive(1 - wide) - kPi * std::cos(angle) / std::sin(angle));
}

double trigamma(double x) {
  if (!(x > -kInfinity)) {
    return kNaN;
  }
  if (x <= 0 && x == std::floor(x)) {
    return kInfinity;
  }
  if (x > 0) {
    return x == kInfinity ? 0 : static_cast<double>(trigammaOfPositive(x));
  }
  // trigamma(1 - x) + trigamma(x) = (pi / sin(pi x))^2
  const long double wide = x;
  const long double cosecant = kPi / std::sin(kPi * (wide - std::round(wide)));
  return static_cast<double>(cosecant * cosecant - trigammaOfPositive(1 - wide));
}

}  // namespace kiln::runtime
