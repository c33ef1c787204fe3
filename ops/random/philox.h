// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Counter-based random numbers: the one definition that the references and the code generators follow to the
/// bit.
///
/// Layout. A block is Philox 4x32 with 10 rounds of
///   key     = [low word of seed, high word of seed]
///   counter = [low word of b, high word of b, low word of op_id, low word of step]
/// where b is the block number. f32: element i is word i mod 4 of block i / 4, its upper 24 bits times 2^-24. f64:
/// element i is words w = 2 (i mod 2) and w + 1 of block i / 2; (word[w] << 32 | word[w + 1]) >> 11, times 2^-53. f16
/// and bf16: as f32 with the upper 11 and 8 bits. All are exact and in [0, 1).
///
/// uniform on [low, high): u * (high - low) + low, each operation rounded in the result's type, never fused; a result
/// that was rounded up to high becomes the number before it.
///
/// normal: Box-Muller on pairs of elements. With u1 = unit(i & ~1) and u2 = unit(i | 1), element i is
/// sqrt(-2 ln(1 - u1)) * cos(2 pi u2) when i is even, and with sin when it is odd; then times stddev plus mean. A pair
/// never crosses a block.
///
/// integers on [low, high): the 64-bit word of element i is word[w] << 32 | word[w + 1], of the words that f64 takes;
/// element i is low plus the upper 64 bits of word * (high - low).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "proto/base/half.h"

#include "proto/base/philox.h"

namespace kiln::ops {

/// The number next to `high` on the way to `low`.
template <class T>
T numberBelow(T high, T low) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::nextafter(high, low);
  } else if (high == 0) {
    return -std::numeric_limits<T>::denorm_min();
  } else {
    return T::fromBits(static_cast<uint16_t>(high > 0 ? high.bits() - 1 : high.bits() + 1));
  }
}

/// The random numbers of one op in one run. Immutable; thread-safe.
class RandomStream {
 public:
  RandomStream(int64_t seed, int64_t step, int64_t opId)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(static_cast<uint64_t>(seed) >> 32)},
        opId_(static_cast<uint32_t>(opId)),
        step_(static_cast<uint32_t>(step)) {}

  PhiloxBlock block(uint64_t number) const {
    return philox4x32({static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32), opId_, step_}, key_);
  }

  /// Element i, uniform on [0, 1) with T's precision.
  template <class T>
  T unit(uint64_t i) const {
    constexpr int kDigits = std::numeric_limits<T>::digits;
    if constexpr (kDigits <= 32) {
      return static_cast<T>(std::ldexp(static_cast<float>(block(i / 4)[i % 4] >> (32 - kDigits)), -kDigits));
    } else {
      const PhiloxBlock words = block(i / 2);
      const size_t first = 2 * (i % 2);
      return static_cast<T>((uint64_t{words[first]} << 32 | words[first + 1]) >> 11) * T(0x1p-53);
    }
  }

  /// Element i, an integer on [low, high).
  int64_t integer(uint64_t i, int64_t low, int64_t high) const {
    const PhiloxBlock words = block(i / 2);
    const uint64_t word = uint64_t{words[2 * (i % 2)]} << 32 | words[2 * (i % 2) + 1];
    const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    // The upper half of the product, from the halves of its factors.
    const uint64_t middle = (word >> 32) * (span & 0xFFFFFFFF) + ((word & 0xFFFFFFFF) * (span & 0xFFFFFFFF) >> 32);
    const uint64_t cross = (word & 0xFFFFFFFF) * (span >> 32) + (middle & 0xFFFFFFFF);
    const uint64_t upper = (word >> 32) * (span >> 32) + (middle >> 32) + (cross >> 32);
    return static_cast<int64_t>(static_cast<uint64_t>(low) + upper);
  }

  /// Element i, uniform on [low, high).
  template <class T>
  T uniform(uint64_t i, T low, T high) const {
    // Volatile: the product is rounded before the sum, whatever the compiler may fuse.
    using Held = std::conditional_t<std::is_floating_point_v<T>, T, float>;
    const Held span = static_cast<T>(high - low);
    const volatile Held scaled = static_cast<T>(unit<T>(i) * span);
    const T value = static_cast<T>(scaled + low);
    return value < high ? value : numberBelow(high, low);
  }

  /// Element i, standard normal, computed in double; from the units of f32 where T has fewer digits.
  template <class T>
  double normal(uint64_t i) const {
    using Unit = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const double u1 = unit<Unit>(i & ~uint64_t{1}), u2 = unit<Unit>(i | 1);
    return std::sqrt(-2 * std::log(1 - u1)) * turn(u2, (i & 1) != 0);
  }

 private:
  /// sin or cos of 2 pi u. The quarter turn is split off exactly, so that results near zero keep their digits.
  static double turn(double u, bool isSine) {
    const double quarters = std::nearbyint(4 * u);
    const double angle = (4 * u - quarters) * 1.57079632679489661923;
    const int quadrant = (static_cast<int>(quarters) + (isSine ? 3 : 0)) % 4;  // sin(a) = cos(a - a quarter)
    switch (quadrant) {
      case 0:
        return std::cos(angle);
      case 1:
        return -std::sin(angle);
      case 2:
        return -std::cos(angle);
      default:
        return std::sin(angle);
    }
  }

  std::array<uint32_t, 2> key_;
  uint32_t opId_, step_;
};

}  // namespace kiln::ops
