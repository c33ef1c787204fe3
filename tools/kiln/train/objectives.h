// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Losses, metrics and the step that updates the weights. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "graph/build/operations.h"
#include "tools/kiln/train/network.h"

namespace kiln::train {

/// The values that losses and metrics compare.
struct Compared {
  std::string layer;  ///< By name, for messages.
  Value prediction;
  Value labels;
};

/// A scalar. Errors are recorded: KILN-T0031 for shapes that do not fit.
Value buildLoss(GraphBuilder& g, const Loss& loss, const Compared& compared, const NetworkInput& input);
/// An f64 scalar: the mean over the rows.
Value buildMetric(GraphBuilder& g, const Metric& metric, const Compared& compared, const NetworkInput& input);

/// Every metric, sorted.
std::vector<std::string> metricNames();
/// The fetch of a metric: its type, and `top_5`.
std::string metricName(const Metric& metric);

/// The target that updates all trainable variables. Errors: KILN-T0031; others are recorded in the builder.
StatusOr<Target> buildStep(GraphBuilder& g, const ConfigFile& file, Value loss, int64_t totalSteps);

}  // namespace kiln::train
