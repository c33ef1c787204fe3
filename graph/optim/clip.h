// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What is done to gradients between GraphBuilder::gradients() and Optimizer::apply().
#pragma once

#include <vector>

#include "graph/build/operations.h"

namespace kiln::optim {

/// Every element brought into [low, high]; NaN stays NaN. Errors: KILN-G0243 when low > high.
Value clipByValue(Value x, double low, double high, std::source_location where = std::source_location::current());
/// x scaled down to the norm (root of the sum of squares) `largest` when its own is above it. Errors: KILN-G0243 for a
/// negative norm.
Value clipByNorm(Value x, double largest, std::source_location where = std::source_location::current());

struct ClippedGradients {
  std::vector<Value> gradients;
  Value norm;  ///< Of all together, before clipping: f64 if one of them is, else f32.
};
/// All gradients scaled by one factor, so that their norm taken together is at most `largest`: the factor is `min(1,
/// largest / (norm + 1e-6))` as in torch.nn.utils.clip_grad_norm_. A norm that is not finite makes NaN of all of them.
/// Errors: KILN-G0243 for a negative norm or no gradients.
ClippedGradients clipByGlobalNorm(const std::vector<Value>& gradients, double largest,
                                  std::source_location where = std::source_location::current());

/// Each gradient plus `decay` times its variable: the derivative of `decay / 2 * sum(variable^2)`. Those of variables
/// of rank below `lowestRank` stay as they are: 2 leaves biases and scales out. Errors: KILN-G0242.
std::vector<Value> withWeightDecay(const std::vector<Value>& gradients, const std::vector<Value>& variables,
                                   double decay, int lowestRank = 0,
                                   std::source_location where = std::source_location::current());

}  // namespace kiln::optim
