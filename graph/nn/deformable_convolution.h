// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Convolution whose taps are moved by computed offsets (J. Dai et al., "Deformable Convolutional Networks", ICCV
/// 2017; with a mask X. Zhu et al., "Deformable ConvNets v2", CVPR 2019).
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <vector>

#include "graph/build/operations.h"

namespace kiln::nn {

struct DeformConvOptions {
  std::vector<int64_t> strides = {}, dilations = {};  ///< 1 by default.
  Padding padding = {};                               ///< In numbers.
  int64_t groups = 1;
  int64_t offsetGroups = 1;  ///< Runs of channels with offsets of their own.
};

/// `result[n, d, o..] = sum over c, k.. of filter[d, c, k..] * mask * x[n, g * C + c, o * strides - low + k * dilations
/// + offset ..]`, where x [batch, channels, spatial..] is read between its elements linearly and is 0 outside (ONNX
/// DeformConv, torchvision deform_conv2d). `filter` is [results, channels / groups, taps..]; `offset` is [batch,
/// offsetGroups * taps * axes, o..] with the axes innermost, in their order; `mask` is [batch, offsetGroups * taps,
/// o..]. Floats of one dtype; the batch and the spatial lengths may be symbolic. Differentiable for all operands.
/// Errors: KILN-G0512.
Value deformConv(GraphBuilder& g, Value x, Value filter, Value offset, std::optional<Value> mask = std::nullopt,
                 const DeformConvOptions& options = {}, std::source_location where = std::source_location::current());

}  // namespace kiln::nn
