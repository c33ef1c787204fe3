// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Training takes no memory after its first step: every call of the allocator is counted, whoever makes it.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "compiler/jit/session.h"
#include "tests/support/models.h"

namespace {

std::atomic<bool> isCounting{false};
std::atomic<int64_t> numAllocations{0};

void count() {
  if (isCounting.load(std::memory_order_relaxed)) {
    numAllocations.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

// The program's definitions stand in for the C library's, for its own code and for all libraries; operator new ends
// here.
extern "C" {
void* __libc_malloc(size_t size);                      // NOLINT: the C library's names
void* __libc_calloc(size_t number, size_t size);       // NOLINT
void* __libc_realloc(void* old, size_t size);          // NOLINT
void* __libc_memalign(size_t alignment, size_t size);  // NOLINT

void* malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}
void* realloc(void* old, size_t size) {
  count();
  return __libc_realloc(old, size);
}
void* memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  count();
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}
}

namespace kiln {
namespace {

using testing::labels;
using testing::noiseTensor;

// Resident memory in bytes.
int64_t residentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  long long total = 0, resident = 0;
  int found = std::fscanf(file, "%lld %lld", &total, &resident);
  std::fclose(file);
  EXPECT_EQ(found, 2);
  return resident * 4096;
}

// The network of the digits example, with random numbers in the step.
Graph digitsLike() {
  GraphBuilder g("digits_like");
  auto x = g.placeholder("x", f32, {dim("batch"), 64});
  auto y = g.placeholder("y", i32, {dim("batch")});
  auto hidden = nn::dense(g, "hidden", x, 128, relu);
  auto mask = cast(less(randomUniform(g, {128}, f32, 0, 1), 0.8), f32);
  auto loss = reduceMean(softmaxCrossEntropy(nn::dense(g, "out", hidden * mask, 10), y)).named("loss");
  auto step = optim::adam(g, {.learningRate = 1e-3}).minimize(loss);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {loss}, .targets = {step}});
  return g.finish().value();
}

class Allocation : public ::testing::Test {
 protected:
  void TearDown() override { isCounting = false; }
};

TEST_F(Allocation, allocator_calls_are_seen) {
  // Otherwise the tests below would show nothing.
  isCounting = true;
  int64_t before = numAllocations;
  delete new Tensor(f32, {4});
  std::string text(100, 'x');
  EXPECT_GE(numAllocations - before, 3);
}

TEST_F(Allocation, training_allocates_nothing_after_the_first_step) {
  for (int threads : {1, 2}) {
    auto session = createSession(digitsLike(), {.threads = threads, .specializeAfter = 0});
    ASSERT_TRUE(session.ok()) << session.status();
    auto train = session->prepareEntry("train_step");
    ASSERT_TRUE(train.ok()) << train.status();
    Tensor x = noiseTensor(f32, {32, 64}), y = labels(32, 10);
    std::vector<Tensor> out;
    ASSERT_TRUE(train->run({x, y}, out).ok());
    numAllocations = 0;
    isCounting = true;
    bool ok = true;
    for (int i = 0; i < 200; ++i) {
      ok = train->run({x, y}, out).ok() && ok;
    }
    isCounting = false;
    EXPECT_TRUE(ok);
    EXPECT_EQ(numAllocations, 0) << threads << " threads";
  }
}

TEST_F(Allocation, resident_memory_stays_flat_over_a_hundred_thousand_steps) {
  auto session = createSession(testing::mlp(), {.specializeAfter = 0});
  ASSERT_TRUE(session.ok()) << session.status();
  auto train = session->prepareEntry("train_step");
  ASSERT_TRUE(train.ok()) << train.status();
  Tensor x = noiseTensor(f32, {4, 8}), y = labels(4, 4);
  std::vector<Tensor> out;
  bool ok = true;
  for (int i = 0; i < 1000; ++i) {
    ok = train->run({x, y}, out).ok() && ok;
  }
  int64_t before = residentBytes();
  for (int i = 0; i < 100'000; ++i) {
    ok = train->run({x, y}, out).ok() && ok;
  }
  EXPECT_TRUE(ok);
  // A step that lost one byte would show as 100 kB; the pages of a thread's stack that are first touched now are fewer.
  EXPECT_LE(residentBytes() - before, 64 << 10);
}

}  // namespace
}  // namespace kiln
