/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The binary interface between compiled code and whatever runs it. Versioned like a schema: fields are only added, at
 * the end, and KILN_ABI_VERSION grows. Fixed-width fields in an order without padding surprises, so that the layout is
 * the same on x86-64, aarch64 and (with 4-byte pointers in 8-byte slots) wasm32. Compiled code allocates nothing, calls
 * nothing but the functions in the context, and touches no memory but the buffers it is given. */
#ifndef KILN_RUNTIME_ABI_KILN_ABI_H_
#define KILN_RUNTIME_ABI_KILN_ABI_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KILN_ABI_VERSION 4u

/* A pointer that always takes eight bytes. */
#define KILN_PTR(type, name) \
  union {                    \
    type name;               \
    uint64_t name##_slot;    \
  }

typedef int32_t kiln_status_t;

/* What an entry point returns, and what it leaves in the error slot. */
enum {
  KILN_STATUS_OK = 0,
  KILN_STATUS_CANCELLED = 1,      /* the cancel flag was seen before the commit */
  KILN_STATUS_INDEX_RANGE = 2,    /* values: the index, the length of the axis */
  KILN_STATUS_DIVIDE_BY_ZERO = 3, /* integer division; values: the dividend, 0 */
  KILN_STATUS_ASSERT = 4,         /* an assert op failed */
  KILN_STATUS_DIM_MISMATCH = 5,   /* values: found, wanted */
  KILN_STATUS_INTERNAL = 6,
  KILN_STATUS_NOT_POSITIVE_DEFINITE = 7, /* values: the order of the first minor that is not positive, the matrix */
  KILN_STATUS_SINGULAR = 8,              /* values: the first column without a pivot, the matrix of the batch */
  KILN_STATUS_TRIP_COUNT = 9,            /* a loop's count; values: the count, the most that is allowed */
  KILN_STATUS_NOT_TAKEN = 10,            /* a value was wanted from a branch that did not run; values: 0, 0 */
  KILN_STATUS_NO_MEMORY = 11             /* allocate() gave none; values: the bytes asked for, 0 */
};

typedef struct kiln_error_t {
  int32_t code;      /* kiln_status_t, set by the first fault only */
  int32_t node_id;   /* index into the executable's node table */
  int64_t values[2]; /* what was found and wanted; see the codes */
} kiln_error_t;

struct kiln_context_t;

/* A piece of work: items [begin, end) of `count`. `task` is passed through. Returns a status. `context` is a copy of
 * the one given to parallel_for with an error slot of its own: a fault is written there, never to a context kept in
 * `task`. */
typedef kiln_status_t (*kiln_task_fn_t)(struct kiln_context_t* context, void* task, int64_t begin, int64_t end);

/* 64-byte aligned memory that lives until the run ends, or null. For what only a run can tell the size of. Not for use
 * within a task. */
typedef void* (*kiln_allocate_fn_t)(struct kiln_context_t* context, int64_t bytes);

/* Runs fn over [0, count) in chunks of `grain` items (the last may be shorter), on any number of threads; returns when
 * all are done. When chunks fail, the status and the error slot are those of the failing chunk with the lowest bounds,
 * and chunks above it may be left out. The cancel flag is not looked at, so a commit may be parallel. Chunk bounds are
 * multiples of grain, whatever the number of threads, so neither results nor errors depend on it. A call from inside a
 * task runs on that task's thread. */
typedef kiln_status_t (*kiln_parallel_for_fn_t)(struct kiln_context_t* context, int64_t count, int64_t grain,
                                                kiln_task_fn_t fn, void* task);

typedef double (*kiln_unary_f64_fn_t)(double);
typedef double (*kiln_binary_f64_fn_t)(double, double);
typedef double (*kiln_ternary_f64_fn_t)(double, double, double);

/* A library op: the host's function that computes it. buffers: the operands, then the results, dense and row-major.
 * arguments: the node's number for faults; for each operand and then each result its dtype (the numbers of
 * proto/base/dtype.h), its rank, and its lengths; then each attribute in the order of the op's schema: an integer or
 * bool as itself, a float as the bits of an f64, a list as its count and numbers. The function keeps no state,
 * allocates nothing, and gives the same bits on any number of threads; it may use the context's parallel_for. It
 * returns a status, and fills the error slot when that is not OK. */
typedef kiln_status_t (*kiln_kernel_fn_t)(struct kiln_context_t* context, void* const* buffers,
                                          const int64_t* arguments);

/* The library ops, in the order of their places in the table: X(constant, name of the op). Only added to, at the end.
 */
#define KILN_KERNELS(X)                   \
  X(CUMSUM, cumsum)                       \
  X(CUMPROD, cumprod)                     \
  X(CUMMAX, cummax)                       \
  X(CUMMIN, cummin)                       \
  X(LINEAR_RECURRENCE, linear_recurrence) \
  X(SORT, sort)                           \
  X(TOP_K, top_k)                         \
  X(CHOLESKY, cholesky)                   \
  X(TRIANGULAR_SOLVE, triangular_solve)   \
  X(LU, lu)                               \
  X(CTC_LOSS, ctc_loss)                   \
  X(CTC_LOSS_GRADIENT, ctc_loss_gradient) \
  X(RANDOM_GAMMA, random_gamma)           \
  X(PRINT, print)

enum {
#define KILN_KERNEL_NUMBER(constant, op) KILN_KERNEL_##constant,
  KILN_KERNELS(KILN_KERNEL_NUMBER)
#undef KILN_KERNEL_NUMBER
      KILN_NUM_KERNELS
};

/* Scalar functions that compiled code may ask of the host (f64 only; f32 code brings its own). */
typedef struct kiln_library_t {
  uint32_t size; /* bytes of this struct */
  uint32_t version;
  KILN_PTR(kiln_unary_f64_fn_t, exp);
  KILN_PTR(kiln_unary_f64_fn_t, log);
  KILN_PTR(kiln_unary_f64_fn_t, tanh);
  KILN_PTR(kiln_unary_f64_fn_t, sin);
  KILN_PTR(kiln_unary_f64_fn_t, cos);
  KILN_PTR(kiln_binary_f64_fn_t, pow);
  KILN_PTR(const kiln_kernel_fn_t*, kernels); /* num_kernels functions; null where the host has none */
  uint64_t num_kernels;
  KILN_PTR(kiln_unary_f64_fn_t, tan);
  KILN_PTR(kiln_unary_f64_fn_t, asin);
  KILN_PTR(kiln_unary_f64_fn_t, acos);
  KILN_PTR(kiln_unary_f64_fn_t, atan);
  KILN_PTR(kiln_unary_f64_fn_t, sinh);
  KILN_PTR(kiln_unary_f64_fn_t, cosh);
  KILN_PTR(kiln_unary_f64_fn_t, asinh);
  KILN_PTR(kiln_unary_f64_fn_t, acosh);
  KILN_PTR(kiln_unary_f64_fn_t, atanh);
  KILN_PTR(kiln_unary_f64_fn_t, log2);
  KILN_PTR(kiln_unary_f64_fn_t, log10);
  KILN_PTR(kiln_unary_f64_fn_t, cbrt);
  KILN_PTR(kiln_unary_f64_fn_t, erf);
  KILN_PTR(kiln_unary_f64_fn_t, erfc);
  KILN_PTR(kiln_unary_f64_fn_t, erfinv);
  KILN_PTR(kiln_unary_f64_fn_t, lgamma);
  KILN_PTR(kiln_unary_f64_fn_t, digamma);
  KILN_PTR(kiln_unary_f64_fn_t, trigamma);
  KILN_PTR(kiln_binary_f64_fn_t, atan2);
  KILN_PTR(kiln_binary_f64_fn_t, hypot);
  KILN_PTR(kiln_binary_f64_fn_t, fmod); /* exact: the sign of the first, as in C */
  KILN_PTR(kiln_ternary_f64_fn_t, fma); /* rounded once */
} kiln_library_t;

/* One for each run in flight. */
typedef struct kiln_context_t {
  uint32_t size; /* bytes of this struct, so that newer code can tell an older host */
  uint32_t version;
  KILN_PTR(void*, arena); /* 64-byte aligned, as large as arena_size() said for these dims */
  KILN_PTR(kiln_parallel_for_fn_t, parallel_for);
  KILN_PTR(const volatile int32_t*, cancel); /* not 0: stop before the next kernel; may be null */
  kiln_error_t error;
  KILN_PTR(uint64_t*, profile); /* one slot a kernel, nanoseconds; may be null */
  uint64_t rng_key;             /* reserved: graphs carry their random state as a variable */
  uint64_t rng_step;
  KILN_PTR(const kiln_library_t*, library);
  KILN_PTR(const void*, device);          /* device table; null on hosts without one */
  KILN_PTR(const void*, collectives);     /* collectives table; null outside distributed runs */
  KILN_PTR(void*, host);                  /* the host's own */
  KILN_PTR(kiln_allocate_fn_t, allocate); /* may be null */
} kiln_context_t;

/* What buffers[] has for a fetch with a length that only the run knows: the code fills it in before it returns. Then as
 * many lengths follow as the fetch has axes. The data is dense, and lives until the run ends. */
typedef struct kiln_found_t {
  KILN_PTR(const void*, data);
  /* int64_t dims[] */
} kiln_found_t;

/* An entry point. buffers: feeds, variables (each once, read or written), constants, fetches, in the manifest's order;
 * dims: the values of the dimension symbols in the manifest's order. Feeds and constants have any alignment, all else
 * 64 bytes. A fetch overlaps no other buffer; one whose size only the run knows has a kiln_found_t. Variables are
 * written only after everything that may fail. */
typedef kiln_status_t (*kiln_entry_fn_t)(kiln_context_t* context, void* const* buffers, const int64_t* dims);

/* Bytes of arena that a run with these dims needs. */
typedef int64_t (*kiln_arena_size_fn_t)(const int64_t* dims);

typedef struct kiln_entry_t {
  KILN_PTR(kiln_entry_fn_t, run);
  KILN_PTR(kiln_arena_size_fn_t, arena_size);
} kiln_entry_t;

typedef struct kiln_executable_t {
  uint32_t size;
  uint32_t version; /* KILN_ABI_VERSION that the code was compiled for */
  uint32_t num_entries;
  uint32_t reserved;
  KILN_PTR(const kiln_entry_t*, entries);
} kiln_executable_t;

/* The image's ELF entry point (e_entry) is a function of this type. The table and what it points to lie in the image.
 * The image is mapped without any writable page: it has no state. */
typedef const kiln_executable_t* (*kiln_query_fn_t)(void);

#ifdef __cplusplus
}
#endif

#endif /* KILN_RUNTIME_ABI_KILN_ABI_H_ */
