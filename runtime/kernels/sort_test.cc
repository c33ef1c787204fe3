// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <limits>
#include <numeric>

#include "gtest/gtest.h"
#include "runtime/kernels/testing.h"

namespace kiln::runtime::kernels {
namespace {

TEST(SortKernels, sorts_lines_of_any_axis_and_keeps_the_order_of_equals) {
  const CallResult result =
      call(KILN_KERNEL_SORT, {Tensor::of<float>({3, 2}, {3, 1, 1, 1, 2, 0})}, {{f32, {3, 2}}, {i64, {3, 2}}}, {0, 0});
  EXPECT_EQ(result.results[0].toString(), Tensor::of<float>({3, 2}, {1, 0, 2, 1, 3, 1}).toString());
  EXPECT_EQ(result.results[1].toString(), Tensor::of<int64_t>({3, 2}, {1, 2, 2, 0, 0, 1}).toString());
}

TEST(SortKernels, nan_is_the_largest) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::of<float>({4}, {nan, 1, nan, -1});
  EXPECT_EQ(call(KILN_KERNEL_SORT, {x}, {{f32, {4}}, {i64, {4}}}, {0, 0}).results[1].toString(),
            Tensor::of<int64_t>({4}, {3, 1, 0, 2}).toString());
  EXPECT_EQ(call(KILN_KERNEL_SORT, {x}, {{f32, {4}}, {i64, {4}}}, {0, 1}).results[1].toString(),
            Tensor::of<int64_t>({4}, {0, 2, 1, 3}).toString());
  EXPECT_EQ(call(KILN_KERNEL_TOP_K, {x}, {{f32, {3}}, {i64, {3}}}, {3, 0, 1}).results[1].toString(),
            Tensor::of<int64_t>({3}, {0, 2, 1}).toString());
}

TEST(SortKernels, a_long_line_of_few_values) {
  const int64_t n = 5000;
  std::vector<int32_t> values(n);
  for (int64_t i = 0; i < n; ++i) {
    values[i] = static_cast<int32_t>(i * 7919 % 13);
  }
  std::vector<int64_t> wanted(n);
  std::iota(wanted.begin(), wanted.end(), 0);
  std::sort(wanted.begin(), wanted.end(),
            [&](int64_t a, int64_t b) { return values[a] != values[b] ? values[a] > values[b] : a < b; });
  const Tensor x = Tensor::of<int32_t>({n}, values);
  const CallResult sorted = call(KILN_KERNEL_SORT, {x}, {{i32, {n}}, {i64, {n}}}, {0, 1});
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), sorted.results[1].data<int64_t>()));
  const CallResult best = call(KILN_KERNEL_TOP_K, {x}, {{i32, {500}}, {i64, {500}}}, {500, 0, 1});
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.begin() + 500, best.results[1].data<int64_t>()));
}

TEST(SortKernels, more_than_there_are_is_a_fault) {
  const CallResult result = call(KILN_KERNEL_TOP_K, {Tensor(f32, {2, 3})}, {{f32, {2, 4}}, {i64, {2, 4}}}, {4, 1, 1});
  EXPECT_EQ(result.status, KILN_STATUS_INDEX_RANGE);
  EXPECT_EQ(result.error.node_id, 7);
  EXPECT_EQ(result.error.values[0], 3);
  EXPECT_EQ(result.error.values[1], 3);
}

}  // namespace
}  // namespace kiln::runtime::kernels
