// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Attention, RotaryEmbedding, LinearAttention, CausalConvWithState, FlexAttention, RNN, GRU and LSTM.
#include <cmath>

#include "gmock/gmock.h"
#include "graph/io/onnx/test_expectations.h"
#include "graph/io/onnx/test_models.h"
#include "gtest/gtest.h"

namespace kiln::onnx {
namespace {

using testing::expectFails;
using testing::expectNear;
using testing::nodeModel;
using testing::runModel;
using testing::runNode;

template <class... Dims>
Tensor filled(float value, Dims... dims) {
  Tensor tensor(f32, {static_cast<int64_t>(dims)...});
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, value);
  }
  return tensor;
}

Tensor counting(std::vector<int64_t> dims, float scale = 1) {
  Tensor tensor(f32, std::move(dims));
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, scale * static_cast<float>(i));
  }
  return tensor;
}

TEST(OnnxAttention, HeadsArePackedInInputsOfRankThree) {
  // One query that sees keys of equal scores: the mean of the values of its own head.
  const auto y = runNode(R"(op_type: "Attention" input: "a" input: "b" input: "c" output: "y" output: "k"
      attribute { name: "q_num_heads" type: INT i: 2 } attribute { name: "kv_num_heads" type: INT i: 2 })",
                         {filled(0, 1, 1, 4), counting({1, 2, 4}), counting({1, 2, 2})});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].dims(), (std::vector<int64_t>{1, 1, 2}));
  expectNear((*y)[0], {1, 2});
  expectNear((*y)[1], {0, 1, 4, 5, 2, 3, 6, 7});
}

TEST(OnnxAttention, ScoresAreGivenAsTheModeSays) {
  const std::string node = R"(op_type: "Attention" input: "a" input: "b" input: "c" input: "d" output: "y" output: ""
      output: "" output: "s" attribute { name: "scale" type: FLOAT f: 0.5 }
      attribute { name: "softcap" type: FLOAT f: 1 }
      attribute { name: "qk_matmul_output_mode" type: INT i: )";
  const std::vector<std::vector<double>> expected = {
      {2, 4}, {std::tanh(2), std::tanh(4)}, {std::tanh(2) + 0.25, -INFINITY}, {1, 0}};
  for (size_t mode = 0; mode < expected.size(); ++mode) {
    const auto y = runNode(node + std::to_string(mode) + " }",
                           {Tensor::of<float>({1, 1, 1, 1}, {2}), Tensor::of<float>({1, 1, 2, 1}, {2, 4}),
                            Tensor::of<float>({1, 1, 2, 1}, {7, 8}), Tensor::of<float>({1, 1}, {0.25})});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_NEAR((*y)[0].at(0), 7, 1e-6);
    EXPECT_NEAR((*y)[1].at(0), expected[mode][0], 1e-6);
    EXPECT_EQ((*y)[1].at(1), static_cast<float>(mode == 2 ? -INFINITY : (*y)[1].at(1)));
  }
}

TEST(OnnxAttention, HalvesAreComputedInSingles) {
  Tensor q(f16, {1, 1, 1, 1}), k(f16, {1, 1, 2, 1}), v(f16, {1, 1, 2, 1});
  v.set(0, 1);
  v.set(1, 2);
  const auto y = runNode(R"(op_type: "Attention" input: "a" input: "b" input: "c" output: "y"
      attribute { name: "softmax_precision" type: INT i: 1 })",
                         {q, k, v});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].dtype(), f16);
  EXPECT_EQ((*y)[0].at(0), 1.5);
}

TEST(OnnxAttention, g0502_HeadsAreMissing) {
  const Tensor x = filled(0, 1, 1, 4);
  expectFails(runNode(R"(op_type: "Attention" input: "a" input: "b" input: "c" output: "y")", {x, x, x}), "KILN-G0502",
              "q_num_heads");
}

TEST(OnnxAttention, g0502_NoSuchMode) {
  const Tensor x = filled(0, 1, 1, 1, 4);
  expectFails(runNode(R"(op_type: "Attention" input: "a" input: "b" input: "c" output: "y" output: "" output: ""
      output: "s" attribute { name: "qk_matmul_output_mode" type: INT i: 4 })",
                      {x, x, x}),
              "KILN-G0502", "qk_matmul_output_mode 4");
}

TEST(OnnxAttention, SymbolicLengthsStay) {
  ModelProto proto = nodeModel(R"(op_type: "Attention" input: "a" input: "b" input: "c" input: "" input: "d" input: "e"
      output: "y" output: "k" output: "v" attribute { name: "is_causal" type: INT i: 1 })",
                               {filled(0, 1, 2, 3, 4), filled(0, 1, 1, 3, 4), filled(0, 1, 1, 3, 4),
                                filled(0, 1, 1, 2, 4), filled(0, 1, 1, 2, 4)});
  for (int i = 0; i < 5; ++i) {
    auto* shape = proto.mutable_graph()->mutable_input(i)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape->mutable_dim(0)->set_dim_param("batch");
    shape->mutable_dim(2)->set_dim_param(i < 3 ? "length" : "past");
  }
  auto imported = Model::parse(proto.SerializeAsString(), "test.onnx", "").value().import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_TRUE(imported->neededShapes.empty());
}

TEST(OnnxFlexAttention, BodiesChangeScoresAndProbabilities) {
  const auto y = runNode(R"(op_type: "FlexAttention" input: "a" input: "b" input: "c" output: "y"
      attribute { name: "score_mod" type: GRAPH g { name: "m" input { name: "s" } output { name: "t" }
        node { op_type: "Sub" input: "s" input: "s" output: "t" } } }
      attribute { name: "prob_mod" type: GRAPH g { name: "m" input { name: "p" } output { name: "r" }
        node { op_type: "Add" input: "p" input: "p" output: "r" } } })",
                         {Tensor::of<float>({1, 1, 1, 1}, {3}), Tensor::of<float>({1, 1, 2, 1}, {5, 7}),
                          Tensor::of<float>({1, 1, 2, 1}, {1, 2})},
                         27, {}, "ai.onnx.preview");
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {3});
}

TEST(OnnxFlexAttention, g0502_ABodyThatGivesAnotherShape) {
  const Tensor x = filled(1, 1, 1, 2, 2);
  expectFails(runNode(R"(op_type: "FlexAttention" input: "a" input: "b" input: "c" output: "y"
      attribute { name: "score_mod" type: GRAPH g { name: "m" input { name: "s" } output { name: "t" }
        node { op_type: "ReduceSum" input: "s" output: "t" } } })",
                      {x, x, x}, 27, {}, "ai.onnx.preview"),
              "KILN-G0502", "score_mod changes");
}

TEST(OnnxRotaryEmbedding, OfRankThreeWithPositions) {
  const auto y = runNode(R"(op_type: "RotaryEmbedding" input: "a" input: "b" input: "c" input: "d" output: "y"
      attribute { name: "num_heads" type: INT i: 2 })",
                         {counting({1, 1, 4}), Tensor::of<float>({2, 1}, {1, 0}), Tensor::of<float>({2, 1}, {0, 1}),
                          Tensor::of<int64_t>({1, 1}, {1})});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].dims(), (std::vector<int64_t>{1, 1, 4}));
  expectNear((*y)[0], {-1, 0, -3, 2});
}

TEST(OnnxRotaryEmbedding, g0502_NoNumberOfHeads) {
  expectFails(runNode(R"(op_type: "RotaryEmbedding" input: "a" input: "b" input: "c" output: "y")",
                      {counting({1, 1, 4}), filled(0, 1, 1, 1), filled(0, 1, 1, 1)}),
              "KILN-G0502", "num_heads");
}

TEST(OnnxLinearAttention, g0502_ARuleWithoutItsOperands) {
  const Tensor x = filled(1, 1, 2, 2);
  expectFails(runNode(R"(op_type: "LinearAttention" input: "a" input: "b" input: "c" output: "y" output: "s"
      attribute { name: "q_num_heads" type: INT i: 1 } attribute { name: "kv_num_heads" type: INT i: 1 })",
                      {x, x, x}),
              "KILN-G0502", "update_rule 'gated_delta' takes decay and beta");
}

TEST(OnnxLinearAttention, PlainSumsOfProducts) {
  const auto y = runNode(R"(op_type: "LinearAttention" input: "a" input: "b" input: "c" output: "y" output: "s"
      attribute { name: "q_num_heads" type: INT i: 2 } attribute { name: "kv_num_heads" type: INT i: 1 }
      attribute { name: "scale" type: FLOAT f: 1 } attribute { name: "update_rule" type: STRING s: "linear" })",
                         {Tensor::of<float>({1, 2, 2}, {1, 2, 3, 4}), Tensor::of<float>({1, 2, 1}, {1, 10}),
                          Tensor::of<float>({1, 2, 1}, {5, 6})});
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {5, 10, 195, 260});
  expectNear((*y)[1], {65});
}

TEST(OnnxCausalConvWithState, ActivationAndState) {
  const auto y = runNode(R"(op_type: "CausalConvWithState" input: "a" input: "b" output: "y" output: "s"
      attribute { name: "activation" type: STRING s: "silu" })",
                         {Tensor::of<float>({1, 1, 2}, {1, 2}), Tensor::of<float>({1, 1, 2}, {10, 1})});
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {1 / (1 + std::exp(-1.0)), 12 / (1 + std::exp(-12.0))}, 1e-5);
  expectNear((*y)[1], {2});
}

TEST(OnnxCausalConvWithState, g0501_AnotherActivation) {
  expectFails(runNode(R"(op_type: "CausalConvWithState" input: "a" input: "b" output: "y" output: "s"
      attribute { name: "activation" type: STRING s: "relu" })",
                      {filled(1, 1, 1, 2), filled(1, 1, 1, 2)}),
              "KILN-G0501", "activation 'relu'");
}

// --- recurrent layers

TEST(OnnxRnn, LayoutsAreTransposesOfEachOther) {
  const Tensor w = counting({1, 2, 2}, 0.1F), r = counting({1, 2, 2}, 0.2F);
  const auto first = runNode(R"(op_type: "RNN" input: "a" input: "b" input: "c" output: "y" output: "z")",
                             {counting({3, 1, 2}, 0.1F), w, r});
  const auto second = runNode(R"(op_type: "RNN" input: "a" input: "b" input: "c" output: "y" output: "z"
      attribute { name: "layout" type: INT i: 1 })",
                              {counting({1, 3, 2}, 0.1F), w, r});
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  EXPECT_EQ((*first)[0].dims(), (std::vector<int64_t>{3, 1, 1, 2}));
  EXPECT_EQ((*second)[0].dims(), (std::vector<int64_t>{1, 3, 1, 2}));
  EXPECT_EQ((*second)[1].dims(), (std::vector<int64_t>{1, 1, 2}));
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ((*first)[0].at(i), (*second)[0].at(i));
  }
  EXPECT_EQ((*first)[1].at(1), (*second)[1].at(1));
}

// The state after one step over an input of -1.5 with this activation.
StatusOr<std::vector<Tensor>> activated(const std::string& attributes) {
  return runNode(R"(op_type: "RNN" input: "a" input: "b" input: "c" output: "y" )" + attributes,
                 {filled(-1.5, 1, 1, 1), filled(1, 1, 1, 1), filled(0, 1, 1, 1)});
}

TEST(OnnxRnn, EveryActivationOfTheSpec) {
  const double x = -1.5;
  const std::vector<std::pair<std::string, double>> expected = {{"Relu", 0},
                                                                {"Tanh", std::tanh(x)},
                                                                {"Sigmoid", 1 / (1 + std::exp(-x))},
                                                                {"Affine", 0.25 * x + 0.5},
                                                                {"LeakyRelu", 0.25 * x},
                                                                {"ThresholdedRelu", 0},
                                                                {"ScaledTanh", 0.25 * std::tanh(0.5 * x)},
                                                                {"HardSigmoid", 0.25 * x + 0.5},
                                                                {"Elu", 0.25 * (std::exp(x) - 1)},
                                                                {"Softsign", x / (1 + std::abs(x))},
                                                                {"Softplus", std::log1p(std::exp(x))}};
  for (const auto& [name, value] : expected) {
    const auto y = activated(R"(attribute { name: "activations" type: STRINGS strings: ")" + name + R"(" }
        attribute { name: "activation_alpha" type: FLOATS floats: 0.25 }
        attribute { name: "activation_beta" type: FLOATS floats: 0.5 })");
    ASSERT_TRUE(y.ok()) << name << ": " << y.status();
    EXPECT_NEAR((*y)[0].at(0), value, 1e-6) << name;
  }
}

TEST(OnnxRnn, ClipBoundsWhatTheActivationIsGiven) {
  const auto y = activated(R"(attribute { name: "clip" type: FLOAT f: 0.5 })");
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_NEAR((*y)[0].at(0), std::tanh(-0.5), 1e-6);
}

TEST(OnnxRnn, g0501_UnknownActivation) {
  expectFails(activated(R"(attribute { name: "activations" type: STRINGS strings: "Swish" })"), "KILN-G0501",
              "activation 'Swish'");
}

TEST(OnnxRnn, g0502_ScaledTanhHasNoDefaults) {
  expectFails(activated(R"(attribute { name: "activations" type: STRINGS strings: "ScaledTanh" })"), "KILN-G0502",
              "needs activation_alpha");
}

TEST(OnnxRnn, g0502_UnknownDirection) {
  expectFails(activated(R"(attribute { name: "direction" type: STRING s: "up" })"), "KILN-G0502", "direction 'up'");
}

TEST(OnnxGru, BothDirectionsHaveActivationsOfTheirOwn) {
  const auto y = runNode(
      R"(op_type: "GRU" input: "a" input: "b" input: "c" output: "y" output: "z"
      attribute { name: "direction" type: STRING s: "bidirectional" }
      attribute { name: "activations" type: STRINGS strings: "Sigmoid" strings: "Affine" strings: "Sigmoid"
        strings: "Affine" }
      attribute { name: "activation_alpha" type: FLOATS floats: 1 floats: 10 })",
      {Tensor::of<float>({1, 1, 1}, {3}), Tensor::of<float>({2, 3, 1}, {0, 0, 1, 0, 0, 1}), filled(0, 2, 3, 1)});
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[1], {1.5, 15});
}

TEST(OnnxLstm, ReverseGivesTheStateOfTheFirstStep) {
  // All gates are 1/2, so that c = 1/2 c + 1/2 tanh(x).
  const auto y =
      runNode(R"(op_type: "LSTM" input: "a" input: "b" input: "c" output: "" output: "" output: "w"
      attribute { name: "direction" type: STRING s: "reverse" } attribute { name: "hidden_size" type: INT i: 1 })",
              {Tensor::of<float>({2, 1, 1}, {1, 2}), Tensor::of<float>({1, 4, 1}, {0, 0, 0, 1}), filled(0, 1, 4, 1)});
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {0.25 * std::tanh(2) + 0.5 * std::tanh(1)});
}

TEST(OnnxLstm, SequenceLengthsEndSequencesEarly) {
  const auto y = runNode(R"(op_type: "LSTM" input: "a" input: "b" input: "c" input: "" input: "d" output: "y"
      output: "" output: "w")",
                         {filled(1, 2, 2, 1), Tensor::of<float>({1, 4, 1}, {0, 0, 0, 1}), filled(0, 1, 4, 1),
                          Tensor::of<int32_t>({2}, {2, 1})});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_NE((*y)[0].at(2), 0);
  EXPECT_EQ((*y)[0].at(3), 0);
  expectNear((*y)[1], {0.75 * std::tanh(1), 0.5 * std::tanh(1)});
}

}  // namespace
}  // namespace kiln::onnx
