// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/threads/parallel_for.h"

#include <limits>
#include <mutex>

#include "runtime/abi/sanitize.h"
#include "runtime/threads/thread_pool.h"

namespace kiln::runtime {
namespace {

struct Loop {
  Loop(const kiln_context_t* context, kiln_task_fn_t fn, void* task) : context(context), fn(fn), task(task) {}
  const kiln_context_t* context;
  kiln_task_fn_t fn;
  void* task;
  std::mutex mutex;
  int64_t failedBegin = std::numeric_limits<int64_t>::max();
  kiln_error_t error{};
};

KILN_CALLS_COMPILED_CODE int32_t runChunk(void* argument, int64_t begin, int64_t end) {
  Loop& loop = *static_cast<Loop*>(argument);
  // Each chunk has an error slot of its own: chunks that fail at the same time do not write over each other.
  kiln_context_t context = *loop.context;
  context.error = {};
  kiln_status_t status = loop.fn(&context, loop.task, begin, end);
  if (status != KILN_STATUS_OK) {
    std::lock_guard<std::mutex> lock(loop.mutex);
    if (begin < loop.failedBegin) {
      loop.failedBegin = begin;
      loop.error = context.error;
    }
  }
  return status;
}

}  // namespace

kiln_status_t parallelFor(kiln_context_t* context, int64_t count, int64_t grain, kiln_task_fn_t fn, void* task) {
  const RunHost& host = *static_cast<const RunHost*>(context->host);
  Loop loop(context, fn, task);
  kiln_status_t status = ThreadPool::process().parallelFor(count, grain, host.maxThreads, runChunk, &loop);
  if (status != KILN_STATUS_OK && context->error.code == KILN_STATUS_OK) {
    context->error = loop.error;
  }
  return status;
}

}  // namespace kiln::runtime
