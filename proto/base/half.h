// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The 16-bit floats: f16 (IEEE 754 binary16) and bf16 (the upper half of an f32), as C++ values.
#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "proto/base/dtype.h"

namespace kiln {

namespace detail {

/// `value` as a number with half the bits or fewer, such that rounding the result to nearest again gives what rounding
/// `value` once would: of the two neighbours of an inexact value, the one with an odd significand ("round to odd";
/// Boldo and Melquiond, Emulation of a FMA and correctly rounded sums, 2008).
template <class Narrow, class Wide, class Bits>
Narrow roundToOdd(Wide value) {
  const Narrow nearest = static_cast<Narrow>(value);
  const Wide back = static_cast<Wide>(nearest);
  if (back == value || value != value) {
    return nearest;
  }
  const Bits bits = std::bit_cast<Bits>(nearest);
  const bool isAway = std::fabs(back) > std::fabs(value);
  return std::bit_cast<Narrow>(static_cast<Bits>((isAway ? bits - 1 : bits) | 1));
}

/// An integer with the same rounding to 53 bits or fewer, and exact in an f64.
template <std::integral T>
double toDoubleRoundingToOdd(T value) {
  constexpr T kBeyond = static_cast<T>(0x7FF);
  if constexpr (sizeof(T) < 8) {
    return static_cast<double>(value);
  } else {
    const bool isExact = value < (T{1} << 53) && (std::is_unsigned_v<T> || value > -static_cast<T>(T{1} << 53));
    if (isExact || (value & kBeyond) == 0) {
      return static_cast<double>(value);
    }
    return static_cast<double>(static_cast<T>((value & static_cast<T>(~kBeyond)) | static_cast<T>(0x800)));
  }
}

}  // namespace detail

/// A float of 16 bits: sign, `kExponentBits`, `kMantissaBits`. A value type of the tensor's own layout, which computes
/// by converting: to float implicitly and exactly, from any number by rounding to nearest, ties to even, once. So the
/// result of an arithmetic operator on two of them is a float, and storing it rounds it. NaN stays NaN, made quiet;
/// overflow is infinity; denormal numbers are kept.
template <int kExponentBits, int kMantissaBits>
class SmallFloat {
 public:
  constexpr SmallFloat() = default;
  /// From float without saying so: `Half h = x * y`.
  template <class T>
    requires std::same_as<T, float>
  SmallFloat(T value) : bits_(roundFloat(value)) {}  // NOLINT: implicit
  /// From other numbers only where written.
  template <class T>
    requires(std::is_arithmetic_v<T> && !std::same_as<T, float>)
  explicit SmallFloat(T value) : bits_(roundFloat(toFloat(value))) {}
  template <int kOtherExponent, int kOtherMantissa>
    requires(kOtherExponent != kExponentBits)
  explicit SmallFloat(SmallFloat<kOtherExponent, kOtherMantissa> value)
      : bits_(roundFloat(static_cast<float>(value))) {}

  static constexpr SmallFloat fromBits(uint16_t bits) {
    SmallFloat value;
    value.bits_ = bits;
    return value;
  }
  constexpr uint16_t bits() const { return bits_; }
  /// The sign turned, of NaN too.
  constexpr SmallFloat operator-() const { return fromBits(bits_ ^ 0x8000); }

  operator float() const {  // NOLINT: implicit, because it is exact
    if constexpr (kExponentBits == 8) {
      return std::bit_cast<float>(static_cast<uint32_t>(bits_) << 16);
    } else {
      const uint32_t sign = static_cast<uint32_t>(bits_ & 0x8000) << 16;
      const uint32_t magnitude = bits_ & 0x7FFF;
      if (magnitude >= kInfinityBits) {
        const uint32_t quiet = magnitude > kInfinityBits ? 0x400000 : 0;
        return std::bit_cast<float>(sign | 0x7F800000 | quiet | (magnitude << kShift));
      }
      // The exponents of both types are moved by one multiplication, which makes denormal numbers normal ones.
      const float scaled = std::bit_cast<float>(magnitude << kShift) * 0x1p112F;
      return std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) | sign);
    }
  }

 private:
  static constexpr int kShift = 23 - kMantissaBits;
  static constexpr uint32_t kInfinityBits = ((1U << kExponentBits) - 1) << kMantissaBits;

  template <class T>
  static float toFloat(T value) {
    if constexpr (std::is_integral_v<T>) {
      return toFloat(detail::toDoubleRoundingToOdd(value));
    } else if constexpr (std::same_as<T, long double>) {
      return toFloat(detail::roundToOdd<double, long double, uint64_t>(value));
    } else {
      return detail::roundToOdd<float, double, uint32_t>(value);
    }
  }

  static uint16_t roundFloat(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
    const uint32_t magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) {
      const uint32_t payload = (magnitude & 0x7FFFFF) >> kShift;
      return static_cast<uint16_t>(sign | kInfinityBits | (1U << (kMantissaBits - 1)) | payload);
    }
    uint32_t scaled = magnitude;
    if constexpr (kExponentBits != 8) {
      if (magnitude >= 0x47800000) {  // 2^16: beyond all numbers of f16
        return static_cast<uint16_t>(sign | kInfinityBits);
      }
      if (magnitude < 0x38800000) {  // 2^-14: the result is denormal, with the unit 2^-24
        // Adding 2^-24 * 2^23 leaves the number, rounded to that unit, in the low bits.
        const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
        return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(aligned) - 0x3F000000));
      }
      scaled = magnitude - (112U << 23);
    }
    // A carry out of the significand moves into the exponent, up to infinity, by itself.
    const uint32_t rounded = scaled + ((1U << (kShift - 1)) - 1) + ((scaled >> kShift) & 1);
    return static_cast<uint16_t>(sign | (rounded >> kShift));
  }

  uint16_t bits_ = 0;
};

/// f16: 11 significant bits, largest 65504, smallest normal 2^-14, smallest 2^-24.
using Half = SmallFloat<5, 10>;
/// bf16: 8 significant bits, the range of f32.
using BFloat16 = SmallFloat<8, 7>;
static_assert(sizeof(Half) == 2 && sizeof(BFloat16) == 2);

template <>
constexpr DType dtypeOf<Half>() {
  return f16;
}
template <>
constexpr DType dtypeOf<BFloat16>() {
  return bf16;
}

/// True for the C++ types of float dtypes, 16-bit ones too; std::is_floating_point does not know those.
template <class T>
inline constexpr bool kIsFloatType =
    std::is_floating_point_v<T> || std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

}  // namespace kiln

/// The members that Kiln asks for.
template <int kExponentBits, int kMantissaBits>
class std::numeric_limits<kiln::SmallFloat<kExponentBits, kMantissaBits>> {
  using T = kiln::SmallFloat<kExponentBits, kMantissaBits>;
  static constexpr uint16_t kInfinityBits = ((1 << kExponentBits) - 1) << kMantissaBits;

 public:
  static constexpr bool is_specialized = true, is_signed = true, is_integer = false, is_exact = false;
  static constexpr bool has_infinity = true, has_quiet_NaN = true, is_iec559 = true, is_bounded = true;
  static constexpr int radix = 2, digits = kMantissaBits + 1;
  static constexpr int max_exponent = 1 << (kExponentBits - 1), min_exponent = 3 - max_exponent;
  static constexpr T max() { return T::fromBits(kInfinityBits - 1); }
  static constexpr T lowest() { return T::fromBits(0x8000 | (kInfinityBits - 1)); }
  static constexpr T min() { return T::fromBits(1 << kMantissaBits); }
  static constexpr T denorm_min() { return T::fromBits(1); }
  static constexpr T epsilon() {
    return T::fromBits(static_cast<uint16_t>(((1 << (kExponentBits - 1)) - 1 - kMantissaBits) << kMantissaBits));
  }
  static constexpr T infinity() { return T::fromBits(kInfinityBits); }
  static constexpr T quiet_NaN() { return T::fromBits(kInfinityBits | (1 << (kMantissaBits - 1))); }
};
