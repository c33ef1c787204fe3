/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A code image that tells when any of it runs: its query writes a byte to the file descriptor 987, if that is open. */
#include "runtime/abi/kiln_abi.h"

static void mark(void) {
  static const char byte = 'q';
#if defined(__x86_64__)
  long result = 1; /* write */
  __asm__ volatile("syscall" : "+a"(result) : "D"(987L), "S"(&byte), "d"(1L) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long result __asm__("x0") = 987;
  register const char* bytes __asm__("x1") = &byte;
  register long size __asm__("x2") = 1;
  register long call __asm__("x8") = 64; /* write */
  __asm__ volatile("svc #0" : "+r"(result) : "r"(bytes), "r"(size), "r"(call) : "memory");
#endif
}

/* buffers: i64 out[], which becomes 42. */
static kiln_status_t answer(kiln_context_t* context, void* const* buffers, const int64_t* dims) {
  (void)context;
  (void)dims;
  *(int64_t*)buffers[0] = 42;
  return KILN_STATUS_OK;
}
static int64_t noArena(const int64_t* dims) {
  (void)dims;
  return 0;
}

static const kiln_entry_t kEntries[] = {{.run = answer, .arena_size = noArena}};
static const kiln_executable_t kTable = {
    .size = sizeof(kiln_executable_t), .version = KILN_ABI_VERSION, .num_entries = 1, .entries = kEntries};

__attribute__((visibility("default"))) const kiln_executable_t* query(void) {
  mark();
  return &kTable;
}
