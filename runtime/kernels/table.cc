// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/table.h"

#include <array>

namespace kiln::runtime {

const kiln_kernel_fn_t* kernelTable() {
  static constexpr auto kTable = [] {
    std::array<kiln_kernel_fn_t, KILN_NUM_KERNELS> table{};
    table[KILN_KERNEL_CUMSUM] = kernels::cumsum;
    table[KILN_KERNEL_CUMPROD] = kernels::cumprod;
    table[KILN_KERNEL_CUMMAX] = kernels::cummax;
    table[KILN_KERNEL_CUMMIN] = kernels::cummin;
    table[KILN_KERNEL_LINEAR_RECURRENCE] = kernels::linearRecurrence;
    table[KILN_KERNEL_SORT] = kernels::sort;
    table[KILN_KERNEL_TOP_K] = kernels::topK;
    table[KILN_KERNEL_CHOLESKY] = kernels::cholesky;
    table[KILN_KERNEL_TRIANGULAR_SOLVE] = kernels::triangularSolve;
    table[KILN_KERNEL_LU] = kernels::lu;
    table[KILN_KERNEL_CTC_LOSS] = kernels::ctcLoss;
    table[KILN_KERNEL_CTC_LOSS_GRADIENT] = kernels::ctcLossGradient;
    table[KILN_KERNEL_RANDOM_GAMMA] = kernels::randomGamma;
    table[KILN_KERNEL_PRINT] = kernels::print;
    return table;
  }();
  return kTable.data();
}

}  // namespace kiln::runtime
