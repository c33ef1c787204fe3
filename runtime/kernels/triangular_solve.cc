// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/matrices.h"
#include "runtime/kernels/table.h"

namespace kiln::runtime::kernels {
namespace {

// As many right sides as are solved together: their sums lie on the stack.
constexpr int64_t kColumns = 32;

}  // namespace

kiln_status_t triangularSolve(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  Arguments given(buffers, arguments);
  const TensorArgument a = given.tensor(), b = given.tensor(), result = given.tensor();
  const bool lower = given.boolean(), transposed = given.boolean(), unitDiagonal = given.boolean();
  const int64_t n = a.dims.back(), m = b.dims.back();
  const int64_t blocks = (m + kColumns - 1) / kColumns;
  const bool isForward = lower != transposed;
  // Element (i, k) of op(a) is at i * rowStep + k * columnStep.
  const int64_t rowStep = transposed ? 1 : n, columnStep = transposed ? n : 1;
  return withWideFloat(a.dtype, [&]<class T>(T) {
    return parallelFor(context, countMatrices(a) * blocks, n * n * (m < kColumns ? m : kColumns),
                       [&](kiln_context_t*, int64_t begin, int64_t end) -> kiln_status_t {
                         for (int64_t item = begin; item < end; ++item) {
                           const int64_t matrix = item / blocks, first = item % blocks * kColumns;
                           const int64_t columns = m - first < kColumns ? m - first : kColumns;
                           const T* op = a.data<T>() + matrix * n * n;
                           const T* right = b.data<T>() + matrix * n * m + first;
                           T* x = result.data<T>() + matrix * n * m + first;
                           for (int64_t step = 0; step < n; ++step) {
                             const int64_t i = isForward ? step : n - 1 - step;
                             double sums[kColumns];
                             for (int64_t c = 0; c < columns; ++c) {
                               sums[c] = static_cast<double>(right[i * m + c]);
                             }
                             for (int64_t before = 0; before < step; ++before) {
                               const int64_t k = isForward ? before : n - 1 - before;
                               const double factor = static_cast<double>(op[i * rowStep + k * columnStep]);
                               for (int64_t c = 0; c < columns; ++c) {
                                 sums[c] -= factor * static_cast<double>(x[k * m + c]);
                               }
                             }
                             const double diagonal = unitDiagonal ? 1 : static_cast<double>(op[i * (n + 1)]);
                             for (int64_t c = 0; c < columns; ++c) {
                               x[i * m + c] = static_cast<T>(sums[c] / diagonal);
                             }
                           }
                         }
                         return KILN_STATUS_OK;
                       });
  });
}

}  // namespace kiln::runtime::kernels
