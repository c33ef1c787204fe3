// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/random/philox.h"
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

Attributes dropping(double rate, int64_t opId = 3) { return {{"op_id", opId}, {"rate", rate}}; }

TEST(Dropout, c1_to_c3) {
  const ValueType x = type(f32, {dim("n"), 2});
  EXPECT_EQ(infer("dropout", {x, type(i64, {2})}, dropping(0.5)), "f32[n, 2]");
  EXPECT_THAT(infer("dropout", {x, type(i64, {3})}, dropping(0.5)), fails("O0138", "state"));
  for (double wrong : {-0.1, 1.5, kNan}) {
    EXPECT_THAT(infer("dropout", {x, type(i64, {2})}, dropping(wrong)), fails("O0133", "rate"));
  }
}

TEST(Dropout, drops_by_the_uniform_numbers) {
  const std::vector<double> ones(4096, 1);
  const Tensor y = run("dropout", {tensor(f32, {4096}, ones), vector64({7, 2})}, dropping(0.25));
  const RandomStream stream(7, 2, 3);
  int64_t dropped = 0;
  for (int64_t i = 0; i < y.numElements(); ++i) {
    const bool isDropped = stream.unit<float>(static_cast<uint64_t>(i)) < 0.25f;
    EXPECT_EQ(y.at(i), isDropped ? 0 : static_cast<double>(static_cast<float>(4.0 / 3))) << i;
    dropped += isDropped ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(dropped) / 4096, 0.25, 0.03);
}

TEST(Dropout, is_of_seed_step_and_op) {
  const Tensor x = tensor(f64, {64}, std::vector<double>(64, 1));
  auto of = [&](int64_t seed, int64_t step, int64_t opId) {
    return valuesOf(run("dropout", {x, vector64({seed, step})}, dropping(0.5, opId)));
  };
  EXPECT_EQ(of(1, 2, 3), of(1, 2, 3));
  EXPECT_NE(of(1, 2, 3), of(2, 2, 3));
  EXPECT_NE(of(1, 2, 3), of(1, 3, 3));
  EXPECT_NE(of(1, 2, 3), of(1, 2, 4));
}

TEST(Dropout, ends_of_the_rate) {
  const Tensor x = tensor(f32, {3}, {1, kInf, kNan}), state = vector64({1, 1});
  expectValues(run("dropout", {x, state}, dropping(0)), {3}, {1, kInf, kNan});
  expectValues(run("dropout", {x, state}, dropping(1)), {3}, {0, 0, 0});
}

}  // namespace
}  // namespace kiln::ops
