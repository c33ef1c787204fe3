/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A small code image with a relocated table, constants, and a function that uses both. */
#include "runtime/abi/kiln_abi.h"

static const char kText[] = "relocated";
/* Volatile, so that the pointer stays in memory and needs a relocation. */
static const char* volatile const kTextPointer = kText;

/* buffers: i64 out[2], the first letter through the relocated pointer and a constant. */
static kiln_status_t letters(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  (void)context;
  (void)dims;
  int64_t* out = (int64_t*)buffers[0];
  out[0] = kTextPointer[0];
  out[1] = 42;
  return KILN_STATUS_OK;
}
static int64_t arenaSize(const int64_t* dims) { return 64 * dims[0]; }

static const kiln_entry_t kEntries[] = {{.run = letters, .arena_size = arenaSize}};
static const kiln_executable_t kTable = {
    .size = sizeof(kiln_executable_t), .version = KILN_ABI_VERSION, .num_entries = 1, .entries = kEntries};

__attribute__((visibility("default"))) const kiln_executable_t* query(void) { return &kTable; }
