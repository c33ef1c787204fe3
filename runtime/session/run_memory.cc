// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/run_memory.h"

namespace kiln::runtime {

void* RunMemory::allocate(int64_t bytes) {
  if (used_ == blocks_.size()) {
    blocks_.emplace_back();
  }
  AlignedBuffer& block = blocks_[used_];
  if (!block.reserve(bytes > 0 ? bytes : 1).ok()) {
    return nullptr;
  }
  ++used_;
  return block.data();
}

void* RunMemory::allocateFor(kiln_context_t* context, int64_t bytes) {
  return static_cast<RunMemory*>(static_cast<RunHost*>(context->host))->allocate(bytes);
}

}  // namespace kiln::runtime
