/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What generated code looks like to the linker: an entry, its arena size, the tables, the query function. */
#include "runtime/abi/kiln_abi.h"

#ifdef KILN_UNDEFINED
double exp(double);
#endif

static kiln_status_t run(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
#ifdef KILN_UNDEFINED
  *(double*)buffers[0] = exp(*(double*)buffers[0]);
#endif
  return (kiln_status_t)dims[0];
}

static int64_t arenaSize(const int64_t* dims) { return 64 * dims[0]; }

static const kiln_entry_t kEntries[] = {{.run = run, .arena_size = arenaSize}};
static const kiln_executable_t kTable = {sizeof(kTable), KILN_ABI_VERSION, 1, 0, .entries = kEntries};

__attribute__((visibility("hidden"))) const kiln_executable_t* kiln_query(void) { return &kTable; }
