// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <limits>
#include <numeric>

#include "graph/io/onnx/test_nodes.h"

namespace kiln::onnx::testing {
namespace {

const Tensor kLeftOut;

Tensor counted(std::vector<int64_t> dims) {
  Tensor tensor(f32, std::move(dims));
  std::iota(tensor.mutableData<float>(), tensor.mutableData<float>() + tensor.numElements(), 0.0f);
  return tensor;
}

TEST(OnnxMovement, reshape_infers_keeps_and_empties_lengths) {
  const Tensor x = counted({2, 3, 4});
  EXPECT_TRUE(gives({"Reshape"}, {x, longs({2}, {0, -1})}, counted({2, 12})));
  EXPECT_TRUE(gives({"Reshape"}, {x, longs({1}, {-1})}, counted({24})));
  EXPECT_TRUE(
      gives({"Reshape", integerAttribute("allowzero", 1)}, {counted({0, 3}), longs({2}, {3, 0})}, counted({3, 0})));
  EXPECT_TRUE(gives({"Reshape"}, {counted({1}), longs({0}, {})}, counted({})));
  EXPECT_FALSE(TestNode{"Reshape"}.run({x, longs({2}, {5, -1})}).ok());
  EXPECT_FALSE(TestNode{"Reshape"}.run({x, longs({2}, {-1, -1})}).ok());
  EXPECT_FALSE(TestNode{"Reshape"}.run({x, longs({4}, {2, 3, 4, 0})}).ok());
}

TEST(OnnxMovement, reshape_of_old_operator_sets_has_an_attribute) {
  EXPECT_TRUE(gives({"Reshape", integersAttribute("shape", {3, 2}), 1}, {counted({2, 3})}, counted({3, 2})));
}

TEST(OnnxMovement, axes_of_length_1_come_and_go) {
  EXPECT_TRUE(gives({"Squeeze"}, {counted({1, 3, 1}), longs({1}, {-1})}, counted({1, 3})));
  EXPECT_TRUE(gives({"Squeeze"}, {counted({1, 3, 1})}, counted({3})));
  EXPECT_TRUE(gives({"Squeeze", integersAttribute("axes", {0}), 11}, {counted({1, 3})}, counted({3})));
  EXPECT_TRUE(gives({"Unsqueeze"}, {counted({3}), longs({2}, {0, -1})}, counted({1, 3, 1})));
  EXPECT_FALSE(TestNode{"Squeeze"}.run({counted({2, 3}), longs({1}, {0})}).ok());
  EXPECT_FALSE(TestNode{"Unsqueeze"}.run({counted({3}), longs({2}, {0, 0})}).ok());
  EXPECT_TRUE(gives({"Flatten", integerAttribute("axis", -1)}, {counted({2, 3, 4})}, counted({6, 4})));
  EXPECT_TRUE(gives({"Flatten", integerAttribute("axis", 0)}, {counted({2, 3})}, counted({1, 6})));
}

TEST(OnnxMovement, shapes_are_values) {
  EXPECT_TRUE(gives({"Shape"}, {counted({2, 3, 4})}, longs({3}, {2, 3, 4})));
  EXPECT_TRUE(gives({"Shape", integerAttribute("start", -2) + integerAttribute("end", 9)}, {counted({2, 3, 4})},
                    longs({2}, {3, 4})));
  EXPECT_TRUE(gives({"Shape", integerAttribute("start", 2) + integerAttribute("end", 1)}, {counted({2, 3, 4})},
                    longs({0}, {})));
  EXPECT_TRUE(gives({"Size"}, {counted({2, 3, 4})}, longs({}, {24})));
}

TEST(OnnxMovement, transpose_reverses_by_default) {
  EXPECT_TRUE(gives({"Transpose"}, {floats({2, 2}, {1, 2, 3, 4})}, floats({2, 2}, {1, 3, 2, 4})));
  EXPECT_TRUE(gives({"Transpose", integersAttribute("perm", {0, 1})}, {counted({2, 2})}, counted({2, 2})));
  EXPECT_FALSE(TestNode({"Transpose", integersAttribute("perm", {0, 0})}).run({counted({2, 2})}).ok());
}

TEST(OnnxMovement, concat_and_split_undo_each_other) {
  EXPECT_TRUE(gives({"Concat", integerAttribute("axis", -1)}, {floats({1, 2}, {1, 2}), floats({1, 1}, {3})},
                    floats({1, 3}, {1, 2, 3})));
  EXPECT_FALSE(TestNode({"Concat", integerAttribute("axis", 0)}).run({counted({1, 2}), counted({1, 3})}).ok());
  EXPECT_TRUE(
      gives({"Split", integerAttribute("num_outputs", 2)}, {counted({3})}, {floats({2}, {0, 1}), floats({1}, {2})}));
  EXPECT_TRUE(gives({"Split", ""}, {counted({3}), longs({2}, {0, 3})}, {floats({0}, {}), counted({3})}));
  EXPECT_TRUE(gives({"Split", "", 2}, {counted({4})}, {floats({2}, {0, 1}), floats({2}, {2, 3})}));
  TestNode wrong{"Split"};
  wrong.numOutputs = 2;
  EXPECT_FALSE(wrong.run({counted({3}), longs({2}, {1, 1})}).ok());
}

TEST(OnnxMovement, slices_are_limited_to_the_axis) {
  const Tensor x = counted({5});
  const auto slice = [&](int64_t start, int64_t end, int64_t step, const std::vector<float>& wanted) {
    EXPECT_TRUE(gives({"Slice"}, {x, longs({1}, {start}), longs({1}, {end}), longs({1}, {0}), longs({1}, {step})},
                      floats({static_cast<int64_t>(wanted.size())}, wanted)))
        << start << ":" << end << ":" << step;
  };
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();
  slice(1, 3, 1, {1, 2});
  slice(-2, kMax, 1, {3, 4});
  slice(-100, 100, 2, {0, 2, 4});
  slice(4, 2, 1, {});
  slice(kMax, kMin, -1, {4, 3, 2, 1, 0});
  slice(-1, kMin, -2, {4, 2, 0});
  slice(3, 0, -1, {3, 2, 1});
  slice(3, -6, -2, {3, 1});
  slice(1, 3, -1, {});
  slice(9, 9, 1, {});
  EXPECT_TRUE(gives({"Slice", integersAttribute("starts", {1}) + integersAttribute("ends", {-1}), 1}, {x},
                    floats({3}, {1, 2, 3})));
  EXPECT_FALSE(TestNode{"Slice"}.run({x, longs({1}, {0}), longs({1}, {2}), longs({1}, {0}), longs({1}, {0})}).ok());
}

TEST(OnnxMovement, pads_of_all_modes) {
  const Tensor x = floats({3}, {1, 2, 3});
  const auto pad = [&](const std::string& mode, int64_t low, int64_t high, const std::vector<float>& wanted) {
    EXPECT_TRUE(gives({"Pad", textAttribute("mode", mode)}, {x, longs({2}, {low, high})},
                      floats({static_cast<int64_t>(wanted.size())}, wanted)))
        << mode;
  };
  pad("constant", 1, 2, {0, 1, 2, 3, 0, 0});
  pad("constant", -1, 1, {2, 3, 0});
  pad("reflect", 2, 1, {3, 2, 1, 2, 3, 2});
  pad("reflect", 4, 0, {1, 2, 3, 2, 1, 2, 3});
  pad("edge", 1, 2, {1, 1, 2, 3, 3, 3});
  pad("wrap", 4, 1, {3, 1, 2, 3, 1, 2, 3, 1});
  pad("edge", -1, 1, {2, 3, 3});
  EXPECT_TRUE(gives({"Pad"}, {counted({1, 2}), longs({2}, {1, 0}), floats({}, {9}), longs({1}, {-1})},
                    floats({1, 3}, {9, 0, 1})));
  EXPECT_TRUE(gives({"Pad", integersAttribute("pads", {0, 1}) + numberAttribute("value", 7), 2}, {x},
                    floats({4}, {1, 2, 3, 7})));
  EXPECT_FALSE(TestNode({"Pad", textAttribute("mode", "mirror")}).run({x, longs({2}, {1, 1})}).ok());
  EXPECT_FALSE(TestNode{"Pad"}.run({x, longs({2}, {-2, -2})}).ok());
}

TEST(OnnxMovement, repeats) {
  EXPECT_TRUE(gives({"Tile"}, {floats({1, 2}, {1, 2}), longs({2}, {2, 2})}, floats({2, 4}, {1, 2, 1, 2, 1, 2, 1, 2})));
  EXPECT_TRUE(gives({"Tile"}, {floats({2}, {1, 2}), longs({1}, {0})}, floats({0}, {})));
  EXPECT_TRUE(gives({"Expand"}, {floats({2, 1}, {1, 2}), longs({3}, {1, 1, 2})}, floats({1, 2, 2}, {1, 1, 2, 2})));
  EXPECT_TRUE(gives({"Expand"}, {counted({3}), longs({1}, {1})}, counted({3})));
  EXPECT_FALSE(TestNode{"Expand"}.run({counted({3}), longs({1}, {2})}).ok());
}

TEST(OnnxMovement, ranges) {
  EXPECT_TRUE(gives({"Range"}, {longs({}, {10}), longs({}, {4}), longs({}, {-4})}, longs({2}, {10, 6})));
  EXPECT_TRUE(gives({"Range"}, {longs({}, {3}), longs({}, {3}), longs({}, {1})}, longs({0}, {})));
  EXPECT_TRUE(
      gives({"Range"}, {floats({}, {1}), floats({}, {2}), floats({}, {0.3f})}, floats({4}, {1, 1.3f, 1.6f, 1.9f})));
}

TEST(OnnxMovement, constants_of_all_forms) {
  EXPECT_TRUE(gives({"Constant", numberAttribute("value_float", 2.5)}, {}, floats({}, {2.5f})));
  EXPECT_TRUE(gives({"Constant", integerAttribute("value_int", -3)}, {}, longs({}, {-3})));
  EXPECT_TRUE(gives({"Constant", integersAttribute("value_ints", {1, 2})}, {}, longs({2}, {1, 2})));
  EXPECT_TRUE(gives({"Constant", " attribute { name: 'value_floats' type: FLOATS floats: 1 floats: 2 }"}, {},
                    floats({2}, {1, 2})));
  EXPECT_TRUE(gives({"Constant",
                     " attribute { name: 'value' type: TENSOR t { dims: 2 data_type: 1 float_data: 3 "
                     "float_data: 4 } }"},
                    {}, floats({2}, {3, 4})));
  EXPECT_TRUE(gives({"Constant",
                     " attribute { name: 'sparse_value' type: SPARSE_TENSOR sparse_tensor { dims: 2 dims: 2 "
                     "values { dims: 1 data_type: 1 float_data: 5 } "
                     "indices { dims: 1 dims: 2 data_type: 7 int64_data: 1 int64_data: 0 } } }"},
                    {}, floats({2, 2}, {0, 0, 5, 0})));
  EXPECT_FALSE(TestNode({"Constant", textAttribute("value_string", "no")}).run({}).ok());
  EXPECT_TRUE(
      gives({"ConstantOfShape", " attribute { name: 'value' type: TENSOR t { dims: 1 data_type: 7 int64_data: 6 } }"},
            {longs({2}, {1, 2})}, longs({1, 2}, {6, 6})));
  EXPECT_TRUE(gives({"ConstantOfShape"}, {longs({0}, {})}, floats({}, {0})));
  EXPECT_FALSE(TestNode{"ConstantOfShape"}.run({longs({1}, {-2})}).ok());
}

TEST(OnnxMovement, diagonals_and_triangles) {
  EXPECT_TRUE(gives({"EyeLike", integerAttribute("k", 1) + integerAttribute("dtype", 7)}, {counted({2, 3})},
                    longs({2, 3}, {0, 1, 0, 0, 0, 1})));
  const Tensor x = floats({2, 2}, {1, 2, 3, 4});
  EXPECT_TRUE(gives({"Trilu"}, {x}, floats({2, 2}, {1, 2, 0, 4})));
  EXPECT_TRUE(gives({"Trilu", integerAttribute("upper", 0)}, {x, longs({}, {-1})}, floats({2, 2}, {0, 0, 3, 0})));
}

TEST(OnnxMovement, blocks) {
  EXPECT_TRUE(gives({"DepthToSpace", integerAttribute("blocksize", 2)}, {counted({1, 8, 1, 1})},
                    floats({1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7})));
  EXPECT_TRUE(gives({"DepthToSpace", integerAttribute("blocksize", 2) + textAttribute("mode", "CRD")},
                    {counted({1, 8, 1, 1})}, counted({1, 2, 2, 2})));
  EXPECT_TRUE(
      gives({"SpaceToDepth", integerAttribute("blocksize", 2)}, {counted({1, 1, 2, 2})}, counted({1, 4, 1, 1})));
  EXPECT_FALSE(TestNode({"SpaceToDepth", integerAttribute("blocksize", 2)}).run({counted({1, 1, 3, 2})}).ok());
}

TEST(OnnxMovement, center_crop_pad_rounds_to_the_left) {
  EXPECT_TRUE(gives({"CenterCropPad"}, {counted({4}), longs({1}, {1})}, floats({1}, {1})));
  EXPECT_TRUE(gives({"CenterCropPad", integersAttribute("axes", {-1})}, {floats({1, 2}, {1, 2}), longs({1}, {5})},
                    floats({1, 5}, {0, 1, 2, 0, 0})));
}

TEST(OnnxMovement, sequences_are_reversed_by_their_lengths) {
  EXPECT_TRUE(gives({"ReverseSequence", integerAttribute("batch_axis", 0) + integerAttribute("time_axis", 1)},
                    {counted({2, 3}), longs({2}, {3, 2})}, floats({2, 3}, {2, 1, 0, 4, 3, 5})));
}

TEST(OnnxMovement, narrow_types_keep_their_name) {
  const Tensor codes = Tensor::of<uint8_t>({2}, {0x38, 0x40});
  ModelProto model = nodeModel("op_type: 'Reshape' input: 'a' input: 'b' output: 'y'", {codes, longs({2}, {1, 2})}, 27,
                               {{"a", TensorProto::FLOAT8E4M3FN}});
  const auto found = runModel(model, {codes, longs({2}, {1, 2})});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(holds((*found)[0], Tensor::of<uint8_t>({1, 2}, {0x38, 0x40})));
}

}  // namespace
}  // namespace kiln::onnx::testing
