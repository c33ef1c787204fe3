// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/run_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace kiln::runtime {
namespace {

TEST(RunMemory, blocksOfOneRunAreApartAndAligned) {
  RunMemory memory;
  kiln_context_t context{};
  context.host = static_cast<RunHost*>(&memory);
  void* a = RunMemory::allocateFor(&context, 100);
  void* b = RunMemory::allocateFor(&context, 0);
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_NE(a, b);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a) % 64, 0u);
  std::memset(a, 1, 100);
}

TEST(RunMemory, aRunLikeTheLastGetsTheSameBlocks) {
  RunMemory memory;
  void *a = memory.allocate(4096), *b = memory.allocate(128);
  memory.beginRun();
  EXPECT_EQ(memory.allocate(4096), a);
  EXPECT_EQ(memory.allocate(64), b);
}

TEST(RunMemory, thereIsNoMemoryForTooMuch) {
  RunMemory memory;
  EXPECT_EQ(memory.allocate(std::numeric_limits<int64_t>::max() / 2), nullptr);
  EXPECT_NE(memory.allocate(8), nullptr) << "a block that could not be had takes no place";
}

}  // namespace
}  // namespace kiln::runtime
