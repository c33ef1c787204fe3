// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The sum that softmax, log_softmax and the cross entropies share.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/spec/loops.h"

namespace kiln::ops {

/// The largest of n values, `stride` apart, and log(sum(exp(x - max))). A NaN among them makes the sum NaN.
struct LogSum {
  template <class T>
  LogSum(const T* x, int64_t n, int64_t stride) {
    for (int64_t k = 0; k < n; ++k) {
      max = std::max(max, static_cast<double>(x[k * stride]));
    }
    for (int64_t k = 0; k < n; ++k) {
      sum += std::exp(static_cast<double>(x[k * stride]) - max);
    }
  }
  double max = -std::numeric_limits<double>::infinity();
  double sum = 0;
};

}  // namespace kiln::ops
