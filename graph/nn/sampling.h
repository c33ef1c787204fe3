// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Images read at positions that are computed: spatial transformers (M. Jaderberg et al., "Spatial Transformer
/// Networks", NeurIPS 2015). Differentiable for the image and for the positions.
#pragma once

#include <source_location>
#include <vector>

#include "graph/build/operations.h"

namespace kiln::nn {

/// How a value between elements is made.
enum class Interpolation {
  kNearest,  ///< The nearest element, of two the one with the even number.
  kLinear,   ///< From the two neighbours along each axis.
  kCubic,    ///< From four along each axis, by Keys' cubic convolution with a = -0.75.
};
/// What lies outside of an image.
enum class Outside {
  kZeros,
  kBorder,      ///< The nearest element of the image.
  kReflection,  ///< The image, mirrored as often as it takes.
};

struct GridSampleOptions {
  Interpolation mode = Interpolation::kLinear;
  Outside padding = Outside::kZeros;
  /// Whether -1 and 1 are the centres of the first and last element; otherwise they are the outer edges of those, which
  /// also is where images are mirrored.
  bool alignCorners = false;
};

/// The image x [batch, channels, spatial..] at the positions of `grid` [batch, places.., axes], whose entries count
/// from -1 to 1 along the image, the last spatial axis first (ONNX GridSample, torch grid_sample): [batch, channels,
/// places..], of the dtype of x. 1 to 3 spatial axes; lengths may be symbolic. x of integers or bool is read
/// with kNearest alone. Errors: KILN-G0512.
Value gridSample(GraphBuilder& g, Value x, Value grid, const GridSampleOptions& options = {},
                 std::source_location where = std::source_location::current());

/// Grids for gridSample() of images with these spatial `lengths`, [batch, lengths.., axes], from affine maps `theta`
/// [batch, axes, axes + 1] (ONNX AffineGrid). Errors: KILN-G0512.
Value affineGrid(GraphBuilder& g, Value theta, const Shape& lengths, bool alignCorners = false,
                 std::source_location where = std::source_location::current());

/// The image x [batch, channels, spatial..] at `positions`, one [batch, places] of floats for each spatial axis,
/// counted in elements from 0: [batch, channels, places] in f64 for f64, in f32 for other floats, and for kNearest of
/// the dtype of x. `mirrorsAtCenters` says where kReflection mirrors: at the first and last element, or at their edges.
/// Does not check its operands.
Value sampleAt(GraphBuilder& g, Value x, const std::vector<Value>& positions, const GridSampleOptions& options,
               bool mirrorsAtCenters, std::source_location where);

}  // namespace kiln::nn
