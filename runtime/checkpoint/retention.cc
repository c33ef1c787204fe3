// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/retention.h"

#include <algorithm>
#include <cmath>

namespace kiln::runtime {

std::vector<int64_t> stepsToRemove(std::span<const KeptCheckpoint> all, const RetentionRule& rule) {
  std::vector<const KeptCheckpoint*> ranked;
  for (const KeptCheckpoint& checkpoint : all) {
    if (checkpoint.metric && !std::isnan(*checkpoint.metric)) {
      ranked.push_back(&checkpoint);
    }
  }
  std::ranges::sort(ranked, [&](const KeptCheckpoint* a, const KeptCheckpoint* b) {
    if (*a->metric != *b->metric) {
      return rule.lowerIsBetter ? *a->metric < *b->metric : *a->metric > *b->metric;
    }
    return a->step > b->step;
  });
  ranked.resize(std::min(ranked.size(), static_cast<size_t>(std::max(rule.keepBest, 0))));
  size_t numOld = all.size() - std::min(all.size(), static_cast<size_t>(std::max(rule.keepLast, 1)));
  std::vector<int64_t> steps;
  for (const KeptCheckpoint& checkpoint : all.first(numOld)) {
    if (std::ranges::find(ranked, &checkpoint) == ranked.end()) {
      steps.push_back(checkpoint.step);
    }
  }
  return steps;
}

}  // namespace kiln::runtime
