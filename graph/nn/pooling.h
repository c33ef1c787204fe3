// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Pools beyond maxPool() and avgPool() of graph/build/convolution_operations.h, and what undoes pools and
/// windows. All are differentiable for x.
#pragma once

#include <cstdint>
#include <source_location>
#include <vector>

#include "graph/build/operations.h"

namespace kiln::nn {

/// The sum of each window; padding counts as zeros. Any lengths and paddings; with ceilMode the lengths are numbers
/// where strides are not 1. Errors: KILN-G0512, and those of unfold().
Value sumPool(GraphBuilder& g, Value x, const PoolOptions& options,
              std::source_location where = std::source_location::current());
/// The largest value of each window, as maxPool(), but over any lengths and paddings.
Value largestPool(GraphBuilder& g, Value x, const PoolOptions& options,
                  std::source_location where = std::source_location::current());
/// As maxPoolWithIndices(), with any paddings that are not negative. The lengths are numbers.
MaxPoolResult largestPoolWithIndices(GraphBuilder& g, Value x, const PoolOptions& options,
                                     std::source_location where = std::source_location::current());
/// The mean of each window, as avgPool(), but with any paddings.
Value meanPool(GraphBuilder& g, Value x, const PoolOptions& options, bool countPadding,
               std::source_location where = std::source_location::current());
/// The p-norm of each window, `sum(|x|^p)^(1/p)` for p from 1 on (ONNX LpPool). x is of floats. The derivative has no
/// value where a window holds zeros alone and p > 1.
Value lpPool(GraphBuilder& g, Value x, const PoolOptions& options, double p,
             std::source_location where = std::source_location::current());

/// A tensor of zeros of shape `shape` with the elements of x put at `indices` (of x's shape, integers), which count in
/// it row by row from its first element (ONNX MaxUnpool). Of several elements for one place the last one stays.
Value maxUnpool(GraphBuilder& g, Value x, Value indices, const Shape& shape,
                std::source_location where = std::source_location::current());

/// Images [batch, channels, lengths..] from windows [batch, channels * taps, windows], which are added up where they
/// overlap (ONNX Col2Im, torch.nn.Fold): fold() with channels first. `options` has the kernel, and windows and taps are
/// in row-major order; 1 to 3 spatial axes. Errors: KILN-G0512 when the number of channels is no multiple of the taps.
Value col2im(GraphBuilder& g, Value x, const Shape& lengths, const WindowOptions& options,
             std::source_location where = std::source_location::current());

}  // namespace kiln::nn
