// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The process's threads, lent to parallel loops.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <type_traits>

namespace kiln::runtime {

/// The number of threads that this process may run on (affinity included), at least 1.
int hardwareThreads();

/// Threads that help callers with their loops. Thread-safe.
class ThreadPool {
 public:
  /// The most threads one loop can use.
  static constexpr int kMaxThreads = 256;

  /// The one pool; starts without threads and is never destroyed.
  static ThreadPool& process();

  /// Calls fn(argument, begin, end) for the chunks [k * grain, min((k + 1) * grain, count)) of [0, count) on at most
  /// `maxThreads` threads, the caller's own among them, and returns when all calls have. fn returns 0 or a failure: of
  /// the failures, that of the lowest chunk is returned, and chunks above it may be left out. A grain below 1 counts
  /// as 1.
  using ChunkFn = int32_t (*)(void* argument, int64_t begin, int64_t end);
  int32_t parallelFor(int64_t count, int64_t grain, int maxThreads, ChunkFn fn, void* argument);

  /// As above, for a callable `fn(begin, end)`.
  template <class F>
  int32_t parallelFor(int64_t count, int64_t grain, int maxThreads, F&& fn) {
    auto call = [](void* argument, int64_t begin, int64_t end) -> int32_t {
      return (*static_cast<std::remove_reference_t<F>*>(argument))(begin, end);
    };
    return parallelFor(count, grain, maxThreads, call, const_cast<void*>(static_cast<const void*>(&fn)));
  }

  /// Workers started so far.
  int numWorkers() const { return numWorkers_.load(std::memory_order_relaxed); }

 private:
  struct Job;
  ThreadPool() = default;
  void startWorkers(int wanted);
  void workerMain();
  Job* pickJob();
  void workOn(Job& job);

  std::mutex mutex_;                  // guards the list, the fields of jobs in it that say so, and the counts below
  std::condition_variable wake_;      // idle workers: there is a new job
  std::condition_variable finished_;  // callers: a helper has left a job
  Job* jobs_ = nullptr;
  int sleepers_ = 0;
  std::atomic<int> numWorkers_{0};
  std::atomic<uint64_t> generation_{0};  // counts jobs, so that spinning workers see one come without the lock
};

}  // namespace kiln::runtime
