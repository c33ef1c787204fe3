// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Convolution layers. Pools have no variables: maxPool, avgPool and others of graph/build/operations.h.
#pragma once

#include "graph/nn/dense.h"

namespace kiln::nn {

struct ConvLayerOptions {
  std::vector<int64_t> strides = {}, dilations = {};  ///< 1 by default.
  Padding padding = {};
  int64_t groups = 1;
  std::string layout = "";  ///< Channels last by default: NWC, NHWC, NDHWC.
  bool useBias = true;
  Initializer kernel = uniformFanIn();  ///< Of `w`; the inputs are taps * channels / groups, as in torch.nn.Conv2d.
  Initializer bias = uniformFanIn();    ///< Of `b`.
};

/// `activation(conv(x, w) + b)` for x with a batch axis, 1 to 3 spatial axes and channels that are a number. `kernel`
/// has the window's length for each spatial axis, or one for all. Makes the trainable variables `name/w` [kernel..,
/// channels / groups, outputs] (WIO, HWIO or DHWIO) and `name/b` [outputs] of x's dtype. Errors: KILN-G0243, and those
/// of conv().
Value conv(GraphBuilder& g, std::string_view name, Value x, int64_t outputs, std::vector<int64_t> kernel,
           Activation activation = nullptr, const ConvLayerOptions& options = {},
           std::source_location where = std::source_location::current());

struct ConvTransposeLayerOptions {
  std::vector<int64_t> strides = {}, dilations = {};  ///< 1 by default.
  Padding padding = {};
  std::vector<int64_t> outputPadding = {};  ///< 0 by default.
  int64_t groups = 1;
  std::string layout = "";
  bool useBias = true;
  Initializer kernel = uniformFanIn();  ///< The inputs are taps * outputs / groups, as in torch.nn.ConvTranspose2d.
  Initializer bias = uniformFanIn();
};

/// The same with convTranspose(); `name/w` is [kernel.., channels, outputs / groups].
Value convTranspose(GraphBuilder& g, std::string_view name, Value x, int64_t outputs, std::vector<int64_t> kernel,
                    Activation activation = nullptr, const ConvTransposeLayerOptions& options = {},
                    std::source_location where = std::source_location::current());

/// kiln::dropout(x, rate) while training, and x itself for inference.
Value dropout(Value x, double rate, bool isTraining = true,
              std::source_location where = std::source_location::current());

}  // namespace kiln::nn
