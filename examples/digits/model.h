// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The networks of the digits example, as graphs with the entries train_step and predict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace digits {

struct ModelOptions {
  std::string model = "mlp";                                  ///< One of modelNames().
  std::string optimizer = "adam";                             ///< One of kiln::optim::optimizerNames().
  std::optional<double> learningRate, momentum, weightDecay;  ///< Without a value, the optimizer's own.
  kiln::DType dtype = kiln::f32;
  uint64_t seed = 1;
};

std::vector<std::string> modelNames();
/// What the models are, for people.
std::string modelHelp();

/// Entry train_step: feeds `x` [batch, 64] and `y` i32 [batch], fetch `loss`; entry predict: feed `x`, fetch `logits`
/// [batch, 10].
kiln::StatusOr<kiln::Graph> buildModel(const ModelOptions& options);

}  // namespace digits
