// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Counter-based random numbers: the one definition that the references and the code generators follow to the
/// bit.
///
/// Layout. A block is Philox 4x32 with 10 rounds of
///   key     = [low word of seed, high word of seed]
///   counter = [low word of b, high word of b, low word of op_id, low word of step]
/// where b is the block number. f32: element i is word i mod 4 of block i / 4, its upper 24 bits times 2^-24. f64:
/// element i is words w = 2 (i mod 2) and w + 1 of block i / 2; (word[w] << 32 | word[w + 1]) >> 11, times 2^-53. Both
/// are exact and in [0, 1).
///
/// uniform on [low, high): u * (high - low) + low, each operation rounded in the result's type, never fused; a result
/// that was rounded up to high becomes the number before it.
///
/// normal: Box-Muller on pairs of elements. With u1 = unit(i & ~1) and u2 = unit(i | 1), element i is
/// sqrt(-2 ln(1 - u1)) * cos(2 pi u2) when i is even, and with sin when it is odd; then times stddev plus mean. A pair
/// never crosses a block.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace kiln::ops {

using PhiloxBlock = std::array<uint32_t, 4>;

/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011).
inline PhiloxBlock philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;  // added to the key from round to round
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0], product1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
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
    if constexpr (sizeof(T) == 4) {
      return static_cast<T>(block(i / 4)[i % 4] >> 8) * T(0x1p-24);
    } else {
      const PhiloxBlock words = block(i / 2);
      const size_t first = 2 * (i % 2);
      return static_cast<T>((uint64_t{words[first]} << 32 | words[first + 1]) >> 11) * T(0x1p-53);
    }
  }

  /// Element i, uniform on [low, high).
  template <class T>
  T uniform(uint64_t i, T low, T high) const {
    // Volatile: the product is rounded before the sum, whatever the compiler may fuse.
    const volatile T scaled = unit<T>(i) * (high - low);
    const T value = scaled + low;
    return value < high ? value : std::nextafter(high, low);
  }

  /// Element i, standard normal, computed in double.
  template <class T>
  double normal(uint64_t i) const {
    const double u1 = unit<T>(i & ~uint64_t{1}), u2 = unit<T>(i | 1);
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
