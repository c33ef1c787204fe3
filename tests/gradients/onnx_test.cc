// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Gradient nodes of ONNX models: ai.onnx.preview.training.
#include <google/protobuf/text_format.h>

#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx/tensor_proto.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln::onnx {
namespace {

constexpr const char* kHead = R"(ir_version: 10 opset_import { domain: "" version: 27 }
    opset_import { domain: "ai.onnx.preview.training" version: 1 } graph { name: "test" )";

Tensor number(float value) { return Tensor::of<float>({1}, {value}); }

/// The outputs of a model whose inputs are `a`, `b` ..., of one element each.
StatusOr<std::vector<Tensor>> gradient(const std::string& graph, const std::vector<Tensor>& inputs) {
  std::string text = kHead + graph;
  for (size_t i = 0; i < inputs.size(); ++i) {
    text += std::string(" input { name: \"") + static_cast<char>('a' + i) +
            "\" type { tensor_type { elem_type: 1 shape { dim { dim_value: 1 } } } } }";
  }
  ModelProto proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text + "}", &proto));
  KILN_ASSIGN_OR_RETURN(Model model, Model::parse(proto.SerializeAsString(), "test.onnx", ""));
  KILN_ASSIGN_OR_RETURN(ImportedModel imported, model.import());
  KILN_ASSIGN_OR_RETURN(Graph graphOf, kiln::testing::expandDerivatives(imported.graph, "predict"));
  return kiln::testing::evaluate(graphOf, "predict", inputs);
}

void expectNear(const Tensor& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.numElements(), static_cast<int64_t>(expected.size())) << found.toString();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(found.at(static_cast<int64_t>(i)), expected[i], 1e-6) << "element " << i;
  }
}

constexpr const char* kCube = R"(
  node { op_type: "Mul" input: "a" input: "a" output: "square" }
  node { op_type: "Mul" input: "square" input: "b" output: "y" } )";

TEST(OnnxGradients, of_the_nodes_between) {
  const auto y = gradient(std::string(kCube) + R"(node { op_type: "Gradient" domain: "ai.onnx.preview.training"
      input: "a" input: "b" output: "da" output: "db" attribute { name: "xs" type: STRINGS strings: "a" strings: "b" }
      attribute { name: "y" type: STRING s: "y" } } output { name: "da" } output { name: "db" })",
                          {number(3), number(5)});
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {30});
  expectNear((*y)[1], {9});
}

TEST(OnnxGradients, at_other_values_and_for_what_lies_between) {
  const auto y = gradient(std::string(kCube) + R"(node { op_type: "Gradient" domain: "ai.onnx.preview.training"
      input: "b" input: "a" output: "ds" attribute { name: "xs" type: STRINGS strings: "square" }
      attribute { name: "zs" type: STRINGS strings: "b" } attribute { name: "y" type: STRING s: "y" } }
      output { name: "ds" })",
                          {number(3), number(5)});
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {3});
}

TEST(OnnxGradients, of_a_gradient) {
  const auto y = gradient(std::string(kCube) + R"(node { op_type: "Gradient" domain: "ai.onnx.preview.training"
      input: "a" input: "b" output: "da" attribute { name: "xs" type: STRINGS strings: "a" }
      attribute { name: "zs" type: STRINGS strings: "b" } attribute { name: "y" type: STRING s: "y" } }
      node { op_type: "Gradient" domain: "ai.onnx.preview.training"
      input: "a" input: "b" output: "daa" output: "dab"
      attribute { name: "xs" type: STRINGS strings: "a" strings: "b" }
      attribute { name: "y" type: STRING s: "da" } } output { name: "daa" } output { name: "dab" })",
                          {number(3), number(5)});
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {10});
  expectNear((*y)[1], {6});
}

TEST(OnnxGradients, of_constants_that_would_be_folded) {
  const auto y = gradient(R"(initializer { name: "k" data_type: 1 dims: 1 float_data: 4 }
      node { op_type: "Mul" input: "k" input: "k" output: "y" }
      node { op_type: "Gradient" domain: "ai.onnx.preview.training" input: "k" output: "dk"
      attribute { name: "xs" type: STRINGS strings: "k" } attribute { name: "y" type: STRING s: "y" } }
      output { name: "dk" })",
                          {number(0)});
  ASSERT_TRUE(y.ok()) << y.status();
  expectNear((*y)[0], {8});
}

}  // namespace
}  // namespace kiln::onnx
