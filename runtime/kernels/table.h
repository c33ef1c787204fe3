// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The library ops by number.
#pragma once

#include "runtime/abi/kiln_abi.h"

namespace kiln::runtime {

/// KILN_NUM_KERNELS functions at the places that the ABI's numbers say; null where this host has none. Never changes.
const kiln_kernel_fn_t* kernelTable();

namespace kernels {

/// The library ops, named as in `ops/`: each computes what the op's reference says. All are of kiln_kernel_fn_t.
kiln_status_t cumsum(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t cumprod(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t cummax(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t cummin(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t linearRecurrence(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t sort(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t topK(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t cholesky(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t triangularSolve(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t lu(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t ctcLoss(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t ctcLossGradient(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t randomGamma(kiln_context_t* context, void* const* buffers, const int64_t* arguments);
kiln_status_t print(kiln_context_t* context, void* const* buffers, const int64_t* arguments);

}  // namespace kernels
}  // namespace kiln::runtime
