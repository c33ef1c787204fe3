// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/retention.h"

#include <gtest/gtest.h>

#include <limits>

namespace kiln::runtime {
namespace {

using Steps = std::vector<int64_t>;

const std::vector<KeptCheckpoint> kFive = {{10, 3.0}, {20, 1.0}, {30, 2.0}, {40, 1.0}, {50, 4.0}};

TEST(Retention, keeps_the_newest) {
  EXPECT_EQ(stepsToRemove(kFive, {.keepLast = 2}), (Steps{10, 20, 30}));
  EXPECT_EQ(stepsToRemove(kFive, {.keepLast = 5}), Steps{});
  EXPECT_EQ(stepsToRemove(kFive, {.keepLast = 9}), Steps{});
  EXPECT_EQ(stepsToRemove({}, {.keepLast = 1}), Steps{});
}

TEST(Retention, never_removes_the_newest) {
  EXPECT_EQ(stepsToRemove(kFive, {.keepLast = 0}), (Steps{10, 20, 30, 40}));
  EXPECT_EQ(stepsToRemove(std::span(kFive).first(1), {.keepLast = -3}), Steps{});
}

TEST(Retention, keeps_the_best_beside_the_newest) {
  EXPECT_EQ(stepsToRemove(kFive, {.keepLast = 1, .keepBest = 1}), (Steps{10, 20, 30})) << "of equal ones the newer";
  EXPECT_EQ(stepsToRemove(kFive, {.keepLast = 1, .keepBest = 2}), (Steps{10, 30}));
  EXPECT_EQ(stepsToRemove(kFive, {.keepLast = 1, .keepBest = 2, .lowerIsBetter = false}), (Steps{20, 30, 40}));
}

TEST(Retention, unknown_metrics_and_nan_are_never_best) {
  double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<KeptCheckpoint> all = {{1, nan}, {2, std::nullopt}, {3, 7.0}, {4, nan}, {5, std::nullopt}};
  EXPECT_EQ(stepsToRemove(all, {.keepLast = 1, .keepBest = 2}), (Steps{1, 2, 4}));
  EXPECT_EQ(stepsToRemove(all, {.keepLast = 1, .keepBest = 2, .lowerIsBetter = false}), (Steps{1, 2, 4}));
}

}  // namespace
}  // namespace kiln::runtime
