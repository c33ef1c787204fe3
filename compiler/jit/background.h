// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Work that nobody waits for.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace kiln::compiler {

/// One thread of low priority that does one piece of work after the other. Thread-safe.
class BackgroundWorker {
 public:
  BackgroundWorker() = default;
  /// Waits for the work under way; what has not begun is dropped.
  ~BackgroundWorker();
  BackgroundWorker(const BackgroundWorker&) = delete;
  BackgroundWorker& operator=(const BackgroundWorker&) = delete;

  /// Does `work` later on the worker's thread, which the first call starts. False when so much is waiting already that
  /// it was dropped.
  bool add(std::function<void()> work);

  /// The process's worker.
  static BackgroundWorker& shared();

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> waiting_;  // guarded by mutex_
  bool isStopping_ = false;                    // guarded by mutex_
  std::thread thread_;                         // guarded by mutex_ until stopping
};

}  // namespace kiln::compiler
