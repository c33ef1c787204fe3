// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/special_functions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "runtime/session/host_library.h"

namespace kiln::runtime {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double ulps(double found, long double wanted) {
  const double rounded = static_cast<double>(wanted);
  const double unit = std::nextafter(std::fabs(rounded), kInfinity) - std::fabs(rounded);
  return static_cast<double>(std::fabs(found - wanted) / unit);
}

TEST(SpecialFunctions, inverse_erf_inverts_erf_to_two_ulp) {
  for (double x = -0x1.fffffffffffffp-1; x < 1; x += 0x1.3p-7) {
    const double y = inverseErf(x);
    // By the distance that a change of y by one unit makes.
    const long double slope = 1.128379167095512574L * std::exp(-static_cast<long double>(y) * y);
    const long double unit = std::nextafter(std::fabs(y), kInfinity) - std::fabs(y);
    const long double error = std::fabs(x) > 0.5
                                  ? std::erfc(std::fabs(static_cast<long double>(y))) - (1 - std::fabs(x))
                                  : std::erf(static_cast<long double>(y)) - x;
    EXPECT_LE(static_cast<double>(std::fabs(error) / (slope * unit)), 2.0) << x;
  }
}

TEST(SpecialFunctions, inverse_erf_at_its_ends) {
  EXPECT_EQ(inverseErf(1), kInfinity);
  EXPECT_EQ(inverseErf(-1), -kInfinity);
  EXPECT_TRUE(std::isnan(inverseErf(std::nextafter(1.0, 2.0))));
  EXPECT_TRUE(std::isnan(inverseErf(std::nan(""))));
  EXPECT_TRUE(std::signbit(inverseErf(-0.0)));
  EXPECT_EQ(inverseErf(-0.0), 0.0);
  EXPECT_LE(ulps(inverseErf(1e-300), 0.886226925452758013649L * 1e-300), 1.0);
}

TEST(SpecialFunctions, digamma_and_trigamma_have_known_values) {
  // Gauss's theorem: -gamma, -gamma - 2 ln 2; pi^2 / 6, pi^2 / 2
  EXPECT_LE(ulps(digamma(1), -0.577215664901532860606512090082L), 1.0);
  EXPECT_LE(ulps(digamma(0.5), -1.963510026021423479440976354998L), 1.0);
  EXPECT_LE(ulps(trigamma(1), 1.644934066848226436472415166646L), 1.0);
  EXPECT_LE(ulps(trigamma(0.5), 4.934802200544679309417245499938L), 1.0);
  EXPECT_LE(ulps(digamma(-0.5), 0.036489973978576520559023667001L), 1.0);
  EXPECT_LE(ulps(trigamma(-0.5), 8.934802200544679309417245499938L), 1.0);
  EXPECT_LE(ulps(digamma(1e10), 23.025850929890456840L), 1.0);
}

TEST(SpecialFunctions, digamma_and_trigamma_at_poles_and_ends) {
  EXPECT_EQ(digamma(0.0), -kInfinity);
  EXPECT_EQ(digamma(-0.0), kInfinity);
  EXPECT_TRUE(std::isnan(digamma(-3)));
  EXPECT_TRUE(std::isnan(digamma(-kInfinity)));
  EXPECT_EQ(digamma(kInfinity), kInfinity);
  EXPECT_EQ(trigamma(0), kInfinity);
  EXPECT_EQ(trigamma(-2), kInfinity);
  EXPECT_EQ(trigamma(kInfinity), 0);
  EXPECT_TRUE(std::isnan(trigamma(-kInfinity)));
  EXPECT_TRUE(std::isnan(trigamma(std::nan(""))));
}

TEST(SpecialFunctions, log_gamma_of_negative_numbers_leaves_signgam_alone) {
  signgam = 5;
  EXPECT_LE(ulps(logGamma(-0.5), 1.265512123484645396488945797135L), 1.0);
  EXPECT_EQ(logGamma(-1), kInfinity);
  EXPECT_EQ(signgam, 5);
}

TEST(HostLibrary, lends_every_function) {
  const kiln_library_t* library = hostLibrary();
  const uint64_t* const begin = &library->exp_slot;
  const uint64_t* const end = &library->fma_slot;
  for (const uint64_t* slot = begin; slot <= end; ++slot) {
    EXPECT_NE(*slot, 0u) << "slot " << slot - begin;
  }
  EXPECT_EQ(library->fmod(-7, 3), -1);
  EXPECT_EQ(library->fma(0x1p53, 1, 1), 0x1p53);
  EXPECT_EQ(library->atan2(0.0, -1), std::atan2(0.0, -1));
}

}  // namespace
}  // namespace kiln::runtime
