// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is made from adam: constraints and one step by their formulas. Many steps against PyTorch are in graph/optim.
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

const ValueType kTensor = type(f32, {2}), kOther = type(f32, {3}), kRate = type(f32, {}), kStep = type(i64, {});
const Tensor kSecond = Tensor::scalar<int64_t>(2);
// With beta1 = 0.5 and beta2 = 0.75 in the second step.
const Attributes kBetas = {{"beta1", 0.5}, {"beta2", 0.75}, {"epsilon", 0.25}};
constexpr double kCorrection1 = 0.75, kCorrection2 = 0.4375;

std::vector<Tensor> runAll(std::string_view op, const std::vector<Tensor>& operands, Attributes attributes = kBetas) {
  auto results = runReference(op, operands, std::move(attributes));
  EXPECT_TRUE(results.ok()) << op << ": " << results.status();
  return results.ok() ? *std::move(results) : std::vector<Tensor>(4);
}

Attributes with(Attributes attributes, const char* name, double value) {
  attributes.set(name, value);
  return attributes;
}

Tensor number(double value) { return Tensor::scalar(value); }

TEST(AdamMethods, c1_to_c3_types) {
  for (const char* op : {"adamw", "adamax", "lamb"}) {
    EXPECT_EQ(infer(op, {kTensor, kTensor, kTensor, kTensor, kStep, kRate}), "f32[2]") << op;
    EXPECT_THAT(infer(op, {kTensor, kTensor, kOther, kTensor, kStep, kRate}), fails("O0109", "first_moment is [3]"));
    EXPECT_THAT(infer(op, {kTensor, kTensor, kTensor, kTensor, kStep, kTensor}), fails("O0110", "learning_rate"));
    EXPECT_THAT(infer(op, {kTensor, kTensor, kTensor, kTensor, type(i32, {}), kRate}), fails("O0138", "'step'"));
  }
  EXPECT_THAT(infer("adamax", {kTensor, kTensor, kTensor, kOther, kStep, kRate}),
              fails("O0109", "infinity_norm is [3]"));
}

TEST(Amsgrad, c1_to_c3_types) {
  EXPECT_EQ(infer("amsgrad", {kTensor, kTensor, kTensor, kTensor, kTensor, kStep, kRate}), "f32[2]");
  EXPECT_THAT(infer("amsgrad", {kTensor, kTensor, kTensor, kTensor, kOther, kStep, kRate}),
              fails("O0109", "max_second_moment is [3]"));
  EXPECT_THAT(infer("amsgrad", {kTensor, kTensor, kTensor, kTensor, kTensor, kStep, type(f64, {})}),
              fails("O0108", "learning_rate"));
  EXPECT_THAT(infer("amsgrad", {kTensor, kTensor, kTensor, kTensor, kTensor, type(i64, {1}), kRate}),
              fails("O0138", "'step'"));
}

TEST(Nadam, c1_to_c4_types) {
  const ValueType product = type(f64, {});
  EXPECT_EQ(infer("nadam", {kTensor, kTensor, kTensor, kTensor, product, kStep, kRate}), "f32[2]");
  EXPECT_THAT(infer("nadam", {kTensor, kTensor, kTensor, kOther, product, kStep, kRate}),
              fails("O0109", "second_moment"));
  EXPECT_THAT(infer("nadam", {kTensor, kTensor, kTensor, kTensor, product, kStep, kTensor}),
              fails("O0110", "learning_rate"));
  EXPECT_THAT(infer("nadam", {kTensor, kTensor, kTensor, kTensor, product, type(i32, {}), kRate}),
              fails("O0138", "'step'"));
  EXPECT_THAT(infer("nadam", {kTensor, kTensor, kTensor, kTensor, kRate, kStep, kRate}),
              fails("O0102", "momentum_product"));
}

TEST(Adamw, reference) {
  const auto found = runAll("adamw", {number(2), number(0.5), number(1), number(0.75), kSecond, number(0.1)},
                            with(kBetas, "weight_decay", 0.5));
  const double m = 0.75, v = 0.75 * 0.75 + 0.25 * 0.25;
  expectNear(found[0], {}, {2 * (1 - 0.05) - 0.1 / kCorrection1 * m / (std::sqrt(v / kCorrection2) + 0.25)});
  expectNear(found[1], {}, {m});
  expectNear(found[2], {}, {v});
}

TEST(Amsgrad, reference) {
  const double m = 0.75, v = 0.75 * 0.75 + 0.25 * 0.25;
  for (double before : {0.1, 5.0}) {
    const auto found =
        runAll("amsgrad", {number(2), number(0.5), number(1), number(0.75), number(before), kSecond, number(0.1)});
    const double largest = std::fmax(v, before);
    expectNear(found[0], {}, {2 - 0.1 / kCorrection1 * m / (std::sqrt(largest / kCorrection2) + 0.25)});
    expectNear(found[2], {}, {v});
    expectNear(found[3], {}, {largest});
  }
}

TEST(Adamax, reference) {
  for (double before : {0.1, 5.0}) {
    const auto found = runAll("adamax", {number(2), number(-0.5), number(1), number(before), kSecond, number(0.1)});
    const double norm = std::fmax(0.75 * before, 0.75);
    expectNear(found[0], {}, {2 - 0.1 / kCorrection1 * 0.25 / norm});
    expectNear(found[1], {}, {0.25});
    expectNear(found[2], {}, {norm});
  }
  const Tensor nan = number(kNan), one = number(1);
  EXPECT_TRUE(std::isnan(runAll("adamax", {one, nan, one, one, kSecond, one})[2].at(0)));
}

TEST(Nadam, reference) {
  const double product = 0.2, decay = 0.5, now = 0.5 * (1 - 0.5 * std::pow(0.96, 2 * decay)),
               next = 0.5 * (1 - 0.5 * std::pow(0.96, 3 * decay));
  const auto found =
      runAll("nadam", {number(2), number(0.5), number(1), number(0.75), number(product), kSecond, number(0.1)},
             with(kBetas, "momentum_decay", decay));
  const double m = 0.75, v = 0.75 * 0.75 + 0.25 * 0.25, denominator = std::sqrt(v / kCorrection2) + 0.25;
  expectNear(
      found[0], {},
      {2 - 0.1 * (1 - now) / (1 - product) * 0.5 / denominator - 0.1 * next / (1 - product * next) * m / denominator});
  expectNear(found[1], {}, {m});
}

TEST(Lamb, reference) {
  const Tensor p = tensor(f64, {2}, {3, 4}), g = tensor(f64, {2}, {0.5, 0}), zero = tensor(f64, {2}, {0, 0});
  const auto found = runAll("lamb", {p, g, zero, zero, kSecond, number(0.1)}, with(kBetas, "weight_decay", 0.5));
  const double first = 0.25 / kCorrection1 / (std::sqrt(0.0625 / kCorrection2) + 0.25) + 1.5, second = 2;
  const double trust = 5 / std::hypot(first, second);
  expectNear(found[0], {2}, {3 - 0.1 * trust * first, 4 - 0.1 * trust * second});
  expectNear(found[1], {2}, {0.25, 0});
  // Without a norm on either side, the step is as it comes.
  expectNear(run("lamb", {zero, g, zero, zero, kSecond, number(0.1)}, kBetas), {2}, {-0.1 * (first - 1.5), 0});
  expectValues(run("lamb", {p, zero, zero, zero, kSecond, number(0.1)}, kBetas), {2}, {3, 4});
}

TEST(AdamMethods, nothing_gives_nothing) {
  const Tensor none(f64, {0});
  for (const char* op : {"adamw", "adamax", "lamb"}) {
    expectValues(run(op, {none, none, none, none, kSecond, number(1)}), {0}, {});
  }
  expectValues(run("amsgrad", {none, none, none, none, none, kSecond, number(1)}), {0}, {});
  expectValues(run("nadam", {none, none, none, none, number(0.5), kSecond, number(1)}), {0}, {});
}

}  // namespace
}  // namespace kiln::ops
