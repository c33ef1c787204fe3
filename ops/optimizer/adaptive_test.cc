// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// adagrad, adadelta, rmsprop, adafactor and lion: constraints and one step by their formulas. Many steps against
// PyTorch are in graph/optim.
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

const ValueType kTensor = type(f32, {2}), kOther = type(f32, {3}), kRate = type(f32, {}), kStep = type(i64, {});
const Tensor kOne = Tensor::scalar<int64_t>(1), kThird = Tensor::scalar<int64_t>(3);

// All results of an op that must succeed.
std::vector<Tensor> runAll(std::string_view op, const std::vector<Tensor>& operands, Attributes attributes = {}) {
  auto results = runReference(op, operands, std::move(attributes));
  EXPECT_TRUE(results.ok()) << op << ": " << results.status();
  return results.ok() ? *std::move(results) : std::vector<Tensor>(4);
}

Tensor number(double value) { return Tensor::scalar(value); }

TEST(Adagrad, c1_to_c3_types) {
  EXPECT_EQ(infer("adagrad", {kTensor, kTensor, kTensor, kStep, kRate}), "f32[2]");
  EXPECT_THAT(infer("adagrad", {kTensor, kTensor, kOther, kStep, kRate}), fails("O0109", "square_sum is [3]"));
  EXPECT_THAT(infer("adagrad", {kTensor, kTensor, kTensor, kStep, kTensor}), fails("O0110", "learning_rate"));
  EXPECT_THAT(infer("adagrad", {kTensor, kTensor, kTensor, type(i32, {}), kRate}), fails("O0138", "'step' is i32[]"));
}

TEST(Adagrad, reference) {
  const auto found = runAll("adagrad", {number(1), number(0.5), number(0.75), kThird, number(0.1)},
                            {{"learning_rate_decay", 0.5}, {"epsilon", 0.5}, {"weight_decay", 0.25}});
  // g = 0.75, the sum 1.3125, the rate 0.1 / 2.
  expectNear(found[0], {}, {1 - 0.05 * 0.75 / (std::sqrt(1.3125) + 0.5)});
  expectNear(found[1], {}, {1.3125});
}

TEST(Adadelta, c1_c2_types) {
  EXPECT_THAT(infer("adadelta", {kTensor, kTensor, kTensor, kOther, kRate}), fails("O0109", "delta_average is [3]"));
  EXPECT_THAT(infer("adadelta", {kTensor, kTensor, kTensor, kTensor, type(f64, {})}), fails("O0108", "learning_rate"));
}

TEST(Adadelta, reference) {
  const auto found = runAll("adadelta", {number(1), number(0.5), number(1), number(2), number(0.5)},
                            {{"rho", 0.75}, {"epsilon", 0.25}});
  const double square = 0.75 + 0.25 * 0.25, delta = 1.5 / std::sqrt(square + 0.25) * 0.5;
  expectNear(found[0], {}, {1 - 0.5 * delta});
  expectNear(found[1], {}, {square});
  expectNear(found[2], {}, {0.75 * 2 + 0.25 * delta * delta});
}

TEST(Rmsprop, c1_to_c3_state) {
  const std::vector<ValueType> plain = {kTensor, kTensor, kRate, kTensor};
  std::vector<ValueType> two = plain, three = plain;
  two.push_back(kTensor);
  three.insert(three.end(), {kTensor, kTensor});
  EXPECT_EQ(infer("rmsprop", plain), "f32[2]");
  EXPECT_EQ(infer("rmsprop", two, {{"centered", true}}), "f32[2]");
  EXPECT_EQ(infer("rmsprop", two, {{"momentum", 0.5}}), "f32[2]");
  EXPECT_EQ(infer("rmsprop", three, {{"momentum", 0.5}, {"centered", true}}), "f32[2]");
  EXPECT_THAT(infer("rmsprop", two), fails("O0101", "found 5 operands, wanted 4"));
  EXPECT_THAT(infer("rmsprop", plain, {{"centered", true}}), fails("O0101", "found 4 operands, wanted 5"));
  EXPECT_THAT(infer("rmsprop", {kTensor, kOther, kRate, kTensor}), fails("O0109", "gradient is [3]"));
  EXPECT_THAT(infer("rmsprop", {kTensor, kTensor, kRate, kOther}), fails("O0109", "state is [3]"));
  EXPECT_THAT(infer("rmsprop", {kTensor, kTensor, kTensor, kTensor}), fails("O0110", "learning_rate"));
}

TEST(Rmsprop, reference) {
  const std::vector<Tensor> operands = {number(1), number(0.5), number(0.1), number(2)};
  const double square = 0.99 * 2 + 0.01 * 0.25;
  auto found = runAll("rmsprop", operands, {{"epsilon", 0.5}});
  expectNear(found[0], {}, {1 - 0.1 * 0.5 / (std::sqrt(square) + 0.5)});
  expectNear(found[1], {}, {square});
  std::vector<Tensor> all = operands;
  all.insert(all.end(), {number(0.25), number(3)});
  found = runAll("rmsprop", all, {{"centered", true}, {"momentum", 0.5}});
  const double average = 0.99 * 0.25 + 0.01 * 0.5;
  const double velocity = 0.5 * 3 + 0.5 / (std::sqrt(square - average * average) + 1e-8);
  expectNear(found[0], {}, {1 - 0.1 * velocity});
  expectNear(found[2], {}, {average});
  expectNear(found[3], {}, {velocity});
}

TEST(Lion, c1_c2_types) {
  EXPECT_THAT(infer("lion", {kTensor, kTensor, kOther, kRate}), fails("O0109", "momentum is [3]"));
  EXPECT_THAT(infer("lion", {kTensor, kTensor, kTensor, kTensor}), fails("O0110", "learning_rate"));
}

TEST(Lion, reference) {
  const Tensor p = tensor(f64, {3}, {1, 1, 1}), g = tensor(f64, {3}, {-2, 1, 0}), m = tensor(f64, {3}, {0.125, 0, 0});
  const auto found = runAll("lion", {p, g, m, number(0.5)}, {{"weight_decay", 0.25}});
  expectNear(found[0], {3}, {1 - 0.5 * (-1 + 0.25), 1 - 0.5 * (1 + 0.25), 1 - 0.5 * 0.25});
  expectNear(found[1], {3}, {0.99 * 0.125 - 0.01 * 2, 0.01, 0});
  EXPECT_TRUE(std::isnan(run("lion", {number(1), number(kNan), number(0), number(0.5)}).at(0)));
}

TEST(Adafactor, c1_to_c4_types) {
  const ValueType matrix = type(f32, {4, 2, 3}), rows = type(f32, {4, 2, 1}), columns = type(f32, {4, 1, 3});
  EXPECT_EQ(infer("adafactor", {kTensor, kTensor, kStep, kRate, kTensor}), "f32[2]");
  EXPECT_EQ(infer("adafactor", {matrix, matrix, kStep, kRate, rows, columns}), "f32[4, 2, 3]");
  EXPECT_THAT(infer("adafactor", {kTensor, kOther, kStep, kRate, kTensor}), fails("O0109", "gradient is [3]"));
  EXPECT_THAT(infer("adafactor", {kTensor, kTensor, kStep, kTensor, kTensor}), fails("O0110", "learning_rate"));
  EXPECT_THAT(infer("adafactor", {kTensor, kTensor, kTensor, kRate, kTensor}), fails("O0102", "step"));
  EXPECT_THAT(infer("adafactor", {matrix, matrix, kStep, kRate, matrix}), fails("O0101", "wanted 6"));
  EXPECT_THAT(infer("adafactor", {kTensor, kTensor, kStep, kRate, kTensor, kTensor}), fails("O0101", "wanted 5"));
  EXPECT_THAT(infer("adafactor", {matrix, matrix, kStep, kRate, columns, columns}), fails("O0138", "'row_variance'"));
  EXPECT_THAT(infer("adafactor", {matrix, matrix, kStep, kRate, rows, rows}), fails("O0138", "'column_variance'"));
  const ValueType open = type(f32, {dim("n")});
  EXPECT_THAT(infer("adafactor", {open, open, kStep, kRate, open}), fails("O0138", "shape is of numbers"));
}

// The first step replaces the averages, since 1^-0.8 = 1.
TEST(Adafactor, reference_of_a_matrix) {
  const Tensor p = tensor(f64, {2, 2}, {3, 4, 0, 0}), g = tensor(f64, {2, 2}, {1, 2, 2, 4});
  const auto found = runAll("adafactor", {p, g, kOne, number(0.5), Tensor(f64, {2, 1}), Tensor(f64, {1, 2})});
  expectNear(found[1], {2, 1}, {2.5, 10});
  expectNear(found[2], {1, 2}, {2.5, 10});
  // The estimate is exact for a gradient of rank 1, so every element moves by 0.5 * 2.5, half the rms of the parameter.
  expectNear(found[0], {2, 2}, {3 - 1.25, 4 - 1.25, -1.25, -1.25});
}

TEST(Adafactor, reference_of_a_vector) {
  const Tensor p = tensor(f64, {2}, {0, 0}), g = tensor(f64, {2}, {1, -2});
  const auto found = runAll("adafactor", {p, g, kOne, number(0.5), tensor(f64, {2}, {7, 7})});
  expectNear(found[1], {2}, {1, 4});
  expectNear(found[0], {2}, {-0.5 * 1e-3, 0.5 * 1e-3});  // epsilon2 in the place of the rms
}

TEST(Adaptive, nothing_gives_nothing) {
  const Tensor none(f64, {0});
  expectValues(run("adagrad", {none, none, none, kOne, number(1)}), {0}, {});
  expectValues(run("adadelta", {none, none, none, none, number(1)}), {0}, {});
  expectValues(run("rmsprop", {none, none, number(1), none}), {0}, {});
  expectValues(run("lion", {none, none, none, number(1)}), {0}, {});
  expectValues(run("adafactor", {none, none, kOne, number(1), none}), {0}, {});
}

}  // namespace
}  // namespace kiln::ops
