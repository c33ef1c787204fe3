// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <limits>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "runtime/memory/aligned_buffer.h"
#include "runtime/memory/lease_pool.h"

namespace kiln::runtime {
namespace {

TEST(AlignedBuffer, is_aligned_and_keeps_its_capacity) {
  AlignedBuffer buffer;
  ASSERT_TRUE(buffer.reserve(1000).ok());
  void* first = buffer.data();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % kBufferAlignment, 0u);
  EXPECT_GE(buffer.capacity(), 1000);
  ASSERT_TRUE(buffer.reserve(10).ok());
  EXPECT_EQ(buffer.data(), first);
}

TEST(AlignedBuffer, refuses_impossible_sizes) {
  for (int64_t bytes : {int64_t{-1}, std::numeric_limits<int64_t>::max(), int64_t{1} << 50}) {
    AlignedBuffer buffer;
    Status status = buffer.reserve(bytes);
    EXPECT_EQ(errorIdOf(status), "KILN-R0028") << status;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(buffer.capacity(), 0);
  }
}

TEST(LeasePool, lends_what_came_back) {
  LeasePool<int> pool;
  auto make = [] { return std::make_unique<int>(0); };
  int* first = nullptr;
  {
    auto lease = pool.take(make);
    first = &*lease;
  }
  for (int i = 0; i < 10; ++i) {
    auto lease = pool.take(make);
    EXPECT_EQ(&*lease, first);
  }
  EXPECT_EQ(pool.size(), 1u);
}

TEST(LeasePool, never_lends_one_object_twice) {
  LeasePool<int> pool;
  auto make = [] { return std::make_unique<int>(0); };
  {
    auto a = pool.take(make);
    auto b = pool.take(make);
    auto c = pool.take(make);
    EXPECT_EQ((std::set<int*>{&*a, &*b, &*c}).size(), 3u);
  }
  std::vector<std::thread> threads;
  std::atomic<int> clashes{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        auto lease = pool.take(make);
        clashes += (*lease)++ != 0;
        --*lease;
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(clashes, 0);
  EXPECT_LE(pool.size(), 4u);
}

}  // namespace
}  // namespace kiln::runtime
