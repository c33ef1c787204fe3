// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolutions, pools, normalisations, and images of another size.
#include <cmath>

#include "gmock/gmock.h"
#include "graph/io/onnx/test_models.h"
#include "gtest/gtest.h"

namespace kiln::onnx {
namespace {

using testing::runModel;
using testing::runNode;

Tensor floats(std::vector<int64_t> dims, const std::vector<float>& values) { return Tensor::of<float>(dims, values); }
Tensor counted(std::vector<int64_t> dims) {
  Tensor tensor(f32, std::move(dims));
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, static_cast<double>(i + 1));
  }
  return tensor;
}

void expectOutput(const StatusOr<std::vector<Tensor>>& got, size_t output, const Tensor& want,
                  double tolerance = 1e-5) {
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_GT(got->size(), output);
  const Tensor& tensor = (*got)[output];
  ASSERT_EQ(tensor.dims(), want.dims());
  ASSERT_EQ(tensor.dtype(), want.dtype());
  for (int64_t i = 0; i < want.numElements(); ++i) {
    const bool isSame = tensor.at(i) == want.at(i);
    EXPECT_TRUE(isSame || std::abs(tensor.at(i) - want.at(i)) <= tolerance)
        << want.at(i) << " wanted as " << "element " << i << " of " << tensor.toString();
  }
}

void expectFails(const StatusOr<std::vector<Tensor>>& got, const char* id, const char* text) {
  ASSERT_FALSE(got.ok());
  EXPECT_THAT(std::string(got.status().message()),
              ::testing::AllOf(::testing::HasSubstr(id), ::testing::HasSubstr(text)));
}

std::string ints(const char* name, const std::vector<int64_t>& values) {
  std::string text = std::string(" attribute { name: '") + name + "' type: INTS";
  for (int64_t value : values) {
    text += " ints: " + std::to_string(value);
  }
  return text + " }";
}
std::string integer(const char* name, int64_t value) {
  return std::string(" attribute { name: '") + name + "' type: INT i: " + std::to_string(value) + " }";
}
std::string text(const char* name, const char* value) {
  return std::string(" attribute { name: '") + name + "' type: STRING s: '" + value + "' }";
}
std::string number(const char* name, double value) {
  return std::string(" attribute { name: '") + name + "' type: FLOAT f: " + std::to_string(value) + " }";
}

std::string conv(const std::string& attributes, const char* op = "Conv") {
  return std::string("op_type: '") + op + "' input: 'a' input: 'b' output: 'y'" + attributes;
}

// --- convolution
// ------------------------------------------------------------------------------------------------------

TEST(OnnxConv, strides_padding_and_bias) {
  const std::vector<Tensor> inputs = {counted({1, 1, 4}), floats({1, 1, 2}, {1, 10}), floats({1}, {0.5})};
  expectOutput(runNode("op_type: 'Conv' input: 'a' input: 'b' input: 'c' output: 'y'" + ints("strides", {2}) +
                           ints("pads", {1, 1}),
                       inputs),
               0, floats({1, 1, 3}, {10.5, 32.5, 4.5}));
}

TEST(OnnxConv, auto_padding_is_found_from_lengths) {
  const std::vector<Tensor> inputs = {counted({1, 1, 4}), floats({1, 1, 2}, {1, 10})};
  expectOutput(runNode(conv(text("auto_pad", "SAME_UPPER")), inputs), 0, floats({1, 1, 4}, {21, 32, 43, 4}));
  expectOutput(runNode(conv(text("auto_pad", "SAME_LOWER")), inputs), 0, floats({1, 1, 4}, {10, 21, 32, 43}));
  expectOutput(runNode(conv(text("auto_pad", "VALID")), inputs), 0, floats({1, 1, 3}, {21, 32, 43}));
}

TEST(OnnxConv, what_contradicts_is_named) {
  const std::vector<Tensor> inputs = {counted({1, 1, 4}), floats({1, 1, 2}, {1, 10})};
  expectFails(runNode(conv(ints("strides", {1, 2})), inputs), "KILN-G0502", "attribute strides");
  expectFails(runNode(conv(ints("kernel_shape", {3})), inputs), "KILN-G0502", "kernel_shape");
  expectFails(runNode(conv(text("auto_pad", "MOST")), inputs), "KILN-G0502", "auto_pad is 'MOST'");
  expectFails(runNode(conv(""), {counted({1, 1, 1, 1, 1, 1}), counted({1, 1, 1, 1, 1, 1})}), "KILN-G0501",
              "4 spatial axes");
}

TEST(OnnxConvTranspose, output_shape_decides_padding) {
  const std::vector<Tensor> inputs = {counted({1, 1, 2}), floats({1, 1, 3}, {1, 10, 100})};
  expectOutput(runNode(conv(ints("strides", {2}), "ConvTranspose"), inputs), 0,
               floats({1, 1, 5}, {1, 10, 102, 20, 200}));
  expectOutput(runNode(conv(ints("strides", {2}) + ints("output_shape", {4}), "ConvTranspose"), inputs), 0,
               floats({1, 1, 4}, {10, 102, 20, 200}));
  expectOutput(runNode(conv(ints("strides", {2}) + ints("output_shape", {6}), "ConvTranspose"), inputs), 0,
               floats({1, 1, 6}, {1, 10, 102, 20, 200, 0}));
  expectOutput(runNode(conv(ints("strides", {2}) + text("auto_pad", "SAME_UPPER"), "ConvTranspose"), inputs), 0,
               floats({1, 1, 4}, {1, 10, 102, 20}));
  expectOutput(runNode(conv(ints("strides", {2}) + ints("output_padding", {1}), "ConvTranspose"), inputs), 0,
               floats({1, 1, 6}, {1, 10, 102, 20, 200, 0}));
}

// --- pools
// ------------------------------------------------------------------------------------------------------------

std::string pool(const char* op, const std::string& attributes, const char* outputs = "output: 'y'") {
  return std::string("op_type: '") + op + "' input: 'a' " + outputs + attributes;
}

TEST(OnnxMaxPool, indices_count_from_the_tensor_s_start) {
  const std::string kernel = ints("kernel_shape", {2, 2}) + ints("strides", {2, 2});
  const char* both = "output: 'y' output: 'z'";
  const std::vector<Tensor> inputs = {counted({2, 1, 2, 4})};
  expectOutput(runNode(pool("MaxPool", kernel, both), inputs), 0, floats({2, 1, 1, 2}, {6, 8, 14, 16}));
  expectOutput(runNode(pool("MaxPool", kernel, both), inputs), 1, Tensor::of<int64_t>({2, 1, 1, 2}, {5, 7, 13, 15}));
  // Columns first, within an image.
  expectOutput(runNode(pool("MaxPool", kernel + integer("storage_order", 1), both), inputs), 1,
               Tensor::of<int64_t>({2, 1, 1, 2}, {3, 7, 11, 15}));
}

TEST(OnnxMaxPool, padding_may_be_wider_than_half_of_the_window) {
  const std::string attributes = ints("kernel_shape", {2}) + ints("pads", {0, 2});
  expectOutput(runNode(pool("MaxPool", attributes), {floats({1, 1, 2}, {-3, -2})}), 0,
               floats({1, 1, 3}, {-2, -2, -INFINITY}));
  const std::string wide = ints("kernel_shape", {2, 2}) + ints("pads", {0, 2, 0, 0}) + ints("strides", {1, 2});
  expectOutput(runNode(pool("MaxPool", wide, "output: 'y' output: 'z'"), {counted({2, 1, 2, 3})}), 1,
               Tensor::of<int64_t>({2, 1, 1, 2}, {0, 4, 6, 10}));
}

TEST(OnnxMaxPool, bytes) {
  expectOutput(runNode(pool("MaxPool", ints("kernel_shape", {2})), {Tensor::of<uint8_t>({1, 1, 3}, {7, 200, 3})}), 0,
               Tensor::of<uint8_t>({1, 1, 2}, {200, 200}));
}

TEST(OnnxAveragePool, what_counts) {
  const std::string attributes = ints("kernel_shape", {2}) + ints("pads", {1, 0});
  const std::vector<Tensor> inputs = {floats({1, 1, 2}, {4, 8})};
  expectOutput(runNode(pool("AveragePool", attributes), inputs), 0, floats({1, 1, 2}, {4, 6}));
  expectOutput(runNode(pool("AveragePool", attributes + integer("count_include_pad", 1)), inputs), 0,
               floats({1, 1, 2}, {2, 6}));
  expectOutput(runNode(pool("AveragePool", ints("kernel_shape", {2}) + ints("strides", {2}) + integer("ceil_mode", 1)),
                       {counted({1, 1, 3})}),
               0, floats({1, 1, 2}, {1.5, 3}));
}

TEST(OnnxPools, norms_and_global_ones) {
  const std::vector<Tensor> inputs = {floats({1, 1, 3}, {3, -4, 0})};
  expectOutput(runNode(pool("LpPool", ints("kernel_shape", {2})), inputs), 0, floats({1, 1, 2}, {5, 4}));
  expectOutput(runNode(pool("GlobalLpPool", integer("p", 1)), inputs), 0, floats({1, 1, 1}, {7}));
  expectOutput(runNode(pool("GlobalLpPool", integer("p", 3)), inputs), 0, floats({1, 1, 1}, {std::cbrt(91.0f)}));
  expectOutput(runNode(pool("GlobalAveragePool", ""), {counted({1, 2, 2, 2})}), 0, floats({1, 2, 1, 1}, {2.5, 6.5}));
  expectOutput(runNode(pool("GlobalMaxPool", ""), {counted({1, 2, 2, 2})}), 0, floats({1, 2, 1, 1}, {4, 8}));
  expectFails(runNode(pool("GlobalMaxPool", ""), {counted({1, 2})}), "KILN-G0502", "no spatial axis");
}

TEST(OnnxMaxUnpool, a_larger_result_is_padded) {
  const std::string node =
      "op_type: 'MaxUnpool' input: 'a' input: 'b' output: 'y'" + ints("kernel_shape", {2}) + ints("strides", {2});
  const std::vector<Tensor> inputs = {floats({1, 1, 2}, {5, 7}), Tensor::of<int64_t>({1, 1, 2}, {1, 2})};
  expectOutput(runNode(node, inputs), 0, floats({1, 1, 4}, {0, 5, 7, 0}));
  std::vector<Tensor> more = inputs;
  more.push_back(Tensor::of<int64_t>({3}, {1, 1, 6}));
  const std::string withShape = "op_type: 'MaxUnpool' input: 'a' input: 'b' input: 'c' output: 'y'" +
                                ints("kernel_shape", {2}) + ints("strides", {2});
  expectOutput(runNode(withShape, more), 0, floats({1, 1, 6}, {0, 5, 7, 0, 0, 0}));
  more[2] = Tensor::of<int64_t>({3}, {1, 1, 3});
  expectFails(runNode(withShape, more), "KILN-G0502", "smaller than the result");
}

TEST(OnnxCol2Im, lengths_are_inputs) {
  expectOutput(runNode("op_type: 'Col2Im' input: 'a' input: 'b' input: 'c' output: 'y'",
                       {floats({1, 2, 2}, {1, 2, 3, 4}), Tensor::of<int64_t>({1}, {3}), Tensor::of<int64_t>({1}, {2})}),
               0, floats({1, 1, 3}, {1, 5, 4}));
}

// --- images
// -----------------------------------------------------------------------------------------------------------

std::string resize(const std::string& attributes, const char* inputs = "input: 'a' input: '' input: 'b'") {
  return std::string("op_type: 'Resize' ") + inputs + " output: 'y'" + attributes;
}

TEST(OnnxResize, scales_and_sizes) {
  const Tensor x = floats({1, 1, 2}, {1, 3});
  expectOutput(runNode(resize(""), {x, floats({3}, {1, 1, 2})}), 0, floats({1, 1, 4}, {1, 1, 3, 3}));
  expectOutput(runNode(resize(text("mode", "linear"), "input: 'a' input: '' input: '' input: 'b'"),
                       {x, Tensor::of<int64_t>({3}, {1, 1, 4})}),
               0, floats({1, 1, 4}, {1, 1.5, 2.5, 3}));
  expectOutput(runNode(resize(text("mode", "linear") + ints("axes", {-1}), "input: 'a' input: '' input: '' input: 'b'"),
                       {x, Tensor::of<int64_t>({1}, {4})}),
               0, floats({1, 1, 4}, {1, 1.5, 2.5, 3}));
}

TEST(OnnxResize, ratios_are_kept_within_the_lengths_asked_for) {
  const std::string sizes = "input: 'a' input: '' input: '' input: 'b'";
  const std::vector<Tensor> inputs = {counted({2, 4}), Tensor::of<int64_t>({2}, {6, 8})};
  const auto within = runNode(resize(text("keep_aspect_ratio_policy", "not_larger"), sizes.c_str()), inputs);
  ASSERT_TRUE(within.ok()) << within.status();
  EXPECT_EQ((*within)[0].dims(), (std::vector<int64_t>{4, 8}));
  const auto around = runNode(resize(text("keep_aspect_ratio_policy", "not_smaller"), sizes.c_str()), inputs);
  ASSERT_TRUE(around.ok()) << around.status();
  EXPECT_EQ((*around)[0].dims(), (std::vector<int64_t>{6, 12}));
}

TEST(OnnxResize, what_is_missing_or_unknown_is_named) {
  const std::vector<Tensor> inputs = {counted({1, 1, 2}), floats({3}, {1, 1, 2})};
  expectFails(runNode(resize(text("mode", "lanczos")), inputs), "KILN-G0501", "mode 'lanczos'");
  expectFails(runNode(resize("", "input: 'a'"), {inputs[0]}), "KILN-G0502", "scales and sizes");
  expectFails(runNode(resize(""), {inputs[0], floats({2}, {1, 2})}), "KILN-G0502", "scales has 2 entries");
  expectFails(runNode(resize(""), {inputs[0], floats({3}, {1, 1, -2})}), "KILN-G0502", "no positive number");
  expectFails(runNode(resize(text("coordinate_transformation_mode", "tf_crop_and_resize")), inputs), "KILN-G0502",
              "roi");
}

TEST(OnnxGridSample, integers_are_weighed_as_floats) {
  const Tensor x = Tensor::of<int32_t>({1, 1, 2, 2}, {1, 2, 3, 8});
  const Tensor grid = floats({1, 1, 2, 2}, {0, 0, 1, 1});
  expectOutput(
      runNode("op_type: 'GridSample' input: 'a' input: 'b' output: 'y'" + integer("align_corners", 1), {x, grid}), 0,
      Tensor::of<int32_t>({1, 1, 1, 2}, {3, 8}));
}

TEST(OnnxAffineGrid, size_is_an_input) {
  expectOutput(runNode("op_type: 'AffineGrid' input: 'a' input: 'b' output: 'y'" + integer("align_corners", 1),
                       {floats({1, 2, 3}, {2, 0, 1, 0, 1, 0}), Tensor::of<int64_t>({4}, {1, 1, 1, 2})}),
               0, floats({1, 1, 2, 2}, {-1, 0, 3, 0}));
}

TEST(OnnxMaxRoiPool, pools_regions) {
  expectOutput(runNode("op_type: 'MaxRoiPool' input: 'a' input: 'b' output: 'y'" + ints("pooled_shape", {1, 2}),
                       {counted({1, 1, 2, 4}), floats({1, 5}, {0, 0, 0, 3, 1})}),
               0, floats({1, 1, 1, 2}, {6, 8}));
}

// --- normalisation
// ----------------------------------------------------------------------------------------------------

TEST(OnnxBatchNormalization, inference_and_training) {
  const std::vector<Tensor> inputs = {floats({2, 1, 2}, {1, 3, 5, 7}), floats({1}, {2}), floats({1}, {1}),
                                      floats({1}, {3}), floats({1}, {4})};
  const std::string node =
      "op_type: 'BatchNormalization' input: 'a' input: 'b' input: 'c' input: 'd' input: 'e' "
      "output: 'y'";
  expectOutput(runNode(node + number("epsilon", 0), inputs), 0, floats({2, 1, 2}, {-1, 1, 3, 5}));
  const auto trained = runNode(
      node + " output: 'z' output: 'w'" + number("epsilon", 0) + integer("training_mode", 1) + number("momentum", 0.75),
      inputs);
  const float s = 1 / std::sqrt(5.0f);
  expectOutput(trained, 0, floats({2, 1, 2}, {1 - 6 * s, 1 - 2 * s, 1 + 2 * s, 1 + 6 * s}));
  expectOutput(trained, 1, floats({1}, {3.25}));
  expectOutput(trained, 2, floats({1}, {4.25}));
}

TEST(OnnxBatchNormalization, channels_fit) {
  std::vector<Tensor> inputs = {counted({2, 3}), floats({2}, {1, 1}), counted({3}), counted({3}), counted({3})};
  expectFails(
      runNode("op_type: 'BatchNormalization' input: 'a' input: 'b' input: 'c' input: 'd' input: 'e' output: 'y'",
              inputs),
      "KILN-G0502", "input 1 is [2]");
}

TEST(OnnxLayerNormalization, statistics_are_results_too) {
  const auto y = runNode(
      "op_type: 'LayerNormalization' input: 'a' input: 'b' output: 'y' output: 'z' output: 'w'" + number("epsilon", 0),
      {floats({1, 2}, {1, 5}), floats({2}, {1, 10})});
  expectOutput(y, 0, floats({1, 2}, {-1, 10}));
  expectOutput(y, 1, floats({1, 1}, {3}));
  expectOutput(y, 2, floats({1, 1}, {0.5}));
}

TEST(OnnxGroupNormalization, scales_of_channels_or_groups) {
  const std::string node = "op_type: 'GroupNormalization' input: 'a' input: 'b' input: 'c' output: 'y'" +
                           integer("num_groups", 2) + number("epsilon", 0);
  const Tensor x = floats({1, 4}, {1, 3, 10, 30});
  expectOutput(runNode(node, {x, floats({4}, {1, 2, 3, 4}), floats({4}, {0, 0, 0, 1})}), 0,
               floats({1, 4}, {-1, 2, -3, 5}));
  expectOutput(runNode(node, {x, floats({2}, {1, 2}), floats({2}, {0, 1})}, 18), 0, floats({1, 4}, {-1, 1, -1, 3}));
}

TEST(OnnxNormalizations, by_norms_means_and_neighbours) {
  expectOutput(runNode(pool("LpNormalization", ""), {floats({2, 2}, {3, 4, 0, 0})}), 0,
               floats({2, 2}, {0.6f, 0.8f, 0, 0}));
  expectOutput(runNode(pool("LpNormalization", integer("p", 1)), {floats({1, 2}, {3, -1})}), 0,
               floats({1, 2}, {0.75f, -0.25f}));
  expectFails(runNode(pool("LpNormalization", integer("p", 3)), {counted({2})}), "KILN-G0502", "attribute p is 3");
  expectOutput(runNode(pool("MeanVarianceNormalization", ""), {floats({1, 1, 1, 2}, {1, 5})}), 0,
               floats({1, 1, 1, 2}, {-1, 1}));
  // Windows of 2 channels: the channel itself and the next one.
  expectOutput(runNode(pool("LRN", integer("size", 2) + number("alpha", 2) + number("beta", 1)),
                       {floats({1, 3, 1, 1}, {1, 2, 3})}),
               0, floats({1, 3, 1, 1}, {1 / 6.0f, 2 / 14.0f, 3 / 10.0f}));
  expectOutput(runNode("op_type: 'RMSNormalization' input: 'a' input: 'b' output: 'y'" + number("epsilon", 0),
                       {floats({1, 2}, {1, 7}), floats({1}, {5})}),
               0, floats({1, 2}, {1, 7}));
  expectOutput(
      runNode("op_type: 'InstanceNormalization' input: 'a' input: 'b' input: 'c' output: 'y'" + number("epsilon", 0),
              {floats({1, 1, 2}, {1, 5}), floats({1}, {3}), floats({1}, {1})}),
      0, floats({1, 1, 2}, {-2, 4}));
}

}  // namespace
}  // namespace kiln::onnx
