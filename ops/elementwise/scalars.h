// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file One element of each elementwise op: the functors that the `scalar` fields of the entries name. Transcendental
/// functions of f32 are computed in double and rounded once.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

namespace kiln::ops::scalars {

template <class T>
inline constexpr bool kIsFloat = std::is_floating_point_v<T>;
template <class T>
using Unsigned = std::make_unsigned_t<T>;

struct Add {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (kIsFloat<T>) {
      return x + y;
    } else {
      return static_cast<T>(static_cast<Unsigned<T>>(x) + static_cast<Unsigned<T>>(y));
    }
  }
};

struct Sub {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (kIsFloat<T>) {
      return x - y;
    } else {
      return static_cast<T>(static_cast<Unsigned<T>>(x) - static_cast<Unsigned<T>>(y));
    }
  }
};

struct Mul {
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (kIsFloat<T>) {
      return x * y;
    } else {
      return static_cast<T>(static_cast<Unsigned<T>>(x) * static_cast<Unsigned<T>>(y));
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
    if constexpr (!kIsFloat<T>) {
      if (y == T(-1)) {
        return Sub()(T(0), x);  // the lowest integer has no positive partner; the hardware would trap
      }
    }
    return x / y;
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
    } else {
      return x < 0 ? Sub()(T(0), x) : x;
    }
  }
};

struct Sign {
  template <class T>
  T operator()(T x) const {
    return x > 0 ? T(1) : x < 0 ? T(-1) : x;
  }  // NaN and zeros stay as they are
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
    return static_cast<T>(std::exp(static_cast<double>(x)));
  }
};
struct Log {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(std::log(static_cast<double>(x)));
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
    return static_cast<T>(1.0 / std::sqrt(static_cast<double>(x)));
  }
};
struct Tanh {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(std::tanh(static_cast<double>(x)));
  }
};
struct Sigmoid {
  template <class T>
  T operator()(T value) const {
    const double x = static_cast<double>(value);
    // exp of a negative number only: no overflow, and small results keep their digits.
    const double e = std::exp(-std::fabs(x));
    return static_cast<T>((x < 0 ? e : 1.0) / (1.0 + e));
  }
};
struct Pow {
  template <class T>
  T operator()(T x, T y) const {
    return static_cast<T>(std::pow(static_cast<double>(x), static_cast<double>(y)));
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

/// Floats to integers truncate and saturate, NaN to 0; anything to bool is x != 0.
template <class To>
struct Cast {
  template <class From>
  To operator()(From x) const {
    if constexpr (std::is_same_v<To, bool>) {
      return x != 0;
    } else if constexpr (kIsFloat<From> && !kIsFloat<To>) {
      using Limits = std::numeric_limits<To>;
      constexpr From kBound = static_cast<From>(Unsigned<To>{1} << (Limits::digits));  // max + 1, a power of two
      if (x != x) {
        return 0;
      }
      return x >= kBound ? Limits::max() : x < -kBound ? Limits::min() : static_cast<To>(x);
    } else {
      return static_cast<To>(x);
    }
  }
};

}  // namespace kiln::ops::scalars
