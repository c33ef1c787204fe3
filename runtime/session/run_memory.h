// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Memory of a run whose size only the run tells.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/abi/kiln_abi.h"
#include "runtime/memory/aligned_buffer.h"
#include "runtime/threads/parallel_for.h"

namespace kiln::runtime {

/// A context's host that allocates. Blocks live until the next run begins, which takes them again where they are large
/// enough: a run like the last allocates nothing. Thread-compatible.
class RunMemory : public RunHost {
 public:
  /// The blocks of the last run are free.
  void beginRun() { used_ = 0; }
  /// 64-byte aligned, or null when there is no such memory.
  void* allocate(int64_t bytes);

  /// The kiln_allocate_fn_t of a context whose host is a RunMemory, set as a RunHost.
  static void* allocateFor(kiln_context_t* context, int64_t bytes);

 private:
  std::vector<AlignedBuffer> blocks_;
  size_t used_ = 0;
};

}  // namespace kiln::runtime
