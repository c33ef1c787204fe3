// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file One element of the mathematical functions and of the activations that are no formulas, as slow as they are
/// plain: computed in Wide<T>, rounded once.
#pragma once

#include <cmath>
#include <limits>

#include "ops/elementwise/scalars.h"

namespace kiln::ops::scalars {

namespace detail {

inline constexpr long double kPi = 3.14159265358979323846264338327950288L;

/// digamma(x) or, with order 1, trigamma(x), for finite x > 0: the asymptotic series (Abramowitz and Stegun 6.3.18 and
/// 6.4.12) where its terms are small, reached by the recurrence.
inline long double polygammaOfPositive(int order, long double x) {
  constexpr long double kBernoulli[] = {1.0L / 6,       -1.0L / 30, 1.0L / 42,      -1.0L / 30,     5.0L / 66,
                                        -691.0L / 2730, 7.0L / 6,   -3617.0L / 510, 43867.0L / 798, -174611.0L / 330};
  long double below = 0;
  for (; x < 24; x += 1) {
    below += order == 0 ? -1 / x : 1 / x / x;
  }
  const long double square = 1 / x / x;
  long double power = order == 0 ? square : square / x;
  long double series = 0;
  for (int n = 1; n <= 10; ++n) {
    series += order == 0 ? -kBernoulli[n - 1] * power / (2 * n) : kBernoulli[n - 1] * power;
    power *= square;
  }
  return below + (order == 0 ? (std::log(x) - 1 / x / 2) + series : (1 / x + square / 2) + series);
}

/// digamma(x) near its zero above 0, which is kZero + kZeroLow: of 1 / ((k + x) (k + zero)) over all k >= 0, the sum
/// times the distance. What the sum leaves out is the difference of two asymptotic series, written without the
/// cancellation.
inline long double digammaNearZero(long double x) {
  constexpr long double kZero = 1.461632144968362341280917L, kZeroLow = -1.8257096315963484214601e-20L;
  constexpr int kTerms = 1000;
  const long double distance = (x - kZero) - kZeroLow;
  long double sum = 0;
  for (int k = kTerms; k-- > 0;) {
    sum += 1 / ((k + x) * (k + kZero));
  }
  // With f(k) = 1 / ((k + x) (k + zero)), Euler and Maclaurin: the integral of f from N, f(N) / 2 and -f'(N) / 12; the
  // next term is below 1e-16 of the first times N^-3.
  const long double a = kTerms + x, b = kTerms + kZero;
  const long double ratio = distance / b;
  const long double integral = ratio == 0 ? 1 / b : std::log1p(ratio) / distance;
  const long double f = 1 / (a * b);
  const long double slope = -f * (1 / a + 1 / b);
  const long double third = -f * 6 * (1 / (a * a * a) + 1 / (a * a * b) + 1 / (a * b * b) + 1 / (b * b * b));
  return distance * (sum + integral + f / 2 - slope / 12 + third / 720);
}

/// The y with erf(y) = x: halves an interval that has it.
inline long double inverseErf(long double x) {
  const bool isTail = std::fabs(x) > 0.5L;
  const long double wanted = isTail ? 1 - std::fabs(x) : std::fabs(x);
  long double low = 0, high = 0x1p10L;
  // Until the interval cannot be halved.
  for (long double middle = 1; middle != low && middle != high; middle = low + (high - low) / 2) {
    const bool isBelow = isTail ? std::erfc(middle) > wanted : std::erf(middle) < wanted;
    (isBelow ? low : high) = middle;
  }
  return std::copysign(high, x);
}

}  // namespace detail

#define KILN_WIDE_SCALAR(Name, function)                             \
  struct Name {                                                      \
    template <class T>                                               \
    T operator()(T x) const {                                        \
      return static_cast<T>(std::function(static_cast<Wide<T>>(x))); \
    }                                                                \
  }
KILN_WIDE_SCALAR(Expm1, expm1);
KILN_WIDE_SCALAR(Log1p, log1p);
KILN_WIDE_SCALAR(Exp2, exp2);
KILN_WIDE_SCALAR(Log2, log2);
KILN_WIDE_SCALAR(Log10, log10);
KILN_WIDE_SCALAR(Erf, erf);
KILN_WIDE_SCALAR(Erfc, erfc);
KILN_WIDE_SCALAR(Sin, sin);
KILN_WIDE_SCALAR(Cos, cos);
KILN_WIDE_SCALAR(Tan, tan);
KILN_WIDE_SCALAR(Asin, asin);
KILN_WIDE_SCALAR(Acos, acos);
KILN_WIDE_SCALAR(Atan, atan);
KILN_WIDE_SCALAR(Sinh, sinh);
KILN_WIDE_SCALAR(Cosh, cosh);
KILN_WIDE_SCALAR(Asinh, asinh);
KILN_WIDE_SCALAR(Acosh, acosh);
KILN_WIDE_SCALAR(Atanh, atanh);
KILN_WIDE_SCALAR(Cbrt, cbrt);
#undef KILN_WIDE_SCALAR

struct Atan2 {
  template <class T>
  T operator()(T y, T x) const {
    return static_cast<T>(std::atan2(static_cast<Wide<T>>(y), static_cast<Wide<T>>(x)));
  }
};

struct Hypot {
  template <class T>
  T operator()(T x, T y) const {
    return static_cast<T>(std::hypot(static_cast<Wide<T>>(x), static_cast<Wide<T>>(y)));
  }
};

struct Square {
  template <class T>
  T operator()(T x) const {
    return Mul()(x, x);
  }
};

struct Erfinv {
  template <class T>
  T operator()(T x) const {
    if (x != x || x == 0) {
      return x;
    }
    const long double value = static_cast<long double>(static_cast<Wide<T>>(x));
    const long double size = std::fabs(value);
    if (size >= 1) {
      return static_cast<T>(size == 1 ? std::copysign(std::numeric_limits<Wide<T>>::infinity(), static_cast<Wide<T>>(x))
                                      : std::numeric_limits<Wide<T>>::quiet_NaN());
    }
    return static_cast<T>(detail::inverseErf(value));
  }
};

struct Lgamma {
  template <class T>
  T operator()(T x) const {
    // lgamma() writes a global variable.
    int sign = 0;
    return static_cast<T>(::lgammal_r(static_cast<long double>(static_cast<Wide<T>>(x)), &sign));
  }
};

struct Digamma {
  template <class T>
  T operator()(T value) const {
    using Limits = std::numeric_limits<Wide<T>>;
    const long double x = static_cast<Wide<T>>(value);
    if (x != x || x == Limits::infinity()) {
      return value;
    }
    if (x == 0) {
      return static_cast<T>(std::copysign(Limits::infinity(), -static_cast<Wide<T>>(value)));
    }
    if (x < 0 && x == std::floor(x)) {
      return static_cast<T>(Limits::quiet_NaN());  // -inf too
    }
    if (x > 0) {
      return static_cast<T>(std::fabs(x - 1.46L) < 0.125L ? detail::digammaNearZero(x)
                                                          : detail::polygammaOfPositive(0, x));
    }
    // digamma(1 - x) - digamma(x) = pi cot(pi x), which has the period 1
    const long double part = x - std::round(x);
    return static_cast<T>(detail::polygammaOfPositive(0, 1 - x) - detail::kPi / std::tan(detail::kPi * part));
  }
};

struct Trigamma {
  template <class T>
  T operator()(T value) const {
    using Limits = std::numeric_limits<Wide<T>>;
    const long double x = static_cast<Wide<T>>(value);
    if (x != x || x == -Limits::infinity()) {
      return static_cast<T>(Limits::quiet_NaN());
    }
    if (x <= 0 && x == std::floor(x)) {
      return static_cast<T>(Limits::infinity());
    }
    if (x > 0) {
      return x == Limits::infinity() ? T(0.0) : static_cast<T>(detail::polygammaOfPositive(1, x));
    }
    // trigamma(1 - x) + trigamma(x) = (pi / sin(pi x))^2
    const long double cosecant = detail::kPi / std::sin(detail::kPi * (x - std::round(x)));
    return static_cast<T>(cosecant * cosecant - detail::polygammaOfPositive(1, 1 - x));
  }
};

//===-- activations
//---------------------------------------------------------------------------------------------------===//

namespace detail {
/// x f(x), where f falls to 0 at -inf faster than x grows.
template <class T, class F>
T gated(T value, F&& f) {
  using W = Wide<T>;
  const W x = static_cast<W>(value);
  return static_cast<T>(x == -std::numeric_limits<W>::infinity() ? -W(0) : x * f(x));
}
}  // namespace detail

struct Gelu {
  template <class T>
  T operator()(T x) const {
    return detail::gated(x, []<class W>(W w) {
      constexpr long double kSqrtHalf = 0.707106781186547524400844362104849L;
      return std::erfc(static_cast<W>(-kSqrtHalf) * w) / 2;
    });
  }
};

struct GeluTanh {
  template <class T>
  T operator()(T x) const {
    // (1 + tanh(u)) / 2 = 1 / (1 + e^(-2 u))
    return detail::gated(x, []<class W>(W w) {
      constexpr long double kSqrtTwoOverPi = 0.797884560802865355879892119868764L;
      return 1 / (1 + std::exp(-2 * static_cast<W>(kSqrtTwoOverPi) * (w + static_cast<W>(0.044715L) * w * w * w)));
    });
  }
};

struct Silu {
  template <class T>
  T operator()(T x) const {
    return detail::gated(x, []<class W>(W w) { return 1 / (1 + std::exp(-w)); });
  }
};

struct Mish {
  template <class T>
  T operator()(T x) const {
    return detail::gated(x, []<class W>(W w) { return std::tanh(std::log1p(std::exp(w))); });
  }
};

}  // namespace kiln::ops::scalars
