// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The windows of convolutions and pools, as nodes of ONNX describe them. Private to graph/io/onnx.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/io/onnx/node_import.h"

namespace kiln::onnx {

/// The attributes of Conv and its relatives. Lists have an entry for each spatial axis, of which there are 1 to 3.
struct ConvolutionAttributes {
  std::vector<int64_t> kernel, strides, dilations;
  std::vector<int64_t> low, high;  ///< `pads`, or what `auto_pad` stands for.
  int64_t groups = 1;
  bool ceilMode = false;     ///< Of pools.
  std::string layout;        ///< `NCHW`
  std::string filterLayout;  ///< `OIHW`

  ConvOptions conv() const;
  PoolOptions pool() const;
};

/// Of a convolution of `x` [batch, channels, spatial..] with `filter` [results, channels, taps..]. Errors: KILN-G0502,
/// and KILN-G0501 for more than 3 spatial axes and for windows that symbolic lengths do not allow.
StatusOr<ConvolutionAttributes> convolutionAttributes(NodeImport& n, const Shape& x, const Shape& filter);
/// Of a pool, whose attribute `kernel_shape` gives the window. Errors: the same.
StatusOr<ConvolutionAttributes> poolAttributes(NodeImport& n, const Shape& x);

/// The attributes themselves, before anything is found out of lengths: without checks of symbolic ones, and without
/// `auto_pad`, which is given back. For transposed convolutions.
StatusOr<ConvolutionAttributes> windowAttributes(NodeImport& n, int rank, std::vector<int64_t> kernel);

/// x [batch, channels, spatial..] with the bias [channels] added, when the node has input `i`.
Value addChannels(NodeImport& n, Value x, int i);

}  // namespace kiln::onnx
