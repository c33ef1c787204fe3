// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How many steps a training has, and what happens when.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/kiln/train/config_file.h"

namespace kiln::train {

struct Plan {
  int64_t batchSize = 1;
  int64_t stepsPerEpoch = 1;
  int64_t totalSteps = 0;
  int64_t evaluateEvery = 1;  ///< Steps.
  int64_t saveEvery = 1;      ///< Steps.
  int64_t evaluationBatch = 1;
};

/// The plan for so many training rows; a batch has no more rows than there are. Errors: KILN-T0031 for numbers out of
/// range.
StatusOr<Plan> planOf(const ConfigFile& file, int64_t numRows);

/// The order of the training rows in an epoch, from 0: a function of the seed and the epoch alone.
std::vector<int64_t> epochOrder(const TrainConfig& config, int64_t numRows, int64_t epoch);

}  // namespace kiln::train
