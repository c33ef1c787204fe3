// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/threads/parallel_for.h"
#include "runtime/threads/thread_pool.h"

namespace kiln::runtime {
namespace {

TEST(ThreadPool, every_item_once_in_fixed_chunks) {
  for (int threads : {1, 2, 3, 8}) {
    for (int64_t count : {0, 1, 7, 64, 1000}) {
      for (int64_t grain : {-1, 0, 1, 7, 64, 5000}) {
        std::mutex mutex;
        std::set<std::pair<int64_t, int64_t>> chunks;
        std::vector<int> hits(static_cast<size_t>(count), 0);
        int32_t status =
            ThreadPool::process().parallelFor(count, grain, threads, [&](int64_t begin, int64_t end) -> int32_t {
              for (int64_t i = begin; i < end; ++i) {
                ++hits[static_cast<size_t>(i)];
              }
              std::lock_guard<std::mutex> lock(mutex);
              chunks.insert({begin, end});
              return 0;
            });
        EXPECT_EQ(status, 0);
        for (int hit : hits) {
          EXPECT_EQ(hit, 1);
        }
        int64_t step = std::max<int64_t>(grain, 1);
        std::set<std::pair<int64_t, int64_t>> wanted;
        for (int64_t begin = 0; begin < count; begin += step) {
          wanted.insert({begin, std::min(begin + step, count)});
        }
        EXPECT_EQ(chunks, wanted);
      }
    }
  }
}

TEST(ThreadPool, the_lowest_failing_chunk_wins) {
  for (int round = 0; round < 200; ++round) {
    int32_t status = ThreadPool::process().parallelFor(100, 1, 4, [&](int64_t begin, int64_t) -> int32_t {
      if (begin == 13) {
        // The others fail before this one ends.
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
      return begin >= 13 ? static_cast<int32_t>(begin) : 0;
    });
    ASSERT_EQ(status, 13);
  }
}

TEST(ThreadPool, a_failure_stops_the_loop) {
  std::atomic<int64_t> calls{0};
  ThreadPool::process().parallelFor(1'000'000, 1, 4, [&](int64_t, int64_t) -> int32_t {
    ++calls;
    return 1;
  });
  EXPECT_LE(calls, 4);
}

TEST(ThreadPool, uses_at_most_the_threads_allowed) {
  std::atomic<int> now{0}, most{0};
  ThreadPool::process().parallelFor(64, 1, 3, [&](int64_t, int64_t) -> int32_t {
    int inside = ++now;
    int seen = most;
    while (seen < inside && !most.compare_exchange_weak(seen, inside)) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    --now;
    return 0;
  });
  EXPECT_LE(most, 3);
  EXPECT_GE(ThreadPool::process().numWorkers(), 2);
}

// A task blocks until another thread has entered the loop: passes only when a second thread takes part.
TEST(ThreadPool, another_thread_joins) {
  std::atomic<int> entered{0};
  ThreadPool::process().parallelFor(2, 1, 2, [&](int64_t, int64_t) -> int32_t {
    ++entered;
    while (entered < 2) {
      std::this_thread::yield();
    }
    return 0;
  });
  EXPECT_EQ(entered, 2);
}

TEST(ThreadPool, sleeping_workers_are_woken) {
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int> entered{0};
    ThreadPool::process().parallelFor(2, 1, 2, [&](int64_t, int64_t) -> int32_t {
      ++entered;
      while (entered < 2) {
        std::this_thread::yield();
      }
      return 0;
    });
  }
}

TEST(ThreadPool, nested_loops_stay_on_their_thread) {
  std::atomic<int64_t> sum{0};
  std::atomic<bool> moved{false};
  ThreadPool::process().parallelFor(8, 1, 4, [&](int64_t, int64_t) -> int32_t {
    auto self = std::this_thread::get_id();
    return ThreadPool::process().parallelFor(10, 1, 4, [&](int64_t begin, int64_t) -> int32_t {
      sum += begin;
      if (std::this_thread::get_id() != self) {
        moved = true;
      }
      return 0;
    });
  });
  EXPECT_EQ(sum, 8 * 45);
  EXPECT_FALSE(moved);
}

TEST(ThreadPool, many_callers_at_once) {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int round = 0; round < 300; ++round) {
        std::atomic<int64_t> sum{0};
        int64_t count = 1 + (round * 7 + t) % 50;
        ThreadPool::process().parallelFor(count, 3, 1 + t, [&](int64_t begin, int64_t end) -> int32_t {
          for (int64_t i = begin; i < end; ++i) {
            sum += i;
          }
          return 0;
        });
        wrong += sum != count * (count - 1) / 2;
      }
    });
  }
  for (auto& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(wrong, 0);
}

// The error slot that the caller sees is the lowest failing chunk's, whatever the threads did.
TEST(ParallelFor, keeps_the_error_of_the_lowest_chunk) {
  RunHost host{.maxThreads = 4};
  for (int round = 0; round < 100; ++round) {
    kiln_context_t context{};
    context.host = &host;
    auto task = [](kiln_context_t* own, void*, int64_t begin, int64_t) -> kiln_status_t {
      if (begin < 20) {
        return KILN_STATUS_OK;
      }
      own->error = {KILN_STATUS_INDEX_RANGE, static_cast<int32_t>(begin), {begin, 20}};
      return KILN_STATUS_INDEX_RANGE;
    };
    ASSERT_EQ(parallelFor(&context, 100, 5, task, nullptr), KILN_STATUS_INDEX_RANGE);
    ASSERT_EQ(context.error.code, KILN_STATUS_INDEX_RANGE);
    ASSERT_EQ(context.error.node_id, 20);
    ASSERT_EQ(context.error.values[0], 20);
  }
}

// A commit that has begun is finished: the cancel flag is compiled code's business.
TEST(ParallelFor, does_not_look_at_the_cancel_flag) {
  RunHost host{.maxThreads = 2};
  kiln_context_t context{};
  context.host = &host;
  int32_t cancel = 1;
  context.cancel = &cancel;
  std::atomic<int64_t> done{0};
  auto task = [](kiln_context_t*, void* done, int64_t begin, int64_t end) -> kiln_status_t {
    *static_cast<std::atomic<int64_t>*>(done) += end - begin;
    return KILN_STATUS_OK;
  };
  EXPECT_EQ(parallelFor(&context, 100, 7, task, &done), KILN_STATUS_OK);
  EXPECT_EQ(done, 100);
}

}  // namespace
}  // namespace kiln::runtime
