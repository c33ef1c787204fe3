// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/threads/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <system_error>
#include <thread>

namespace kiln::runtime {
namespace {

// How long an idle worker looks for work before it blocks. The gaps between the parallel loops of one step are a few
// microseconds and should not pay for waking; a pool that idles for longer should not take a core from others.
constexpr std::chrono::microseconds kWorkerSpin{100};
// How long a caller that has run out of chunks waits for its helpers before it blocks: about one chunk.
constexpr std::chrono::microseconds kCallerSpin{50};
// Looks between two readings of the clock.
constexpr int kLooksPerReading = 64;

// A loop inside a task runs on the task's thread: all threads are busy with the outer loop, and waiting would tie them
// up.
thread_local bool insideTask = false;

void pauseCpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `done()` or until `limit` has passed; returns the last done().
template <class F>
bool spinFor(std::chrono::microseconds limit, F done) {
  auto end = std::chrono::steady_clock::now() + limit;
  do {
    for (int i = 0; i < kLooksPerReading; ++i) {
      if (done()) {
        return true;
      }
      pauseCpu();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

}  // namespace

int hardwareThreads() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

/// One loop; lives on its caller's stack. Helpers join and leave under the pool's mutex, and the caller takes the job
/// off the list and waits for the last helper before it returns.
struct ThreadPool::Job {
  int64_t count, grain, numChunks;
  ChunkFn fn;
  void* argument;
  std::atomic<int64_t> nextChunk{0};
  std::atomic<int> helpers{0};  // changed under the mutex; callers also read it while they spin
  int freeSeats = 0;            // helpers that may still join; under the mutex
  bool callerBlocks = false;    // under the mutex
  int64_t failedChunk = std::numeric_limits<int64_t>::max();  // under the mutex
  int32_t status = 0;                                         // under the mutex
  Job* next = nullptr;                                        // under the mutex
};

ThreadPool& ThreadPool::process() {
  // Never destroyed: workers may outlive main().
  static ThreadPool* pool = new ThreadPool;
  return *pool;
}

int32_t ThreadPool::parallelFor(int64_t count, int64_t grain, int maxThreads, ChunkFn fn, void* argument) {
  if (count <= 0) {
    return 0;
  }
  grain = std::max<int64_t>(grain, 1);
  int64_t numChunks = (count - 1) / grain + 1;
  int threads = static_cast<int>(std::min<int64_t>(numChunks, std::clamp(maxThreads, 1, kMaxThreads)));
  if (threads == 1 || insideTask) {
    for (int64_t chunk = 0; chunk < numChunks; ++chunk) {
      int64_t begin = chunk * grain;
      if (int32_t status = fn(argument, begin, begin + std::min(grain, count - begin))) {
        return status;
      }
    }
    return 0;
  }

  Job job{.count = count, .grain = grain, .numChunks = numChunks, .fn = fn, .argument = argument};
  job.freeSeats = threads - 1;
  int toWake = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    startWorkers(threads - 1);
    job.next = jobs_;
    jobs_ = &job;
    generation_.fetch_add(1, std::memory_order_release);
    toWake = std::min(sleepers_, job.freeSeats);
  }
  for (int i = 0; i < toWake; ++i) {
    wake_.notify_one();
  }
  workOn(job);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Job** link = &jobs_;
    while (*link != &job) {
      link = &(*link)->next;
    }
    *link = job.next;
  }
  auto alone = [&] { return job.helpers.load(std::memory_order_acquire) == 0; };
  if (!alone() && !spinFor(kCallerSpin, alone)) {
    std::unique_lock<std::mutex> lock(mutex_);
    job.callerBlocks = true;
    finished_.wait(lock, alone);
  }
  return job.status;
}

void ThreadPool::workOn(Job& job) {
  insideTask = true;
  // Chunks are claimed in order, so every chunk below a failing one has been claimed and will be finished: which
  // failure is the lowest does not depend on timing.
  for (;;) {
    int64_t chunk = job.nextChunk.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= job.numChunks) {
      break;
    }
    int64_t begin = chunk * job.grain;
    int32_t status = job.fn(job.argument, begin, begin + std::min(job.grain, job.count - begin));
    if (status != 0) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (chunk < job.failedChunk) {
        job.failedChunk = chunk;
        job.status = status;
      }
      job.nextChunk.store(job.numChunks, std::memory_order_relaxed);
    }
  }
  insideTask = false;
}

ThreadPool::Job* ThreadPool::pickJob() {
  for (Job* job = jobs_; job != nullptr; job = job->next) {
    if (job->freeSeats > 0 && job->nextChunk.load(std::memory_order_relaxed) < job->numChunks) {
      return job;
    }
  }
  return nullptr;
}

void ThreadPool::startWorkers(int wanted) {
  while (numWorkers_.load(std::memory_order_relaxed) < wanted) {
    try {
      std::thread([this] { workerMain(); }).detach();
    } catch (const std::system_error&) {
      return;  // No more threads are to be had: loops run with those there are.
    }
    numWorkers_.fetch_add(1, std::memory_order_relaxed);
  }
}

void ThreadPool::workerMain() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    uint64_t seen = generation_.load(std::memory_order_relaxed);
    if (Job* job = pickJob()) {
      --job->freeSeats;
      job->helpers.fetch_add(1, std::memory_order_relaxed);
      lock.unlock();
      workOn(*job);
      lock.lock();
      // The caller may return as soon as it sees no helper: the job is not touched after that.
      bool callerBlocks = job->callerBlocks;
      job->helpers.fetch_sub(1, std::memory_order_release);
      if (callerBlocks) {
        finished_.notify_all();
      }
      continue;
    }
    lock.unlock();
    auto newJob = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    bool found = spinFor(kWorkerSpin, newJob);
    lock.lock();
    if (!found && !newJob()) {
      ++sleepers_;
      wake_.wait(lock, newJob);
      --sleepers_;
    }
  }
}

}  // namespace kiln::runtime
