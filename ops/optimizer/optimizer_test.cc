// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

TEST(Sgd, c1_c2_types) {
  EXPECT_THAT(infer("sgd", {type(f32, {2}), type(f32, {3}), type(f32, {})}),
              fails("O0109", "parameter is [2], gradient is [3]"));
  EXPECT_THAT(infer("sgd", {type(f32, {2}), type(f32, {2}), type(f64, {})}), fails("O0108", "learning_rate is f64[]"));
  EXPECT_THAT(infer("sgd", {type(f32, {2}), type(f32, {2}), type(f32, {1})}),
              fails("O0110", "learning_rate is f32[1], wanted rank 0"));
}

TEST(Sgd, reference) {
  Tensor p = tensor(f64, {2}, {1, -2}), g = tensor(f64, {2}, {0.5, 1}), rate = Tensor::scalar(0.1);
  expectNear(run("sgd", {p, g, rate}), {2}, {0.95, -2.1});
  expectNear(run("sgd", {p, g, rate}, {{"weight_decay", 0.5}}), {2}, {0.9, -2.0});
}

TEST(Momentum, c1_c2_types) {
  EXPECT_THAT(infer("momentum", {type(f32, {2}), type(f32, {2}), type(f64, {2}), type(f32, {})}),
              fails("O0108", "velocity is f64[2]"));
  EXPECT_THAT(infer("momentum", {type(f32, {2}), type(f32, {2}), type(f32, {2}), type(f32, {2})}),
              fails("O0110", "learning_rate"));
}

TEST(Momentum, reference) {
  const std::vector<Tensor> operands = {Tensor::scalar(1.0), Tensor::scalar(0.5), Tensor::scalar(2.0),
                                        Tensor::scalar(0.1)};
  auto plain = runReference("momentum", operands);
  ASSERT_TRUE(plain.ok()) << plain.status();
  expectNear((*plain)[0], {}, {1 - 0.1 * 2.3});
  expectNear((*plain)[1], {}, {2.3});
  expectNear(run("momentum", operands, {{"nesterov", true}}), {}, {1 - 0.1 * (0.5 + 0.9 * 2.3)});
  expectNear(run("momentum", operands, {{"weight_decay", 0.1}, {"momentum", 0.5}}), {}, {1 - 0.1 * (0.5 * 2 + 0.6)});
}

TEST(Adam, c1_to_c3_types) {
  auto adam = [](const ValueType& moment, const ValueType& step, const ValueType& rate) {
    return infer("adam", {type(f32, {2}), type(f32, {2}), type(f32, {2}), moment, step, rate});
  };
  EXPECT_THAT(adam(type(f32, {3}), type(i64, {}), type(f32, {})), fails("O0109", "second_moment is [3]"));
  EXPECT_THAT(adam(type(f32, {2}), type(i32, {}), type(f32, {})),
              fails("O0138", "operand 'step' is i32[], wanted i64[]"));
  EXPECT_THAT(adam(type(f32, {2}), type(i64, {1}), type(f32, {})), fails("O0138", "i64[1]"));
  EXPECT_THAT(adam(type(f32, {2}), type(i64, {}), type(f32, {1})), fails("O0110", "learning_rate"));
}

// Two steps by the formulas of torch.optim.Adam with lr = 0.1, gradients 0.5 and -0.25.
TEST(Adam, reference_two_steps) {
  Tensor p = Tensor::scalar(1.0), m = Tensor::scalar(0.0), v = Tensor::scalar(0.0), rate = Tensor::scalar(0.1);
  auto first = runReference("adam", {p, Tensor::scalar(0.5), m, v, Tensor::scalar<int64_t>(1), rate});
  ASSERT_TRUE(first.ok()) << first.status();
  expectNear((*first)[0], {}, {0.9000000019999999});
  expectNear((*first)[1], {}, {0.05});
  expectNear((*first)[2], {}, {0.00025});
  auto second = runReference(
      "adam", {(*first)[0], Tensor::scalar(-0.25), (*first)[1], (*first)[2], Tensor::scalar<int64_t>(2), rate});
  ASSERT_TRUE(second.ok()) << second.status();
  expectNear((*second)[0], {}, {0.8733662987078462});
  expectNear((*second)[1], {}, {0.020000000000000004});
  expectNear((*second)[2], {}, {0.00031225});
}

TEST(Adam, reference_of_f32_and_empty) {
  Tensor x = Tensor::scalar(1.f), zero = Tensor::scalar(0.f);
  expectNear(run("adam", {x, Tensor::scalar(0.5f), zero, zero, Tensor::scalar<int64_t>(1), Tensor::scalar(0.1f)}), {},
             {0.9000000004});
  Tensor none(f32, {0});
  expectValues(run("adam", {none, none, none, none, Tensor::scalar<int64_t>(1), x}), {0}, {});
}

}  // namespace
}  // namespace kiln::ops
