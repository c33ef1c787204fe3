// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The networks of the digits example, as graphs with the entries train_step and predict.
#pragma once

#include <cstdint>
#include <string>

#include "graph/graph.h"

namespace digits {

struct ModelOptions {
  std::string model = "mlp";       ///< mlp: 64-128-10 with relu; reference: 64-64-10 with tanh.
  std::string optimizer = "adam";  ///< sgd, momentum or adam.
  double learningRate = 1e-3;
  double momentum = 0.9;
  kiln::DType dtype = kiln::f32;
  uint64_t seed = 1;
};

/// Entry train_step: feeds `x` [batch, 64] and `y` i32 [batch], fetch `loss`; entry predict: feed `x`, fetch `logits`
/// [batch, 10].
kiln::StatusOr<kiln::Graph> buildModel(const ModelOptions& options);

}  // namespace digits
