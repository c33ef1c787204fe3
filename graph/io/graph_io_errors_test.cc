// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <filesystem>

#include "graph/io/graph_io.h"
#include "graph/io/test_graphs.h"
#include "proto/codec/file.h"
#include "proto/codec/test_util.h"

namespace kiln {
namespace {

wire::GraphDef testProto() {
  return graphToProto(Graph::create(testGraphData()).value(), {.isSelfContained = true}).def;
}

wire::NodeDef* nodeOf(wire::GraphDef& def, const std::string& name) {
  for (wire::NodeDef& node : *def.mutable_node()) {
    if (node.name() == name) {
      return &node;
    }
  }
  return nullptr;
}

wire::NodeDef* addNode(wire::GraphDef& def, const std::string& name, const std::string& op,
                       const std::vector<std::string>& inputs) {
  wire::NodeDef* node = def.add_node();
  node->set_name(name);
  node->set_op(op);
  for (const std::string& input : inputs) {
    node->add_input(input);
  }
  return node;
}

TEST(GraphIoErrors, TensorFlowGraph) {
  wire::GraphDef def = testProto();
  def.set_kiln_format(0);
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0401", "TensorFlow"));
}

TEST(GraphIoErrors, DuplicateNodeNameShowsBothPlaces) {
  wire::GraphDef def = testProto();
  *def.add_node() = *nodeOf(def, "x");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0001", "model.cc:1: error: [KILN-G0001] 'x': duplicate node name"));
}

TEST(GraphIoErrors, CycleNamesItsNodes) {
  wire::GraphDef def = testProto();
  addNode(def, "before", "tanh", {"one"});
  addNode(def, "one", "add", {"x", "two"});
  addNode(def, "two", "tanh", {"three"});
  addNode(def, "three", "tanh", {"one"});
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0402", "'one' needs 'two' needs 'three' needs 'one'"));
  wire::GraphDef self = testProto();
  addNode(self, "self", "tanh", {"self"});
  EXPECT_TRUE(failsWith(graphFromProto(self), "KILN-G0402", "'self' needs 'self'"));
}

TEST(GraphIoErrors, LongCycleIsCutShort) {
  wire::GraphDef def = testProto();
  for (int i = 0; i < 10000; ++i) {
    addNode(def, "n" + std::to_string(i), "tanh", {"n" + std::to_string((i + 1) % 10000)});
  }
  auto read = graphFromProto(def);
  EXPECT_TRUE(failsWith(read, "KILN-G0402", "... 9990 more ... needs 'n0'"));
  EXPECT_LT(read.status().message().size(), 400u);
}

TEST(GraphIoErrors, DanglingInputNamesTheNearest) {
  wire::GraphDef def = testProto();
  nodeOf(def, "layer/xw")->set_input(1, "layer/v");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0002",
                        "model.cc:3: error: [KILN-G0002] 'layer/xw': input 1 does not exist: "
                        "the graph has no node 'layer/v'; did you mean 'layer/w'"));
}

TEST(GraphIoErrors, OutputIndexOutOfRange) {
  wire::GraphDef def = testProto();
  nodeOf(def, "sum")->set_input(0, "squared:2");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0002", "output 2 of kiln.call 'squared', which has 2"));
  for (const char* endpoint : {"squared:", "squared:x", "squared:-1", "squared:99999999999"}) {
    nodeOf(def, "sum")->set_input(0, endpoint);
    EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0002", "no output number")) << endpoint;
  }
}

TEST(GraphIoErrors, ControlInput) {
  wire::GraphDef def = testProto();
  nodeOf(def, "sum")->add_input("^x");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0002", "'^x' is a control input"));
}

TEST(GraphIoErrors, UnknownOpNamesTheNearest) {
  wire::GraphDef def = testProto();
  nodeOf(def, "layer/xw")->set_op("matmull");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0220", "unknown op 'matmull'; did you mean 'matmul'"));
}

TEST(GraphIoErrors, RecursiveCall) {
  wire::GraphDef def = testProto();
  wire::NodeDef* call = def.mutable_library()->mutable_function(0)->add_node_def();
  call->set_name("again");
  call->set_op("call");
  call->add_input("a");
  (*call->mutable_attr())["callee"].mutable_func()->set_name("square");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0006", "'square' calls 'square'"));
}

TEST(GraphIoErrors, UnknownFunction) {
  wire::GraphDef def = testProto();
  (*nodeOf(def, "squared")->mutable_attr())["callee"].mutable_func()->set_name("sqare");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0007", "'sqare' does not exist; did you mean 'square'"));
}

TEST(GraphIoErrors, ArgumentsOfACall) {
  wire::GraphDef def = testProto();
  nodeOf(def, "squared")->add_input("x");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-O0125", "takes 1 arguments, found 2"));
}

TEST(GraphIoErrors, FunctionDefinedTwice) {
  wire::GraphDef def = testProto();
  *def.mutable_library()->add_function() = def.library().function(0);
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0214", "'square'"));
}

TEST(GraphIoErrors, FunctionSignatureMustFitItsBody) {
  wire::GraphDef def = testProto();
  def.mutable_library()->mutable_function(0)->mutable_signature()->mutable_input_arg(0)->set_name("b");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0020", "no placeholder 'b'"));
  def = testProto();
  (*def.mutable_library()->mutable_function(0)->mutable_ret())["result_0"] = "none";
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0410", "output 'result_0' of function 'square'"));
  def = testProto();
  def.mutable_library()->mutable_function(0)->mutable_ret()->clear();
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0410"));
}

TEST(GraphIoErrors, WrongAttributeKind) {
  wire::GraphDef def = testProto();
  (*nodeOf(def, "layer/xw")->mutable_attr())["transpose_a"].set_i(1);
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-O0105", "attribute 'transpose_a'"));
}

TEST(GraphIoErrors, AttributeKindsThatNoOpHas) {
  auto withAttribute = [](const auto& set) {
    wire::GraphDef def = testProto();
    set((*nodeOf(def, "sum")->mutable_attr())["axes"]);
    return graphFromProto(def);
  };
  EXPECT_TRUE(failsWith(withAttribute([](auto& value) { value.set_placeholder("p"); }), "KILN-G0403",
                        "'axes' has a placeholder"));
  EXPECT_TRUE(failsWith(withAttribute([](auto& value) { value.clear_value(); }), "KILN-G0403", "no value"));
  EXPECT_TRUE(failsWith(withAttribute([](auto& value) { value.mutable_list()->add_s("x"); }), "KILN-G0403", "list"));
  EXPECT_TRUE(failsWith(withAttribute([](auto& value) { value.set_s("\xff"); }), "KILN-G0403", "UTF-8"));
  EXPECT_TRUE(failsWith(withAttribute([](auto& value) { value.set_type(static_cast<wire::DataType>(77)); }),
                        "KILN-G0403", "dtype"));
  EXPECT_TRUE(failsWith(withAttribute([](auto& value) { (*value.mutable_func()->mutable_attr())["a"].set_i(1); }),
                        "KILN-G0403"));
}

TEST(GraphIoErrors, MissingAttribute) {
  wire::GraphDef def = testProto();
  nodeOf(def, "sum")->mutable_attr()->erase("axes");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-O0104", "'axes' is missing"));
}

TEST(GraphIoErrors, UnknownAttribute) {
  wire::GraphDef def = testProto();
  (*nodeOf(def, "sum")->mutable_attr())["axis"].set_i(1);
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-O0103", "'axis'"));
}

TEST(GraphIoErrors, AssigningAVariableTwiceInOneEntry) {
  wire::GraphDef def = testProto();
  addNode(def, "set_again", "assign", {"layer/w", "small"});
  def.mutable_entries(1)->add_targets("set_again");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0034", "'layer/w' is assigned twice in entry 'train_step'"));
}

TEST(GraphIoErrors, TypesInTheFileContradictInference) {
  wire::GraphDef def = testProto();
  nodeOf(def, "layer/xw")->mutable_outputs(0)->mutable_shape()->mutable_dim(1)->set_size(5);
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0005", "f32[batch, 5], but f32[batch, 4]"));
}

TEST(GraphIoErrors, ShapesThatDoNotFit) {
  wire::GraphDef def = testProto();
  (*nodeOf(def, "x")->mutable_attr())["shape"].mutable_shape()->mutable_dim(1)->set_size(5);
  nodeOf(def, "x")->clear_outputs();
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-O0107", "model.cc:3: error:"));
}

TEST(GraphIoErrors, EntryNamesWhatTheGraphLacks) {
  wire::GraphDef def = testProto();
  def.mutable_entries(0)->mutable_fetches(0)->set_endpoint("summ");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0404",
                        "main.cc:20: error: [KILN-G0404] entry 'predict': fetch 'summ' does not "
                        "exist in the graph; did you mean 'sum'"));
  def = testProto();
  def.mutable_entries(1)->set_targets(0, "stop");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0404", "target 'stop'"));
  def = testProto();
  def.mutable_entries(0)->mutable_fetches(0)->set_endpoint("sum:7");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0010", "entry 'predict'"));
}

TEST(GraphIoErrors, Symbols) {
  wire::GraphDef def = testProto();
  *def.add_symbols() = def.symbols(0);
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0409", "'batch'"));
  def = testProto();
  def.mutable_symbols(0)->set_name("2*batch");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-P0021", "'2*batch'"));
  def = testProto();
  def.mutable_symbols(0)->set_min(-1);
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0015"));
}

TEST(GraphIoErrors, TooManyEntriesFunctionsOrCallOutputs) {
  wire::GraphDef def = testProto();
  for (int i = 0; i < 1100; ++i) {
    def.add_entries()->set_name("e" + std::to_string(i));
  }
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0408", "1102 entries"));
  def = testProto();
  for (int i = 0; i < 17000; ++i) {
    def.mutable_library()->add_function()->mutable_signature()->set_name("f" + std::to_string(i));
  }
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0408", "functions"));
  def = testProto();
  wire::FunctionDef* function = def.mutable_library()->mutable_function(0);
  for (int i = 2; i < 3000; ++i) {
    std::string name = "result_" + std::to_string(i);
    function->mutable_signature()->add_output_arg()->set_name(name);
    (*function->mutable_ret())[name] = "a";
  }
  for (int i = 0; i < 3000; ++i) {
    wire::NodeDef* call = addNode(def, "call" + std::to_string(i), "call", {"layer/xw"});
    (*call->mutable_attr())["callee"].mutable_func()->set_name("square");
  }
  nodeOf(def, "squared")->clear_outputs();
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0408", "outputs of calls"));
}

TEST(GraphIoErrors, ManyErrorsAreListedTogetherAndCutShort) {
  wire::GraphDef def = testProto();
  addNode(def, "one", "tanh", {"missing1"});
  addNode(def, "two", "tanh", {"missing2"});
  auto read = graphFromProto(def);
  EXPECT_TRUE(failsWith(read, "KILN-G0002", "'one': input 0"));
  EXPECT_TRUE(failsWith(read, "KILN-G0002", "\n[KILN-G0002] 'two': input 0"));
  for (int i = 0; i < 100000; ++i) {
    addNode(def, "n" + std::to_string(i), "tanh", {"missing" + std::to_string(i)});
  }
  read = graphFromProto(def);
  EXPECT_TRUE(failsWith(read, "KILN-G0002"));
  EXPECT_LT(read.status().message().size(), 10000u);
}

TEST(GraphIoErrors, TensorsOfTheGraph) {
  wire::GraphDef def = testProto();
  (*nodeOf(def, "small")->mutable_attr())["value"].mutable_tensor()->set_tensor_content("abc");
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-P0033", "model.cc:5: error: [KILN-P0033] 'small'"));
}

TEST(GraphIoErrors, ValueOfSomethingElseThanAVariable) {
  wire::GraphDef def = testProto();
  *nodeOf(def, "x")->mutable_value() = nodeOf(def, "layer/w")->value();
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0016", "'x'"));
  def = testProto();
  nodeOf(def, "layer/w")->mutable_value()->mutable_tensor_shape()->mutable_dim(0)->set_size(4);
  nodeOf(def, "layer/w")->mutable_value()->mutable_tensor_shape()->mutable_dim(1)->set_size(3);
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0017", "f32[4, 3]"));
  def = testProto();
  *def.mutable_library()->mutable_function(0)->mutable_node_def(0)->mutable_value() = nodeOf(def, "layer/w")->value();
  EXPECT_TRUE(failsWith(graphFromProto(def), "KILN-G0019", "'square'"));
}

class GraphFiles : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(writeGraph(Graph::create(testGraphData()).value(), path()).ok()); }
  std::string path() const { return folder_ / "m.graph.pb"; }
  std::string weights() const { return folder_ / "m.safetensors"; }
  StatusOr<Graph> readWithWeightsAt(const std::string& name) {
    wire::GraphDef def = readGraphDef(path()).value();
    def.mutable_weights()->set_path(name);
    EXPECT_TRUE(writeGraphDef(def, path()).ok());
    return readGraph(path());
  }
  TemporaryFolder folder_;
};

TEST_F(GraphFiles, MissingGraph) { EXPECT_TRUE(failsWith(readGraph(folder_ / "none.pb"), "KILN-P0001", "none.pb")); }

TEST_F(GraphFiles, MissingWeights) {
  std::filesystem::remove(weights());
  EXPECT_TRUE(failsWith(readGraph(path()), "KILN-P0001", "m.safetensors': file does not exist"));
}

TEST_F(GraphFiles, WeightsMustLieBesideTheGraph) {
  for (const char* name : {"/etc/passwd", "../m.safetensors", "a/../../m.safetensors", "a\\b", ""}) {
    EXPECT_TRUE(failsWith(readWithWeightsAt(name), "KILN-G0405")) << name;
  }
  std::filesystem::create_directory(folder_ / "deeper");
  std::filesystem::rename(weights(), folder_ / "deeper/w.safetensors");
  EXPECT_TRUE(readWithWeightsAt("deeper/w.safetensors").ok());
}

TEST_F(GraphFiles, ChangedWeights) {
  std::string bytes = *readFile(weights(), 1 << 20);
  std::string flipped = bytes;
  flipped[flipped.size() - 3] ^= 1;
  folder_.write("m.safetensors", flipped);
  EXPECT_TRUE(failsWith(readGraph(path()), "KILN-G0406", "SHA-256"));
  EXPECT_TRUE(readGraph(path(), {.checksWeights = false}).ok());
  folder_.write("m.safetensors", bytes.substr(0, bytes.size() - 1));
  EXPECT_TRUE(failsWith(readGraph(path(), {.checksWeights = false}), "KILN-G0406", "bytes, wanted"));
}

TEST_F(GraphFiles, WeightsOfAnotherGraph) {
  // Same size, other names: only found without the digest.
  std::string bytes = *readFile(weights(), 1 << 20);
  bytes[bytes.find("layer/w")] = 'L';
  folder_.write("m.safetensors", bytes);
  EXPECT_TRUE(failsWith(readGraph(path(), {.checksWeights = false}), "KILN-P0047",
                        "no tensor 'layer/w'; did you mean 'Layer/w'"));
}

TEST_F(GraphFiles, WeightsOfAnotherType) {
  wire::GraphDef def = readGraphDef(path()).value();
  nodeOf(def, "layer/w")->mutable_value()->set_dtype(wire::DT_INT32);
  ASSERT_TRUE(writeGraphDef(def, path()).ok());
  EXPECT_TRUE(failsWith(readGraph(path()), "KILN-G0406", "f32[3, 4], the graph i32[3, 4]"));
}

TEST_F(GraphFiles, WeightsWithoutAFile) {
  wire::GraphDef def = readGraphDef(path()).value();
  def.clear_weights();
  ASSERT_TRUE(writeGraphDef(def, path()).ok());
  EXPECT_TRUE(failsWith(readGraph(path()), "KILN-G0407", "'layer/w'"));
}

TEST_F(GraphFiles, ErrorsNameTheFile) {
  wire::GraphDef def = readGraphDef(path()).value();
  nodeOf(def, "sum")->set_op("sumup");
  ASSERT_TRUE(writeGraphDef(def, path()).ok());
  EXPECT_TRUE(failsWith(readGraph(path()), "KILN-G0220", "m.graph.pb': model.cc:7: error: [KILN-G0220] 'sum'"));
}

TEST_F(GraphFiles, Truncated) {
  std::string bytes = *readFile(path(), 1 << 20);
  EXPECT_TRUE(failsWith(readGraph(folder_.write("cut.pb", bytes.substr(0, 300))), "KILN-P0005", "cut.pb"));
}

}  // namespace
}  // namespace kiln
