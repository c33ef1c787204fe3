// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ONNX models of a few bytes that ask for much memory or time while they are imported.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "graph/io/onnx/onnx_model.h"
#include "tests/fuzz/fuzz.h"

namespace kiln {
namespace {

using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;

constexpr int64_t kHuge = int64_t{1} << 40;

// A model with the inputs x, f32[n, 4, 6], and image, f32[1, 1, 4, 6].
class Bomb {
 public:
  Bomb() {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        "ir_version: 10 opset_import { version: 21 } graph { name: 'bomb' "
        "input { name: 'x' type { tensor_type { elem_type: 1 shape { dim { dim_param: 'n' } dim { dim_value: 4 } dim { "
        "dim_value: 6 } } } } } "
        "input { name: 'image' type { tensor_type { elem_type: 1 shape { dim { dim_value: 1 } dim { dim_value: 1 } "
        "dim { dim_value: 4 } dim { dim_value: 6 } } } } } }",
        &model_));
  }

  std::string ints(const std::vector<int64_t>& values, bool isScalar = false) {
    TensorProto& tensor =
        addTensor(TensorProto::INT64,
                  isScalar ? std::vector<int64_t>{} : std::vector<int64_t>{static_cast<int64_t>(values.size())});
    tensor.mutable_int64_data()->Add(values.begin(), values.end());
    return tensor.name();
  }
  std::string scalar(int64_t value) { return ints({value}, true); }
  std::string floats(const std::vector<int64_t>& dims) {
    TensorProto& tensor = addTensor(TensorProto::FLOAT, dims);
    int64_t count = 1;
    for (int64_t dim : dims) {
      count *= dim;
    }
    tensor.set_raw_data(std::string(static_cast<size_t>(count) * sizeof(float), '\0'));
    return tensor.name();
  }
  std::string node(const std::string& op, const std::vector<std::string>& inputs, const std::string& attributes = "") {
    NodeProto& node = *model_.mutable_graph()->add_node();
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(attributes, &node)) << attributes;
    node.set_op_type(op);
    for (const std::string& input : inputs) {
      node.add_input(input);
    }
    node.add_output("value" + std::to_string(model_.graph().node_size()));
    return node.output(0);
  }

  ModelProto& model() { return model_; }

  // The last node is the output.
  void importInBounds() {
    const auto& nodes = model_.graph().node();
    model_.mutable_graph()->add_output()->set_name(nodes[nodes.size() - 1].output(0));
    const double start = fuzz::processorSeconds();
    auto model = onnx::Model::parse(model_.SerializeAsString(), "bomb.onnx", "");
    ASSERT_TRUE(model.ok()) << model.status();
    auto imported = model->import();
    EXPECT_LT(fuzz::processorSeconds() - start, fuzz::kLongestSeconds);
    if (!imported.ok()) {
      const std::string id = errorIdOf(imported.status()).value_or("none");
      EXPECT_TRUE(id.starts_with("KILN-G05") || id.starts_with("KILN-P00")) << imported.status();
      EXPECT_LT(imported.status().message().size(), 20000u) << imported.status();
    }
  }

 private:
  TensorProto& addTensor(int type, const std::vector<int64_t>& dims) {
    TensorProto& tensor = *model_.mutable_graph()->add_initializer();
    tensor.set_name("tensor" + std::to_string(model_.graph().initializer_size()));
    tensor.set_data_type(type);
    tensor.mutable_dims()->Add(dims.begin(), dims.end());
    return tensor;
  }
  ModelProto model_;
};

std::string attribute(const std::string& name, int64_t value) {
  return "attribute { name: '" + name + "' i: " + std::to_string(value) + " type: INT } ";
}
std::string attribute(const std::string& name, const std::vector<int64_t>& values) {
  std::string text = "attribute { name: '" + name + "' type: INTS ";
  for (int64_t value : values) {
    text += "ints: " + std::to_string(value) + " ";
  }
  return text + "} ";
}

TEST(OnnxBombs, HugeResults) {
  for (int64_t huge : {int64_t{1} << 28, int64_t{1} << 31, kHuge, INT64_MAX}) {
    const std::function<void(Bomb&)> bombs[] = {
        [&](Bomb& b) { b.node("ConstantOfShape", {b.ints({huge})}); },
        [&](Bomb& b) { b.node("ConstantOfShape", {b.ints({huge, huge, huge})}); },
        [&](Bomb& b) { b.node("Expand", {"image", b.ints({huge, huge, 4, 6})}); },
        [&](Bomb& b) { b.node("Tile", {"image", b.ints({huge, huge, 1, 1})}); },
        [&](Bomb& b) { b.node("Tile", {b.floats({4}), b.ints({huge})}); },
        [&](Bomb& b) { b.node("Range", {b.scalar(0), b.scalar(huge), b.scalar(1)}); },
        [&](Bomb& b) { b.node("Range", {b.scalar(INT64_MIN), b.scalar(huge), b.scalar(1)}); },
        [&](Bomb& b) { b.node("Resize", {"image", "", "", b.ints({1, 1, huge, huge})}); },
        [&](Bomb& b) {
          b.node("Resize", {"image", "", "", b.ints({1, 1, huge, huge})},
                 "attribute { name: 'mode' s: 'cubic' type: STRING } " + attribute("antialias", 1));
        },
        [&](Bomb& b) { b.node("Pad", {"image", b.ints({0, 0, huge, huge, 0, 0, huge, huge})}); },
        [&](Bomb& b) {
          b.node("Pad", {"image", b.ints({0, 0, 0, huge, 0, 0, 0, 0})},
                 "attribute { name: 'mode' s: 'wrap' type: STRING }");
        },
        [&](Bomb& b) { b.node("OneHot", {b.ints({1, 2}), b.scalar(huge), b.floats({2})}); },
        [&](Bomb& b) { b.node("TopK", {"x", b.ints({huge})}); },
        [&](Bomb& b) { b.node("Split", {"x"}, attribute("num_outputs", huge)); },
        [&](Bomb& b) { b.node("CenterCropPad", {"image", b.ints({1, 1, huge, huge})}); },
        [&](Bomb& b) { b.node("Trilu", {"x", b.scalar(huge)}); },
        [&](Bomb& b) { b.node("HannWindow", {b.scalar(huge)}); },
        [&](Bomb& b) {
          b.node("MelWeightMatrix", {b.scalar(huge), b.scalar(huge), b.scalar(8000), b.floats({}), b.floats({})});
        },
        [&](Bomb& b) { b.node("DFT", {"image", b.scalar(huge), b.scalar(2)}); },
        [&](Bomb& b) { b.node("STFT", {"x", b.scalar(1), "", b.scalar(huge)}); },
        [&](Bomb& b) { b.node("AffineGrid", {b.floats({1, 2, 3}), b.ints({1, 1, huge, huge})}); },
        [&](Bomb& b) { b.node("RandomNormal", {}, attribute("shape", std::vector<int64_t>{huge, huge})); },
        [&](Bomb& b) {
          b.node("Conv", {"image", b.floats({1, 1, 3, 3})},
                 attribute("pads", std::vector<int64_t>{huge, huge, huge, huge}));
        },
        [&](Bomb& b) {
          b.node("Conv", {"image", b.floats({1, 1, 3, 3})}, attribute("dilations", std::vector<int64_t>{huge, huge}));
        },
        [&](Bomb& b) {
          b.node("ConvTranspose", {"image", b.floats({1, 1, 3, 3})},
                 attribute("output_shape", std::vector<int64_t>{huge, huge}));
        },
        [&](Bomb& b) { b.node("MaxPool", {"image"}, attribute("kernel_shape", std::vector<int64_t>{huge, huge})); },
        [&](Bomb& b) {
          b.node("MaxPool", {"image"},
                 attribute("kernel_shape", std::vector<int64_t>{2, 2}) +
                     attribute("pads", std::vector<int64_t>{huge, huge, huge, huge}));
        },
        [&](Bomb& b) { b.node("MaxUnpool", {"image", b.ints({0}), b.ints({1, 1, huge, huge})}); },
        [&](Bomb& b) { b.node("Col2Im", {"x", b.ints({huge, huge}), b.ints({1, 1})}); },
        [&](Bomb& b) { b.node("SpaceToDepth", {"image"}, attribute("blocksize", huge)); },
        [&](Bomb& b) { b.node("DepthToSpace", {"image"}, attribute("blocksize", huge)); },
        [&](Bomb& b) {
          b.node("LSTM", {"x", b.floats({1, 4, 6}), b.floats({1, 4, 1})}, attribute("hidden_size", huge));
        },
        [&](Bomb& b) {
          b.node("MaxRoiPool", {"image", b.floats({1, 5})},
                 attribute("pooled_shape", std::vector<int64_t>{huge, huge}));
        },
        [&](Bomb& b) {
          b.node(
              "RoiAlign", {"image", b.floats({1, 4}), b.ints({0})},
              attribute("output_height", huge) + attribute("output_width", huge) + attribute("sampling_ratio", huge));
        },
        [&](Bomb& b) { b.node("LRN", {"image"}, attribute("size", huge)); },
        [&](Bomb& b) { b.node("Unsqueeze", {"x", b.ints(std::vector<int64_t>(4000, 0))}); },
        [&](Bomb& b) { b.node("Reshape", {"image", b.ints(std::vector<int64_t>(4000, 1))}); },
        [&](Bomb& b) { b.node("Multinomial", {"x"}, attribute("sample_size", huge)); },
    };
    for (size_t i = 0; i < std::size(bombs); ++i) {
      SCOPED_TRACE("bomb " + std::to_string(i) + " with " + std::to_string(huge));
      Bomb bomb;
      bombs[i](bomb);
      bomb.importInBounds();
    }
  }
}

TEST(OnnxBombs, LengthsThatDoubleWithEachNode) {
  for (const char* op : {"Concat", "Tile"}) {
    for (const bool isKnown : {false, true}) {
      Bomb bomb;
      std::string value = isKnown ? bomb.floats({1, 4, 6}) : "x";
      const std::string twice = bomb.ints({1, 2, 1});
      for (int i = 0; i < 100; ++i) {
        value = std::string(op) == "Concat" ? bomb.node(op, {value, value}, attribute("axis", 1))
                                            : bomb.node(op, {value, twice});
      }
      SCOPED_TRACE(op);
      bomb.importInBounds();
    }
  }
}

// (n + 1) * (n + 1), and so on: each node squares a polynomial.
TEST(OnnxBombs, LengthsThatAreSquaredByEachNode) {
  Bomb bomb;
  const std::string one = bomb.ints({1}), axis = bomb.scalar(0);
  std::string value = bomb.node("Slice", {bomb.node("Shape", {"x"}), bomb.ints({0}), one});
  value = bomb.node("Add", {value, one});
  for (int i = 0; i < 40; ++i) {
    value = bomb.node("Mul", {value, value});
  }
  bomb.node("ConstantOfShape", {value});
  bomb.importInBounds();
}

TEST(OnnxBombs, ShapesThatAreSquaredByEachNode) {
  Bomb bomb;
  std::string value = "x";
  for (int i = 0; i < 40; ++i) {
    value = bomb.node("Tile", {value, bomb.node("Shape", {value})});
  }
  bomb.importInBounds();
}

TEST(OnnxBombs, FunctionsOfLengthsThatNest) {
  Bomb bomb;
  const std::string one = bomb.ints({1});
  std::string value = bomb.node("Slice", {bomb.node("Shape", {"x"}), bomb.ints({0}), one});
  for (int i = 0; i < 200; ++i) {
    value = bomb.node("Div", {bomb.node("Add", {value, bomb.ints({i + 3})}), bomb.ints({2})});
    value = bomb.node("Max", {value, bomb.node("Mul", {value, bomb.ints({i})})});
  }
  bomb.node("ConstantOfShape", {value});
  bomb.importInBounds();
}

TEST(OnnxBombs, MuchToComputeBeforeTheRun) {
  Bomb bomb;
  std::string value = bomb.floats({180, 180});
  for (int i = 0; i < 300; ++i) {
    value = bomb.node("MatMul", {value, value});
  }
  bomb.importInBounds();
}

TEST(OnnxBombs, ManyNodes) {
  Bomb bomb;
  std::string value = "x";
  for (int i = 0; i < 3000; ++i) {
    value = bomb.node("Relu", {value});
  }
  bomb.importInBounds();
}

// Each function calls the one before it twice.
TEST(OnnxBombs, FunctionsThatExpand) {
  Bomb bomb;
  for (int i = 0; i < 40; ++i) {
    onnx::FunctionProto& function = *bomb.model().add_functions();
    function.set_domain("local");
    function.set_name("f" + std::to_string(i));
    function.add_input("a");
    function.add_output("c");
    for (const auto& [from, to] : {std::pair{"a", "b"}, std::pair{"b", "c"}}) {
      NodeProto& node = *function.add_node();
      node.set_op_type(i == 0 ? "Relu" : "f" + std::to_string(i - 1));
      node.set_domain(i == 0 ? "" : "local");
      node.add_input(from);
      node.add_output(to);
    }
  }
  bomb.node("f39", {"x"}, "domain: 'local'");
  bomb.importInBounds();
}

// Loops whose carried shapes change are written out step by step.
TEST(OnnxBombs, LoopsInLoops) {
  Bomb bomb;
  NodeProto inner;
  inner.set_op_type("Concat");
  inner.add_input("state0");
  inner.add_input("state0");
  inner.add_output("next0");
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(attribute("axis", 1), &inner));
  for (int depth = 0; depth < 6; ++depth) {
    const std::string number = std::to_string(depth), outer = std::to_string(depth + 1);
    NodeProto loop;
    loop.set_op_type("Loop");
    for (const std::string& input : {bomb.scalar(60), std::string(), depth == 5 ? std::string("x") : "state" + outer}) {
      loop.add_input(input);
    }
    loop.add_output("next" + outer);
    auto& body = *loop.add_attribute();
    body.set_name("body");
    body.set_type(onnx::AttributeProto::GRAPH);
    for (const std::string& name : {"i" + number, "on" + number, "state" + number}) {
      body.mutable_g()->add_input()->set_name(name);
    }
    *body.mutable_g()->add_node() = inner;
    for (const std::string& name : {"on" + number, "next" + number}) {
      body.mutable_g()->add_output()->set_name(name);
    }
    inner = loop;
  }
  *bomb.model().mutable_graph()->add_node() = inner;
  bomb.importInBounds();
}

}  // namespace
}  // namespace kiln
