// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/graph_io.h"

#include <algorithm>
#include <filesystem>

#include "graph/io/test_graphs.h"
#include "nlohmann/json.hpp"
#include "proto/codec/file.h"
#include "proto/codec/test_util.h"

namespace kiln {
namespace {

Graph testGraph() {
  auto graph = Graph::create(testGraphData());
  EXPECT_TRUE(graph.ok()) << graph.status();
  return *graph;
}

TEST(GraphIo, BinaryRoundTrip) {
  TemporaryFolder folder;
  Graph graph = testGraph();
  ASSERT_TRUE(writeGraph(graph, folder / "m.graph.pb").ok());
  auto read = readGraph(folder / "m.graph.pb");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == graph) << toString(*read) << toString(graph);
  EXPECT_EQ(toString(*read), toString(graph));  // locations too
  EXPECT_EQ(read->entries()[0].location.toString(), "main.cc:20");
}

TEST(GraphIo, TextRoundTrip) {
  TemporaryFolder folder;
  Graph graph = testGraph();
  ASSERT_TRUE(writeGraph(graph, folder / "m.pbtxt").ok());
  EXPECT_NE(readFile(folder / "m.pbtxt", 1 << 20)->find("op: \"matmul\""), std::string::npos);
  auto read = readGraph(folder / "m.pbtxt");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == graph) << toString(*read);
}

TEST(GraphIo, SelfContainedRoundTripWithoutFiles) {
  Graph graph = testGraph();
  GraphProto proto = graphToProto(graph, {.isSelfContained = true});
  EXPECT_TRUE(proto.weights.empty());
  auto read = graphFromProto(proto.def);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == graph);
}

TEST(GraphIo, EqualGraphsGiveEqualFiles) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeGraph(testGraph(), folder / "a.pb").ok());
  auto read = readGraph(folder / "a.pb");
  ASSERT_TRUE(read.ok());
  std::filesystem::create_directory(folder / "again");
  ASSERT_TRUE(writeGraph(*read, folder / "again/a.pb").ok());
  EXPECT_EQ(*readFile(folder / "a.pb", 1 << 20), *readFile(folder / "again/a.pb", 1 << 20));
  EXPECT_EQ(*readFile(folder / "a.safetensors", 1 << 20), *readFile(folder / "again/a.safetensors", 1 << 20));
}

TEST(GraphIo, WeightsFileHasVariablesAndLargeConstants) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeGraph(testGraph(), folder / "m.graph.pb").ok());
  auto weights = readSafetensors(folder / "m.safetensors");
  ASSERT_TRUE(weights.ok()) << weights.status();
  std::vector<std::string> names;
  for (const NamedTensor& tensor : *weights) {
    names.push_back(tensor.name);
  }
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"large:value", "layer/w"}));
  EXPECT_LT(std::filesystem::file_size(folder / "m.graph.pb"), 4000u);
}

TEST(GraphIo, GraphWithoutTensorsHasNoWeightsFile) {
  TemporaryFolder folder;
  GraphData data;
  data.name = "plain";
  data.body.nodes = {makeTestNode("x", "placeholder", {}, {{"dtype", f32}, {"shape", Shape{}}})};
  ASSERT_TRUE(writeGraph(Graph::create(data).value(), folder / "m.pb").ok());
  EXPECT_EQ(folder.numFiles(), 1u);
  EXPECT_TRUE(readGraph(folder / "m.pb").ok());
}

TEST(GraphIo, WeightsPathFollowsTheGraphs) {
  EXPECT_EQ(weightsPathOf("a/m.graph.pb"), "a/m.safetensors");
  EXPECT_EQ(weightsPathOf("m.pbtxt"), "m.safetensors");
  EXPECT_EQ(weightsPathOf("model"), "model.safetensors");
  EXPECT_EQ(weightsPathOf(".pb"), ".pb.safetensors");
}

TEST(GraphIo, FieldNumbersAreTensorFlows) {
  wire::GraphDef def = graphToProto(testGraph()).def;
  EXPECT_EQ(def.GetDescriptor()->FindFieldByName("node")->number(), 1);
  EXPECT_EQ(def.GetDescriptor()->FindFieldByName("kiln_format")->number(), 1000);
  EXPECT_EQ(def.node(2).input(0), "x");
  EXPECT_EQ(def.node(6).input(0), "squared:1");
  EXPECT_EQ(def.node(0).attr().at("dtype").type(), wire::DT_FLOAT);
  EXPECT_EQ(def.node(0).attr().at("shape").shape().dim(0).name(), "batch");
  EXPECT_EQ(def.node(3).attr().at("callee").func().name(), "square");
}

TEST(GraphIo, NodesMayComeInAnyOrder) {
  wire::GraphDef def = graphToProto(testGraph(), {.isSelfContained = true}).def;
  std::reverse(def.mutable_node()->pointer_begin(), def.mutable_node()->pointer_end());
  auto read = graphFromProto(def);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->body().nodes.size(), testGraph().body().nodes.size());
  EXPECT_EQ(read->entries()[0].fetches[0].name, "sum");
  EXPECT_EQ(read->body().node(read->entries()[0].fetches[0].value.node).name, "sum");
}

wire::GraphDef chain(int length) {
  GraphData data;
  data.name = "chain";
  data.body.nodes = {makeTestNode("x", "placeholder", {}, {{"dtype", f32}, {"shape", Shape{dim("n")}}})};
  wire::GraphDef def = graphToProto(Graph::create(data).value()).def;
  for (int i = 1; i < length; ++i) {
    wire::NodeDef* node = def.add_node();
    node->set_name("n" + std::to_string(i));
    node->set_op("tanh");
    node->add_input(i == 1 ? "x" : "n" + std::to_string(i - 1));
  }
  return def;
}

TEST(GraphIo, LongChainsInAnyOrder) {
  wire::GraphDef def = chain(10000);
  ASSERT_TRUE(graphFromProto(def).ok());
  std::reverse(def.mutable_node()->pointer_begin(), def.mutable_node()->pointer_end());
  auto read = graphFromProto(def);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->body().nodes.back().name, "n9999");
}

TEST(GraphIo, TypesMayBeLeftOut) {
  wire::GraphDef def = graphToProto(testGraph(), {.isSelfContained = true}).def;
  for (wire::NodeDef& node : *def.mutable_node()) {
    node.clear_outputs();
  }
  auto read = graphFromProto(def);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == testGraph());
}

TEST(GraphIo, SharedTensorsAreReadOnce) {
  wire::GraphDef def = graphToProto(testGraph()).def;
  wire::NodeDef* copy = def.add_node();
  *copy = def.node(5);
  copy->set_name("large_too");
  int numReads = 0;
  auto read = graphFromProto(def, [&](const std::string& name) -> StatusOr<TensorPtr> {
    ++numReads;
    return name == "layer/w" ? floats({3, 4}, 0.5f) : floats({400, 4}, 2);
  });
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(numReads, 2);
}

TEST(GraphIo, Dot) {
  GraphData data = testGraphData();
  data.name = "a\"b\\c";
  std::string dot = toDot(Graph::create(data).value());
  EXPECT_EQ(dot.find("digraph \"a\\\"b\\\\c\" {"), 0u);
  EXPECT_NE(dot.find("\"layer/xw\" [label=\"layer/xw\\nmatmul\\nf32[batch, 4]\"];"), std::string::npos) << dot;
  EXPECT_NE(dot.find("\"x\" -> \"layer/xw\";"), std::string::npos);
  EXPECT_NE(dot.find("\"squared\" -> \"sum\" [taillabel=\"1\"];"), std::string::npos);
  EXPECT_NE(dot.find("label=\"function square\""), std::string::npos);
}

TEST(GraphIo, Json) {
  auto json = nlohmann::json::parse(toJson(testGraph()), nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_EQ(json["name"], "test");
  EXPECT_EQ(json["entries"][0]["name"], "predict");
  EXPECT_EQ(json["entries"][0]["feeds"][0],
            (nlohmann::json{{"name", "input"}, {"dtype", "f32"}, {"shape", {"batch", 3}}}));
  EXPECT_EQ(json["entries"][1]["targets"][0], "step");
  EXPECT_EQ(json["nodes"].size(), 9u);
  EXPECT_EQ(json["nodes"][6]["inputs"][0], "squared:1");
  EXPECT_EQ(json["nodes"][6]["location"], "model.cc:7");
  EXPECT_EQ(json["dims"]["batch"]["max"], 512);
  EXPECT_EQ(json["variables"][0]["name"], "layer/w");
  EXPECT_EQ(json["variables"][0]["hasValue"], true);
}

}  // namespace
}  // namespace kiln
