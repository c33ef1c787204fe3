// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/watchdog.h"

#include <algorithm>

namespace kiln::runtime {
namespace {

/// How often the flag of a caller is looked at, which nobody announces.
constexpr std::chrono::microseconds kPoll{500};

}  // namespace

Watchdog::Watch::Watch(Clock::time_point due, const std::atomic<int32_t>* caller) : due_(due), caller_(caller) {
  const Clock::time_point next = look(Clock::now());
  if (flag_.load(std::memory_order_relaxed) == 0) {
    Watchdog::shared().add(this, next);
  }
}

Watchdog::Watch::~Watch() { Watchdog::shared().remove(this); }

Watchdog::Clock::time_point Watchdog::Watch::look(Clock::time_point now) {
  if (flag_.load(std::memory_order_relaxed) != 0) {
    return Clock::time_point::max();
  }
  if (caller_ != nullptr && caller_->load(std::memory_order_relaxed) != 0) {
    flag_.store(kCancelled, std::memory_order_relaxed);
    return Clock::time_point::max();
  }
  if (now >= due_) {
    flag_.store(kTooLate, std::memory_order_relaxed);
    return Clock::time_point::max();
  }
  return caller_ == nullptr ? due_ : std::min(due_, now + kPoll);
}

Watchdog& Watchdog::shared() {
  static Watchdog watchdog;
  return watchdog;
}

Watchdog::~Watchdog() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    isStopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Watchdog::add(Watch* watch, Clock::time_point next) {
  bool isEarlier = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    watches_.push_back(watch);
    isEarlier = next < nextWake_;
    if (isEarlier) {
      nextWake_ = next;
    }
    if (!thread_.joinable()) {
      thread_ = std::thread([this] { loop(); });
    }
  }
  // A thread that wakes earlier anyway looks at all watches then.
  if (isEarlier) {
    wake_.notify_one();
  }
}

void Watchdog::remove(Watch* watch) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::erase(watches_, watch);
}

void Watchdog::loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!isStopping_) {
    const Clock::time_point now = Clock::now();
    nextWake_ = Clock::time_point::max();
    for (Watch* watch : watches_) {
      nextWake_ = std::min(nextWake_, watch->look(now));
    }
    if (nextWake_ == Clock::time_point::max()) {
      wake_.wait(lock, [this] { return isStopping_ || nextWake_ != Clock::time_point::max(); });
    } else {
      const Clock::time_point until = nextWake_;
      wake_.wait_until(lock, until, [&] { return isStopping_ || nextWake_ < until; });
    }
  }
}

}  // namespace kiln::runtime
