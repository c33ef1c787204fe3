// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/upgrade.h"

#include <map>

#include "graph/io/onnx/test_nodes.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx::testing {
namespace {

// A node before and after, and the constants that were made for it.
class Upgraded {
 public:
  Upgraded(const std::string& text, int64_t opset) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &node)) << text;
    status = upgradeNode(node, opset, "'n'", [this](Tensor value) {
      const std::string name = "constant" + std::to_string(constants.size());
      constants.emplace(name, std::move(value));
      return name;
    });
  }

  NodeProto node;
  Status status;
  std::map<std::string, Tensor> constants;

  const AttributeProto* find(const std::string& name) const {
    for (const AttributeProto& attribute : node.attribute()) {
      if (attribute.name() == name) {
        return &attribute;
      }
    }
    return nullptr;
  }
  // -1: there is none.
  int64_t integer(const std::string& name) const { return find(name) == nullptr ? -1 : find(name)->i(); }
  std::string text(const std::string& name) const { return find(name) == nullptr ? "" : find(name)->s(); }
  // The inputs, with constants as text.
  std::string inputs() const {
    std::string joined;
    for (const std::string& input : node.input()) {
      auto found = constants.find(input);
      joined += (joined.empty() ? "" : "|") + (found == constants.end() ? input : found->second.toString());
    }
    return joined;
  }
};

TEST(OnnxUpgrade, newest_nodes_stay_as_they_are) {
  const std::string text = "op_type: 'Squeeze' input: 'x' input: 'axes' output: 'y'";
  EXPECT_EQ(Upgraded(text, 27).inputs(), "x|axes");
  const Upgraded other("op_type: 'Squeeze' domain: 'my.ops'" + integersAttribute("axes", {1}), 1);
  EXPECT_NE(other.find("axes"), nullptr);
}

TEST(OnnxUpgrade, consumed_inputs_are_dropped) {
  const Upgraded u("op_type: 'Relu' input: 'x'" + integersAttribute("consumed_inputs", {0}), 1);
  EXPECT_EQ(u.node.attribute_size(), 0);
}

TEST(OnnxUpgrade, axes_become_inputs) {
  EXPECT_EQ(Upgraded("op_type: 'Squeeze' input: 'x'" + integersAttribute("axes", {1}), 11).inputs(), "x|i64[1] [1]");
  EXPECT_EQ(Upgraded("op_type: 'Unsqueeze' input: 'x'" + integersAttribute("axes", {0, 2}), 12).inputs(),
            "x|i64[2] [0, 2]");
  EXPECT_EQ(Upgraded("op_type: 'ReduceSum' input: 'x'", 12).inputs(), "x");
  EXPECT_EQ(Upgraded("op_type: 'ReduceMean' input: 'x'" + integersAttribute("axes", {1}), 17).inputs(), "x|i64[1] [1]");
  EXPECT_EQ(Upgraded("op_type: 'ReduceSum' input: 'x' input: 'axes'", 13).inputs(), "x|axes");
}

TEST(OnnxUpgrade, lengths_and_bounds_become_inputs) {
  EXPECT_EQ(
      Upgraded("op_type: 'Slice' input: 'x'" + integersAttribute("starts", {1}) + integersAttribute("ends", {3}), 9)
          .inputs(),
      "x|i64[1] [1]|i64[1] [3]");
  EXPECT_EQ(Upgraded("op_type: 'Reshape' input: 'x'" + integersAttribute("shape", {2, -1}), 4).inputs(),
            "x|i64[2] [2, -1]");
  EXPECT_EQ(Upgraded("op_type: 'TopK' input: 'x'" + integerAttribute("k", 3), 9).inputs(), "x|i64[1] [3]");
  EXPECT_EQ(
      Upgraded("op_type: 'Pad' input: 'x'" + integersAttribute("paddings", {1, 2}) + numberAttribute("value", 3), 1)
          .inputs(),
      "x|i64[2] [1, 2]|f32[] 3");
  EXPECT_EQ(Upgraded("op_type: 'Clip' input: 'x'" + numberAttribute("max", 2), 1).inputs(), "x||f32[] 2");
  EXPECT_EQ(Upgraded("op_type: 'Clip' input: 'x'" + numberAttribute("min", 2), 6).constants.size(), 2);
  EXPECT_EQ(Upgraded("op_type: 'DFT' input: 'x'", 17).inputs(), "x||i64[] 1");
}

TEST(OnnxUpgrade, parts_of_split_are_counted) {
  const Upgraded equal("op_type: 'Split' input: 'x' output: 'y' output: 'z'", 11);
  EXPECT_EQ(equal.inputs(), "x");
  EXPECT_EQ(equal.integer("num_outputs"), 2);
  const Upgraded given("op_type: 'Split' input: 'x' output: 'y' output: 'z'" + integersAttribute("split", {1, 2}), 11);
  EXPECT_EQ(given.inputs(), "x|i64[2] [1, 2]");
  EXPECT_EQ(given.find("num_outputs"), nullptr);
}

TEST(OnnxUpgrade, axis_of_broadcasting) {
  const std::string axis = integerAttribute("axis", 0);
  const Upgraded u("op_type: 'Add' input: 'x' input: 'y'" + integerAttribute("broadcast", 1) + axis, 6);
  EXPECT_EQ(u.integer("kiln_axis"), 0);
  EXPECT_EQ(u.find("broadcast"), nullptr);
  const Upgraded suffix("op_type: 'Add' input: 'x' input: 'y'" + integerAttribute("broadcast", 1), 6);
  EXPECT_EQ(suffix.node.attribute_size(), 0);
  EXPECT_TRUE(gives({"Sub", integerAttribute("broadcast", 1) + axis, 6},
                    {floats({2, 2}, {1, 2, 3, 4}), floats({2}, {1, 2})}, floats({2, 2}, {0, 1, 1, 2})));
  EXPECT_TRUE(gives({"Pow", integerAttribute("broadcast", 1) + axis, 6}, {floats({2, 1}, {2, 3}), floats({2}, {1, 2})},
                    floats({2, 1}, {2, 9})));
  EXPECT_TRUE(gives({"Gemm", integerAttribute("broadcast", 1), 6},
                    {floats({1, 1}, {2}), floats({1, 2}, {3, 4}), floats({2}, {1, 1})}, floats({1, 2}, {7, 9})));
  EXPECT_TRUE(failsWith(TestNode{"Add", integerAttribute("broadcast", 1) + integerAttribute("axis", 1), 6}.run(
                            {floats({2}, {1, 2}), floats({2}, {1, 2})}),
                        "KILN-G0502", "from axis 1 on"));
}

TEST(OnnxUpgrade, slopes_of_channels) {
  const Tensor x = floats({1, 2, 2}, {-1, 2, -3, -4});
  EXPECT_TRUE(gives({"PRelu", "", 6}, {x, floats({2}, {2, 3})}, floats({1, 2, 2}, {-2, 2, -9, -12})));
  EXPECT_TRUE(gives({"PRelu", "", 6}, {x, floats({1}, {2})}, floats({1, 2, 2}, {-2, 2, -6, -8})));
  EXPECT_TRUE(gives({"PRelu", "", 7}, {x, floats({2}, {2, 3})}, floats({1, 2, 2}, {-2, 2, -6, -12})));
}

TEST(OnnxUpgrade, mode_of_batch_normalization) {
  const std::string inputs = " input: 'x' input: 's' input: 'b' input: 'm' input: 'v' output: 'y'";
  const Upgraded test("op_type: 'BatchNormalization'" + inputs + integerAttribute("is_test", 1), 6);
  EXPECT_EQ(test.integer("training_mode"), 0);
  const Upgraded training("op_type: 'BatchNormalization'" + inputs, 6);
  EXPECT_EQ(training.integer("training_mode"), 1);
  EXPECT_EQ(Upgraded("op_type: 'BatchNormalization'" + inputs, 9).integer("training_mode"), 0);
  const Upgraded five("op_type: 'BatchNormalization'" + inputs + "output: 'a' output: 'b' output: 'c' output: 'd'", 9);
  EXPECT_EQ(five.integer("training_mode"), 1);
  EXPECT_EQ(five.node.output_size(), 3);
  const Upgraded elements("op_type: 'BatchNormalization'" + inputs + integerAttribute("spatial", 0), 7);
  EXPECT_TRUE(failsWith(elements.status, "KILN-G0501", "spatial=0"));
}

TEST(OnnxUpgrade, dropout_has_a_mode) {
  EXPECT_EQ(Upgraded("op_type: 'Dropout' input: 'x'" + integerAttribute("is_test", 1), 6).inputs(), "x");
  EXPECT_EQ(Upgraded("op_type: 'Dropout' input: 'x'" + numberAttribute("ratio", 0.25), 6).inputs(),
            "x|f32[] 0.25|bool[] 1");
  EXPECT_EQ(Upgraded("op_type: 'Dropout' input: 'x'" + numberAttribute("ratio", 0.25), 7).inputs(), "x");
  EXPECT_EQ(Upgraded("op_type: 'Dropout' input: 'x'", 9).integer("kiln_float_mask"), 1);
  EXPECT_EQ(Upgraded("op_type: 'Dropout' input: 'x'", 11).integer("kiln_float_mask"), -1);
}

TEST(OnnxUpgrade, defaults_that_changed) {
  const Upgraded softmax("op_type: 'Softmax' input: 'x'", 12);
  EXPECT_EQ(softmax.integer("axis"), 1);
  EXPECT_EQ(softmax.integer("kiln_flatten"), 1);
  EXPECT_EQ(Upgraded("op_type: 'LogSoftmax' input: 'x'" + integerAttribute("axis", 2), 12).integer("axis"), 2);
  EXPECT_EQ(Upgraded("op_type: 'Hardmax' input: 'x'", 13).find("kiln_flatten"), nullptr);
  EXPECT_EQ(Upgraded("op_type: 'Concat' input: 'x'", 3).integer("axis"), 1);
  EXPECT_FLOAT_EQ(Upgraded("op_type: 'Selu' input: 'x'", 1).find("alpha")->f(), 1.6732F);
  EXPECT_EQ(Upgraded("op_type: 'Selu' input: 'x'", 6).node.attribute_size(), 0);
  EXPECT_EQ(Upgraded("op_type: 'RoiAlign' input: 'x'", 10).text("coordinate_transformation_mode"), "output_half_pixel");
}

TEST(OnnxUpgrade, words_and_types_that_changed) {
  EXPECT_EQ(Upgraded("op_type: 'Cast' input: 'x'" + textAttribute("to", "FLOAT16"), 5).integer("to"),
            TensorProto::FLOAT16);
  EXPECT_TRUE(failsWith(Upgraded("op_type: 'Cast' input: 'x'" + textAttribute("to", "float"), 5).status, "KILN-G0501",
                        "'float'"));
  EXPECT_EQ(Upgraded("op_type: 'LpPool' input: 'x'" + numberAttribute("p", 3), 1).integer("p"), 3);
  EXPECT_TRUE(failsWith(Upgraded("op_type: 'GlobalLpPool' input: 'x'" + numberAttribute("p", 1.5), 1).status,
                        "KILN-G0501", "no whole number"));
  EXPECT_EQ(Upgraded("op_type: 'GridSample' input: 'x'", 16).text("mode"), "linear");
  EXPECT_EQ(Upgraded("op_type: 'GridSample' input: 'x'" + textAttribute("mode", "bicubic"), 16).text("mode"), "cubic");
  EXPECT_EQ(Upgraded("op_type: 'GRU' input: 'x'" + textAttribute("direction", "foward"), 1).text("direction"),
            "forward");
  EXPECT_EQ(Upgraded("op_type: 'LSTM' input: 'x'" + integerAttribute("output_sequence", 1), 6).node.attribute_size(),
            0);
}

TEST(OnnxUpgrade, operators_with_a_new_name) {
  EXPECT_EQ(Upgraded("op_type: 'Scatter' input: 'x' input: 'i' input: 'u'", 9).node.op_type(), "ScatterElements");
  const Upgraded by9("op_type: 'Upsample' input: 'x' input: 's'", 9);
  EXPECT_EQ(by9.node.op_type(), "Resize");
  EXPECT_EQ(by9.inputs(), "x||s");
  EXPECT_EQ(by9.text("coordinate_transformation_mode"), "asymmetric");
  EXPECT_EQ(by9.text("nearest_mode"), "floor");
  const Upgraded by7("op_type: 'Upsample' input: 'x' attribute { name: 'scales' type: FLOATS floats: 1 floats: 2 }", 7);
  EXPECT_EQ(by7.inputs(), "x||f32[2] [1, 2]");
  const Upgraded by1("op_type: 'Upsample' input: 'x'" + numberAttribute("height_scale", 2) +
                         numberAttribute("width_scale", 3) + textAttribute("mode", "bilinear"),
                     1);
  EXPECT_EQ(by1.inputs(), "x||f32[4] [1, 1, 2, 3]");
  EXPECT_EQ(by1.text("mode"), "linear");
}

TEST(OnnxUpgrade, resize_of_older_sets) {
  const Upgraded by10("op_type: 'Resize' input: 'x' input: 's'", 10);
  EXPECT_EQ(by10.inputs(), "x||s");
  EXPECT_EQ(by10.integer("kiln_ceil_when_smaller"), 1);
  const std::string coordinates = textAttribute("coordinate_transformation_mode", "tf_half_pixel_for_nn");
  const std::string node = "op_type: 'Resize' input: 'x' input: '' input: 's'" + coordinates;
  const Upgraded by11(node + textAttribute("nearest_mode", "floor"), 11);
  EXPECT_EQ(by11.text("coordinate_transformation_mode"), "half_pixel");
  EXPECT_EQ(by11.text("nearest_mode"), "round_prefer_ceil");
  EXPECT_TRUE(failsWith(Upgraded(node, 11).status, "KILN-G0501", "tf_half_pixel_for_nn"));
}

TEST(OnnxUpgrade, resized_images_of_older_sets) {
  const Tensor x = floats({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor scales = floats({4}, {1, 1, 2, 0.6F});
  EXPECT_TRUE(gives({"Resize", "", 10}, {x, scales}, floats({1, 1, 4, 2}, {1, 3, 1, 3, 5, 7, 5, 7})));
  EXPECT_TRUE(gives({"Upsample", "", 9}, {floats({1, 2}, {1, 2}), floats({2}, {1, 2})}, floats({1, 4}, {1, 1, 2, 2})));
  EXPECT_TRUE(gives({"Upsample", textAttribute("mode", "linear"), 9}, {floats({1, 2}, {1, 2}), floats({2}, {1, 2})},
                    floats({1, 4}, {1, 1.5F, 2, 2})));
}

TEST(OnnxUpgrade, scan_of_batches_is_two_scans) {
  const Upgraded u(
      "op_type: 'Scan' input: '' input: 'state' input: 'x' output: 'final' output: 'y' attribute { name: 'body' type: "
      "GRAPH g { name: 'body' } }" +
          integerAttribute("num_scan_inputs", 1) + integersAttribute("directions", {1}),
      8);
  EXPECT_EQ(u.inputs(), "state|x");
  EXPECT_EQ(u.integer("num_scan_inputs"), 2);
  const GraphProto& body = u.find("body")->g();
  ASSERT_EQ(body.node_size(), 1);
  EXPECT_EQ(body.input_size(), 2);
  EXPECT_EQ(body.output_size(), 2);
  // The inner node is of the same operator set, and stays.
  std::string inner;
  google::protobuf::TextFormat::PrintToString(body.node(0), &inner);
  const Upgraded again(inner, 8);
  EXPECT_EQ(again.node.input_size(), 2);
  EXPECT_EQ(again.integer("num_scan_inputs"), 1);
  EXPECT_EQ(again.find("scan_input_directions")->ints(0), 1);
  EXPECT_EQ(again.find("body")->g().name(), "body");
  EXPECT_TRUE(failsWith(Upgraded("op_type: 'Scan' input: 'lengths' input: 'x'", 8).status, "KILN-G0501", "lengths"));
}

TEST(OnnxUpgrade, wrong_attributes_are_refused) {
  EXPECT_TRUE(failsWith(Upgraded("op_type: 'Squeeze' input: 'x'" + integerAttribute("axes", 1), 11).status,
                        "KILN-G0502", "'n': attribute 'axes' is no list of integers"));
  EXPECT_TRUE(failsWith(Upgraded("op_type: 'TopK' input: 'x'", 9).status, "KILN-G0502", "attribute 'k'"));
  EXPECT_TRUE(failsWith(Upgraded("op_type: 'Softmax' input: 'x'" + numberAttribute("axis", 1), 9).status, "KILN-G0502",
                        "attribute 'axis' is no integer"));
  EXPECT_TRUE(failsWith(Upgraded("op_type: 'Tile' input: 'x' input: 't' input: 'a'", 1).status, "KILN-G0501", "tiles"));
}

}  // namespace
}  // namespace kiln::onnx::testing
