// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>

#include "gtest/gtest.h"
#include "proto/base/gamma.h"
#include "runtime/kernels/testing.h"

namespace kiln::runtime::kernels {
namespace {

TEST(RandomGammaKernel, gives_the_defined_numbers) {
  const Tensor state = Tensor::of<int64_t>({2}, {42, 3}), concentration = Tensor::of<double>({4}, {0.5, 2, 0, -1});
  const Tensor numbers = call(KILN_KERNEL_RANDOM_GAMMA, {state, concentration}, {{f64, {4}}}, {7}).results[0];
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(numbers.at(i), gammaNumber(42, 3, 7, static_cast<uint64_t>(i), concentration.at(i)));
  }
  EXPECT_TRUE(std::isnan(numbers.at(3)));
}

TEST(RandomGammaKernel, the_same_bits_on_any_number_of_threads) {
  Tensor concentration(f32, {40, 50});
  for (int64_t i = 0; i < 2000; ++i) {
    concentration.set(i, 0.1 * static_cast<double>(i % 37));
  }
  auto draw = [&](int threads) {
    return call(KILN_KERNEL_RANDOM_GAMMA, {Tensor::of<int64_t>({2}, {1, 2}), concentration}, {{f32, {40, 50}}}, {3},
                threads)
        .results[0];
  };
  EXPECT_TRUE(draw(1).identicalTo(draw(4)));
}

TEST(RandomGammaKernel, of_nothing) {
  const CallResult result =
      call(KILN_KERNEL_RANDOM_GAMMA, {Tensor::of<int64_t>({2}, {1, 2}), Tensor(f16, {0})}, {{f16, {0}}}, {3});
  EXPECT_EQ(result.status, KILN_STATUS_OK);
}

}  // namespace
}  // namespace kiln::runtime::kernels
