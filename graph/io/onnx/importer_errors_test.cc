// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <google/protobuf/text_format.h>

#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx/summary.h"
#include "graph/io/onnx/tensor_proto.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx {
namespace {

// `graph` and `rest` in text form. The graph has the input x, f32[n, 3].
StatusOr<Model> modelOf(const std::string& graph, const std::string& rest = "") {
  ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "ir_version: 10 opset_import { version: 21 } opset_import { domain: 'local' version: 1 } " + rest +
          " graph { name: 'g' input { name: 'x' type { tensor_type { elem_type: 1 shape { dim { dim_param: 'n' } dim { "
          "dim_value: 3 } } } } } " +
          graph + " }",
      &model));
  return Model::parse(model.SerializeAsString(), "some.onnx", "");
}

StatusOr<ImportedModel> import(const std::string& graph, const std::string& rest = "") {
  KILN_ASSIGN_OR_RETURN(Model model, modelOf(graph, rest));
  return model.import();
}

std::string node(const std::string& op, const std::string& input, const std::string& output,
                 const std::string& more = "") {
  return "node { op_type: '" + op + "' name: 'the " + output + "' input: '" + input + "' output: '" + output + "' " +
         more + " } ";
}

std::string out(const std::string& name) { return "output { name: '" + name + "' } "; }

TEST(OnnxImportErrors, AllUnsupportedOperatorsAreListed) {
  const std::string trace =
      "metadata_props { key: 'pkg.torch.onnx.stack_trace' value: 'File \"net.py\", line 7, in forward\\n  return f(x)' "
      "}";
  auto imported = import(node("NoSuchOp", "x", "a") + node("Relu", "a", "b") + node("NoOtherOp", "b", "c", trace) +
                         node("Gelu", "c", "d", "domain: 'a.company'") + out("d"));
  EXPECT_TRUE(failsWith(imported, "KILN-G0501", "'the a' (NoSuchOp)"));
  EXPECT_TRUE(failsWith(imported, "KILN-G0501", "'the c' (NoOtherOp) from File \"net.py\", line 7"));
  EXPECT_TRUE(failsWith(imported, "KILN-G0501", "(a.company.Gelu)"));
}

TEST(OnnxImportErrors, UnsupportedOperatorsOfBodiesAreListed) {
  auto imported =
      import("node { op_type: 'If' input: 'x' output: 'y' attribute { name: 'then_branch' type: GRAPH g { " +
             node("NoSuchOp", "x", "a") + out("a") + " } } } " + out("y"));
  EXPECT_TRUE(failsWith(imported, "KILN-G0501", "NoSuchOp"));
}

TEST(OnnxImportErrors, WhatIsNoTensor) {
  EXPECT_TRUE(failsWith(import("input { name: 's' type { sequence_type { } } } " + node("Relu", "x", "y") + out("y")),
                        "KILN-G0501", "input 's' is a sequence"));
  EXPECT_TRUE(failsWith(import("input { name: 't' type { tensor_type { elem_type: 8 shape { } } } } " + out("x")),
                        "KILN-G0501", "input 't' has elements of type string"));
  EXPECT_TRUE(failsWith(import("sparse_initializer { values { name: 'w' } } " + out("x")), "KILN-G0501", "'w'"));
}

TEST(OnnxImportErrors, ValueThatIsNotDefined) {
  EXPECT_TRUE(failsWith(import(node("Relu", "xx", "y") + out("y")), "KILN-G0503", "'the y' (Relu): 'xx'"));
  EXPECT_TRUE(failsWith(import(node("Relu", "xx", "y") + out("y")), "KILN-G0503", "did you mean 'x'"));
  EXPECT_TRUE(failsWith(import(node("Relu", "x", "y") + out("z")), "KILN-G0503", "'z'"));
}

TEST(OnnxImportErrors, CyclesAreValuesThatAreNotDefinedYet) {
  EXPECT_TRUE(failsWith(import(node("Relu", "y", "y") + out("y")), "KILN-G0503", "'the y' (Relu): 'y'"));
  EXPECT_TRUE(failsWith(import(node("Relu", "b", "a") + node("Relu", "a", "b") + out("b")), "KILN-G0503", "'the a'"));
}

TEST(OnnxImportErrors, ValueThatIsDefinedTwice) {
  EXPECT_TRUE(failsWith(import(node("Relu", "x", "y") + node("Neg", "x", "y") + out("y")), "KILN-G0504", "(Neg): 'y'"));
  EXPECT_TRUE(failsWith(import(node("Relu", "x", "x") + out("x")), "KILN-G0504", "(Relu): 'x'"));
  const std::string weight = "initializer { name: 'w' data_type: 1 float_data: 1 } ";
  EXPECT_TRUE(failsWith(import(weight + weight + out("x")), "KILN-G0504", "'w'"));
  const std::string input = "input { name: 'i' type { tensor_type { elem_type: 1 shape { } } } } ";
  EXPECT_TRUE(failsWith(import(input + input + out("x")), "KILN-G0504", "'i'"));
}

std::string function(const std::string& name, const std::string& calls) {
  return "functions { domain: 'local' name: '" + name + "' input: 'a' output: 'z' opset_import { version: 21 } " +
         calls + " } ";
}
std::string call(const std::string& name, const std::string& input, const std::string& output) {
  return node(name, input, output, "domain: 'local'");
}

TEST(OnnxImportErrors, FunctionsThatCallThemselves) {
  const std::string graph = call("f", "x", "y") + out("y");
  EXPECT_TRUE(failsWith(import(graph, function("f", call("f", "a", "z"))), "KILN-G0505", "'f'"));
  EXPECT_TRUE(failsWith(import(graph, function("f", call("g", "a", "z")) + function("g", call("f", "a", "z"))),
                        "KILN-G0505", "'f'"));
}

TEST(OnnxImportErrors, FunctionsThatExpandWithoutEnd) {
  std::string functions = function("f0", node("Relu", "a", "z"));
  for (int i = 1; i < 50; ++i) {
    const std::string inner = "f" + std::to_string(i - 1);
    functions += function("f" + std::to_string(i), call(inner, "a", "b") + call(inner, "b", "z"));
  }
  EXPECT_TRUE(failsWith(import(call("f49", "x", "y") + out("y"), functions), "KILN-G0507", "nodes"));
}

TEST(OnnxImportErrors, FunctionsThatCallTooDeep) {
  std::string functions = function("f0", node("Relu", "a", "z"));
  for (int i = 1; i < 200; ++i) {
    functions += function("f" + std::to_string(i), call("f" + std::to_string(i - 1), "a", "z"));
  }
  EXPECT_TRUE(failsWith(import(call("f199", "x", "y") + out("y"), functions), "KILN-G0507", "levels"));
}

TEST(OnnxImportErrors, BodiesThatNestTooDeep) {
  // Messages nest at most 100 deep, and each body is three; functions make bodies deeper.
  std::string functions = function("f0", node("Relu", "a", "z"));
  for (int i = 1; i < 40; ++i) {
    const std::string inner = call("f" + std::to_string(i - 1), "a", "z") + out("z");
    functions += function("f" + std::to_string(i),
                          "node { op_type: 'ReduceSum' input: 'a' output: 's' attribute { name: "
                          "'keepdims' i: 0 type: INT } } node { op_type: 'Cast' input: 's' output: "
                          "'c' attribute { name: 'to' i: 9 type: INT } } node { op_type: 'If' input: "
                          "'c' output: 'z' attribute { name: 'then_branch' type: GRAPH g { " +
                              inner + "} } attribute { name: 'else_branch' type: GRAPH g { " + node("Neg", "a", "z") +
                              out("z") + "} } } ");
  }
  EXPECT_TRUE(failsWith(import(call("f39", "x", "y") + out("y"), functions), "KILN-G0507", "levels"));
}

TEST(OnnxImportErrors, TensorFileOfAnotherType) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeTensorFile(folder / "x.pb", Tensor::of<float>({2}, {1, 2}), TensorProto::FLOAT, "x").ok());
  EXPECT_TRUE(readTensorFile(folder / "x.pb", TensorProto::FLOAT).ok());
  EXPECT_TRUE(failsWith(readTensorFile(folder / "x.pb", TensorProto::INT64), "KILN-P0066", "x.pb"));
}

TEST(OnnxSummary, CountsWhatTheFileHolds) {
  auto model = modelOf(
      "initializer { name: 'w' data_type: 1 dims: 2 raw_data: '\\000\\000\\000\\000\\000\\000\\000\\000' } "
      "initializer { name: 'v' data_type: 22 dims: 3 int32_data: [1, 2] } " +
          call("f", "x", "y") + node("NoSuchOp", "y", "z") +
          "node { op_type: 'If' input: 'z' output: 'u' attribute { name: 'then_branch' type: GRAPH g { " +
          node("Relu", "x", "a") + out("a") + " } } } " + out("u"),
      "producer_name: 'writer' producer_version: '7' " +
          function("f", node("Relu", "a", "b") + node("Relu", "b", "z")));
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelSummary summary = summarize(*model);
  EXPECT_EQ(summary.name, "g");
  EXPECT_EQ(summary.producer, "writer 7");
  EXPECT_EQ(summary.irVersion, 10);
  ASSERT_EQ(summary.opsets.size(), 2u);
  EXPECT_EQ(summary.opsets[0].first, "ai.onnx");
  EXPECT_EQ(summary.opsets[0].second, 21);
  EXPECT_EQ(summary.numNodes, 4);
  EXPECT_EQ(summary.numWeights, 2);
  EXPECT_EQ(summary.weightBytes, 10);
  EXPECT_EQ(summary.symbols, std::vector<std::string>{"n"});
  ASSERT_EQ(summary.functions.size(), 1u);
  EXPECT_EQ(summary.functions[0].name, "local.f");
  EXPECT_EQ(summary.functions[0].numNodes, 2);
  EXPECT_EQ(summary.functions[0].numCalls, 1);
  std::string rows;
  for (const OperatorCount& row : summary.operators) {
    rows += row.name + " " + std::to_string(row.count) + (row.isFunction ? " function" : "") +
            (row.isSupported ? "" : " not supported") + "; ";
  }
  EXPECT_EQ(rows, "If 1; NoSuchOp 1 not supported; Relu 3; local.f 1 function; ");
  EXPECT_EQ(typeText(model->inputs()[0]), "float[n, 3]");
}

}  // namespace
}  // namespace kiln::onnx
