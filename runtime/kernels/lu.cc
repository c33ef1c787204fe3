// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/kernels/matrices.h"
#include "runtime/kernels/table.h"

namespace kiln::runtime::kernels {
namespace {

// Replaces the matrix by its factors, a column of L and a row of U at a time (Crout), so that each is rounded once.
// Gives the first column without a pivot, or n.
template <class T>
int64_t decompose(T* a, int64_t n, int64_t* pivots) {
  int64_t firstSingular = n;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k; i < n; ++i) {
      a[i * n + k] = static_cast<T>(static_cast<double>(a[i * n + k]) - dot(a + i * n, 1, a + k, n, k));
      pivot = std::abs(a[i * n + k]) > std::abs(a[pivot * n + k]) ? i : pivot;
    }
    pivots[k] = pivot;
    if (pivot != k) {
      std::swap_ranges(a + k * n, a + (k + 1) * n, a + pivot * n);
    }
    const T diagonal = a[k * n + k];
    if (diagonal == T(0)) {
      firstSingular = std::min(firstSingular, k);
    } else {
      for (int64_t i = k + 1; i < n; ++i) {
        a[i * n + k] /= diagonal;
      }
    }
    for (int64_t j = k + 1; j < n; ++j) {
      a[k * n + j] = static_cast<T>(static_cast<double>(a[k * n + j]) - dot(a + k * n, 1, a + j, n, k));
    }
  }
  return firstSingular;
}

}  // namespace

kiln_status_t lu(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  Arguments given(buffers, arguments);
  const TensorArgument a = given.tensor(), factors = given.tensor(), pivots = given.tensor(),
                       permutation = given.tensor();
  const bool allowSingular = given.boolean();
  const int64_t n = a.dims.back();
  return withWideFloat(a.dtype, [&]<class T>(T) {
    return parallelFor(context, countMatrices(a), n * n * n / 3 + n * n,
                       [&](kiln_context_t* inner, int64_t begin, int64_t end) -> kiln_status_t {
                         for (int64_t matrix = begin; matrix < end; ++matrix) {
                           T* to = factors.data<T>() + matrix * n * n;
                           std::copy_n(a.data<T>() + matrix * n * n, n * n, to);
                           int64_t* exchanges = pivots.data<int64_t>() + matrix * n;
                           const int64_t singular = decompose(to, n, exchanges);
                           if (singular < n && !allowSingular) {
                             return fail(inner, KILN_STATUS_SINGULAR, given.nodeId(), singular, matrix);
                           }
                           int64_t* rows = permutation.data<int64_t>() + matrix * n;
                           for (int64_t i = 0; i < n; ++i) {
                             rows[i] = i;
                           }
                           for (int64_t i = 0; i < n; ++i) {
                             std::swap(rows[i], rows[exchanges[i]]);
                           }
                         }
                         return KILN_STATUS_OK;
                       });
  });
}

}  // namespace kiln::runtime::kernels
