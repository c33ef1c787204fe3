/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The header as a C compiler sees it. */
#include "runtime/abi/kiln_abi.h"

#include <stddef.h>

size_t kilnContextSizeInC(void) { return sizeof(kiln_context_t); }
size_t kilnErrorOffsetInC(void) { return offsetof(kiln_context_t, error); }
size_t kilnLibrarySizeInC(void) { return sizeof(kiln_library_t); }

/* A complete executable, so that every type is used as compiled code uses it. */
static kiln_status_t addOne(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  const double* x = (const double*)buffers[0];
  double* y = (double*)buffers[1];
  for (int64_t i = 0; i < dims[0]; ++i) {
    if (x[i] < 0) {
      context->error.code = KILN_STATUS_ASSERT;
      return KILN_STATUS_ASSERT;
    }
    y[i] = context->library ? context->library->exp(x[i]) : x[i] + 1;
  }
  return KILN_STATUS_OK;
}
static int64_t noArena(const int64_t* dims) {
  (void)dims;
  return 0;
}
static const kiln_entry_t kEntries[] = {{.run = addOne, .arena_size = noArena}};
static const kiln_executable_t kExecutable = {
    .size = sizeof(kiln_executable_t), .version = KILN_ABI_VERSION, .num_entries = 1, .entries = kEntries};

const kiln_executable_t* kilnQueryInC(void) { return &kExecutable; }
