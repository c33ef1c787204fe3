// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file One element of the ops on bits, of rounding to whole numbers, of remainders, and of what picks or joins
/// operands.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "ops/elementwise/scalars.h"

namespace kiln::ops::scalars {

//===-- whole numbers
//-------------------------------------------------------------------------------------------------===//

struct Floor {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(std::floor(static_cast<Wide<T>>(x)));
  }
};
struct Ceil {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(std::ceil(static_cast<Wide<T>>(x)));
  }
};
struct Trunc {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(std::trunc(static_cast<Wide<T>>(x)));
  }
};
struct Round {
  template <class T>
  T operator()(T value) const {
    // Not std::rint, which goes by the rounding mode that the thread has.
    const Wide<T> x = static_cast<Wide<T>>(value);
    const Wide<T> away = std::round(x);
    const bool isHalfway = std::fabs(x - std::trunc(x)) == Wide<T>(0.5);
    return static_cast<T>(isHalfway ? std::copysign(2 * std::round(std::fabs(x) / 2), x) : away);
  }
};

//===-- remainders
//----------------------------------------------------------------------------------------------------===//

struct Remainder {
  template <class T>
  static bool isFault(T x, T y) {
    return Div::isFault(x, y);
  }
  template <class T>
  T operator()(T x, T y) const {
    if constexpr (kIsFloat<T>) {
      return static_cast<T>(std::fmod(static_cast<Wide<T>>(x), static_cast<Wide<T>>(y)));
    } else {
      if constexpr (std::is_signed_v<T>) {
        if (y == T(-1)) {
          return 0;  // the hardware would trap for the lowest integer
        }
      }
      return static_cast<T>(x % y);
    }
  }
};

struct Mod {
  template <class T>
  static bool isFault(T x, T y) {
    return Div::isFault(x, y);
  }
  template <class T>
  T operator()(T x, T y) const {
    const T remainder = Remainder()(x, y);
    if constexpr (kIsFloat<T>) {
      if (remainder == 0) {
        return static_cast<T>(std::copysign(Wide<T>(0), static_cast<Wide<T>>(y)));
      }
    }
    if constexpr (std::is_signed_v<T> || kIsFloat<T>) {
      return remainder != 0 && (remainder < 0) != (y < 0) ? Add()(remainder, y) : remainder;
    }
    return remainder;
  }
};

//===-- several operands
//----------------------------------------------------------------------------------------------===//

struct Fma {
  template <class T>
  T operator()(T x, T y, T z) const {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fma(x, y, z);
    } else if constexpr (kIsFloat<T>) {
      return static_cast<T>(toOdd(static_cast<double>(x) * static_cast<double>(y), static_cast<double>(z)));
    } else {
      return Add()(Mul()(x, y), z);
    }
  }

 private:
  /// x + y, to be rounded to 16 bits: an inexact sum has the odd one of its two neighbours (Boldo and Melquiond 2008).
  /// The product of two 16-bit floats is exact in a double.
  static double toOdd(double x, double y) {
    const double sum = x + y;
    const double part = sum - x;
    const double error = (x - (sum - part)) + (y - part);
    uint64_t bits = std::bit_cast<uint64_t>(sum);
    if (!(error < 0 || error > 0) || (bits & 1) != 0) {
      return sum;
    }
    bits += (error > 0) == (sum > 0) ? 1 : -1;
    return std::bit_cast<double>(bits);
  }
};

struct Clamp {
  template <class T>
  T operator()(T x, T low, T high) const {
    return Minimum()(Maximum()(x, low), high);
  }
};

struct Copysign {
  template <class T>
  T operator()(T x, T y) const {
    return static_cast<T>(std::copysign(static_cast<Wide<T>>(x), static_cast<Wide<T>>(y)));
  }
};

//===-- tests of floats
//-----------------------------------------------------------------------------------------------===//

struct IsNan {
  template <class T>
  bool operator()(T x) const {
    return std::isnan(static_cast<Wide<T>>(x));
  }
};
struct IsInf {
  template <class T>
  bool operator()(T x) const {
    return std::isinf(static_cast<Wide<T>>(x));
  }
};
struct IsFinite {
  template <class T>
  bool operator()(T x) const {
    return std::isfinite(static_cast<Wide<T>>(x));
  }
};

//===-- bits
//----------------------------------------------------------------------------------------------------------===//

struct BitwiseAnd {
  template <class T>
  T operator()(T x, T y) const {
    return static_cast<T>(x & y);
  }
};
struct BitwiseOr {
  template <class T>
  T operator()(T x, T y) const {
    return static_cast<T>(x | y);
  }
};
struct BitwiseXor {
  template <class T>
  T operator()(T x, T y) const {
    return static_cast<T>(x ^ y);
  }
};
struct BitwiseNot {
  template <class T>
  T operator()(T x) const {
    if constexpr (std::is_same_v<T, bool>) {
      return !x;
    } else {
      return static_cast<T>(~x);
    }
  }
};
struct Xor {
  bool operator()(bool x, bool y) const { return x != y; }
};

struct ShiftLeft {
  template <class T>
  T operator()(T x, T y) const {
    constexpr uint64_t kBits = 8 * sizeof(T);
    const uint64_t count = static_cast<uint64_t>(y);  // negative ones are too large
    return count < kBits ? static_cast<T>(static_cast<Wrapping>(x) << count) : T(0);
  }
};
struct ShiftRight {
  template <class T>
  T operator()(T x, T y) const {
    constexpr uint64_t kBits = 8 * sizeof(T);
    const uint64_t count = static_cast<uint64_t>(y);
    if (count < kBits) {
      return static_cast<T>(x >> count);
    }
    return static_cast<T>(x < 0 ? -1 : 0);
  }
};

}  // namespace kiln::ops::scalars
