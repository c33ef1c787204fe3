// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx_export/exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "graph/build/control_flow.h"
#include "graph/build/operations.h"
#include "graph/io/onnx/test_models.h"
#include "proto/codec/file.h"

namespace kiln::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> namesOf(const google::protobuf::RepeatedPtrField<ValueInfoProto>& ports) {
  std::vector<std::string> names;
  for (const ValueInfoProto& port : ports) {
    names.push_back(port.name());
  }
  return names;
}
std::vector<std::string> operatorsOf(const ExportedModel& model) {
  std::vector<std::string> types;
  for (const NodeProto& node : model.proto.graph().node()) {
    types.push_back(node.op_type());
  }
  return types;
}
std::vector<std::string> lengthsOf(const ValueInfoProto& port) {
  std::vector<std::string> lengths;
  for (const auto& dim : port.type().tensor_type().shape().dim()) {
    lengths.push_back(dim.has_dim_param() ? dim.dim_param() : std::to_string(dim.dim_value()));
  }
  return lengths;
}
std::string errorOf(const Status& status) { return std::string(status.message()); }

// y = x w + b, with w a weight and b made by init.
Graph denseGraph() {
  GraphBuilder g("dense");
  Value x = g.placeholder("x", f32, {dim("batch"), 2});
  Value w = g.weight("w", std::make_shared<const Tensor>(Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6})));
  Value b = g.variable("b", g.constant(Tensor::of<float>({3}, {10, 20, 30})));
  Value y = (matmul(x, w) + b).named("result");
  g.entry("predict", {.feeds = {x}, .fetches = {{"y", y}, {"again", y}}, .targets = {}});
  g.entry("train", {.feeds = {x}, .fetches = {{"y", y}}, .targets = {g.assign(b, b + reduceMean(y, {0}))}});
  return g.finish().value();
}

TEST(OnnxExport, ports_have_the_entrys_names_and_symbolic_lengths) {
  const ExportedModel model = exportOnnx(denseGraph(), "predict").value();
  const GraphProto& graph = model.proto.graph();
  EXPECT_THAT(namesOf(graph.input()), ElementsAre("x"));
  EXPECT_THAT(namesOf(graph.output()), ElementsAre("y", "again"));
  EXPECT_THAT(lengthsOf(graph.input(0)), ElementsAre("batch", "2"));
  EXPECT_THAT(lengthsOf(graph.output(0)), ElementsAre("batch", "3"));
  EXPECT_EQ(model.proto.opset_import(0).version(), 21);
  EXPECT_EQ(model.proto.ir_version(), 10);
  // The broadcast of b is what Add does anyway.
  EXPECT_THAT(operatorsOf(model), ElementsAre("MatMul", "Add", "Identity"));
  ASSERT_EQ(graph.initializer_size(), 2);
  EXPECT_EQ(graph.initializer(0).name(), "w");
  EXPECT_EQ(graph.initializer(0).raw_data().size(), 24U);
  EXPECT_TRUE(model.state.empty());
}

TEST(OnnxExport, assigned_variables_are_inputs_and_outputs) {
  const ExportedModel model = exportOnnx(denseGraph(), "train").value();
  EXPECT_THAT(namesOf(model.proto.graph().input()), ElementsAre("x", "b"));
  EXPECT_THAT(namesOf(model.proto.graph().output()), ElementsAre("y", "b/next"));
  ASSERT_TRUE(model.state.contains("b"));
  EXPECT_EQ(model.state.at("b")->at(1), 20);
  const auto results =
      testing::runModel(model.proto, {Tensor::of<float>({1, 2}, {1, 1}), Tensor::of<float>({3}, {1, 1, 1})});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[1].toString(), "f32[3] [7, 9, 11]");
}

TEST(OnnxExport, lengths_come_from_the_shapes_of_feeds) {
  GraphBuilder g("lengths");
  const Dim n = dim("n");
  Value x = g.placeholder("x", f32, {n * Dim(2) + Dim(1), 3});
  Value y = g.placeholder("y", f32, {dim("m"), n});
  Value z = reshape(y, {n, dim("m")});
  g.entry("predict", {.feeds = {x, y},
                      .fetches = {{"z", z},
                                  {"full", full(g, {n, dim("m") + Dim(2)}, 7)},
                                  {"middle", slice(x, {n, 0}, {n + Dim(1), 3})},
                                  {"steps", iota(g, {n * dim("m")}, 0)}},
                      .targets = {}});
  const Graph graph = g.finish().value();
  const ExportedModel model = exportOnnx(graph, "predict").value();
  const std::vector<Tensor> feeds = {Tensor(f32, {5, 3}), Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6})};
  const auto results = testing::runModel(model.proto, feeds);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0].toString(), "f32[2, 3] [[1, 2, 3], [4, 5, 6]]");
  EXPECT_EQ((*results)[1].dims(), (std::vector<int64_t>{2, 5}));
  EXPECT_EQ((*results)[2].dims(), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ((*results)[3].toString(), "i64[6] [0, 1, 2, 3, 4, 5]");
}

TEST(OnnxExport, functions_are_written_where_they_are_called) {
  GraphBuilder g("calls");
  Value x = g.placeholder("x", f32, {dim("n")});
  g.function("twice", {{f32, Shape{dim("k")}}}, [](const Values& p) { return Values{p[0] + p[0]}; });
  Value y = g.call("twice", {g.call("twice", {x})[0]})[0];
  g.entry("predict", {.feeds = {x}, .fetches = {{"y", y}}, .targets = {}});
  const ExportedModel model = exportOnnx(g.finish().value(), "predict").value();
  EXPECT_THAT(operatorsOf(model), ElementsAre("Add", "Add"));
  EXPECT_THAT(model.proto.graph().output(0).name(), "y");
}

TEST(OnnxExport, values_of_bodies_have_names_of_their_own) {
  GraphBuilder g("loop");
  Value x = g.placeholder("x", f32, {});
  Value y = forRange(g, 0, 4, 1, {x}, [](Value i, const Values& c) {
    return Values{forRange(*c[0].builder(), 0, 2, 1, {c[0]},
                           [](Value j, const Values& d) { return Values{d[0] * 2 + cast(j, f32)}; })[0] +
                  cast(i, f32)};
  })[0];
  g.entry("predict", {.feeds = {x}, .fetches = {{"y", y}}, .targets = {}});
  const ExportedModel model = exportOnnx(g.finish().value(), "predict").value();
  std::set<std::string> names;
  const auto visit = [&](auto& self, const GraphProto& graph) -> void {
    for (const NodeProto& node : graph.node()) {
      for (const std::string& output : node.output()) {
        EXPECT_TRUE(names.insert(output).second) << output;
      }
      for (const AttributeProto& attribute : node.attribute()) {
        if (attribute.has_g()) {
          self(self, attribute.g());
        }
      }
    }
  };
  visit(visit, model.proto.graph());
  EXPECT_THAT(operatorsOf(model), ::testing::Contains("Loop"));
}

TEST(OnnxExport, a_fetch_may_be_a_feed_a_variable_or_a_constant) {
  GraphBuilder g("pass");
  Value x = g.placeholder("x", f32, {2});
  Value w = g.variable("w", g.constant(Tensor::of<float>({1}, {5})));
  Value c = g.constant(Tensor::of<float>({1}, {6}));
  g.entry("predict", {.feeds = {x}, .fetches = {{"x", x}, {"y", x}, {"w", w}, {"c", c}}, .targets = {}});
  const ExportedModel model = exportOnnx(g.finish().value(), "predict").value();
  EXPECT_THAT(namesOf(model.proto.graph().output()), ElementsAre("x", "y", "w", "c"));
  EXPECT_THAT(operatorsOf(model), ElementsAre("Identity", "Identity", "Identity"));
}

TEST(OnnxExport, a_name_of_a_feed_for_another_value_is_KILN_G0510) {
  GraphBuilder g("names");
  Value x = g.placeholder("x", f32, {2});
  g.entry("predict", {.feeds = {x}, .fetches = {{"x", x + x}}, .targets = {}});
  const Status status = exportOnnx(g.finish().value(), "predict").status();
  EXPECT_EQ(errorIdOf(status), "KILN-G0510");
  EXPECT_THAT(errorOf(status), HasSubstr("two of its values have the name 'x'"));
}

TEST(OnnxExport, all_nodes_without_a_form_are_named_by_KILN_G0510) {
  GraphBuilder g("linalg");
  Value a = g.placeholder("a", f32, {3, 3});
  Value y = (cholesky(a).named("roots") + inverse(a)).named("sum");
  g.entry("predict", {.feeds = {a}, .fetches = {y}, .targets = {}});
  const Status status = exportOnnx(g.finish().value(), "predict").status();
  EXPECT_EQ(errorIdOf(status), "KILN-G0510");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(errorOf(status), HasSubstr("kiln.cholesky 'roots' cannot be exported: of linear algebra ONNX has"));
  EXPECT_THAT(errorOf(status), HasSubstr("kiln.inverse 'inverse'"));
}

TEST(OnnxExport, gradients_are_left_to_the_compiler_KILN_G0510) {
  GraphBuilder g("gradients");
  Value x = g.placeholder("x", f32, {3});
  Value w = g.variable("w", g.constant(Tensor(f32, {3})));
  Value loss = reduceSum(x * w);
  g.entry("step", {.feeds = {x}, .fetches = {{"gradient", g.gradients({loss}, {w})[0]}}, .targets = {}});
  g.entry("predict", {.feeds = {x}, .fetches = {{"loss", loss}}, .targets = {}});
  const Graph graph = g.finish().value();
  EXPECT_FALSE(needsPlainGraph(graph, "predict").value());
  EXPECT_TRUE(needsPlainGraph(graph, "step").value());
  const Status status = exportOnnx(graph, "step").status();
  EXPECT_EQ(errorIdOf(status), "KILN-G0510");
  EXPECT_THAT(errorOf(status), HasSubstr("kiln.gradients 'gradients' cannot be exported: the compiler writes it out"));
}

TEST(OnnxExport, convolutions_of_integers_are_left_to_the_compiler_KILN_G0510) {
  GraphBuilder g("integers");
  Value x = g.placeholder("x", i32, {1, 5, 5, 1}), filter = g.placeholder("filter", i32, {3, 3, 1, 2});
  g.entry("predict", {.feeds = {x, filter}, .fetches = {{"y", conv(x, filter)}}, .targets = {}});
  const Graph graph = g.finish().value();
  EXPECT_TRUE(needsPlainGraph(graph, "predict").value());
  const Status status = exportOnnx(graph, "predict").status();
  EXPECT_EQ(errorIdOf(status), "KILN-G0510");
  EXPECT_THAT(errorOf(status), HasSubstr("the operator Conv is of floats, and it is of i32"));
}

TEST(OnnxExport, other_operator_sets_are_KILN_G0510) {
  for (const int64_t opset : {20, 28}) {
    const Status status = exportOnnx(denseGraph(), "predict", {.opset = opset}).status();
    EXPECT_EQ(errorIdOf(status), "KILN-G0510");
    EXPECT_THAT(errorOf(status), HasSubstr("the operator set " + std::to_string(opset) + " is not one of 21 to 27"));
  }
}

TEST(OnnxExport, an_unknown_entry_is_KILN_G0508) {
  const Status status = exportOnnx(denseGraph(), "predit").status();
  EXPECT_EQ(errorIdOf(status), "KILN-G0508");
  EXPECT_THAT(errorOf(status), HasSubstr("no entry 'predit'; nearest are 'predict'"));
  EXPECT_EQ(errorIdOf(needsPlainGraph(denseGraph(), "predit").status()), "KILN-G0508");
}

TEST(OnnxExport, newer_operators_are_used_where_the_operator_set_has_them) {
  GraphBuilder g("norm");
  Value x = g.placeholder("x", f32, {2, 4});
  Value y = rmsNorm(x, g.constant(Tensor::of<float>({4}, {1, 2, 3, 4})));
  g.entry("predict", {.feeds = {x}, .fetches = {{"y", y}}, .targets = {}});
  const Graph graph = g.finish().value();
  EXPECT_THAT(operatorsOf(exportOnnx(graph, "predict").value()), Not(::testing::Contains("RMSNormalization")));
  EXPECT_THAT(operatorsOf(exportOnnx(graph, "predict", {.opset = 23}).value()), ElementsAre("RMSNormalization"));
}

TEST(OnnxExport, large_models_have_a_data_file_that_import_maps) {
  const std::string folder = ::testing::TempDir() + "/onnx_export_data";
  std::filesystem::create_directories(folder);
  GraphBuilder g("large");
  Value x = g.placeholder("x", f32, {1, 32});
  Tensor numbers(f32, {32, 32}), more(f32, {32, 20});
  for (int64_t i = 0; i < numbers.numElements(); ++i) {
    numbers.set(i, static_cast<double>(i % 7));
    more.set(i % more.numElements(), static_cast<double>(i % 5));
  }
  Value w = g.weight("w", std::make_shared<const Tensor>(numbers));
  Value v = g.weight("v", std::make_shared<const Tensor>(more));
  Value y = matmul(matmul(x, w), v) + 0.5;
  g.entry("predict", {.feeds = {x}, .fetches = {{"y", y}}, .targets = {}});
  const Graph graph = g.finish().value();
  const std::string path = folder + "/large.onnx";
  ASSERT_TRUE(writeOnnx(graph, "predict", path, {.maxInlineBytes = 4096}).ok());
  EXPECT_EQ(std::filesystem::file_size(path + ".data"), 4096U + 32 * 20 * 4);
  const auto model = Model::read(path);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto imported = model->import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  Tensor ones(f32, {1, 32});
  for (int64_t i = 0; i < 32; ++i) {
    ones.set(i, 1);
  }
  const auto run = [&](const Graph& of) {
    VariableStore variables = initialValues(of).value();
    return Interpreter().evaluate(of, *of.findEntry("predict"), {ones.view()}, variables).value()[0];
  };
  EXPECT_TRUE(run(imported->graph).identicalTo(run(graph)));
  // All in one file otherwise.
  std::filesystem::remove(path + ".data");
  ASSERT_TRUE(writeOnnx(graph, "predict", path).ok());
  EXPECT_FALSE(std::filesystem::exists(path + ".data"));
  EXPECT_EQ(errorIdOf(writeOnnx(graph, "predict", folder + "/missing/m.onnx")), "KILN-P0004");
}

}  // namespace
}  // namespace kiln::onnx
