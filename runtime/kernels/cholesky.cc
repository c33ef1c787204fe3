// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>

#include "runtime/kernels/matrices.h"
#include "runtime/kernels/table.h"

namespace kiln::runtime::kernels {

// Row by row (Cholesky-Banachiewicz), so that all sums run along rows.
kiln_status_t cholesky(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  Arguments given(buffers, arguments);
  const TensorArgument a = given.tensor(), result = given.tensor();
  const int64_t n = a.dims.back();
  return withWideFloat(a.dtype, [&]<class T>(T) {
    return parallelFor(
        context, countMatrices(a), n * n * n / 6 + n * n,
        [&](kiln_context_t* inner, int64_t begin, int64_t end) -> kiln_status_t {
          for (int64_t matrix = begin; matrix < end; ++matrix) {
            const T* from = a.data<T>() + matrix * n * n;
            T* l = result.data<T>() + matrix * n * n;
            for (int64_t i = 0; i < n; ++i) {
              for (int64_t j = 0; j < i; ++j) {
                const double sum = static_cast<double>(from[i * n + j]) - dot(l + i * n, 1, l + j * n, 1, j);
                l[i * n + j] = static_cast<T>(sum / static_cast<double>(l[j * n + j]));
              }
              const double square = static_cast<double>(from[i * n + i]) - dot(l + i * n, 1, l + i * n, 1, i);
              if (!(square > 0)) {
                return fail(inner, KILN_STATUS_NOT_POSITIVE_DEFINITE, given.nodeId(), i + 1, matrix);
              }
              l[i * n + i] = static_cast<T>(std::sqrt(square));
              for (int64_t j = i + 1; j < n; ++j) {
                l[i * n + j] = 0;
              }
            }
          }
          return KILN_STATUS_OK;
        });
  });
}

}  // namespace kiln::runtime::kernels
