// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the kernels of linear algebra share.
#pragma once

#include "runtime/kernels/arguments.h"

namespace kiln::runtime::kernels {

/// The number of matrices in a tensor whose last two axes are a matrix's.
inline int64_t countMatrices(const TensorArgument& x) { return x.count(0, x.dims.size() - 2); }

/// sum of x[i * stepX] * y[i * stepY] for i < n, in double, in order.
template <class T>
double dot(const T* x, int64_t stepX, const T* y, int64_t stepY, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += static_cast<double>(x[i * stepX]) * static_cast<double>(y[i * stepY]);
  }
  return sum;
}

}  // namespace kiln::runtime::kernels
