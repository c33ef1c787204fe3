// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/tensorflow/frozen_graph.h"

#include <gmock/gmock.h>

#include "graph/io/tensorflow/test_graphs.h"

namespace kiln::tensorflow {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kDense[] = R"(
  node { name: "x" op: "Placeholder"
         attr { key: "dtype" value { type: DT_FLOAT } }
         attr { key: "shape" value { shape { dim { size: -1 } dim { size: 2 } } } } }
  node { name: "w" op: "Const"
         attr { key: "dtype" value { type: DT_FLOAT } }
         attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } dim { size: 1 } }
                                              float_val: 2 float_val: 3 } } } }
  node { name: "b" op: "Const"
         attr { key: "dtype" value { type: DT_FLOAT } }
         attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: 1 } } } }
  node { name: "b/read" op: "Identity" input: "b" }
  node { name: "product" op: "MatMul" input: "x" input: "w" }
  node { name: "y" op: "BiasAdd" input: "product" input: "b/read" }
  versions { producer: 27 })";

std::string idOf(const Status& status) { return errorIdOf(status).value_or("ok"); }

TEST(FrozenGraphTest, aTextGraphSaysItsInputsAndOutputsAndRuns) {
  auto graph = FrozenGraph::parse(kDense, "dense.pbtxt");
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_EQ(graph->inputs().size(), 1U);
  EXPECT_EQ(graph->inputs()[0].name, "x");
  EXPECT_EQ(graph->inputs()[0].dtype, f32);
  EXPECT_EQ(graph->inputs()[0].shape->toString(), "[x_0, 2]");
  ASSERT_EQ(graph->outputs().size(), 1U);
  EXPECT_EQ(graph->outputs()[0].name, "y");
  auto outputs = run(*graph, {{"x", floats({2, 2}, {1, 1, 0, 2})}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(valuesOf((*outputs)[0]), ElementsAre(6, 7));
}

TEST(FrozenGraphTest, oneImportServesEveryBatch) {
  auto graph = FrozenGraph::parse(kDense, "dense.pbtxt");
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto imported = graph->import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  const Entry* entry = imported->graph.findEntry("predict");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(imported->graph.body().type(entry->fetches[0].value).shape.toString(), "[x_0, 1]");
}

TEST(FrozenGraphTest, outputsAreChosenByName) {
  auto graph = FrozenGraph::parse(kDense, "dense.pbtxt");
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto outputs = run(*graph, {{"x", floats({1, 2}, {1, 2})}}, {.outputs = {"product", "b/read"}, .fed = {}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(valuesOf((*outputs)[0]), ElementsAre(8));
  EXPECT_THAT(valuesOf((*outputs)[1]), ElementsAre(1));
  auto wrong = graph->import({}, {.outputs = {"prodct"}, .fed = {}});
  EXPECT_EQ(idOf(wrong.status()), "KILN-G0508");
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("'product'"));
}

TEST(FrozenGraphTest, unusedOutputsOfANodeAreOutputs) {
  TestGraph graph;
  graph.input("x", f32, {4}).constant("k", indices({}, {2})).node("top", "TopKV2", {"x", "k"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  ASSERT_EQ(frozen->outputs().size(), 2U);
  EXPECT_EQ(frozen->outputs()[1].name, "top:1");
  auto outputs = run(*frozen, {{"x", floats({4}, {1, 9, 3, 5})}});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(valuesOf((*outputs)[0]), ElementsAre(9, 5));
  EXPECT_THAT(valuesOf((*outputs)[1]), ElementsAre(1, 3));
  EXPECT_EQ((*outputs)[1].dtype(), i32);
}

TEST(FrozenGraphTest, assertionsAndWhatNoOutputNeedsAreLeftOut) {
  TestGraph graph;
  graph.input("x", f32, {2})
      .input("unused", f32, {2})
      .node("fine", "IsFinite", {"x"})
      .node("check", "Assert", {"fine", "x"})
      .node("y", "Neg", {"x", "^check"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  ASSERT_EQ(frozen->outputs().size(), 1U);
  EXPECT_EQ(frozen->inputs().size(), 2U);
  auto needed = frozen->inputsFor({});
  ASSERT_TRUE(needed.ok()) << needed.status();
  ASSERT_EQ(needed->size(), 1U);
  EXPECT_EQ((*needed)[0].name, "x");
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({2}, {1, -2})}})), ElementsAre(-1, 2));
}

TEST(FrozenGraphTest, whatLiesInLoopsAndBranchesIsNoOutput) {
  TestGraph graph;
  graph.input("x", f32, {})
      .input("p", boolean, {})
      .input("unused_control_flow_input", f32, {})
      .node("s", "Switch", {"x", "p"})
      .node("lost", "Square", {"s:1"})
      .node("neg", "Neg", {"s:1"})
      .node("y", "Merge", {"s", "neg"})
      .node("leftover", "Neg", {"unused_control_flow_input"})
      .node("group", "NoOp", {"^y"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  ASSERT_EQ(frozen->outputs().size(), 1U);
  EXPECT_EQ(frozen->outputs()[0].name, "y");
}

TEST(FrozenGraphTest, countsItsOpsAndSaysWhichAreSupported) {
  auto graph = FrozenGraph::parse(kDense, "dense.pbtxt");
  ASSERT_TRUE(graph.ok()) << graph.status();
  const std::vector<OpCount> counts = graph->operations();
  ASSERT_EQ(counts.size(), 5U);
  EXPECT_EQ(counts[1].op, "Const");
  EXPECT_EQ(counts[1].count, 2);
  EXPECT_TRUE(counts[1].isSupported);
  TestGraph odd;
  odd.node("q", "FIFOQueueV2", {});
  auto frozen = odd.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  EXPECT_FALSE(frozen->operations()[0].isSupported);
}

TEST(FrozenGraphTest, defaultsHoldUnlessTheyAreFed) {
  TestGraph graph;
  graph.input("x", f32, {2})
      .constant("one", floats({}, {1}))
      .node("scale", "PlaceholderWithDefault", {"one"},
            {{"dtype", type(f32)},
             {"shape",
              [] {
                wire::AttrValue shape;
                shape.mutable_shape();
                return shape;
              }()}})
      .node("y", "Mul", {"x", "scale"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  EXPECT_TRUE(frozen->inputs()[1].hasDefault);
  const Tensor x = floats({2}, {3, 4});
  auto plain = run(*frozen, {{"x", x}});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_THAT(valuesOf((*plain)[0]), ElementsAre(3, 4));
  auto fed = run(*frozen, {{"x", x}, {"scale", floats({}, {10})}}, {.outputs = {}, .fed = {"scale"}});
  ASSERT_TRUE(fed.ok()) << fed.status();
  EXPECT_THAT(valuesOf((*fed)[0]), ElementsAre(30, 40));
}

TEST(FrozenGraphTest, nodesWithInputsCanBeFed) {
  TestGraph graph;
  graph.node("contents", "Placeholder", {}, {{"dtype", type(DType::kString)}})
      .node("decoded", "DecodeJpeg", {"contents"})
      .node("pixels", "Cast", {"decoded"}, {{"DstT", type(f32)}})
      .node("y", "Neg", {"pixels"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  const GraphUse use{.outputs = {}, .fed = {"pixels"}};
  auto needed = frozen->inputsFor(use);
  ASSERT_TRUE(needed.ok()) << needed.status();
  ASSERT_EQ(needed->size(), 1U);
  EXPECT_EQ((*needed)[0].dtype, f32);
  auto outputs = run(*frozen, {{"pixels", floats({1, 2}, {1, 2})}}, use);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(valuesOf((*outputs)[0]), ElementsAre(-1, -2));
  EXPECT_EQ(idOf(frozen->import({}, {.outputs = {}, .fed = {"pixel"}}).status()), "KILN-G0508");
}

TEST(FrozenGraphTest, shapeArithmeticKeepsSymbols) {
  TestGraph graph;
  graph.input("x", f32, {-1, 2, 3})
      .node("shape", "Shape", {"x"})
      .constant("zero", indices({1}, {0}))
      .constant("one", indices({1}, {1}))
      .node("batch", "StridedSlice", {"shape", "zero", "one", "one"}, {{"shrink_axis_mask", integer(1)}})
      .constant("rest", indices({}, {-1}))
      .node("flat", "Pack", {"batch", "rest"})
      .node("y", "Reshape", {"x", "flat"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  auto imported = frozen->import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  const Entry* entry = imported->graph.findEntry("predict");
  EXPECT_EQ(imported->graph.body().type(entry->fetches[0].value).shape.toString(), "[x_0, 6]");
}

TEST(FrozenGraphTest, firstAxesOfSeveralInputsBecomeOneBatchWhereTheGraphAsksForIt) {
  TestGraph graph;
  graph.input("a", f32, {-1, 1})
      .input("b", f32, {-1, 2})
      .constant("axis", indices({}, {1}))
      .node("y", "ConcatV2", {"a", "b", "axis"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  auto imported = frozen->import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  const Entry* entry = imported->graph.findEntry("predict");
  EXPECT_EQ(imported->graph.body().type(entry->fetches[0].value).shape.toString(), "[batch, 3]");
}

TEST(FrozenGraphTest, valuesThatDecideShapesAreAskedFor) {
  TestGraph graph;
  graph.input("x", f32, {6}).input("shape", i32, {2}).node("y", "Reshape", {"x", "shape"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  auto imported = frozen->import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->neededValues, ElementsAre("shape"));
  EXPECT_THAT(imported->graph.entries(), IsEmpty());
  auto y = runOne(graph, {{"x", floats({6}, {1, 2, 3, 4, 5, 6})}, {"shape", indices({2}, {3, 2})}});
  EXPECT_THAT(dimsOf(y), ElementsAre(3, 2));
}

TEST(FrozenGraphTest, inputsOfUnknownRankAskForTheirLengths) {
  TestGraph graph;
  graph.node("x", "Placeholder", {}, {{"dtype", type(f32)}}).node("y", "Neg", {"x"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  auto imported = frozen->import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->neededShapes, ElementsAre("x"));
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({1, 2}, {1, 2})}})), ElementsAre(-1, -2));
}

TEST(FrozenGraphTest, aValueOfTheDataThatDecidesAShapeIsRefused) {
  TestGraph graph;
  graph.input("x", i32, {100000})
      .constant("axis", indices({}, {0}))
      .node("largest", "Max", {"x", "axis"})
      .constant("zero", indices({}, {0}))
      .constant("one", indices({}, {1}))
      .node("y", "Range", {"zero", "largest", "one"});
  EXPECT_EQ(idOf(run(graph, {{"x", indices({100000}, std::vector<int32_t>(100000, 1))}}).status()), "KILN-G0506");
}

TEST(FrozenGraphTest, everyOpThatIsMissingIsListed) {
  TestGraph graph;
  graph.input("x", f32, {2})
      .node("a", "QuantizeV2", {"x"})
      .node("b", "UniqueWithCounts", {"x"})
      .node("variable", "VarHandleOp", {})
      .node("y", "ReadVariableOp", {"variable", "^a", "^b"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  const Status status = frozen->import({}, {.outputs = {"a", "b", "y"}, .fed = {}}).status();
  EXPECT_EQ(idOf(status), "KILN-G0501");
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("'a' (QuantizeV2): quantized operations are not supported"));
  EXPECT_THAT(message, HasSubstr("'b' (UniqueWithCounts)"));
  EXPECT_THAT(message, HasSubstr("'y' (ReadVariableOp): the graph is not frozen"));
}

TEST(FrozenGraphTest, graphsThatDoNotFitTogetherAreRefused) {
  TestGraph undefined;
  undefined.input("data", f32, {2}).node("y", "Neg", {"dta"});
  EXPECT_EQ(idOf(undefined.read().status()), "KILN-G0503");
  EXPECT_THAT(std::string(undefined.read().status().message()), HasSubstr("'data'"));
  TestGraph twice;
  twice.input("x", f32, {2}).node("y", "Neg", {"x"}).node("y", "Abs", {"x"});
  EXPECT_EQ(idOf(twice.read().status()), "KILN-G0504");
  TestGraph cycle;
  cycle.node("a", "Neg", {"b"}).node("b", "Neg", {"a"}).node("y", "Neg", {"b"});
  EXPECT_EQ(idOf(cycle.read().status()), "KILN-G0402");
  TestGraph noNumber;
  noNumber.input("x", f32, {2}).node("y", "Neg", {"x:one"});
  EXPECT_EQ(idOf(noNumber.read().status()), "KILN-G0502");
  TestGraph beyond;
  beyond.input("x", f32, {2}).node("y", "Neg", {"x:7"});
  EXPECT_EQ(idOf(run(beyond, {}).status()), "KILN-G0503");
  TestGraph negative;
  negative.input("x", f32, {-2}).node("y", "Neg", {"x"});
  EXPECT_EQ(idOf(negative.read().status()), "KILN-G0502");
  TestGraph overflow;
  overflow.input("x", f32, {int64_t{1} << 40, int64_t{1} << 40}).node("y", "Neg", {"x"});
  EXPECT_EQ(idOf(overflow.read().status()), "KILN-G0502");
  TestGraph empty;
  EXPECT_EQ(idOf(empty.read().status()), "KILN-G0502");
}

TEST(FrozenGraphTest, wrongConstantsAndInputsAreNamed) {
  TestGraph noValue;
  noValue.node("c", "Const", {}).node("y", "Neg", {"c"});
  const Status status = run(noValue, {}).status();
  EXPECT_EQ(idOf(status), "KILN-G0502");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'c' (Const)"));
  wire::AttrValue huge;
  huge.mutable_tensor()->set_dtype(wire::DT_FLOAT);
  huge.mutable_tensor()->mutable_tensor_shape()->add_dim()->set_size(int64_t{1} << 50);
  huge.mutable_tensor()->add_float_val(1);
  TestGraph large;
  large.node("c", "Const", {}, {{"value", huge}}).node("y", "Neg", {"c"});
  EXPECT_FALSE(run(large, {}).ok());
  TestGraph missing;
  missing.input("x", f32, {2}).node("y", "Add", {"x"});
  EXPECT_EQ(idOf(run(missing, {{"x", floats({2}, {1, 2})}}).status()), "KILN-G0502");
}

TEST(FrozenGraphTest, anOperationThatIsRefusedNamesItsNode) {
  TestGraph graph;
  graph.input("x", f32, {2, 3}).input("w", f32, {4, 5}).node("layer/product", "MatMul", {"x", "w"});
  const Status status = run(graph, {{"x", Tensor(f32, {2, 3})}, {"w", Tensor(f32, {4, 5})}}).status();
  EXPECT_EQ(idOf(status), "KILN-G0502");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'layer/product' (MatMul)"));
}

TEST(FrozenGraphTest, lengthsThatContradictTheGraphAreRefused) {
  auto graph = FrozenGraph::parse(kDense, "dense.pbtxt");
  ASSERT_TRUE(graph.ok()) << graph.status();
  ImportOptions options;
  options.shapes["x"] = {2, 5};
  EXPECT_EQ(idOf(graph->import(options).status()), "KILN-G0509");
  options.shapes = {{"z", {2, 2}}};
  EXPECT_EQ(idOf(graph->import(options).status()), "KILN-G0508");
}

TEST(FrozenGraphTest, aGraphThatComputesNothingIsRefused) {
  TestGraph graph;
  graph.constant("c", floats({}, {1})).node("group", "NoOp", {"^c"});
  EXPECT_EQ(idOf(run(graph, {}).status()), "KILN-G0502");
}

TEST(FrozenGraphTest, aGraphOfKilnIsRefused) {
  wire::GraphDef def;
  def.set_kiln_format(1);
  EXPECT_EQ(idOf(FrozenGraph::create(def, "k.pb").status()), "KILN-G0502");
}

TEST(FrozenGraphTest, aChainOfAHundredThousandNodesIsRead) {
  TestGraph graph;
  graph.input("x", f32, {1}).node("n0", "Identity", {"x"});
  for (int i = 1; i < 100000; ++i) {
    graph.node("n" + std::to_string(i), "Identity", {"n" + std::to_string(i - 1)});
  }
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({1}, {3})}})), ElementsAre(3));
}

}  // namespace
}  // namespace kiln::tensorflow
