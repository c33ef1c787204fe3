// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gtest/gtest.h"
#include "runtime/kernels/testing.h"

namespace kiln::runtime::kernels {
namespace {

constexpr int64_t kExclusive = 1, kReverse = 1;

TEST(ScanKernels, sums_along_each_axis) {
  const Tensor x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(call(KILN_KERNEL_CUMSUM, {x}, {{f32, {2, 3}}}, {-1, 0, 0}).results[0].toString(),
            Tensor::of<float>({2, 3}, {1, 3, 6, 4, 9, 15}).toString());
  EXPECT_EQ(call(KILN_KERNEL_CUMSUM, {x}, {{f32, {2, 3}}}, {0, 0, kReverse}).results[0].toString(),
            Tensor::of<float>({2, 3}, {5, 7, 9, 4, 5, 6}).toString());
  EXPECT_EQ(call(KILN_KERNEL_CUMPROD, {x}, {{f32, {2, 3}}}, {1, kExclusive, 0}).results[0].toString(),
            Tensor::of<float>({2, 3}, {1, 1, 2, 1, 4, 20}).toString());
}

TEST(ScanKernels, integers_wrap_and_halves_are_summed_wide) {
  EXPECT_EQ(call(KILN_KERNEL_CUMSUM, {Tensor::of<uint8_t>({2}, {200, 100})}, {{u8, {2}}}, {0, 0, 0}).results[0].at(1),
            44);
  Tensor x(bf16, {300});
  for (int64_t i = 0; i < 300; ++i) {
    x.set(i, 1);
  }
  // In bf16 itself, 256 + 1 would stay 256.
  EXPECT_EQ(call(KILN_KERNEL_CUMSUM, {x}, {{bf16, {300}}}, {0, 0, 0}).results[0].at(299), 300);
}

TEST(ScanKernels, empty_tensors) {
  for (std::vector<int64_t> dims : {std::vector<int64_t>{0}, {0, 3}, {3, 0}}) {
    const CallResult result = call(KILN_KERNEL_CUMSUM, {Tensor(f32, dims)}, {{f32, dims}}, {0, 0, 0});
    EXPECT_EQ(result.status, KILN_STATUS_OK);
  }
}

TEST(ScanKernels, extremes_and_where_they_are) {
  const CallResult result =
      call(KILN_KERNEL_CUMMAX, {Tensor::of<int32_t>({4}, {1, 3, 2, 3})}, {{i32, {4}}, {i64, {4}}}, {0, kExclusive, 0});
  EXPECT_EQ(result.results[0].toString(), Tensor::of<int32_t>({4}, {INT32_MIN, 1, 3, 3}).toString());
  EXPECT_EQ(result.results[1].toString(), Tensor::of<int64_t>({4}, {-1, 0, 1, 1}).toString());
}

TEST(ScanKernels, the_same_bits_on_any_number_of_threads) {
  const Tensor x = numbers(f32, {50, 70, 90}), a = numbers(f32, {50, 70, 90}, 2);
  for (int64_t axis : {0, 1, 2}) {
    const std::string one =
        call(KILN_KERNEL_LINEAR_RECURRENCE, {a, x}, {{f32, {50, 70, 90}}}, {axis, 0}, 1).results[0].toString(1 << 20);
    EXPECT_EQ(
        call(KILN_KERNEL_LINEAR_RECURRENCE, {a, x}, {{f32, {50, 70, 90}}}, {axis, 0}, 4).results[0].toString(1 << 20),
        one);
  }
}

}  // namespace
}  // namespace kiln::runtime::kernels
