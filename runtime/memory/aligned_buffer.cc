// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/memory/aligned_buffer.h"

#include <cstdlib>

namespace kiln::runtime {
namespace {

// Far above any machine's memory, far below what overflows when it is rounded up. Sanitized allocators abort on such
// sizes instead of refusing them.
constexpr int64_t kMaxBytes = int64_t{1} << 40;

}  // namespace

void AlignedBuffer::Free::operator()(void* p) const { std::free(p); }

Status AlignedBuffer::grow(int64_t bytes) {
  data_.reset();
  capacity_ = 0;
  if (bytes < 0 || bytes > kMaxBytes) {
    return makeError<ErrorId::kR0028>(bytes);
  }
  constexpr int64_t kAlign = static_cast<int64_t>(kBufferAlignment);
  int64_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
  data_.reset(std::aligned_alloc(kBufferAlignment, static_cast<size_t>(rounded)));
  if (data_ == nullptr) {
    return makeError<ErrorId::kR0028>(bytes);
  }
  capacity_ = rounded;
  return absl::OkStatus();
}

}  // namespace kiln::runtime
