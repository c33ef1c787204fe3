// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file One element of each elementwise op: the functors that the `scalar` fields of the entries name. Each takes
/// every element type that its op allows, and rounds once: 16-bit floats compute in float and are rounded by the
/// conversion back, transcendental functions compute in Wide<T>.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "proto/base/half.h"

namespace kiln::ops::scalars {

/// True for f16, bf16, f32, f64 and long double, which formulas of f64 are computed in.
template <class T>
inline constexpr bool kIsFloat = kIsFloatType<T>;

/// What functions of T are computed in, to be rounded once by `static_cast<T>`: double for f16, bf16 and f32, long
/// double for f64.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, double> || std::is_same_v<T, long double>, long double, double>;

/// Integers add, subtract and multiply modulo 2^bits: in this type, which no promotion makes signed.
using Wrapping = uint64_t;

struct Add {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (kIsFloat<T>) {
      return x + y;
    } else {
      return static_cast<T>(static_cast<Wrapping>(x) + static_cast<Wrapping>(y));
    }
  }
};

struct Sub {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (kIsFloat<T>) {
      return x - y;
    } else {
      return static_cast<T>(static_cast<Wrapping>(x) - static_cast<Wrapping>(y));
    }
  }
};

struct Mul {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (kIsFloat<T>) {
      return x * y;
    } else {
      return static_cast<T>(static_cast<Wrapping>(x) * static_cast<Wrapping>(y));
    }
  }
};

struct Div {
  /// True when the run must end: x / y has no value.
  template <class T>
  static bool isFault(T x, T y) {
    return !kIsFloat<T> && y == 0;
  }
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (!kIsFloat<T> && std::is_signed_v<T>) {
      if (y == T(-1)) {
        return Sub()(T(0), x);  // the lowest integer has no positive partner; the hardware would trap
      }
    }
    return static_cast<T>(x / y);
  }
};

struct Neg {
  template <class T>
  T operator()(T x) const {
    if constexpr (kIsFloat<T>) {
      return -x;
    } else {
      return Sub()(T(0), x);
    }
  }
};

struct Abs {
  template <class T>
  T operator()(T x) const {
    if constexpr (kIsFloat<T>) {
      return std::fabs(x);
    } else if constexpr (std::is_unsigned_v<T>) {
      return x;
    } else {
      return x < 0 ? Sub()(T(0), x) : x;
    }
  }
};

struct Sign {
  template <class T>
  T operator()(T x) const {
    if constexpr (std::is_signed_v<T> || kIsFloat<T>) {
      if (x < 0) {
        return T(-1);
      }
    }
    return x > 0 ? T(1) : x;  // NaN and zeros stay as they are
  }
};

struct Step {
  template <class T>
  T operator()(T x) const {
    return x > 0 ? T(1) : x != x ? x : T(0);
  }
};

struct Relu {
  template <class T>
  T operator()(T x) const {
    return x > 0 || x != x ? x : T(0);
  }
};

struct Maximum {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (kIsFloat<T>) {
      if (x != x || y != y) {
        return x + y;
      }
      if (x == 0 && y == 0) {
        return std::signbit(x) ? y : x;
      }
    }
    return x >= y ? x : y;
  }
};

struct Minimum {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (kIsFloat<T>) {
      if (x != x || y != y) {
        return x + y;
      }
      if (x == 0 && y == 0) {
        return std::signbit(x) ? x : y;
      }
    }
    return x <= y ? x : y;
  }
};

struct Exp {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(std::exp(static_cast<Wide<T>>(x)));
  }
};
struct Log {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(std::log(static_cast<Wide<T>>(x)));
  }
};
struct Sqrt {
  template <class T>
  T operator()(T x) const {
    return std::sqrt(x);
  }
};
struct Rsqrt {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(1 / std::sqrt(static_cast<Wide<T>>(x)));
  }
};
struct Tanh {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(std::tanh(static_cast<Wide<T>>(x)));
  }
};
struct Sigmoid {
  template <class T>
  T operator()(T value) const {
    const Wide<T> x = static_cast<Wide<T>>(value);
    // exp of a negative number only: no overflow, and small results keep their digits.
    const Wide<T> e = std::exp(-std::fabs(x));
    return static_cast<T>((x < 0 ? e : 1) / (1 + e));
  }
};
struct Pow {
  template <class T>
  T operator()(T x, T y) const {
    return static_cast<T>(std::pow(static_cast<Wide<T>>(x), static_cast<Wide<T>>(y)));
  }
};

struct Equal {
  template <class T>
  bool operator()(T x, T y) const {
    return x == y;
  }
};
struct NotEqual {
  template <class T>
  bool operator()(T x, T y) const {
    return x != y;
  }
};
struct Less {
  template <class T>
  bool operator()(T x, T y) const {
    return x < y;
  }
};
struct LessEqual {
  template <class T>
  bool operator()(T x, T y) const {
    return x <= y;
  }
};
struct Greater {
  template <class T>
  bool operator()(T x, T y) const {
    return x > y;
  }
};
struct GreaterEqual {
  template <class T>
  bool operator()(T x, T y) const {
    return x >= y;
  }
};

struct And {
  bool operator()(bool x, bool y) const { return x && y; }
};
struct Or {
  bool operator()(bool x, bool y) const { return x || y; }
};
struct Not {
  bool operator()(bool x) const { return !x; }
};

struct Select {
  template <class T>
  T operator()(bool condition, T x, T y) const {
    return condition ? x : y;
  }
};

/// Float to float rounds once. Floats to integers truncate and saturate, NaN to 0; integers keep the low bits; anything
/// to bool is x != 0.
template <class To>
struct Cast {
  template <class From>
  To operator()(From x) const {
    if constexpr (std::is_same_v<To, bool>) {
      return x != 0;
    } else if constexpr (kIsFloat<From> && !kIsFloat<To>) {
      using Limits = std::numeric_limits<To>;
      const auto value = static_cast<Wide<From>>(x);
      const auto bound = std::ldexp(static_cast<Wide<From>>(1), Limits::digits);  // max + 1
      if (value != value) {
        return 0;
      }
      return value >= bound                             ? Limits::max()
             : value < (Limits::is_signed ? -bound : 0) ? Limits::min()
                                                        : static_cast<To>(value);
    } else {
      return static_cast<To>(x);
    }
  }
};

}  // namespace kiln::ops::scalars
