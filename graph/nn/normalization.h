// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Normalisation layers. Each makes trainable variables `name/scale` (1) and `name/bias` (0).
#pragma once

#include "graph/nn/dense.h"

namespace kiln::nn {

struct BatchNormOptions {
  int64_t axis = -1;      ///< The channel axis: -1 for channels last, 1 for NCHW.
  double momentum = 0.1;  ///< How much of the running statistics a step replaces, as in torch.nn.BatchNorm2d.
  double epsilon = 1e-5;
  bool isTraining = true;  ///< Otherwise the running statistics are used, and nothing is updated.
};

struct BatchNormResult {
  Value result;
  /// Updates the running statistics; to be run with the optimizer's step (g.group). Without node for inference.
  Target update;
};

/// Batch normalisation over all axes of x but `axis`, which is a number. Beside scale and bias it has the variables
/// `name/running_mean` (0) and `name/running_variance` (1), which are not trained: `running = (1 - momentum) * running
/// + momentum * batch`, the variance with Bessel's correction n / (n - 1). Errors: KILN-G0243 and those of
/// kiln.batch_norm.
BatchNormResult batchNorm(GraphBuilder& g, std::string_view name, Value x, const BatchNormOptions& options = {},
                          std::source_location where = std::source_location::current());

/// Layer normalisation over the last `axes` axes of x, which are numbers.
Value layerNorm(GraphBuilder& g, std::string_view name, Value x, int64_t axes = 1, double epsilon = 1e-5,
                std::source_location where = std::source_location::current());
/// Root mean square normalisation over the last `axes` axes; no bias. The default epsilon is that of Llama.
Value rmsNorm(GraphBuilder& g, std::string_view name, Value x, int64_t axes = 1, double epsilon = 1e-6,
              std::source_location where = std::source_location::current());
/// Normalisation of each channel of each image; the channel axis is a number.
Value instanceNorm(GraphBuilder& g, std::string_view name, Value x, int64_t axis = -1, double epsilon = 1e-5,
                   std::source_location where = std::source_location::current());
/// Normalisation of `groups` runs of channels of each image; the channel axis is a number.
Value groupNorm(GraphBuilder& g, std::string_view name, Value x, int64_t groups, int64_t axis = -1,
                double epsilon = 1e-5, std::source_location where = std::source_location::current());

}  // namespace kiln::nn
