// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// f16 and bf16 against a slow conversion that knows only the definition: a sorted list of all their numbers.
#include "proto/base/half.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "proto/base/tensor.h"

namespace kiln {
namespace {

// The number of a bit pattern, from the definition of the formats.
double numberOf(uint16_t bits, int exponentBits, int mantissaBits) {
  const int bias = (1 << (exponentBits - 1)) - 1;
  const int exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1);
  const int mantissa = bits & ((1 << mantissaBits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponentBits) - 1) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) {
    return sign * std::ldexp(mantissa, 1 - bias - mantissaBits);
  }
  return sign * std::ldexp(mantissa + (1 << mantissaBits), exponent - bias - mantissaBits);
}

template <class T>
class Format;
template <>
class Format<Half> {
 public:
  static constexpr int kExponentBits = 5, kMantissaBits = 10;
};
template <>
class Format<BFloat16> {
 public:
  static constexpr int kExponentBits = 8, kMantissaBits = 7;
};

template <class T>
double numberOf(uint16_t bits) {
  return numberOf(bits, Format<T>::kExponentBits, Format<T>::kMantissaBits);
}

// The nearest number by search among all that are not negative, ties to the even pattern. A long double holds what
// float, double and integers do, and the differences of neighbours.
template <class T>
uint16_t nearest(long double value) {
  using From = long double;
  const uint16_t infinity = std::numeric_limits<T>::infinity().bits();
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const From magnitude = std::fabs(value);
  uint16_t low = 0, high = infinity;  // number(low) <= magnitude < number(high)
  if (std::isinf(magnitude)) {
    return sign | infinity;
  }
  while (high - low > 1) {
    const uint16_t middle = static_cast<uint16_t>((low + high) / 2);
    (static_cast<From>(numberOf<T>(middle)) <= magnitude ? low : high) = middle;
  }
  const From below = static_cast<From>(numberOf<T>(low));
  // Beyond the largest number the next one would be, had the exponent one more value.
  const From above = high == infinity ? below + (below - static_cast<From>(numberOf<T>(low - 1)))
                                      : static_cast<From>(numberOf<T>(high));
  const From fromBelow = magnitude - below, toAbove = above - magnitude;  // exact: both are near
  const bool takesAbove = fromBelow > toAbove || (fromBelow == toAbove && (low & 1) != 0);
  return sign | (takesAbove ? high : low);
}

template <class T>
class HalfTest : public testing::Test {};
using Halves = testing::Types<Half, BFloat16>;
TYPED_TEST_SUITE(HalfTest, Halves);

TYPED_TEST(HalfTest, everyPatternIsItsNumber) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float found = TypeParam::fromBits(static_cast<uint16_t>(bits));
    const double wanted = numberOf<TypeParam>(static_cast<uint16_t>(bits));
    if (std::isnan(wanted)) {
      ASSERT_TRUE(std::isnan(found)) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(found), wanted) << bits;
      ASSERT_EQ(std::signbit(found), std::signbit(wanted)) << bits;
    }
  }
}

TYPED_TEST(HalfTest, everyNumberComesBackFromEveryType) {
  for (uint32_t pattern = 0; pattern < 65536; ++pattern) {
    const uint16_t bits = static_cast<uint16_t>(pattern);
    const TypeParam half = TypeParam::fromBits(bits);
    const float value = half;
    if (std::isnan(value)) {
      const uint16_t back = TypeParam(value).bits();
      ASSERT_TRUE(std::isnan(static_cast<float>(TypeParam::fromBits(back)))) << pattern;
      ASSERT_EQ(back & 0x8000, bits & 0x8000) << pattern;
      continue;
    }
    ASSERT_EQ(TypeParam(value).bits(), bits);
    ASSERT_EQ(TypeParam(static_cast<double>(value)).bits(), bits);
    ASSERT_EQ(TypeParam(static_cast<long double>(value)).bits(), bits);
    if (std::fabs(value) < 1e18F && value == std::trunc(value) && value != 0) {
      ASSERT_EQ(TypeParam(static_cast<int64_t>(value)).bits(), bits);
    }
  }
}

// Between neighbours: the middle, and a little to both sides of it, in float, double and long double.
TYPED_TEST(HalfTest, betweenNeighboursTheNearerOneIsTakenAndTheEvenOneFromTheMiddle) {
  const uint16_t infinity = std::numeric_limits<TypeParam>::infinity().bits();
  for (uint16_t bits = 0; bits + 1 <= infinity; ++bits) {
    const double low = numberOf<TypeParam>(bits);
    const double high =
        bits + 1 == infinity ? low + (low - numberOf<TypeParam>(bits - 1)) : numberOf<TypeParam>(bits + 1);
    const double middle = low + (high - low) / 2;
    for (const double sign : {1.0, -1.0}) {
      const uint16_t signBit = sign < 0 ? 0x8000 : 0;
      const uint16_t even = signBit | ((bits & 1) == 0 ? bits : bits + 1);
      const uint16_t down = signBit | bits, up = signBit | (bits + 1);
      ASSERT_EQ(TypeParam(sign * middle).bits(), even) << bits;
      ASSERT_EQ(TypeParam(static_cast<float>(sign * middle)).bits(), even) << bits;
      const double below = std::nextafter(middle, 0.0), above = std::nextafter(middle, 1e300);
      ASSERT_EQ(TypeParam(sign * below).bits(), down) << bits;  // by way of the nearest float this would be `even`
      ASSERT_EQ(TypeParam(sign * above).bits(), up) << bits;
      const float belowFloat = std::nextafterf(static_cast<float>(middle), 0.0F);
      const float aboveFloat = std::nextafterf(static_cast<float>(middle), std::numeric_limits<float>::infinity());
      ASSERT_EQ(TypeParam(static_cast<float>(sign) * belowFloat).bits(), down) << bits;
      ASSERT_EQ(TypeParam(static_cast<float>(sign) * aboveFloat).bits(), up) << bits;
      const long double longMiddle = middle;
      ASSERT_EQ(TypeParam(static_cast<long double>(sign) * std::nextafter(longMiddle, 0.0L)).bits(), down) << bits;
      ASSERT_EQ(TypeParam(static_cast<long double>(sign) * std::nextafter(longMiddle, 1e300L)).bits(), up) << bits;
    }
  }
}

TYPED_TEST(HalfTest, anyNumberIsRoundedAsASearchFindsIt) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200000; ++i) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (!std::isnan(value)) {
      ASSERT_EQ(TypeParam(value).bits(), nearest<TypeParam>(value)) << value;
    }
    // Of a size that the type has: most doubles are far beyond.
    const double wide =
        std::ldexp(static_cast<double>(static_cast<int64_t>(random())), static_cast<int>(random() % 90) - 100);
    ASSERT_EQ(TypeParam(wide).bits(), nearest<TypeParam>(wide)) << wide;
  }
}

TYPED_TEST(HalfTest, integersAreRoundedOnce) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 100000; ++i) {
    const uint64_t unsignedValue = random() >> (random() % 64);
    const int64_t signedValue = static_cast<int64_t>(random()) >> (random() % 64);
    // A long double holds all integers of 64 bits.
    ASSERT_EQ(TypeParam(unsignedValue).bits(), nearest<TypeParam>(unsignedValue));
    ASSERT_EQ(TypeParam(signedValue).bits(), nearest<TypeParam>(signedValue));
  }
  // One above a middle between two numbers of bf16, far below the last digit of a double.
  const uint64_t aboveMiddle = (uint64_t{0x81} << 55) + (uint64_t{1} << 54) + 1;
  EXPECT_EQ(BFloat16(aboveMiddle).bits(), nearest<BFloat16>(aboveMiddle));
  EXPECT_EQ(static_cast<float>(TypeParam(true)), 1.0F);
  EXPECT_EQ(static_cast<float>(TypeParam(int8_t{-3})), -3.0F);
}

TYPED_TEST(HalfTest, limitsAreThoseOfTheFormat) {
  using Limits = std::numeric_limits<TypeParam>;
  EXPECT_EQ(static_cast<float>(Limits::infinity()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(static_cast<float>(Limits::quiet_NaN())));
  EXPECT_EQ(static_cast<float>(Limits::lowest()), -static_cast<float>(Limits::max()));
  EXPECT_EQ(static_cast<float>(Limits::epsilon()), std::ldexp(1.0F, 1 - Limits::digits));
  EXPECT_EQ(static_cast<float>(Limits::min()), std::ldexp(1.0F, Limits::min_exponent - 1));
  EXPECT_EQ(static_cast<float>(Limits::denorm_min()), std::ldexp(1.0F, Limits::min_exponent - Limits::digits));
  EXPECT_EQ(static_cast<double>(Limits::max()),
            std::ldexp(2.0 - std::ldexp(1.0, 1 - Limits::digits), Limits::max_exponent - 1));
}

TEST(Half, arithmeticIsThatOfFloatRoundedOnce) {
  const Half x(1.0F), y = std::numeric_limits<Half>::epsilon();
  const Half sum = x + y / 2;  // a tie: to even
  EXPECT_EQ(sum.bits(), x.bits());
  EXPECT_EQ((-x).bits(), 0xBC00);
  EXPECT_TRUE(x > y && y < x && x != y && x == Half(1));
  EXPECT_EQ(static_cast<float>(static_cast<BFloat16>(Half(65504.0F))), 65536.0F);
  EXPECT_EQ(static_cast<float>(static_cast<Half>(BFloat16(65536.0F))), std::numeric_limits<float>::infinity());
}

TEST(Half, tensorsHoldThem) {
  Tensor tensor = Tensor::of<Half>({3}, {Half(1.5F), Half(-65504.0F), std::numeric_limits<Half>::denorm_min()});
  EXPECT_EQ(tensor.dtype(), f16);
  EXPECT_EQ(tensor.numBytes(), 6);
  EXPECT_EQ(tensor.at(1), -65504.0);
  EXPECT_EQ(tensor.at(2), 0x1p-24);
  tensor.set(0, 65520.0);
  EXPECT_EQ(tensor.at(0), std::numeric_limits<double>::infinity());
  Tensor brain = Tensor::of<BFloat16>({}, {BFloat16(3.0F)});
  brain.set(0, 1.0 + 0x1p-8 + 0x1p-40);  // by way of the nearest float it would be 1
  EXPECT_EQ(brain.at(0), 1.0 + 0x1p-7);
  EXPECT_EQ(brain.toString(), "bf16[] 1.00781");
}

}  // namespace
}  // namespace kiln
