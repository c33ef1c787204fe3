// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/train/plan.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace kiln::train {

StatusOr<Plan> planOf(const ConfigFile& file, int64_t numRows) {
  const Training& training = file.config.training();
  const Checkpoints& checkpoints = file.config.checkpoints();
  const auto atLeast = [&](int64_t least, int64_t value, const char* name) -> Status {
    return value >= least
               ? Status()
               : meaningError(file, name, name, std::to_string(value) + ", wanted at least " + std::to_string(least));
  };
  KILN_RETURN_IF_ERROR(atLeast(1, training.batch_size(), "training.batch_size"));
  KILN_RETURN_IF_ERROR(atLeast(0, training.epochs(), "training.epochs"));
  KILN_RETURN_IF_ERROR(atLeast(0, training.steps(), "training.steps"));
  KILN_RETURN_IF_ERROR(atLeast(1, training.evaluate_every_epochs(), "training.evaluate_every_epochs"));
  KILN_RETURN_IF_ERROR(atLeast(1, training.evaluation_batch(), "training.evaluation_batch"));
  KILN_RETURN_IF_ERROR(atLeast(1, checkpoints.every_epochs(), "checkpoints.every_epochs"));
  KILN_RETURN_IF_ERROR(atLeast(1, checkpoints.keep_last(), "checkpoints.keep_last"));
  if (training.has_evaluate_every_steps()) {
    KILN_RETURN_IF_ERROR(atLeast(1, training.evaluate_every_steps(), "training.evaluate_every_steps"));
  }
  if (checkpoints.has_every_steps()) {
    KILN_RETURN_IF_ERROR(atLeast(1, checkpoints.every_steps(), "checkpoints.every_steps"));
  }
  if (training.has_epochs() && training.has_steps()) {
    return meaningError(file, "training.steps", "training", "has both epochs and steps, wanted one of them");
  }
  if (training.has_early_stopping()) {
    KILN_RETURN_IF_ERROR(atLeast(1, training.early_stopping().patience(), "training.early_stopping.patience"));
  }
  if (file.config.has_checkpoints() && checkpoints.folder().empty()) {
    return meaningError(file, "checkpoints", "checkpoints", "folder is missing");
  }
  Plan plan;
  plan.batchSize = std::min(training.batch_size(), numRows);
  plan.stepsPerEpoch = numRows / plan.batchSize;
  plan.totalSteps = training.has_steps() ? training.steps() : training.epochs() * plan.stepsPerEpoch;
  plan.evaluateEvery = training.has_evaluate_every_steps() ? training.evaluate_every_steps()
                                                           : training.evaluate_every_epochs() * plan.stepsPerEpoch;
  plan.saveEvery =
      checkpoints.has_every_steps() ? checkpoints.every_steps() : checkpoints.every_epochs() * plan.stepsPerEpoch;
  plan.evaluationBatch = training.evaluation_batch();
  return plan;
}

std::vector<int64_t> epochOrder(const TrainConfig& config, int64_t numRows, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(numRows));
  std::iota(order.begin(), order.end(), 0);
  if (config.training().shuffle()) {
    // What std::shuffle does with the numbers is not the same everywhere.
    constexpr uint64_t kSeedStride = 1000003;
    std::mt19937_64 random(static_cast<uint64_t>(config.seed()) * kSeedStride + static_cast<uint64_t>(epoch));
    for (size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[random() % i]);
    }
  }
  return order;
}

}  // namespace kiln::train
