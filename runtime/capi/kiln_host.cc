// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/capi/kiln_host.h"

#include "runtime/session/host_library.h"
#include "runtime/threads/parallel_for.h"
#include "runtime/threads/thread_pool.h"

extern "C" {

kiln_status_t kiln_parallel_for(kiln_context_t* context, int64_t count, int64_t grain, kiln_task_fn_t fn, void* task) {
  if (context->host != nullptr) {
    return kiln::runtime::parallelFor(context, count, grain, fn, task);
  }
  // Tasks are given copies of the context, which keep this host: it lives until the loop ends.
  const kiln::runtime::RunHost host{.maxThreads = kiln::runtime::hardwareThreads()};
  context->host = const_cast<kiln::runtime::RunHost*>(&host);
  const kiln_status_t status = kiln::runtime::parallelFor(context, count, grain, fn, task);
  context->host = nullptr;
  return status;
}

const kiln_library_t* kiln_host_library(void) { return kiln::runtime::hostLibrary(); }

}  // extern "C"
