// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>
#include <numbers>

#include "graph/io/onnx/test_nodes.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx {
namespace {

using testing::integerAttribute;
using testing::runNode;

// The result of a node with the inputs that `names` lists ("" for one left out).
StatusOr<Tensor> run(const std::string& op, const std::string& names, const std::vector<Tensor>& inputs,
                     const std::string& attributes = "", int64_t opset = 27) {
  std::string node = "op_type: '" + op + "' output: 'y'" + attributes;
  for (char name : names) {
    node += name == '-' ? std::string(" input: ''") : " input: '" + std::string(1, name) + "'";
  }
  auto results = runNode(node, inputs, opset);
  if (!results.ok()) {
    return results.status();
  }
  return (*results)[0];
}

void expectNear(const StatusOr<Tensor>& found, const std::vector<int64_t>& dims, const std::vector<double>& wanted,
                double tolerance = 1e-6) {
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->dims(), dims);
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(found->at(static_cast<int64_t>(i)), wanted[i], tolerance) << "element " << i;
  }
}

Tensor ramp() { return Tensor::of<float>({1, 4, 1}, {0, 1, 2, 3}); }

TEST(DftNode, transforms_a_real_signal) {
  expectNear(run("DFT", "a", {ramp()}), {1, 4, 2}, {6, 0, -2, 2, -2, 0, -2, -2});
  expectNear(run("DFT", "a", {ramp()}, integerAttribute("onesided", 1)), {1, 3, 2}, {6, 0, -2, 2, -2, 0});
}

TEST(DftNode, takes_length_and_axis_as_inputs) {
  expectNear(run("DFT", "ab", {ramp(), Tensor::scalar<int64_t>(2)}), {1, 2, 2}, {1, 0, -1, 0});
  expectNear(run("DFT", "a-b", {Tensor::of<float>({2, 1, 1}, {1, 3}), Tensor::scalar<int64_t>(0)}), {2, 1, 2},
             {4, 0, -2, 0});
}

TEST(DftNode, inverts) {
  const Tensor spectrum = Tensor::of<float>({1, 4, 2}, {6, 0, -2, 2, -2, 0, -2, -2});
  expectNear(run("DFT", "a", {spectrum}, integerAttribute("inverse", 1)), {1, 4, 2}, {0, 0, 1, 0, 2, 0, 3, 0});
  const Tensor half = Tensor::of<float>({1, 3, 2}, {6, 0, -2, 2, -2, 0});
  expectNear(run("DFT", "a", {half}, integerAttribute("inverse", 1) + integerAttribute("onesided", 1)), {1, 4, 1},
             {0, 1, 2, 3});
}

TEST(DftNode, of_operator_set_17_has_its_axis_as_an_attribute) {
  const Tensor x = Tensor::of<float>({1, 2, 2, 1}, {1, 2, 3, 5});
  expectNear(run("DFT", "a", {x}, "", 17), {1, 2, 2, 2}, {4, 0, 7, 0, -2, 0, -3, 0});
  expectNear(run("DFT", "a", {x}, integerAttribute("axis", 2), 19), {1, 2, 2, 2}, {3, 0, -1, 0, 8, 0, -2, 0});
}

TEST(DftNode, what_does_not_fit_is_named) {
  EXPECT_TRUE(failsWith(run("DFT", "a-b", {ramp(), Tensor::scalar<int64_t>(2)}), "KILN-G0502",
                        "that of real and imaginary parts"));
  EXPECT_TRUE(failsWith(run("DFT", "a-b", {ramp(), Tensor::scalar<int64_t>(7)}), "KILN-G0502", "axis 7"));
  EXPECT_TRUE(failsWith(run("DFT", "ab", {ramp(), Tensor::scalar<int64_t>(-2)}), "KILN-G0502", "the length is -2"));
  EXPECT_TRUE(failsWith(run("DFT", "a", {Tensor(f32, {1, 4, 2})}, integerAttribute("onesided", 1)), "KILN-G0502",
                        "one-sided spectrum of a complex signal"));
}

TEST(StftNode, transforms_frames) {
  const Tensor signal = Tensor::of<float>({1, 6, 1}, {0, 1, 2, 3, 4, 5});
  const Tensor step = Tensor::scalar<int64_t>(2), length = Tensor::scalar<int64_t>(4);
  expectNear(run("STFT", "ab-c", {signal, step, length}), {1, 2, 3, 2}, {6, 0, -2, 2, -2, 0, 14, 0, -2, 2, -2, 0});
  const Tensor window = Tensor::of<float>({4}, {1, 0, 0, 0});
  expectNear(run("STFT", "abc", {signal, step, window}, integerAttribute("onesided", 0)), {1, 2, 4, 2},
             {0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 2, 0, 2, 0});
  EXPECT_TRUE(failsWith(run("STFT", "ab-c", {signal, Tensor::scalar<int64_t>(0), length}), "KILN-G0502", "step 0"));
  EXPECT_TRUE(failsWith(run("STFT", "ab-c", {signal, Tensor::scalar<int64_t>(int64_t{1} << 60), length}), "KILN-G0502",
                        "step 1152921504606846976"));
  EXPECT_TRUE(failsWith(run("STFT", "ab-c", {Tensor(f32, {6}), step, length}), "KILN-G0502", "rank 1"));
}

TEST(WindowNodes, are_periodic_or_symmetric) {
  const Tensor size = Tensor::scalar<int32_t>(4);
  expectNear(run("HannWindow", "a", {size}), {4}, {0, 0.5, 1, 0.5});
  expectNear(run("HannWindow", "a", {size}, integerAttribute("periodic", 0)), {4}, {0, 0.75, 0.75, 0});
  expectNear(run("HammingWindow", "a", {size}), {4}, {4.0 / 46, 25.0 / 46, 1, 25.0 / 46});
  expectNear(run("BlackmanWindow", "a", {size}), {4}, {0, 0.34, 1, 0.34});
}

TEST(WindowNodes, have_any_type_and_size) {
  const StatusOr<Tensor> found =
      run("HannWindow", "a", {Tensor::scalar<int64_t>(0)}, integerAttribute("output_datatype", TensorProto::DOUBLE));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->identicalTo(Tensor(f64, {0})));
  EXPECT_TRUE(failsWith(run("HannWindow", "a", {Tensor::scalar<int64_t>(int64_t{1} << 62)}), "KILN-G0507",
                        "4611686018427387904 weights"));
  EXPECT_TRUE(failsWith(run("HannWindow", "a", {Tensor::scalar<int64_t>(-1)}), "KILN-G0502", "the size of a window"));
  EXPECT_TRUE(failsWith(
      run("HannWindow", "a", {Tensor::scalar<int64_t>(3)}, integerAttribute("output_datatype", TensorProto::INT4)),
      "KILN-G0501", "output_datatype int4"));
}

TEST(MelWeightMatrixNode, sums_up_bins_in_bands) {
  const auto mel = [](int32_t bands, int32_t length) {
    return run("MelWeightMatrix", "abcde",
               {Tensor::scalar<int32_t>(bands), Tensor::scalar<int32_t>(length), Tensor::scalar<int32_t>(8192),
                Tensor::scalar(0.0F), Tensor::scalar(4096.0F)});
  };
  expectNear(mel(8, 16), {9, 8}, {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1});
  EXPECT_TRUE(failsWith(mel(1 << 20, 1 << 20), "KILN-G0507", "more than the limit of 16777216"));
  EXPECT_TRUE(failsWith(mel(-1, 16), "KILN-G0502", "positive"));
}

}  // namespace
}  // namespace kiln::onnx
