// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How a pool sees its windows: as ranges of positions for each axis.
#pragma once

#include "ops/convolution/windows.h"

namespace kiln::ops {

/// The layout and windows of max_pool or avg_pool. Errors: KILN-O0133.
struct Pool {
  Layout layout;
  std::vector<Window> windows;
  bool ceilMode = false;
};
StatusOr<Pool> poolOf(const Attributes& attributes, const ValueType& x);

/// The layout and output_size of an adaptive pool. Errors: KILN-O0133, KILN-O0138.
struct AdaptivePool {
  Layout layout;
  std::vector<int64_t> lengths, outputSize;  ///< One entry for each spatial axis.
};
StatusOr<AdaptivePool> adaptivePoolOf(const Attributes& attributes, const ValueType& x);

}  // namespace kiln::ops
