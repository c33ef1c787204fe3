// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Processes that share a folder while one of them is killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "compiler/cache/kernel_cache.h"

namespace kiln {
namespace {

constexpr int kRounds = 200;
constexpr int kKeys = 8;

Sha256 keyOf(int number) {
  const std::string text = "kernel " + std::to_string(number);
  return sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

// Long enough that a kill may come between two pages of it.
std::vector<uint8_t> payload(int number) {
  std::vector<uint8_t> bytes(2000 + static_cast<size_t>(number) * 5001);
  std::minstd_rand random(static_cast<unsigned>(number) + 1);
  for (uint8_t& byte : bytes) {
    byte = static_cast<uint8_t>(random());
  }
  return bytes;
}

enum Outcome { kRight = 0, kNoCache = 1, kWrongBytes = 2, kRejected = 3, kFailed = 4 };

// What a compiler does: looks a kernel up, and makes it when it is missing.
Outcome compile(const std::string& folder, int first, int count, const std::vector<std::vector<uint8_t>>& kernels) {
  auto cache = KernelCache::open(folder, int64_t{1} << 30);
  if (!cache.ok()) {
    return kNoCache;
  }
  for (int i = 0; i < count; ++i) {
    const int number = (first + i) % kKeys;
    const std::vector<uint8_t>& bytes = kernels[static_cast<size_t>(number)];
    auto found = (*cache)->find(keyOf(number));
    if (!found) {
      (*cache)->store(keyOf(number), bytes);
      found = (*cache)->find(keyOf(number));  // Nothing, should another process have cleared the folder in between.
    }
    if (found && *found != bytes) {
      return kWrongBytes;
    }
  }
  const CacheUse use = (*cache)->use();
  return use.rejected != 0 ? kRejected : use.failed != 0 ? kFailed : kRight;
}

TEST(KilledWriters, a_killed_process_leaves_no_corrupt_entry) {
  std::string folder = ::testing::TempDir() + "killed_writers_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::vector<std::vector<uint8_t>> kernels;
  for (int i = 0; i < kKeys; ++i) {
    kernels.push_back(payload(i));
  }
  std::minstd_rand random(1);
  int numKilled = 0;
  for (int round = 0; round < kRounds; ++round) {
    if (round % 3 == 0) {
      std::filesystem::remove_all(folder);  // It is made again by whoever comes first.
    }
    const int first = static_cast<int>(random() % kKeys);
    const pid_t victim = ::fork();
    ASSERT_GE(victim, 0);
    if (victim == 0) {
      // Goes on, removing what it has, until it is killed.
      for (;;) {
        if (compile(folder, first, kKeys, kernels) == kNoCache) {
          ::_exit(kNoCache);
        }
        KernelCache::open(folder).value()->clear().IgnoreError();
      }
    }
    const pid_t other = ::fork();
    ASSERT_GE(other, 0);
    if (other == 0) {
      ::_exit(compile(folder, 0, kKeys, kernels));
    }
    ::usleep(static_cast<useconds_t>(random() % 4000));
    ::kill(victim, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(victim, &status, 0), victim);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the victim ended by itself with " << WEXITSTATUS(status);
    ++numKilled;
    ASSERT_EQ(::waitpid(other, &status, 0), other);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), kRight) << "round " << round;
    ASSERT_EQ(compile(folder, 0, kKeys, kernels), kRight) << "after round " << round;
    auto cache = KernelCache::open(folder);
    ASSERT_TRUE(cache.ok());
    for (int number = 0; number < kKeys; ++number) {
      ASSERT_EQ((*cache)->find(keyOf(number)), kernels[static_cast<size_t>(number)]) << "after round " << round;
    }
  }
  EXPECT_EQ(numKilled, kRounds);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace kiln
