/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Runs the entry `run` of a library with the prefix `m` once for a file of buffers, and writes what became of them.
 *
 * in: int64 number of dims, the dims; int64 number of buffers; for each its bytes and their content.
 * out: int64 status, three int64 of the fault; the content of each buffer. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/abi/kiln_abi.h"

int64_t m_run_arena_bytes(const int64_t* dims);
int32_t m_run_run(void* arena, void* const* buffers, const int64_t* dims, int64_t* fault);

/* What hosted code wants: chunks from the last to the first, each with an error slot of its own, which the code must
 * not mind. */
int32_t kiln_parallel_for(kiln_context_t* context, int64_t count, int64_t grain, kiln_task_fn_t fn, void* task);
int32_t kiln_parallel_for(kiln_context_t* context, int64_t count, int64_t grain, kiln_task_fn_t fn, void* task) {
  int32_t status = KILN_STATUS_OK;
  for (int64_t chunk = (count + grain - 1) / grain; chunk-- > 0;) {
    int64_t begin = chunk * grain, end = begin + grain < count ? begin + grain : count;
    kiln_context_t own = *context;
    memset(&own.error, 0, sizeof own.error);
    int32_t result = fn(&own, task, begin, end);
    if (result != KILN_STATUS_OK) {
      status = result;
      context->error = own.error;
    }
  }
  return status;
}

const kiln_library_t* kiln_host_library(void);
const kiln_library_t* kiln_host_library(void) {
  static kiln_library_t library;
  library.size = sizeof library;
  library.version = KILN_ABI_VERSION;
  library.exp = exp;
  library.log = log;
  library.tanh = tanh;
  library.sin = sin;
  library.cos = cos;
  library.pow = pow;
  library.tan = tan;
  library.asin = asin;
  library.acos = acos;
  library.atan = atan;
  library.sinh = sinh;
  library.cosh = cosh;
  library.asinh = asinh;
  library.acosh = acosh;
  library.atanh = atanh;
  library.log2 = log2;
  library.log10 = log10;
  library.cbrt = cbrt;
  library.erf = erf;
  library.erfc = erfc;
  library.atan2 = atan2;
  library.hypot = hypot;
  library.fmod = fmod;
  library.fma = fma;
  return &library;
}

static int64_t readNumber(FILE* in) {
  int64_t number = 0;
  if (fread(&number, sizeof number, 1, in) != 1) {
    fprintf(stderr, "the input is too short\n");
    exit(3);
  }
  return number;
}

static void* allocate(int64_t bytes) { return aligned_alloc(64, (size_t)((bytes + 64) / 64 * 64)); }

int main(int argc, char** argv) {
  FILE* in = argc == 3 ? fopen(argv[1], "rb") : NULL;
  if (in == NULL) {
    fprintf(stderr, "usage: driver IN OUT\n");
    return 3;
  }
  int64_t dims[64] = {0}, sizes[4096];
  static void* buffers[4096];
  const int64_t numDims = readNumber(in);
  for (int64_t i = 0; i < numDims && i < 64; ++i) {
    dims[i] = readNumber(in);
  }
  const int64_t count = readNumber(in);
  for (int64_t i = 0; i < count && i < 4096; ++i) {
    sizes[i] = readNumber(in);
    buffers[i] = allocate(sizes[i]);
    if (fread(buffers[i], 1, (size_t)sizes[i], in) != (size_t)sizes[i]) {
      fprintf(stderr, "the input is too short\n");
      return 3;
    }
  }
  fclose(in);
  int64_t arenaBytes = m_run_arena_bytes(dims);
  void* arena = allocate(arenaBytes);
  memset(arena, 0xA5, (size_t)arenaBytes);
  int64_t fault[3] = {-1, 0, 0};
  int64_t status = m_run_run(arena, buffers, dims, fault);
  FILE* out = fopen(argv[2], "wb");
  fwrite(&status, sizeof status, 1, out);
  fwrite(fault, sizeof fault, 1, out);
  for (int64_t i = 0; i < count; ++i) {
    fwrite(buffers[i], 1, (size_t)sizes[i], out);
  }
  return fclose(out) == 0 ? 0 : 3;
}
