// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/arguments.h"

#include <atomic>

#include "gtest/gtest.h"
#include "runtime/kernels/testing.h"

namespace kiln::runtime::kernels {
namespace {

TEST(KernelArguments, are_read_in_the_order_of_the_schema) {
  float x[6] = {};
  double y = 0;
  void* buffers[] = {x, &y};
  const int64_t packed[] = {42, static_cast<int64_t>(f32),   2, 2, 3, static_cast<int64_t>(f64), 0, -5, 1, 2, 8,
                            -9, std::bit_cast<int64_t>(0.25)};
  Arguments arguments(buffers, packed);
  EXPECT_EQ(arguments.nodeId(), 42);
  const TensorArgument first = arguments.tensor(), second = arguments.tensor();
  EXPECT_EQ(first.dtype, f32);
  EXPECT_EQ(first.rank(), 2);
  EXPECT_EQ(first.numElements(), 6);
  EXPECT_EQ(first.axis(-1), 1u);
  EXPECT_EQ(first.data<float>(), x);
  EXPECT_EQ(second.dtype, f64);
  EXPECT_EQ(second.numElements(), 1);
  EXPECT_EQ(second.buffer, &y);
  EXPECT_EQ(arguments.integer(), -5);
  EXPECT_TRUE(arguments.boolean());
  const auto list = arguments.integers();
  EXPECT_EQ(std::vector<int64_t>(list.begin(), list.end()), (std::vector<int64_t>{8, -9}));
  EXPECT_EQ(arguments.real(), 0.25);
}

TEST(KernelArguments, the_first_fault_stays) {
  kiln_context_t context{};
  EXPECT_EQ(fail(&context, KILN_STATUS_SINGULAR, 3, 1, 2), KILN_STATUS_SINGULAR);
  EXPECT_EQ(fail(&context, KILN_STATUS_INDEX_RANGE, 4, 5, 6), KILN_STATUS_INDEX_RANGE);
  EXPECT_EQ(context.error.code, KILN_STATUS_SINGULAR);
  EXPECT_EQ(context.error.node_id, 3);
  EXPECT_EQ(context.error.values[1], 2);
}

TEST(KernelArguments, parallel_work_covers_each_item_once) {
  for (int threads : {1, 4}) {
    RunHost host{.maxThreads = threads};
    kiln_context_t context{};
    context.parallel_for = runtime::parallelFor;
    context.host = &host;
    std::atomic<int64_t> sum = 0;
    EXPECT_EQ(parallelFor(&context, 1000, 1000,
                          [&](kiln_context_t*, int64_t begin, int64_t end) -> kiln_status_t {
                            for (int64_t i = begin; i < end; ++i) {
                              sum += i;
                            }
                            return KILN_STATUS_OK;
                          }),
              KILN_STATUS_OK);
    EXPECT_EQ(sum, 999 * 500);
  }
}

}  // namespace
}  // namespace kiln::runtime::kernels
