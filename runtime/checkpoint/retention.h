// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Which checkpoints of a folder may go.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kiln::runtime {

struct KeptCheckpoint {
  int64_t step = 0;
  std::optional<double> metric;  ///< The one that decides which are best; none when it is not known.
};

struct RetentionRule {
  int keepLast = 1;
  int keepBest = 0;
  bool lowerIsBetter = true;
};

/// The steps to remove, rising. `all` has rising steps. The newest `keepLast` (at least one) stay, and the `keepBest`
/// with the best metrics; of equal ones the newer, and NaN is never best.
std::vector<int64_t> stepsToRemove(std::span<const KeptCheckpoint> all, const RetentionRule& rule);

}  // namespace kiln::runtime
