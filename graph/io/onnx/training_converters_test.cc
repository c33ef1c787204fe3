// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Losses, and the domain ai.onnx.preview.training.
#include <cmath>

#include "gmock/gmock.h"
#include "graph/io/onnx/test_expectations.h"
#include "graph/io/onnx/test_models.h"
#include "gtest/gtest.h"

namespace kiln::onnx {
namespace {

using testing::expectFails;
using testing::expectNear;
using testing::runNode;

constexpr const char* kTraining = "ai.onnx.preview.training";

// Two examples of two classes at two places.
const Tensor kScores = Tensor::of<float>({2, 2, 2}, {-1, -2, -3, -4, -5, -6, -7, -8});

StatusOr<std::vector<Tensor>> nll(const std::string& attributes, std::vector<int64_t> labels, bool isWeighted = false) {
  std::vector<Tensor> inputs = {kScores, Tensor::of<int64_t>({2, 2}, labels)};
  std::string node = R"(op_type: "NegativeLogLikelihoodLoss" input: "a" input: "b" output: "y" )";
  if (isWeighted) {
    inputs.push_back(Tensor::of<float>({2}, {1, 3}));
    node += R"(input: "c" )";
  }
  return runNode(node + attributes, inputs);
}

TEST(OnnxLoss, ReductionsWithWeights) {
  const std::string reduction = R"(attribute { name: "reduction" type: STRING s: ")";
  auto y = nll(reduction + "none\" }", {0, 1, 1, 0}, true);
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].dims(), (std::vector<int64_t>{2, 2}));
  expectNear((*y)[0], {1, 12, 21, 6});
  expectNear(nll(reduction + "sum\" }", {0, 1, 1, 0}, true).value()[0], {40});
  expectNear(nll("", {0, 1, 1, 0}, true).value()[0], {5});
  expectNear(nll("", {0, 1, 1, 0}).value()[0], {4.5});
}

TEST(OnnxLoss, IgnoredLabelsCountNothing) {
  const std::string ignore = R"(attribute { name: "ignore_index" type: INT i: -1 })";
  expectNear(nll(ignore, {-1, 1, 1, -1}).value()[0], {5.5});
  expectNear(nll(R"(attribute { name: "ignore_index" type: INT i: 10 })", {10, 1, 1, 0}, true).value()[0], {39.0 / 7});
}

TEST(OnnxLoss, WithoutIgnoreIndexEveryLabelCounts) { expectFails(nll("", {-100, 1, 1, 0}), "KILN-R0030", "-100"); }

TEST(OnnxLoss, CrossEntropyGivesLogProbabilities) {
  const auto y = runNode(R"(op_type: "SoftmaxCrossEntropyLoss" input: "a" input: "b" output: "y" output: "z")",
                         {Tensor::of<float>({1, 2}, {0, 0}), Tensor::of<int32_t>({1}, {1})}, 13);
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {std::log(2)});
  expectNear((*y)[1], {-std::log(2), -std::log(2)});
  EXPECT_EQ((*y)[0].rank(), 0);
}

TEST(OnnxLoss, OfHalvesIsAddedUpInSingles) {
  Tensor scores(f16, {4096, 2});
  Tensor labels(i64, {4096});
  const auto y = runNode(R"(op_type: "SoftmaxCrossEntropyLoss" input: "a" input: "b" output: "y"
      attribute { name: "reduction" type: STRING s: "mean" })",
                         {scores, labels});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].dtype(), f16);
  EXPECT_NEAR((*y)[0].at(0), std::log(2), 1e-3);
}

TEST(OnnxLoss, g0502_UnknownReduction) {
  expectFails(nll(R"(attribute { name: "reduction" type: STRING s: "max" })", {0, 1, 1, 0}), "KILN-G0502",
              "reduction 'max'");
}

TEST(OnnxLoss, g0502_LabelsOfTheSameRank) {
  expectFails(runNode(R"(op_type: "NegativeLogLikelihoodLoss" input: "a" input: "b" output: "y")",
                      {Tensor::of<float>({1, 2}, {0, 0}), Tensor::of<int64_t>({1, 1}, {1})}),
              "KILN-G0502", "ranks 2 and 2");
}

// --- optimizers

const Tensor kRate = Tensor::scalar<float>(0.5F);
Tensor updates(int64_t count) { return Tensor::scalar<int64_t>(count); }
Tensor one(float value) { return Tensor::of<float>({1}, {value}); }

TEST(OnnxTraining, AdagradOfTwoTensors) {
  const auto y = runNode(R"(op_type: "Adagrad" input: "a" input: "b" input: "c" input: "d" input: "e" input: "f"
      input: "g" input: "h" output: "x1" output: "x2" output: "h1" output: "h2"
      attribute { name: "decay_factor" type: FLOAT f: 0.5 } attribute { name: "epsilon" type: FLOAT f: 0 })",
                         {kRate, updates(2), one(1), Tensor::of<float>({2}, {1, 2}), one(3),
                          Tensor::of<float>({2}, {4, 0}), one(16), Tensor::of<float>({2}, {9, 1})},
                         27, {}, kTraining);
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {1 - 0.25 * 3 / 5});
  expectNear((*y)[1], {1 - 0.25 * 4 / 5, 2});
  expectNear((*y)[2], {25});
  expectNear((*y)[3], {25, 1});
}

StatusOr<std::vector<Tensor>> adam(int64_t count) {
  return runNode(R"(op_type: "Adam" input: "a" input: "b" input: "c" input: "d" input: "e" input: "f" output: "x"
      output: "v" output: "h" attribute { name: "alpha" type: FLOAT f: 0.5 } attribute { name: "beta" type: FLOAT f: 0.75 }
      attribute { name: "epsilon" type: FLOAT f: 0 } attribute { name: "norm_coefficient_post" type: FLOAT f: 0.5 })",
                 {kRate, updates(count), one(1), one(2), one(0), one(0)}, 27, {}, kTraining);
}

TEST(OnnxTraining, AdamCorrectsItsBiasFromTheFirstUpdateOn) {
  auto y = adam(1);
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {0.5 * (1 - 0.5)});
  expectNear((*y)[1], {1});
  expectNear((*y)[2], {1});
  expectNear(adam(0).value()[0], {0.5 * (1 - 0.5 * 1 / 1)});
  expectNear(adam(2).value()[0], {0.5 * (1 - 0.5 * std::sqrt(1 - 0.5625) / 0.75)});
}

StatusOr<std::vector<Tensor>> momentum(const std::string& mode, int64_t count) {
  return runNode(R"(op_type: "Momentum" input: "a" input: "b" input: "c" input: "d" input: "e" output: "x" output: "v"
      attribute { name: "alpha" type: FLOAT f: 0.5 } attribute { name: "beta" type: FLOAT f: 0.25 }
      attribute { name: "norm_coefficient" type: FLOAT f: 0 } attribute { name: "mode" type: STRING s: ")" +
                     mode + "\" }",
                 {kRate, updates(count), one(1), one(2), one(4)}, 27, {}, kTraining);
}

TEST(OnnxTraining, MomentumPlainAndNesterov) {
  expectNear(momentum("standard", 0).value()[0], {1 - 0.5 * 4});
  expectNear(momentum("standard", 1).value()[0], {1 - 0.5 * 2.5});
  expectNear(momentum("nesterov", 1).value()[0], {1 - 0.5 * (2 + 0.5 * 2.5)});
  expectNear(momentum("nesterov", 1).value()[1], {2.5});
}

TEST(OnnxTraining, g0502_UnknownMode) { expectFails(momentum("heavy", 0), "KILN-G0502", "mode 'heavy'"); }

TEST(OnnxTraining, g0502_InputsThatMakeNoWholeTensors) {
  expectFails(runNode(R"(op_type: "Adagrad" input: "a" input: "b" input: "c" input: "d" output: "x")",
                      {kRate, updates(0), one(1), one(1)}, 27, {}, kTraining),
              "KILN-G0502", "4 inputs");
}

TEST(OnnxTraining, g0501_AGradientOfWhatNoNodeGives) {
  expectFails(runNode(R"(op_type: "Gradient" input: "a" output: "da"
      attribute { name: "xs" type: STRINGS strings: "a" } attribute { name: "y" type: STRING s: "nothing" })",
                      {one(3)}, 27, {}, kTraining),
              "KILN-G0501", "'nothing'");
}

TEST(OnnxTraining, g0502_AGradientWithoutAllOfItsValues) {
  expectFails(runNode(R"(op_type: "Gradient" input: "a" output: "da"
      attribute { name: "xs" type: STRINGS strings: "a" strings: "b" } attribute { name: "y" type: STRING s: "y" })",
                      {one(3)}, 27, {}, kTraining),
              "KILN-G0502", "1 inputs, and names 2");
}

}  // namespace
}  // namespace kiln::onnx
