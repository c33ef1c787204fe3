// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The thread pool as compiled code sees it.
#pragma once

#include <functional>

#include "proto/base/tensor.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::runtime {

/// What kiln_context_t::host points to.
struct RunHost {
  int maxThreads = 1;  ///< Cap of every loop of the run, the caller's thread included.
  /// Shows a value that the op print is given, with the number of its node. Empty: to stderr. Thread-safe.
  std::function<void(int32_t node, const TensorView& x, int64_t maxElements)> print = {};
};

/// The kiln_parallel_for_fn_t of a context whose host is a RunHost. Runs on ThreadPool::process().
kiln_status_t parallelFor(kiln_context_t* context, int64_t count, int64_t grain, kiln_task_fn_t fn, void* task);

}  // namespace kiln::runtime
