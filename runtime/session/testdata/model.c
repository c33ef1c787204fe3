/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Entries as the compiler would write them, for testing what runs them. Indices are those of FakeEntry in testing.h. */
#include "runtime/abi/kiln_abi.h"

static kiln_status_t fault(kiln_context_t* context, int32_t code, int32_t node, int64_t first, int64_t second) {
  if (context->error.code == KILN_STATUS_OK) {
    context->error.code = code;
    context->error.node_id = node;
    context->error.values[0] = first;
    context->error.values[1] = second;
  }
  return code;
}

static int64_t noArena(const int64_t* dims) {
  (void)dims;
  return 0;
}

/* add: x f32[n], y f32[n] -> z f32[n] */
static kiln_status_t add(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  (void)context;
  const float* x = (const float*)buffers[0];
  const float* y = (const float*)buffers[1];
  float* z = (float*)buffers[2];
  for (int64_t i = 0; i < dims[0]; ++i) {
    z[i] = x[i] + y[i];
  }
  return KILN_STATUS_OK;
}

/* init: writes w = 1, b = -1 (f32[256] each) and count = 0 (i64[]) */
enum { kLength = 256 };
static kiln_status_t init(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  (void)context;
  (void)dims;
  for (int i = 0; i < kLength; ++i) {
    ((float*)buffers[0])[i] = 1;
    ((float*)buffers[1])[i] = -1;
  }
  *(int64_t*)buffers[2] = 0;
  return KILN_STATUS_OK;
}

/* predict: reads w, b -> both f32[2, 256] */
static kiln_status_t predict(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  (void)context;
  (void)dims;
  float* both = (float*)buffers[2];
  for (int v = 0; v < 2; ++v) {
    for (int i = 0; i < kLength; ++i) {
      both[v * kLength + i] = ((const float*)buffers[v])[i];
    }
  }
  return KILN_STATUS_OK;
}

/* train: index i64[], divisor i64[]; writes w += 1, b -= 1, count += 1 -> old count i64[]. Everything that may fail
 * comes first: a look at the flag, a lookup of `index` in 4 elements (node 0), a division by `divisor` (node 1). The
 * new values are made in the arena and copied at the end. */
static kiln_status_t train(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  (void)dims;
  int64_t index = *(const int64_t*)buffers[0], divisor = *(const int64_t*)buffers[1];
  float* w = (float*)buffers[2];
  float* b = (float*)buffers[3];
  volatile int64_t* count = (volatile int64_t*)buffers[4];
  float* next = (float*)context->arena;
  int64_t before = *count;
  for (int i = 0; i < kLength; ++i) {
    next[i] = w[i] + 1;
    next[kLength + i] = b[i] - 1;
  }
  if (context->cancel && *context->cancel) {
    return fault(context, KILN_STATUS_CANCELLED, -1, 0, 0);
  }
  if (index < 0 || index >= 4) {
    return fault(context, KILN_STATUS_INDEX_RANGE, 0, index, 4);
  }
  if (divisor == 0) {
    return fault(context, KILN_STATUS_DIVIDE_BY_ZERO, 1, before, 0);
  }
  for (int i = 0; i < kLength; ++i) {
    w[i] = next[i];
    b[i] = next[kLength + i];
  }
  *count = before + 1;
  *(int64_t*)buffers[5] = before;
  return KILN_STATUS_OK;
}
static int64_t trainArena(const int64_t* dims) {
  (void)dims;
  return 2 * kLength * (int64_t)sizeof(float);
}

/* wait: started i64[] is set to 1 and the entry waits for the cancel flag; then writes w and b unless it was cancelled.
 * The feed is written to, which no compiled code does, so that a test can tell that the run is under way. */
static kiln_status_t waitForCancel(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  (void)dims;
  *(volatile int64_t*)buffers[0] = 1;
  while (!*context->cancel) {
  }
  return fault(context, KILN_STATUS_CANCELLED, -1, 0, 0);
}

/* parallel: limit i64[], x i64[n] -> y i64[n] = i * x[i], in chunks of 16 on any number of threads; items from `limit`
 * on are out of range (node 0). */
typedef struct {
  int64_t limit;
  const int64_t* x;
  int64_t* y;
} scale_task_t;
static kiln_status_t scaleChunk(kiln_context_t* context, void* argument, int64_t begin, int64_t end) {
  const scale_task_t* task = (const scale_task_t*)argument;
  for (int64_t i = begin; i < end; ++i) {
    if (i >= task->limit) {
      return fault(context, KILN_STATUS_INDEX_RANGE, 0, i, task->limit);
    }
    task->y[i] = i * task->x[i];
  }
  return KILN_STATUS_OK;
}
static kiln_status_t parallel(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  scale_task_t task = {*(const int64_t*)buffers[0], (const int64_t*)buffers[1], (int64_t*)buffers[2]};
  return context->parallel_for(context, dims[0], 16, scaleChunk, &task);
}

/* report: code i64[], first i64[], second i64[] -> nothing; fails with that status at node 2, unless it is 0. Adds to
 * the first profile slot. */
static kiln_status_t report(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  (void)dims;
  if (context->profile) {
    context->profile[0] += 7;
  }
  int64_t code = *(const int64_t*)buffers[0];
  return code == 0 ? KILN_STATUS_OK
                   : fault(context, (int32_t)code, 2, *(const int64_t*)buffers[1], *(const int64_t*)buffers[2]);
}

/* scratch: x f64[n, m], a constant f64[] -> the sum f64[] of exp(constant * x), by way of the arena, whose size is
 * wrong for n = 77: no memory is as large. The alignment of the arena is the second fetch, i64[]. */
static kiln_status_t scratch(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  double* values = (double*)context->arena;
  double sum = 0;
  for (int64_t i = 0; i < dims[0] * dims[1]; ++i) {
    values[i] = context->library->exp(*(const double*)buffers[1] * ((const double*)buffers[0])[i]);
  }
  for (int64_t i = 0; i < dims[0] * dims[1]; ++i) {
    sum += values[i];
  }
  *(double*)buffers[2] = sum;
  *(int64_t*)buffers[3] = (int64_t)((uint64_t)(uintptr_t)context->arena % 64);
  return KILN_STATUS_OK;
}
static int64_t scratchArena(const int64_t* dims) {
  return dims[0] == 77 ? INT64_MAX : dims[0] * dims[1] * (int64_t)sizeof(double);
}

static const kiln_entry_t kEntries[] = {
    {.run = add, .arena_size = noArena},           {.run = init, .arena_size = noArena},
    {.run = predict, .arena_size = noArena},       {.run = train, .arena_size = trainArena},
    {.run = waitForCancel, .arena_size = noArena}, {.run = parallel, .arena_size = noArena},
    {.run = report, .arena_size = noArena},        {.run = scratch, .arena_size = scratchArena},
};
static const kiln_executable_t kTable = {.size = sizeof(kiln_executable_t),
                                         .version = KILN_ABI_VERSION,
                                         .num_entries = sizeof(kEntries) / sizeof(kEntries[0]),
                                         .entries = kEntries};

__attribute__((visibility("default"))) const kiln_executable_t* query(void) { return &kTable; }
