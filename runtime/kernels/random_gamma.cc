// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/base/gamma.h"
#include "runtime/kernels/arguments.h"
#include "runtime/kernels/table.h"

namespace kiln::runtime::kernels {

kiln_status_t randomGamma(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  constexpr int64_t kWork = 300;  // a block of random words, and logarithms
  Arguments given(buffers, arguments);
  const TensorArgument state = given.tensor(), concentration = given.tensor(), result = given.tensor();
  const int64_t seed = state.data<int64_t>()[0], step = state.data<int64_t>()[1], opId = given.integer();
  return withFloat(concentration.dtype, [&]<class T>(T) {
    return parallelFor(
        context, concentration.numElements(), kWork, [&](kiln_context_t*, int64_t begin, int64_t end) -> kiln_status_t {
          for (int64_t i = begin; i < end; ++i) {
            const auto shape = static_cast<double>(concentration.data<T>()[i]);
            result.data<T>()[i] = static_cast<T>(gammaNumber(seed, step, opId, static_cast<uint64_t>(i), shape));
          }
          return KILN_STATUS_OK;
        });
  });
}

}  // namespace kiln::runtime::kernels
