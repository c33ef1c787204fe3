// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/builder.h"

#include "gmock/gmock.h"
#include "graph/build/operations.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> namesOf(const std::vector<Value>& values) {
  std::vector<std::string> names;
  for (const Value& value : values) {
    names.push_back(value.name());
  }
  return names;
}

size_t countOps(const Graph& graph, std::string_view op) {
  return std::count_if(graph.body().nodes.begin(), graph.body().nodes.end(),
                       [&](const Node& n) { return n.op->name == op; });
}

TEST(GraphBuilder, NodesRememberTheLineThatMadeThem) {
  GraphBuilder g("lines");
  auto x = g.placeholder("x", f32, {2});
  const int line = __LINE__ + 1;
  auto y = tanh(x) + x;
  Graph graph = g.finish().value();
  EXPECT_EQ(graph.findNode("tanh")->location.line, line);
  EXPECT_EQ(graph.findNode("add")->location.line, line);
  EXPECT_TRUE(graph.findNode("add")->location.file.ends_with("build/builder_test.cc"));
  EXPECT_EQ(y.name(), "add");
}

TEST(GraphBuilder, ValuesTellTheirTypesAndNames) {
  GraphBuilder g("types");
  auto x = g.placeholder("x", f32, {dim("batch"), 64});
  EXPECT_EQ(x.dtype(), f32);
  EXPECT_EQ(x.shape(), (Shape{dim("batch"), 64}));
  EXPECT_EQ(x.rank(), 2);
  EXPECT_EQ(Endpoint(x), Endpoint("x"));
}

TEST(GraphBuilder, ValuesKeepTheirNamesAfterFinish) {
  GraphBuilder g("names");
  auto x = g.placeholder("x", f32, {2});
  auto y = tanh(x).named("y");
  auto w = g.variable("w", 1.0);
  auto step = g.group("step", {g.assign(w, w + 1)});
  ASSERT_TRUE(g.finish().ok());
  EXPECT_EQ(y.name(), "y");
  EXPECT_EQ(y.shape(), Shape{2});
  EXPECT_EQ(Endpoint(step), Endpoint("step"));
}

TEST(GraphBuilder, NamesThatKilnChoosesAreFresh) {
  GraphBuilder g("fresh");
  auto x = g.placeholder("x", f32, {2});
  auto clash = g.placeholder("tanh_1", f32, {2});
  std::vector<Value> made = {tanh(x), tanh(x), tanh(clash)};
  EXPECT_THAT(namesOf(made), ElementsAre("tanh", "tanh_2", "tanh_3"));
  EXPECT_TRUE(g.finish().ok());
}

TEST(GraphBuilder, ScopesPrefixNamesAndAreFreshWhenEnteredAgain) {
  GraphBuilder g("scopes");
  auto x = g.placeholder("x", f32, {2});
  std::vector<Value> made;
  for (int i = 0; i < 2; ++i) {
    auto outer = g.scope("dense");
    made.push_back(g.variable("w", 1.0));
    auto inner = g.scope("act");
    made.push_back(tanh(x));
  }
  made.push_back(tanh(x));
  EXPECT_THAT(namesOf(made), ElementsAre("dense/w", "dense/act/tanh", "dense_1/w", "dense_1/act/tanh", "tanh"));
  EXPECT_TRUE(g.finish().ok());
}

TEST(GraphBuilder, ScopeOfAValueIgnoresTheCurrentScope) {
  GraphBuilder g("slots");
  Value w = [&] {
    auto scope = g.scope("hidden");
    return g.variable("w", 1.0);
  }();
  auto elsewhere = g.scope("train");
  auto slots = g.scopeOf(w);
  auto method = g.scope("adam");
  EXPECT_EQ(g.variable("first_moment", 0.0, false).name(), "hidden/w/adam/first_moment");
}

TEST(GraphBuilder, NamedRenamesUnderTheScope) {
  GraphBuilder g("named");
  auto x = g.placeholder("x", f32, {2});
  auto scope = g.scope("head");
  auto y = tanh(x).named("y");
  EXPECT_EQ(y.name(), "head/y");
  EXPECT_EQ(tanh(x).name(), "head/tanh");  // the old name is free again
  EXPECT_TRUE(g.finish().ok());
}

TEST(GraphBuilder, VariablesGetAnInitEntry) {
  GraphBuilder g("init");
  auto w = g.variable("w", full(g, {3, 2}, 0.5));
  auto count = g.variable("count", g.scalar(0, i64), false);
  EXPECT_THAT(namesOf(g.trainableVariables()), ElementsAre("w"));
  Graph graph = g.finish().value();
  const Entry* init = graph.findEntry(kInitEntry);
  ASSERT_NE(init, nullptr);
  EXPECT_EQ(init->targets.size(), 2u);
  EXPECT_EQ(graph.variables().size(), 2u);
  EXPECT_EQ(graph.findNode("w")->outputs[0].toString(), "f32[3, 2]");
  EXPECT_EQ(count.dtype(), i64);
  EXPECT_EQ(w.rank(), 2);
}

TEST(GraphBuilder, EntriesNameTheirFeedsAndFetches) {
  GraphBuilder g("entries");
  auto x = g.placeholder("input", f32, {dim("batch")});
  auto y = tanh(x);
  g.entry("predict", {.feeds = {{"x", x}}, .fetches = {y, {"again", y}}});
  y.named("result");  // an entry takes the name that the value has in the end
  Graph graph = g.finish().value();
  const Entry& entry = *graph.findEntry("predict");
  EXPECT_EQ(entry.feeds[0].name, "x");
  EXPECT_EQ(entry.fetches[0].name, "result");
  EXPECT_EQ(entry.fetches[1].name, "again");
}

TEST(GraphBuilder, RandomDrawsAdvanceTheStateOfEntriesThatDraw) {
  GraphBuilder g("random");
  g.setSeed(42);
  auto w = g.variable("w", randomNormal(g, {4}));
  auto noise = randomUniform(g, {4});
  g.entry("noisy", {.fetches = {noise}});
  g.entry("calm", {.fetches = {w}});
  Graph graph = g.finish().value();
  const NodeId advance = graph.findNode(kRandomStateAdvance)->id;
  EXPECT_THAT(graph.findEntry("noisy")->targets, ElementsAre(advance));
  EXPECT_TRUE(graph.findEntry("calm")->targets.empty());
  EXPECT_THAT(graph.findEntry("init")->targets, testing::Contains(advance));
  EXPECT_THAT(makeEntry(graph, "mine", {}, {noise.name()}, {})->targets, ElementsAre(advance));
  const Tensor& state = *graph.weights().at(std::string(kRandomState));
  EXPECT_TRUE(state.identicalTo(Tensor::of<int64_t>({2}, {42, 0})));
  EXPECT_NE(graph.findNode("random_normal")->attributes.get<int64_t>("op_id"),
            graph.findNode("random_uniform")->attributes.get<int64_t>("op_id"));
}

TEST(GraphBuilder, FunctionsAreCalledWithDimsOfTheCaller) {
  GraphBuilder g("functions");
  g.function("scale", {{f32, Shape{dim("n"), 2}}, {f32, Shape{}}}, [](const std::vector<Value>& args) {
    return std::vector<Value>{args[0] * args[1], reduceSum(args[0], {1})};
  });
  auto x = g.placeholder("x", f32, {dim("batch"), 2});
  std::vector<Value> results = g.call("scale", {x, g.scalar(2, f32)});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].shape(), (Shape{dim("batch"), 2}));
  EXPECT_EQ(results[1].shape(), Shape{dim("batch")});
  EXPECT_THAT(namesOf(results), ElementsAre("scale", "scale:1"));
  Graph graph = g.finish().value();
  EXPECT_EQ(graph.functions().at("scale").parameters.size(), 2u);
  EXPECT_EQ(results[1].name(), "scale:1");
}

TEST(GraphBuilder, FunctionsCallOtherFunctions) {
  GraphBuilder g("nested");
  g.function("twice", {{f32, Shape{}}}, [](const std::vector<Value>& a) { return std::vector<Value>{a[0] + a[0]}; });
  g.function("four", {{f32, Shape{}}},
             [&](const std::vector<Value>& a) { return g.call("twice", {g.call("twice", {a[0]})[0]}); });
  auto x = g.placeholder("x", f32, {});
  g.entry("main", {.feeds = {x}, .fetches = {g.call("four", {x})[0]}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->functions().size(), 2u);
}

TEST(GraphBuilder, GradientsHaveTheTypesOfTheXs) {
  GraphBuilder g("gradients");
  auto x = g.placeholder("x", f32, {dim("batch"), 3});
  auto w = g.variable("w", full(g, {3, 2}, 0.1));
  auto loss = reduceMean(tanh(matmul(x, w)));
  std::vector<Value> grads = g.gradients({loss}, {w, x});
  EXPECT_EQ(grads[0].shape(), (Shape{3, 2}));
  EXPECT_EQ(grads[1].shape(), (Shape{dim("batch"), 3}));
  auto second = g.gradients({reduceSum(grads[0] * grads[0])}, {w});
  EXPECT_EQ(second[0].shape(), (Shape{3, 2}));
  EXPECT_TRUE(g.finish().ok());
}

TEST(GraphBuilder, GradientsWithSeedsTakeAnyShape) {
  GraphBuilder g("seeds");
  auto x = g.placeholder("x", f32, {3});
  auto seed = g.placeholder("seed", f32, {3});
  EXPECT_EQ(g.gradients({tanh(x)}, {x}, {seed})[0].shape(), Shape{3});
  EXPECT_TRUE(g.finish().ok());
}

TEST(GraphBuilder, GradientForSomethingUnrelatedIsLegal) {
  GraphBuilder g("unrelated");
  auto x = g.placeholder("x", f32, {});
  auto z = g.placeholder("z", f32, {4});
  EXPECT_EQ(g.gradients({tanh(x)}, {z})[0].shape(), Shape{4});
  EXPECT_TRUE(g.finish().ok());
}

TEST(GraphBuilder, GradientsPassBesideAnOpWithoutOne) {
  GraphBuilder g("beside");
  auto x = g.placeholder("x", f32, {3});
  auto clipped = select(greater(x, 0), x, 0);  // the condition has no derivative, the branch does
  EXPECT_FALSE(g.gradients({reduceSum(clipped)}, {x})[0].isPoisoned());
  EXPECT_TRUE(g.finish().ok());
}

TEST(GraphBuilder, GroupsInGroupsAreTakenApart) {
  GraphBuilder g("groups");
  auto a = g.variable("a", 0.0);
  auto b = g.variable("b", 0.0);
  auto inner = g.group("inner", {g.assign(a, 1)});
  auto outer = g.group("outer", {inner, g.assign(b, 2)});
  g.entry("step", {.targets = {outer}});
  Graph graph = g.finish().value();
  EXPECT_EQ(assignsOf(graph.body(), graph.findEntry("step")->targets).size(), 2u);
}

TEST(GraphBuilder, AssignTakesANumberForTheWholeVariable) {
  GraphBuilder g("fill");
  auto w = g.variable("w", full(g, {2, 2}, 1));
  auto reset = g.assign(w, 0);
  EXPECT_EQ(reset.name(), "w/assign");
  EXPECT_EQ(g.assign(w, 1, "to_one").name(), "to_one");
  EXPECT_TRUE(g.finish().ok());
}

TEST(GraphBuilder, DimensionsHaveRanges) {
  GraphBuilder g("ranges");
  auto x = g.placeholder("x", f32, {g.dim("batch", 1, 128)});
  EXPECT_EQ(x.shape(), Shape{dim("batch")});
  EXPECT_EQ(g.finish()->symbols().at("batch"), (DimRange{1, 128}));
}

TEST(GraphBuilder, OneErrorForACauseAndSilenceAfterIt) {
  GraphBuilder g("poison");
  auto x = g.placeholder("x", f32, {2, 3});
  auto bad = matmul(x, x);
  auto worse = tanh(bad) + 1.0;
  auto w = g.variable("w", reduceSum(worse));
  g.entry("main", {.feeds = {x}, .fetches = {worse}, .targets = {g.assign(w, worse)}});
  EXPECT_TRUE(bad.isPoisoned() && worse.isPoisoned() && w.isPoisoned());
  EXPECT_EQ(worse.name(), "");
  const std::string message(g.finish().status().message());
  EXPECT_THAT(message, HasSubstr("kiln.matmul 'matmul'"));
  EXPECT_THAT(message, Not(HasSubstr("tanh")));
  EXPECT_THAT(message, Not(HasSubstr("entry")));
}

TEST(GraphBuilder, FinishListsEveryErrorWithItsLine) {
  GraphBuilder g("several");
  auto x = g.placeholder("x", f32, {2, 3});
  const int first = __LINE__ + 1;
  matmul(x, x);
  auto y = g.placeholder("x", f32, {2});
  auto z = g.placeholder("z", f32, {5});
  x + z;
  const Status status = g.finish().status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("builder_test.cc:" + std::to_string(first) + ": error: [KILN-O"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("builder_test.cc:" + std::to_string(first + 1) + ": error: [KILN-G0001]"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("builder_test.cc:" + std::to_string(first + 3) + ": error: [KILN-G0204]"));
  EXPECT_TRUE(y.isPoisoned());
}

TEST(GraphBuilder, ValuesOfARefusedGraphHaveNoNames) {
  GraphBuilder g("refused");
  auto x = g.placeholder("x", f32, {2});
  auto y = tanh(x);
  g.entry("main", {.fetches = {y}});  // forgets the feed
  EXPECT_FALSE(g.finish().ok());
  EXPECT_EQ(y.name(), "");
  EXPECT_EQ(y.dtype(), DType::kInvalid);
  EXPECT_TRUE((y + x).isPoisoned());
  EXPECT_EQ(errorIdOf(g.finish().status()), "KILN-G0218");
}

TEST(GraphBuilder, AHundredThousandNodesAreBuiltAndPrinted) {
  GraphBuilder g("long");
  auto x = g.placeholder("x", f32, {dim("batch"), 8});
  Value y = x;
  for (int i = 0; i < 100'000; ++i) {
    y = tanh(y);
  }
  g.entry("main", {.feeds = {x}, .fetches = {y}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(countOps(*graph, "tanh"), 100'000u);
  EXPECT_EQ(y.name(), "tanh_99999");
  EXPECT_THAT(toString(*graph), HasSubstr("%tanh_99999 = kiln.tanh(%tanh_99998) : f32[batch, 8]"));
}

}  // namespace
}  // namespace kiln
