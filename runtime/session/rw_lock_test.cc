// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/rw_lock.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace kiln::runtime {
namespace {

TEST(FairRwLock, readers_share_and_writers_do_not) {
  FairRwLock lock;
  std::atomic<int> readers{0}, writers{0}, wrong{0};
  int64_t plain = 0;  // a race detector sees it when the lock does not order
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        if ((i + t) % 3 == 0) {
          lock.lock();
          wrong += ++writers != 1 || readers != 0;
          ++plain;
          --writers;
          lock.unlock();
        } else {
          lock.lockShared();
          ++readers;
          wrong += writers != 0 || plain < 0;
          --readers;
          lock.unlockShared();
        }
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
  int64_t writes = 0;
  for (int t = 0; t < 4; ++t) {
    for (int i = 0; i < 2000; ++i) {
      writes += (i + t) % 3 == 0;
    }
  }
  EXPECT_EQ(plain, writes);
}

TEST(FairRwLock, two_readers_at_once) {
  FairRwLock lock;
  lock.lockShared();
  std::thread other([&] {
    lock.lockShared();
    lock.unlockShared();
  });
  other.join();  // Hangs if the second reader waits for the first.
  lock.unlockShared();
}

// Neither a loop of writers keeps a reader out nor one of readers a writer: both get in while the loop goes on.
TEST(FairRwLock, nobody_starves) {
  for (bool loopWrites : {true, false}) {
    FairRwLock lock;
    std::atomic<bool> stop{false};
    std::vector<std::thread> loops;
    for (int t = 0; t < 2; ++t) {
      loops.emplace_back([&] {
        while (!stop) {
          loopWrites ? lock.lock() : lock.lockShared();
          loopWrites ? lock.unlock() : lock.unlockShared();
        }
      });
    }
    for (int i = 0; i < 100; ++i) {
      loopWrites ? lock.lockShared() : lock.lock();
      loopWrites ? lock.unlockShared() : lock.unlock();
    }
    stop = true;
    for (auto& loop : loops) {
      loop.join();
    }
  }
}

}  // namespace
}  // namespace kiln::runtime
