// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>
#include <cstddef>

#include <gtest/gtest.h>

#include "runtime/abi/kiln_abi.h"

extern "C" {
size_t kilnContextSizeInC(void);
size_t kilnErrorOffsetInC(void);
size_t kilnLibrarySizeInC(void);
const kiln_executable_t* kilnQueryInC(void);
}

namespace {

// The code generator writes these offsets into its IR; they never change.
TEST(Abi, offsets_are_frozen) {
  EXPECT_EQ(offsetof(kiln_context_t, size), 0u);
  EXPECT_EQ(offsetof(kiln_context_t, version), 4u);
  EXPECT_EQ(offsetof(kiln_context_t, arena), 8u);
  EXPECT_EQ(offsetof(kiln_context_t, parallel_for), 16u);
  EXPECT_EQ(offsetof(kiln_context_t, cancel), 24u);
  EXPECT_EQ(offsetof(kiln_context_t, error), 32u);
  EXPECT_EQ(offsetof(kiln_context_t, profile), 56u);
  EXPECT_EQ(offsetof(kiln_context_t, rng_key), 64u);
  EXPECT_EQ(offsetof(kiln_context_t, rng_step), 72u);
  EXPECT_EQ(offsetof(kiln_context_t, library), 80u);
  EXPECT_EQ(offsetof(kiln_context_t, device), 88u);
  EXPECT_EQ(offsetof(kiln_context_t, collectives), 96u);
  EXPECT_EQ(offsetof(kiln_context_t, host), 104u);
  EXPECT_EQ(offsetof(kiln_context_t, allocate), 112u);
  EXPECT_EQ(sizeof(kiln_context_t), 120u);
  EXPECT_EQ(offsetof(kiln_error_t, node_id), 4u);
  EXPECT_EQ(offsetof(kiln_error_t, values), 8u);
  EXPECT_EQ(offsetof(kiln_library_t, exp), 8u);
  EXPECT_EQ(offsetof(kiln_library_t, pow), 48u);
  EXPECT_EQ(offsetof(kiln_library_t, kernels), 56u);
  EXPECT_EQ(offsetof(kiln_library_t, num_kernels), 64u);
  EXPECT_EQ(offsetof(kiln_library_t, tan), 72u);
  EXPECT_EQ(offsetof(kiln_library_t, trigamma), 208u);
  EXPECT_EQ(offsetof(kiln_library_t, fma), 240u);
  EXPECT_EQ(KILN_KERNEL_CUMSUM, 0);
  EXPECT_EQ(KILN_KERNEL_LU, 9);
  EXPECT_EQ(sizeof(kiln_entry_t), 16u);
  EXPECT_EQ(offsetof(kiln_executable_t, num_entries), 8u);
  EXPECT_EQ(offsetof(kiln_executable_t, entries), 16u);
  EXPECT_EQ(sizeof(kiln_executable_t), 24u);
}

TEST(Abi, c_and_cxx_agree) {
  EXPECT_EQ(kilnContextSizeInC(), sizeof(kiln_context_t));
  EXPECT_EQ(kilnErrorOffsetInC(), offsetof(kiln_context_t, error));
  EXPECT_EQ(kilnLibrarySizeInC(), sizeof(kiln_library_t));
}

TEST(Abi, c_code_runs_under_the_contract) {
  const kiln_executable_t* executable = kilnQueryInC();
  ASSERT_EQ(executable->num_entries, 1u);
  ASSERT_EQ(executable->version, KILN_ABI_VERSION);
  kiln_library_t library{};
  library.exp = [](double x) { return std::exp(x); };
  kiln_context_t context{};
  context.size = sizeof(context);
  context.library = &library;
  double x[2] = {0, 1}, y[2] = {};
  void* buffers[] = {x, y};
  int64_t dims[] = {2};
  EXPECT_EQ(executable->entries[0].arena_size(dims), 0);
  EXPECT_EQ(executable->entries[0].run(&context, buffers, dims), KILN_STATUS_OK);
  EXPECT_EQ(y[0], 1.0);
  EXPECT_EQ(y[1], std::exp(1.0));
  x[1] = -1;
  EXPECT_EQ(executable->entries[0].run(&context, buffers, dims), KILN_STATUS_ASSERT);
  EXPECT_EQ(context.error.code, KILN_STATUS_ASSERT);
}

}  // namespace
