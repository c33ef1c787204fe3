/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The C API of the runtime: opens artifacts that `kiln compile` wrote, runs and trains them.
 *
 * Results: every function that can fail returns a kiln_code, KILN_OK (0) or one of gRPC's numbers, and leaves the text
 * and the id of the error with the calling thread (kiln_error_message, kiln_error_id). A function that fails has
 * changed nothing, but where its comment says otherwise. A null pointer or an index beyond the end, where none is
 * allowed, is KILN_INVALID_ARGUMENT with the id KILN-R0310, never a crash; so is a structure whose `size` is no size
 * that this library knows. A pointer that is not null has to be valid.
 *
 * Ownership: what a function creates through its last argument belongs to the caller, who gives it to the function
 * *_close of its kind, once; null may be given there. Handles keep alive what they need: an artifact may be closed
 * while its sessions are in use, and a session while its callables are. Strings and signatures that are returned belong
 * to the handle that they were asked of and live as long as it. Tensors of feeds and fetches belong to the caller.
 *
 * Threads: every function may be called from any thread. Handles may be shared; calls on the same handle at the same
 * time are safe, except that a handle is closed by one thread when no other uses it. Nothing here calls exit, changes
 * signal handlers, or writes to stdout.
 *
 * Versions: functions, codes and fields of structures are only added, and KILN_API_VERSION grows with them. A
 * structure with a field `size` is given sizeof of itself there, so that a newer library can tell an older caller. */
#ifndef KILN_RUNTIME_CAPI_KILN_H_
#define KILN_RUNTIME_CAPI_KILN_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KILN_API __attribute__((visibility("default")))
#else
#define KILN_API
#endif

#define KILN_API_VERSION 1u

/* The version that the library was built with; a caller may compare it with KILN_API_VERSION of its header: a library
 * of a greater one has all that the header declares. */
KILN_API uint32_t kiln_api_version(void);

/* ---- Results -------------------------------------------------------------------------------------------------------
 */

typedef int32_t kiln_code;

enum {
  KILN_OK = 0,
  KILN_CANCELLED = 1,
  KILN_UNKNOWN = 2,
  KILN_INVALID_ARGUMENT = 3,
  KILN_DEADLINE_EXCEEDED = 4,
  KILN_NOT_FOUND = 5,
  KILN_ALREADY_EXISTS = 6,
  KILN_PERMISSION_DENIED = 7,
  KILN_RESOURCE_EXHAUSTED = 8,
  KILN_FAILED_PRECONDITION = 9,
  KILN_ABORTED = 10,
  KILN_OUT_OF_RANGE = 11,
  KILN_UNIMPLEMENTED = 12,
  KILN_INTERNAL = 13,
  KILN_UNAVAILABLE = 14,
  KILN_DATA_LOSS = 15
};

/* The error of this thread's last call that failed: a sentence that begins with the id in brackets or with where it
 * happened, and the id alone, such as "KILN-R0310". "" before any, and for the id of an error that has none. Valid
 * until the next call that fails on this thread. `kiln explain ID` says what to do. */
KILN_API const char* kiln_error_message(void);
KILN_API const char* kiln_error_id(void);

/* ---- Tensors -------------------------------------------------------------------------------------------------------
 */

/* Types of elements. Types below one byte are packed, the first element in the low bits. */
enum {
  KILN_F32 = 1,
  KILN_F64 = 2,
  KILN_I32 = 3,
  KILN_U8 = 4,
  KILN_I16 = 5,
  KILN_I8 = 6,
  KILN_C64 = 8,
  KILN_I64 = 9,
  KILN_BOOL = 10,
  KILN_BF16 = 14,
  KILN_U16 = 17,
  KILN_C128 = 18,
  KILN_F16 = 19,
  KILN_U32 = 22,
  KILN_U64 = 23
};

/* The most axes that a tensor has here. Entries and variables with more are refused with KILN-R0310. */
#define KILN_MAX_RANK 32

/* A dense row-major tensor. Any alignment of `data` will do.
 * As a value (feeds, variables that are set): all fields but `owner` say what it is, `size` is at least the bytes that
 * type and shape take, and nothing of it is written.
 * As a place for a value (fetches, variables that are read): with `data`, at least `size` bytes that the caller owns,
 * the value is written there. With `data` null, the library makes memory for it, sets `data`, `size` and `owner`, and
 * the caller gives it back by kiln_tensor_free(); a tensor that has an `owner` already keeps its memory when the value
 * fits, so a loop of equal shapes allocates once. Either way dtype, rank and dims are written. */
typedef struct kiln_tensor {
  int32_t dtype;
  int32_t rank;
  int64_t dims[KILN_MAX_RANK];
  void* data;
  size_t size;
  void* owner; /* the library's; null for memory of the caller's */
} kiln_tensor;

/* Gives memory of the library's back and sets data, size and owner to zero. Does nothing for tensors without owner and
 * for null. */
KILN_API void kiln_tensor_free(kiln_tensor* tensor);

/* The name of a type, as "f32", and the bytes that a tensor of that type and shape takes, or null and -1 for what is no
 * type or no shape. */
KILN_API const char* kiln_dtype_name(int32_t dtype);
KILN_API int64_t kiln_tensor_bytes(int32_t dtype, int32_t rank, const int64_t* dims);

/* ---- Artifacts -----------------------------------------------------------------------------------------------------
 */

/* A compiled model: its entries, code and first weights. Nothing of it changes. */
typedef struct kiln_artifact kiln_artifact;

typedef struct kiln_artifact_options {
  size_t size;                   /* sizeof(kiln_artifact_options) */
  const char* require_signature; /* public key, 64 hexadecimal digits or the path of a file; null: none is needed */
  const char* target;            /* the variant to use; null: the best that this machine can run */
  int32_t verify_weights;        /* not 0: compare all weights with their checksums, which reads them all */
} kiln_artifact_options;

/* Opens a file that `kiln compile` wrote, or the folder of --unpacked. Manifest and code are compared with their
 * digests before any code is mapped. `options` may be null. Errors: KILN-R0301 to R0308. */
KILN_API kiln_code kiln_artifact_open(const char* path, const kiln_artifact_options* options, kiln_artifact** artifact);
/* As above, of an artifact's bytes in memory, which stay where they are and as they are until the artifact and all that
 * was made of it is closed. */
KILN_API kiln_code kiln_artifact_open_memory(const void* bytes, size_t size, const kiln_artifact_options* options,
                                             kiln_artifact** artifact);
KILN_API void kiln_artifact_close(kiln_artifact* artifact);

/* The model's name; null for null. */
KILN_API const char* kiln_artifact_model(const kiln_artifact* artifact);
/* The entries, in the model's order; 0 for null. */
KILN_API size_t kiln_artifact_num_entries(const kiln_artifact* artifact);
/* Null for an index beyond the end. */
KILN_API const char* kiln_artifact_entry(const kiln_artifact* artifact, size_t index);

/* ---- Signatures ----------------------------------------------------------------------------------------------------
 */

/* What an entry is fed and what it computes. */
typedef struct kiln_signature kiln_signature;

/* A feed, a fetch or a variable. */
typedef struct kiln_spec {
  const char* name;
  int32_t dtype;
  int32_t rank;
  int64_t dims[KILN_MAX_RANK]; /* -1 for a length that is not the same in all runs */
  const char* const* text;     /* `rank` texts of the lengths: "64", "batch", "2*n+1" */
  int32_t found;               /* not 0: a fetch whose size only the run knows; `data` of its tensor has to be null */
} kiln_spec;

/* A name that stands for a length, and the lengths that it may stand for. */
typedef struct kiln_symbol {
  const char* name;
  int64_t min, max;
} kiln_symbol;

/* Errors: KILN-R0001 for a name that the artifact does not have. */
KILN_API kiln_code kiln_artifact_signature(const kiln_artifact* artifact, const char* entry,
                                           const kiln_signature** signature);
KILN_API size_t kiln_signature_num_feeds(const kiln_signature* signature);   /* 0 for null */
KILN_API size_t kiln_signature_num_fetches(const kiln_signature* signature); /* 0 for null */
KILN_API size_t kiln_signature_num_symbols(const kiln_signature* signature); /* 0 for null */
KILN_API kiln_code kiln_signature_feed(const kiln_signature* signature, size_t index, kiln_spec* spec);
KILN_API kiln_code kiln_signature_fetch(const kiln_signature* signature, size_t index, kiln_spec* spec);
KILN_API kiln_code kiln_signature_symbol(const kiln_signature* signature, size_t index, kiln_symbol* symbol);

/* ---- Sessions ------------------------------------------------------------------------------------------------------
 */

/* The variables of a model with values of their own. An artifact may have any number of sessions. */
typedef struct kiln_session kiln_session;

typedef struct kiln_session_options {
  size_t size;     /* sizeof(kiln_session_options) */
  int32_t threads; /* the most that one run uses, the caller's among them; 0: as many as the machine has */
  /* Takes what print ops write, a call for each line, from any thread that runs something; null: stderr. */
  void (*print)(void* argument, const char* line, size_t length);
  void* print_argument;
} kiln_session_options;

/* Gives every variable its first value: that of the weights, and where there is none, the one that the entry `init`
 * gives it. `options` may be null. Errors: KILN-R0003 to R0006, and those of running `init`. */
KILN_API kiln_code kiln_session_create(const kiln_artifact* artifact, const kiln_session_options* options,
                                       kiln_session** session);
KILN_API void kiln_session_close(kiln_session* session);

/* Variables, in the model's order; 0 for null. */
KILN_API size_t kiln_session_num_variables(const kiln_session* session);
KILN_API kiln_code kiln_session_variable(const kiln_session* session, size_t index, kiln_spec* spec);
/* The value as it is between two runs. Errors: KILN-R0002 for a name that the model does not have, KILN-R0310 for a
 * buffer that is too small, with the wanted size. */
KILN_API kiln_code kiln_session_get(const kiln_session* session, const char* name, kiln_tensor* value);
/* Sets a value between two runs. Errors: KILN-R0002, R0003. */
KILN_API kiln_code kiln_session_set(kiln_session* session, const char* name, const kiln_tensor* value);
/* Sets several values at one moment between two runs, or none. Errors: KILN-R0002, R0003; R0310 for a name given twice.
 */
KILN_API kiln_code kiln_session_set_all(kiln_session* session, const char* const* names, const kiln_tensor* values,
                                        size_t count);

/* Writes all variables as they are between two runs into a safetensors file, or replaces it in one step. Errors:
 * KILN-P0004, P0046. */
KILN_API kiln_code kiln_session_export_weights(const kiln_session* session, const char* path);
/* Takes over the values of a safetensors file at one moment between two runs, or none: runs that are under way end with
 * the old values, later ones see the new. The file has a tensor for every variable and no other. Errors: KILN-R0311 for
 * one that does not fit, and those of reading it (P0001 to P0047). */
KILN_API kiln_code kiln_session_import_weights(kiln_session* session, const char* path);

/* Writes a checkpoint of all variables into `folder`/step-NNNNNNNN, and removes older ones but the newest `keep_last`
 * (at least 1). Returns when it is on the disk; it has its name only then. `step` rises from one to the next. Errors:
 * KILN-R0207 to R0211. */
KILN_API kiln_code kiln_session_save(const kiln_session* session, const char* folder, int64_t step, int32_t keep_last);
/* Takes over the newest checkpoint of `folder` at one moment between two runs, or nothing, and writes its step to
 * `step`, which may be null. Errors: KILN-R0201 when there is none, R0202 to R0206 for a damaged one, R0212, R0213. */
KILN_API kiln_code kiln_session_restore(kiln_session* session, const char* folder, int64_t* step);

/* ---- Runs ----------------------------------------------------------------------------------------------------------
 */

/* An entry of a session, ready to run by position. */
typedef struct kiln_callable kiln_callable;

/* Errors: KILN-R0001. */
KILN_API kiln_code kiln_session_prepare(kiln_session* session, const char* entry, kiln_callable** callable);
KILN_API void kiln_callable_close(kiln_callable* callable);
/* Null for null. */
KILN_API const kiln_signature* kiln_callable_signature(const kiln_callable* callable);

/* What fetch `index` will be when `feeds` are fed: sets dtype, rank, dims and size of `fetch`, and nothing else. Only
 * types and shapes of `feeds` are looked at; their data may be null. Errors: KILN-R0020 to R0029 for feeds that do not
 * fit, KILN-R0310 for a fetch whose size only the run knows. */
KILN_API kiln_code kiln_fetch_shape(const kiln_callable* callable, const kiln_tensor* feeds, size_t num_feeds,
                                    size_t index, kiln_tensor* fetch);
/* The bytes of memory that a run with these feeds takes beside feeds, fetches, variables and constants. Errors: as
 * above. */
KILN_API kiln_code kiln_arena_bytes(const kiln_callable* callable, const kiln_tensor* feeds, size_t num_feeds,
                                    int64_t* bytes);

/* Stops runs that are given it. */
typedef struct kiln_cancel kiln_cancel;
KILN_API kiln_code kiln_cancel_create(kiln_cancel** cancel);
/* Not 0: runs that are under way with it stop soon, and later ones at once; 0: later ones run. */
KILN_API kiln_code kiln_cancel_set(kiln_cancel* cancel, int32_t value);
KILN_API void kiln_cancel_close(kiln_cancel* cancel);

typedef struct kiln_run_options {
  size_t size;               /* sizeof(kiln_run_options) */
  int64_t deadline_ms;       /* not 0: a run that takes longer is stopped with KILN_DEADLINE_EXCEEDED */
  const kiln_cancel* cancel; /* may be null; has to live until the run returns */
} kiln_run_options;

/* Runs the entry once: a feed for each of the signature's, and a place for each fetch, in its order. Feeds may be those
 * places. All reads of variables see them as before the run, all writes take effect together at its end; a run that
 * fails or is stopped changes no variable, and its fetches are unspecified. A buffer that is too small for its fetch is
 * refused with the wanted size before anything runs. Allocates nothing once it has run with shapes as large, but for
 * fetches with null data. `options` may be null. Errors: KILN-R0020 to R0029 for feeds that do not fit, KILN-R0030 to
 * R0047 for what the run met, KILN-R0310. */
KILN_API kiln_code kiln_run(const kiln_callable* callable, const kiln_tensor* feeds, size_t num_feeds,
                            kiln_tensor* fetches, size_t num_fetches, const kiln_run_options* options);

#ifdef __cplusplus
}
#endif

#endif /* KILN_RUNTIME_CAPI_KILN_H_ */
