// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A block of memory that starts at a cache line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "proto/base/status.h"
#include "proto/base/tensor.h"

namespace kiln::runtime {

/// Owns at most one block, aligned to kBufferAlignment. Thread-compatible.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;

  void* data() const { return data_.get(); }
  /// Bytes that data() has.
  int64_t capacity() const { return capacity_; }

  /// Makes the capacity at least `bytes`. The contents are unspecified afterwards; nothing happens when there is
  /// enough. Errors: KILN-R0028 for a negative size and when the memory cannot be had; the buffer is then empty.
  Status reserve(int64_t bytes) {
    if (bytes >= 0 && bytes <= capacity_) [[likely]] {
      return absl::OkStatus();
    }
    return grow(bytes);
  }

 private:
  struct Free {
    void operator()(void* p) const;
  };
  Status grow(int64_t bytes);
  std::unique_ptr<void, Free> data_;
  int64_t capacity_ = 0;
};

}  // namespace kiln::runtime
