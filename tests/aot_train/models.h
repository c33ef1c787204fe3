// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Small nets of four kinds, each with the entries train_step (x, y to loss) and predict (x to logits).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "proto/base/status.h"

namespace kiln::aot {

struct TrainedModel {
  std::string name;
  int64_t batch = 0;
  int32_t classes = 0;  ///< Integers that are fed are below this.
  StatusOr<Graph> (*build)() = nullptr;
};

/// The convolutional net of examples/digits; LeNet (Y. LeCun et al., 1998); an LSTM over characters; a transformer of
/// two layers.
const std::vector<TrainedModel>& trainedModels();

}  // namespace kiln::aot
