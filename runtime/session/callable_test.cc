// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/callable.h"

#include <cmath>
#include <cstdlib>
#include <new>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

#include "runtime/session/testing.h"

// Counts what the thread allocates. Sanitizers bring their own operator new.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)
#define KILN_COUNTS_ALLOCATIONS 1
namespace {
thread_local int64_t numAllocations = 0;
}  // namespace
void* operator new(size_t size) {
  ++numAllocations;
  if (void* p = std::malloc(size)) {
    return p;
  }
  std::abort();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
#endif

namespace kiln::runtime {
namespace {

Tensor ramp(int64_t n, float scale) {
  Tensor t(f32, {n});
  for (int64_t i = 0; i < n; ++i) {
    t.mutableData<float>()[i] = scale * static_cast<float>(i);
  }
  return t;
}

TEST(Callable, runs_by_position_for_every_size) {
  Session session = fakeSession();
  Callable add = session.prepareEntry("add").value();
  std::vector<Tensor> out;
  for (int64_t n : {3, 1, 0, 4096, 7}) {
    Tensor x = ramp(n, 1), y = ramp(n, 2);
    ASSERT_TRUE(add.run({x, y}, out).ok());
    ASSERT_EQ(out.size(), 1u);
    EXPECT_TRUE(out[0].identicalTo(ramp(n, 3))) << out[0].toString();
  }
}

TEST(Callable, outputs_may_be_a_span) {
  Session session = fakeSession();
  Callable add = session.prepareEntry("add").value();
  Tensor x = ramp(5, 1), out;
  std::vector<TensorView> feeds{x, x};
  ASSERT_TRUE(add.run(feeds, std::span<Tensor>(&out, 1)).ok());
  EXPECT_TRUE(out.identicalTo(ramp(5, 2)));
  expectError(add.run(feeds, std::span<Tensor>()), "KILN-R0026", "0 fetches, wanted 1: 'z'");
}

TEST(Callable, unaligned_feeds) {
  Session session = fakeSession();
  Callable add = session.prepareEntry("add").value();
  Tensor x = ramp(9, 1);
  int64_t dims[] = {8};
  TensorView shifted{.dtype = f32, .dims = dims, .data = x.data<float>() + 1};
  std::vector<Tensor> out;
  ASSERT_TRUE(add.run({shifted, ramp(8, 1)}, out).ok());
  EXPECT_EQ(out[0].at(7), 15);
}

// A fetch goes to other memory than the feed that it replaces, even when the shapes differ.
TEST(Callable, an_output_may_be_fed) {
  Session session = fakeSession();
  Callable add = session.prepareEntry("add").value();
  std::vector<Tensor> out{ramp(100, 1)};
  ASSERT_TRUE(add.run({out[0], out[0]}, out).ok());
  EXPECT_TRUE(out[0].identicalTo(ramp(100, 2)));
  int64_t dims[] = {50};
  TensorView part{.dtype = f32, .dims = dims, .data = out[0].data<float>() + 25};
  ASSERT_TRUE(add.run({part, part}, out).ok());
  EXPECT_EQ(out[0].numElements(), 50);
  EXPECT_EQ(out[0].at(0), 100);
  EXPECT_EQ(out[0].at(49), 4 * 74);
}

TEST(Callable, arena_constants_and_library) {
  Session session = fakeSession();
  Callable scratch = session.prepareEntry("scratch").value();
  Tensor x(f64, {3, 2});
  for (int i = 0; i < 6; ++i) {
    x.set(i, i);
  }
  std::vector<Tensor> out;
  ASSERT_TRUE(scratch.run({x}, out).ok());
  double wanted = 0;
  for (int i = 0; i < 6; ++i) {
    wanted += std::exp(0.5 * i);
  }
  EXPECT_EQ(out[0].at(0), wanted);
  EXPECT_EQ(out[1].at(0), 0);  // The arena begins at a cache line.
}

TEST(Callable, r0028_arena_that_cannot_be) {
  Session session = fakeSession();
  std::vector<Tensor> out;
  expectError(session.prepareEntry("scratch")->run({Tensor(f64, {77, 1})}, out), "KILN-R0028", "9223372036854775807");
}

TEST(Callable, r0020_feed_count) {
  Session session = fakeSession();
  Callable add = session.prepareEntry("add").value();
  std::vector<Tensor> out;
  expectError(add.run({ramp(1, 1)}, out), "KILN-R0020", "1 feeds, wanted 2: 'x', 'y'");
  expectError(add.run({}, out), "KILN-R0020", "0 feeds, wanted 2");
}

TEST(Callable, r0021_r0022_r0023_r0024_feeds_that_do_not_fit) {
  Session session = fakeSession();
  Callable add = session.prepareEntry("add").value();
  std::vector<Tensor> out;
  expectError(add.run({ramp(3, 1), Tensor(f32, {3, 1})}, out), "KILN-R0021",
              "feed 'y': shape [3, 1] does not match the signature [n]");
  expectError(add.run({Tensor(i64, {3}), ramp(3, 1)}, out), "KILN-R0022", "feed 'x': found dtype i64, wanted f32");
  expectError(add.run({ramp(3, 1), ramp(4, 1)}, out), "KILN-R0023", "feed 'y': shape [4]");
  expectError(add.run({ramp(4097, 1), ramp(4097, 1)}, out), "KILN-R0024", "n = 4097");
  // And after all that it still works.
  EXPECT_TRUE(add.run({ramp(3, 1), ramp(3, 1)}, out).ok());
}

TEST(Callable, r0027_no_data) {
  Session session = fakeSession();
  Callable add = session.prepareEntry("add").value();
  int64_t three[] = {3}, zero[] = {0};
  TensorView nothing{.dtype = f32, .dims = three, .data = nullptr}, empty{.dtype = f32, .dims = zero, .data = nullptr};
  std::vector<Tensor> out;
  expectError(add.run({ramp(3, 1), nothing}, out), "KILN-R0027", "'y'");
  EXPECT_TRUE(add.run({empty, empty}, out).ok());
  expectError(add.run({Tensor(), ramp(3, 1)}, out), "KILN-R0022", "'x'");
}

TEST(Callable, r0046_profile_slots) {
  Session session = fakeSession();
  Callable report = session.prepareEntry("report").value();
  Tensor zero = Tensor::scalar(int64_t{0});
  std::vector<Tensor> out;
  std::vector<uint64_t> slots(2);
  ASSERT_TRUE(report.run({zero, zero, zero}, out, {.profile = slots}).ok());
  ASSERT_TRUE(report.run({zero, zero, zero}, out, {.profile = slots}).ok());
  EXPECT_EQ(slots[0], 14u);
  slots.resize(3);
  expectError(report.run({zero, zero, zero}, out, {.profile = slots}), "KILN-R0046", "3 profile slots, wanted 2");
}

TEST(Callable, same_results_and_errors_for_any_thread_count) {
  Tensor x(i64, {1000});
  std::iota(x.mutableData<int64_t>(), x.mutableData<int64_t>() + 1000, 5);
  std::vector<Tensor> one, many;
  ASSERT_TRUE(fakeSession(1).prepareEntry("parallel")->run({Tensor::scalar(int64_t{1000}), x}, one).ok());
  EXPECT_EQ(one[0].at(10), 150);
  for (int threads : {2, 3, 8}) {
    Session session = fakeSession(threads);
    Callable parallel = session.prepareEntry("parallel").value();
    for (int round = 0; round < 50; ++round) {
      ASSERT_TRUE(parallel.run({Tensor::scalar(int64_t{1000}), x}, many).ok());
      ASSERT_TRUE(many[0].identicalTo(one[0]));
      expectError(parallel.run({Tensor::scalar(int64_t{300}), x}, many), "KILN-R0030",
                  "kiln.gather 'scale': [KILN-R0030] index 300 is out of range for an axis of length 300");
    }
  }
}

TEST(Callable, runs_at_the_same_time_do_not_meet) {
  Session session = fakeSession(2);
  Callable scratch = session.prepareEntry("scratch").value();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Tensor x(f64, {50, t + 1});
      double each = std::exp(0.5 * t), wanted = 0;
      for (int64_t i = 0; i < x.numElements(); ++i) {
        x.set(i, t);
        wanted += each;
      }
      std::vector<Tensor> out;
      for (int round = 0; round < 300; ++round) {
        wrong += !scratch.run({x}, out).ok() || out[0].at(0) != wanted;
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Callable, outlives_its_session) {
  std::optional<Callable> predict;
  {
    Session session = fakeSession();
    predict = session.prepareEntry("predict").value();
  }
  std::vector<Tensor> out;
  ASSERT_TRUE(predict->run({}, out).ok());
  EXPECT_EQ(out[0].at(0), 1);
}

#ifdef KILN_COUNTS_ALLOCATIONS
TEST(Callable, a_loop_of_runs_allocates_nothing) {
  Session session = fakeSession(2);
  Callable add = session.prepareEntry("add").value(), train = session.prepareEntry("train").value();
  Callable parallel = session.prepareEntry("parallel").value();
  Tensor x = ramp(100, 1), shorter = ramp(50, 1), index = Tensor::scalar(int64_t{1}), data(i64, {100});
  Tensor limit = Tensor::scalar(int64_t{100});
  std::vector<Tensor> sums, before, scaled;
  auto runAll = [&] {
    return add.run({x, x}, sums).ok() && add.run({shorter, shorter}, sums).ok() &&
           train.run({index, index}, before).ok() && parallel.run({limit, data}, scaled).ok();
  };
  ASSERT_TRUE(runAll());
  int64_t allocationsBefore = numAllocations;
  const void *sum = sums[0].data(), *scale = scaled[0].data();
  bool ok = true;
  for (int i = 0; i < 100; ++i) {
    ok &= runAll();
  }
  EXPECT_TRUE(ok);
  EXPECT_EQ(numAllocations, allocationsBefore);
  // Tensors take their memory elsewhere than from operator new.
  EXPECT_EQ(sums[0].data(), sum);
  EXPECT_EQ(scaled[0].data(), scale);
}
#endif

}  // namespace
}  // namespace kiln::runtime
