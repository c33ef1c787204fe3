// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The loop that every fuzz test runs.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>

#include "proto/base/status.h"
#include "tests/fuzz/mutate.h"

namespace kiln::fuzz {

inline constexpr int kMutations = 10000;

/// `seed`, moved by the number in the environment variable KILN_FUZZ_SEED, so that longer searches see other mutations.
inline uint64_t seedOf(uint64_t seed) {
  const char* offset = std::getenv("KILN_FUZZ_SEED");
  return seed + (offset == nullptr ? 0 : std::strtoull(offset, nullptr, 10));
}

/// Time that this process has spent computing, whatever else the machine does.
inline double processorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
/// What no input takes under the sanitizers, which make everything several times as long.
inline constexpr double kLongestSeconds = 5;

/// Reads `valid`, which must succeed, and kMutations damaged versions of it: each gives OK or an error with an id of
/// the table and a message that a person can read. `other` gives the mutator pieces to splice in.
inline void fuzz(const std::string& valid, const std::string& other, uint64_t seed,
                 const std::function<Status(const std::string&)>& read) {
  ASSERT_TRUE(read(valid).ok()) << read(valid);
  Mutator mutator(seedOf(seed));
  int numRead = 0;
  for (int i = 0; i < kMutations && !::testing::Test::HasFailure(); ++i) {
    Status status = read(mutator.mutate(valid, other));
    numRead += status.ok() ? 1 : 0;
    if (!status.ok()) {
      auto id = errorIdOf(status);
      EXPECT_TRUE(id && findError(*id) != nullptr) << status;
      EXPECT_LT(status.message().size(), 20000u);
    }
    EXPECT_FALSE(::testing::Test::HasFailure()) << "seed " << seedOf(seed) << ", mutation " << i;
  }
  // A mutator that only ever breaks everything, or nothing, tests nothing.
  EXPECT_GT(numRead, 0);
  EXPECT_LT(numRead, kMutations - kMutations / 20);
}

}  // namespace kiln::fuzz
