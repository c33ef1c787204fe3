// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Gamma-distributed numbers: the one definition that the reference of random_gamma and its kernel follow.
///
/// Element i uses the blocks b = 32 i + t of philox.h's generator with the key and counter of ops/random/philox.h,
/// t < 16 for the tries and t = 31 for concentrations below 1. Of the words w of a try: u1 = (w0 << 32 | w1) >> 11,
/// times 2^-53; u2 = w2 times 2^-32; u3 = (w3 + 0.5) times 2^-32; the normal number is
/// sqrt(-2 ln(1 - u1)) * cos(2 pi u2).
#pragma once

#include <cmath>
#include <limits>

#include "proto/base/philox.h"

namespace kiln {

/// Element `i` of a draw from the gamma distribution with rate 1, in double: the method of Marsaglia and Tsang (A
/// simple method for generating gamma variables, ACM TOMS 26, 2000) with at most 16 tries; that none is accepted has a
/// probability below 1e-20, and then the result is the distribution's mode. 0 for concentration 0; NaN for one that is
/// negative, infinite or NaN.
inline double gammaNumber(int64_t seed, int64_t step, int64_t opId, uint64_t i, double concentration) {
  constexpr int kTries = 16;
  if (concentration == 0) {
    return 0;
  }
  if (!(concentration > 0) || std::isinf(concentration)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  auto block = [&](uint64_t number) {
    return philox4x32({static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32), static_cast<uint32_t>(opId),
                       static_cast<uint32_t>(step)},
                      {static_cast<uint32_t>(seed), static_cast<uint32_t>(static_cast<uint64_t>(seed) >> 32)});
  };
  auto unit53 = [](const PhiloxBlock& words) {
    return static_cast<double>((uint64_t{words[0]} << 32 | words[1]) >> 11) * 0x1p-53;
  };
  // Below 1, a number for concentration + 1 is scaled by a power of a uniform one (their section 6).
  const bool isSmall = concentration < 1;
  const double d = (isSmall ? concentration + 1 : concentration) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  double result = d;
  for (int t = 0; t < kTries; ++t) {
    const PhiloxBlock words = block(32 * i + static_cast<uint64_t>(t));
    const double angle = 2 * 3.14159265358979323846 * (words[2] * 0x1p-32);
    const double normal = std::sqrt(-2 * std::log(1 - unit53(words))) * std::cos(angle);
    const double root = 1 + c * normal;
    const double v = root * root * root;
    if (root > 0 && std::log((words[3] + 0.5) * 0x1p-32) < 0.5 * normal * normal + d - d * v + d * std::log(v)) {
      result = d * v;
      break;
    }
  }
  return isSmall ? result * std::pow(1 - unit53(block(32 * i + 31)), 1 / concentration) : result;
}

}  // namespace kiln
