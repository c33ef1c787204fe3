// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What layers that read images at computed positions share. Private to graph/nn.
#pragma once

#include <source_location>

#include "graph/nn/layer_support.h"

namespace kiln::nn {

/// A length as a scalar of `dtype`, which is its value in the run for a symbolic one.
inline Value lengthValue(GraphBuilder& g, const Dim& length, DType dtype,
                         std::source_location where = std::source_location::current()) {
  if (length.isStatic()) {
    return g.scalar(static_cast<double>(length.value()), dtype, where);
  }
  return cast(lengthOf(g, length, where), dtype);
}

/// A vector along an axis of a tensor of that rank: [n, 1, 1 ...].
inline Value alongAxis(Value vector, int axis, int rank) {
  Shape shape(std::vector<Dim>(static_cast<size_t>(rank - axis), Dim(1)));
  shape[0] = vector.shape()[0];
  return reshape(vector, std::move(shape));
}

/// The type in which values are weighed: f64 for f64, else f32.
inline DType computeType(DType dtype) { return dtype == f64 ? f64 : f32; }

/// The product of the lengths from axis `first` up to `end`.
inline Dim productOf(const Shape& shape, int first, int end) {
  Dim product(1);
  for (int axis = first; axis < end; ++axis) {
    product = product * shape[axis];
  }
  return product;
}

}  // namespace kiln::nn
