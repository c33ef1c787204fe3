// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Images of another size (ONNX Resize, torch interpolate, TensorFlow CropAndResize).
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <vector>

#include "graph/nn/sampling.h"

namespace kiln::nn {

/// One axis and what becomes of it.
struct ResizedAxis {
  int64_t axis = 0;
  Dim length;                        ///< Of the result.
  std::optional<double> scale = {};  ///< How much finer the result is; by default its length by that of x.
  double begin = 0, end = 1;         ///< The part of x that is read, with kCropAndResize.
};

struct ResizeOptions {
  /// Which position of x the element i of a result of length r, of an axis of length n, is read at. The scale is s, and
  /// where r stands in a formula it is `s * n`, which need not be whole.
  enum class Coordinates {
    kHalfPixel,           ///< (i + 0.5) / s - 0.5
    kHalfPixelSymmetric,  ///< The same around the middle, when s * n is no whole number.
    kPytorchHalfPixel,    ///< The same, but 0 for a result of length 1.
    kAlignCorners,        ///< i * (n - 1) / (r - 1), 0 for a result of length 1.
    kAsymmetric,          ///< i / s
    kCropAndResize,       ///< kAlignCorners for the part of x from `begin` to `end`.
  };
  /// Of a position that kNearest finds between two elements.
  enum class Rounding { kPreferFloor, kPreferCeil, kFloor, kCeil };

  Interpolation mode = Interpolation::kLinear;
  Coordinates coordinates = Coordinates::kHalfPixel;
  Rounding rounding = Rounding::kPreferFloor;
  double cubicCoefficient = -0.75;  ///< Of Keys' cubic convolution.
  /// Elements beyond the ends weigh nothing; otherwise they are the last one.
  bool excludeOutside = false;
  /// Filters that are as much wider as the result is coarser. Not for kNearest; wants lengths that are numbers.
  bool antialias = false;
  double extrapolation = 0;  ///< What kCropAndResize reads outside of x.
};

/// x with some axes resized, one after the other. Any rank and dtype; integers are weighed as f32 and rounded, halves
/// are weighed as f32. Lengths may be symbolic. Differentiable for x. Errors: KILN-G0512.
Value resize(GraphBuilder& g, Value x, const std::vector<ResizedAxis>& axes, const ResizeOptions& options = {},
             std::source_location where = std::source_location::current());

}  // namespace kiln::nn
