// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A lock for readers and writers in which nobody starves.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace kiln::runtime {

/// Held by many readers or one writer. Free of contention, each call is one atomic operation. As soon as somebody has
/// to wait, the lock goes to waiters in order of arrival and nobody overtakes: a loop of training steps leaves gaps for
/// predictions, and the other way round. Not recursive.
class FairRwLock {
 public:
  void lock() {
    uint32_t free = 0;
    if (!state_.compare_exchange_strong(free, kWriter, std::memory_order_acquire, std::memory_order_relaxed)) {
      wait(/*exclusive=*/true);
    }
  }
  void unlock() {
    if (state_.fetch_sub(kWriter, std::memory_order_acq_rel) & kQueued) {
      handOver();
    }
  }
  void lockShared() {
    uint32_t state = state_.load(std::memory_order_relaxed);
    while ((state & (kWriter | kQueued)) == 0) {
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire, std::memory_order_relaxed)) {
        return;
      }
    }
    wait(/*exclusive=*/false);
  }
  void unlockShared() {
    uint32_t before = state_.fetch_sub(1, std::memory_order_acq_rel);
    if ((before & kQueued) && (before & kReaders) == 1) {
      handOver();
    }
  }

 private:
  struct Waiter;
  void wait(bool exclusive);
  void handOver();
  void grantWaiters();

  // While kQueued is set only grantWaiters() gives the lock away, under the mutex.
  static constexpr uint32_t kQueued = 1u << 31;
  static constexpr uint32_t kWriter = 1u << 30;
  static constexpr uint32_t kReaders = kWriter - 1;
  std::atomic<uint32_t> state_{0};
  std::mutex mutex_;
  std::condition_variable granted_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

}  // namespace kiln::runtime
