// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/rw_lock.h"

namespace kiln::runtime {

/// One thread in the queue; lives on its stack.
struct FairRwLock::Waiter {
  bool exclusive;
  bool granted = false;
  Waiter* next = nullptr;
};

void FairRwLock::wait(bool exclusive) {
  Waiter self{.exclusive = exclusive};
  std::unique_lock<std::mutex> lock(mutex_);
  state_.fetch_or(kQueued, std::memory_order_acq_rel);
  (last_ == nullptr ? first_ : last_->next) = &self;
  last_ = &self;
  // The holder may have left before it could see kQueued.
  grantWaiters();
  granted_.wait(lock, [&] { return self.granted; });
}

void FairRwLock::handOver() {
  std::lock_guard<std::mutex> lock(mutex_);
  grantWaiters();
}

void FairRwLock::grantWaiters() {
  bool any = false;
  while (first_ != nullptr) {
    uint32_t state = state_.load(std::memory_order_acquire);
    if (first_->exclusive ? (state & (kWriter | kReaders)) != 0 : (state & kWriter) != 0) {
      break;
    }
    state_.fetch_add(first_->exclusive ? kWriter : 1, std::memory_order_acq_rel);
    first_->granted = true;
    first_ = first_->next;
    any = true;
  }
  if (first_ == nullptr) {
    last_ = nullptr;
    state_.fetch_and(~kQueued, std::memory_order_acq_rel);
  }
  if (any) {
    granted_.notify_all();
  }
}

}  // namespace kiln::runtime
