// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/jit/background.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace kiln::compiler {
namespace {

/// A process that makes code for more sizes than this at once is better served by the code it has.
constexpr size_t kMostWaiting = 64;

/// Of nice(2): the runs come first, on a busy machine by far.
constexpr int kNiceness = 15;

}  // namespace

BackgroundWorker::~BackgroundWorker() {
  std::deque<std::function<void()>> dropped;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    isStopping_ = true;
    dropped.swap(waiting_);
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool BackgroundWorker::add(std::function<void()> work) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isStopping_ || waiting_.size() >= kMostWaiting) {
      return false;
    }
    waiting_.push_back(std::move(work));
    if (!thread_.joinable()) {
      thread_ = std::thread([this] { loop(); });
    }
  }
  wake_.notify_one();
  return true;
}

void BackgroundWorker::loop() {
  // On Linux a thread has a priority of its own.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return isStopping_ || !waiting_.empty(); });
    if (isStopping_) {
      return;
    }
    std::function<void()> work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

BackgroundWorker& BackgroundWorker::shared() {
  // Ends before the compiler's own tables, which were made earlier.
  static BackgroundWorker worker;
  return worker;
}

}  // namespace kiln::compiler
