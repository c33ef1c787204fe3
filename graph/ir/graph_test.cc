// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/ir/graph.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Adds a node without types: Graph::create infers them.
NodeId add(Body& body, std::string_view op, std::string name, std::vector<ValueRef> inputs = {},
           Attributes attributes = {}) {
  Node node;
  node.id = static_cast<NodeId>(body.nodes.size());
  node.op = findOp(op);
  node.name = std::move(name);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  node.location = {"model.cc", 10 + node.id};
  body.nodes.push_back(std::move(node));
  return body.nodes.back().id;
}

NodeId addInput(Body& body, std::string name, Shape shape) {
  return add(body, "placeholder", std::move(name), {}, {{"dtype", f32}, {"shape", std::move(shape)}});
}

NodeId addVariable(Body& body, std::string name) {
  return add(body, "variable", std::move(name), {}, {{"dtype", f32}, {"shape", Shape{2}}});
}

// y = tanh(x) with x f32[batch, 2], and a variable w that is assigned twice its value.
GraphData smallData() {
  GraphData data;
  data.name = "small";
  Body& body = data.body;
  const NodeId x = addInput(body, "x", {dim("batch"), 2});
  const NodeId y = add(body, "tanh", "y", {{x, 0}});
  const NodeId w = addVariable(body, "w");
  const NodeId twice = add(body, "add", "twice", {{w, 0}, {w, 0}});
  const NodeId assign = add(body, "assign", "w/assign", {{w, 0}, {twice, 0}});
  const NodeId step = add(body, "group", "step", {{assign, 0}});
  data.entries.push_back({"predict", {{"x", {x, 0}}}, {{"y", {y, 0}}}, {}, {}});
  data.entries.push_back({"train", {}, {{"w", {w, 0}}}, {step}, {}});
  data.symbols["batch"] = {1, 64};
  return data;
}

TEST(Graph, CreateInfersTypesThatAreMissing) {
  StatusOr<Graph> graph = Graph::create(smallData());
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->findNode("y")->outputs[0].toString(), "f32[batch, 2]");
  EXPECT_EQ(graph->findNode("step")->outputs.size(), 0u);
}

TEST(Graph, CreateFillsInAttributeDefaults) {
  GraphData data;
  const NodeId x = addInput(data.body, "x", {2, 3});
  add(data.body, "softmax", "y", {{x, 0}});
  Graph graph = Graph::create(std::move(data)).value();
  EXPECT_EQ(graph.findNode("y")->attributes.get<int64_t>("axis"), -1);
}

TEST(Graph, AnEmptyGraphHasNothing) {
  Graph graph;
  EXPECT_EQ(graph.name(), "");
  EXPECT_EQ(graph.findNode("x"), nullptr);
  EXPECT_FALSE(graph.findValue("x").ok());
  EXPECT_TRUE(graph == Graph::create(GraphData{}).value());
}

TEST(Graph, FindsValuesByEndpoint) {
  GraphData data;
  const NodeId p = addVariable(data.body, "p");
  const NodeId rate =
      add(data.body, "constant", "rate", {}, {{"value", TensorPtr(std::make_shared<Tensor>(Tensor::scalar(0.1f)))}});
  const NodeId step = add(data.body, "momentum", "step", {{p, 0}, {p, 0}, {p, 0}, {rate, 0}});
  Graph graph = Graph::create(std::move(data)).value();
  EXPECT_EQ(graph.findValue("step").value(), (ValueRef{step, 0}));
  EXPECT_EQ(graph.findValue("step:0").value(), (ValueRef{step, 0}));
  EXPECT_EQ(graph.findValue("step:1").value(), (ValueRef{step, 1}));
  EXPECT_EQ(endpointName(graph.body(), {step, 1}), "step:1");
  EXPECT_EQ(endpointName(graph.body(), {step, 0}), "step");
  for (const char* wrong : {"step:2", "step:-1", "step:x", "step:", "step:99999999999999999999"}) {
    EXPECT_FALSE(graph.findValue(wrong).ok()) << wrong;
  }
}

TEST(Graph, SliceHoldsWhatRootsNeedInOrder) {
  Graph graph = Graph::create(smallData()).value();
  const std::vector<NodeId> roots = {graph.findNode("w/assign")->id};
  std::vector<std::string> names;
  for (NodeId id : graph.body().slice(roots)) {
    names.push_back(graph.body().node(id).name);
  }
  EXPECT_THAT(names, ElementsAre("w", "twice", "w/assign"));
  EXPECT_TRUE(graph.body().slice({}).empty());
}

TEST(Graph, EqualityIgnoresLocationsOnly) {
  GraphData moved = smallData(), renamed = smallData(), retyped = smallData(), reranged = smallData();
  for (Node& node : moved.body.nodes) {
    node.location = {};
  }
  renamed.body.nodes[1].name = "z";
  retyped.body.nodes[0].attributes.set("shape", Shape{dim("batch"), 3});
  reranged.symbols["batch"] = {1, 32};
  const Graph graph = Graph::create(smallData()).value();
  EXPECT_TRUE(graph == Graph::create(moved).value());
  EXPECT_FALSE(graph == Graph::create(renamed).value());
  EXPECT_FALSE(graph == Graph::create(retyped).value());
  EXPECT_FALSE(graph == Graph::create(reranged).value());
  EXPECT_FALSE(graph == graph.withWeights({{"w", std::make_shared<Tensor>(Tensor::of<float>({2}, {1, 2}))}}));
}

TEST(Graph, WithWeightsKeepsTheValuesOfOtherVariables) {
  GraphData data = smallData();
  addVariable(data.body, "v");
  const auto ones = std::make_shared<Tensor>(Tensor::of<float>({2}, {1, 1}));
  const auto twos = std::make_shared<Tensor>(Tensor::of<float>({2}, {2, 2}));
  data.weights = {{"v", ones}, {"w", ones}};
  Graph graph = Graph::create(std::move(data)).value().withWeights({{"w", twos}});
  EXPECT_EQ(graph.weights().at("v"), ones);
  EXPECT_EQ(graph.weights().at("w"), twos);
}

TEST(Graph, PrintsNodesWithTypesAndPlaces) {
  const std::string text = toString(Graph::create(smallData()).value());
  EXPECT_THAT(text, HasSubstr("graph 'small'\ndim batch in [1, 64]\n"));
  EXPECT_THAT(text, HasSubstr("%y = kiln.tanh(%x) : f32[batch, 2]  // model.cc:11\n"));
  EXPECT_THAT(text, HasSubstr("%step = kiln.group(%w/assign)  // model.cc:15\n"));
  EXPECT_THAT(text, HasSubstr("entry predict(x = %x) -> (y = %y)\n"));
  EXPECT_THAT(text, HasSubstr("entry train() -> (w = %w) runs %step\n"));
}

TEST(Graph, PrintsAttributesUnlessTheyAreDefaults) {
  GraphData data;
  const NodeId x = addInput(data.body, "x", {2, 3});
  add(data.body, "reduce_sum", "plain", {{x, 0}}, {{"axes", std::vector<int64_t>{1}}});
  add(data.body, "reduce_sum", "kept", {{x, 0}}, {{"axes", std::vector<int64_t>{0}}, {"keep_dims", true}});
  const std::string text = toString(Graph::create(std::move(data)).value());
  EXPECT_THAT(text, HasSubstr("%plain = kiln.reduce_sum(%x) {axes = [1]} : f32[2]"));
  EXPECT_THAT(text, HasSubstr("%kept = kiln.reduce_sum(%x) {axes = [0], keep_dims = true} : f32[1, 3]"));
}

TEST(Graph, PrintsFunctions) {
  GraphData data;
  Function& function = data.functions["double"];
  function.name = "double";
  const NodeId arg = addInput(function.body, "arg0", {dim("n")});
  const NodeId sum = add(function.body, "add", "sum", {{arg, 0}, {arg, 0}});
  function.parameters = {{arg, 0}};
  function.results = {{sum, 0}};
  const NodeId x = addInput(data.body, "x", {3});
  add(data.body, "call", "y", {{x, 0}}, {{"callee", std::string("double")}});
  const std::string text = toString(Graph::create(std::move(data)).value());
  EXPECT_THAT(text, HasSubstr("function double(%arg0: f32[n]) -> (%sum: f32[n])\n  %arg0 = kiln.placeholder()"));
  EXPECT_THAT(text, HasSubstr("%y = kiln.call(%x) {callee = \"double\"} : f32[3]"));
}

TEST(Graph, AssignsOfFollowsGroupsAndCountsEachOnce) {
  Graph graph = Graph::create(smallData()).value();
  const NodeId step = graph.findNode("step")->id, assign = graph.findNode("w/assign")->id;
  EXPECT_THAT(assignsOf(graph.body(), {step, assign, step}), ElementsAre(assign));
}

TEST(Graph, MakeEntryTakesAnyEndpoints) {
  Graph graph = Graph::create(smallData()).value();
  StatusOr<Entry> entry = makeEntry(graph, "mine", {"x"}, {"y", "twice"}, {"step"});
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->feeds.size(), 1u);
  EXPECT_EQ(entry->fetches[1].value, (ValueRef{graph.findNode("twice")->id, 0}));
  EXPECT_THAT(entry->targets, ElementsAre(graph.findNode("step")->id));
}

TEST(Graph, CreateListsEveryErrorOnALineOfItsOwn) {
  GraphData data = smallData();
  data.body.nodes[1].name = "x";
  data.body.nodes[3].inputs[1] = {77, 0};
  data.symbols["batch"] = {5, 4};
  const Status status = Graph::create(std::move(data)).status();
  EXPECT_EQ(errorIdOf(status), "KILN-G0015");
  EXPECT_THAT(std::string(status.message()), HasSubstr("\nmodel.cc:11: error: [KILN-G0001] kiln.tanh 'x'"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\nmodel.cc:13: error: [KILN-G0002] kiln.add 'twice'"));
  // What depends on the broken node is not reported.
  EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("w/assign")));
}

TEST(Graph, AHundredThousandNodesInAChainAreNoDepthOfStack) {
  constexpr int kNodes = 100'000;
  GraphData data;
  data.body.nodes.reserve(kNodes);
  NodeId last = addInput(data.body, "x", {dim("batch")});
  for (int i = 1; i < kNodes; ++i) {
    last = add(data.body, "neg", "n" + std::to_string(i), {{last, 0}});
  }
  data.entries.push_back({"main", {{"x", {0, 0}}}, {{"y", {last, 0}}}, {}, {}});
  StatusOr<Graph> graph = Graph::create(std::move(data));
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->body().slice(std::vector<NodeId>{last}).size(), static_cast<size_t>(kNodes));
  EXPECT_GT(toString(*graph).size(), size_t{kNodes} * 20);
}

TEST(SourceLocation, InternedTextsAreShared) {
  EXPECT_EQ(internString("a/b.cc").data(), internString(std::string("a/") + "b.cc").data());
  EXPECT_EQ((SourceLocation{"a/b.cc", 3}).toString(), "a/b.cc:3");
  EXPECT_EQ(SourceLocation{}.toString(), "");
}

}  // namespace
}  // namespace kiln
