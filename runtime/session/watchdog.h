// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Ends runs whose time is up.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace kiln::runtime {

/// One thread of the process that sets the flag of every run whose deadline has passed. Thread-safe.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr int32_t kCancelled = 1, kTooLate = 2;

  /// A run with a deadline, watched while this lives. The flag is the run's cancel flag: it becomes kTooLate at `due`,
  /// and kCancelled at most about a millisecond after the caller's own flag was set.
  class Watch {
   public:
    /// `caller` may be null; else it must live as long as this.
    Watch(Clock::time_point due, const std::atomic<int32_t>* caller);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    const std::atomic<int32_t>& flag() const { return flag_; }

   private:
    friend class Watchdog;
    /// Sets the flag when it is time; the time until which there is nothing to do.
    Clock::time_point look(Clock::time_point now);

    const Clock::time_point due_;
    const std::atomic<int32_t>* const caller_;
    std::atomic<int32_t> flag_{0};
  };

  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  Watchdog() = default;
  ~Watchdog();
  static Watchdog& shared();
  void add(Watch* watch, Clock::time_point next);
  void remove(Watch* watch);
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Watch*> watches_;                            // guarded by mutex_
  Clock::time_point nextWake_ = Clock::time_point::max();  // guarded by mutex_
  bool isStopping_ = false;                                // guarded by mutex_
  std::thread thread_;                                     // started under mutex_
};

}  // namespace kiln::runtime
