// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Graphs through the whole compiler and the runtime.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "compiler/jit/session.h"
#include "compiler/pipelines/compile.h"
#include "graph/eval/interpreter.h"
#include "tests/support/models.h"

namespace kiln {
namespace {

using testing::labels;
using testing::mlp;
using testing::noiseTensor;

/// The largest difference, in units of the larger tensor's largest magnitude.
double distance(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.dims(), b.dims());
  double largest = 1e-30, difference = 0;
  for (int64_t i = 0; i < a.numElements(); ++i) {
    largest = std::max({largest, std::abs(a.at(i)), std::abs(b.at(i))});
    difference = std::max(difference, std::abs(a.at(i) - b.at(i)));
  }
  return difference / largest;
}

TEST(Session, addsOne) {
  GraphBuilder g("add");
  auto x = g.placeholder("x", f32, {dim("n")});
  auto y = (x + 1).named("y");
  g.entry("main", {.feeds = {x}, .fetches = {y}, .targets = {}});
  Graph graph = g.finish().value();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  auto callable = session->prepareEntry("main");
  ASSERT_TRUE(callable.ok()) << callable.status();
  for (int64_t n : {0, 1, 3, 4, 100, 100'000}) {
    Tensor feed = noiseTensor(f32, {n});
    std::vector<Tensor> out;
    ASSERT_TRUE(callable->run({feed}, out).ok());
    ASSERT_EQ(out[0].dims(), std::vector<int64_t>{n});
    for (int64_t i = 0; i < n; ++i) {
      ASSERT_EQ(out[0].data<float>()[i], feed.data<float>()[i] + 1.0f) << i;
    }
  }
}

TEST(Session, runsAChain) {
  GraphBuilder g("chain");
  auto x = g.placeholder("x", f32, {4, 4});
  Value v = x;
  for (int i = 0; i < 100; ++i) {
    v = i % 2 == 0 ? v + 0.5 : v * 0.75;
  }
  v.named("y");
  g.entry("main", {.feeds = {x}, .fetches = {v}, .targets = {}});
  Graph graph = g.finish().value();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  Tensor feed = noiseTensor(f32, {4, 4});
  auto out = session->runEntry("main", {{"x", feed}});
  ASSERT_TRUE(out.ok()) << out.status();
  float want = feed.data<float>()[5];
  for (int i = 0; i < 100; ++i) {
    want = i % 2 == 0 ? want + 0.5f : want * 0.75f;
  }
  EXPECT_EQ(out->at("y").data<float>()[5], want);
}

TEST(Session, oneCompilationServesEveryBatchSize) {
  Graph graph = mlp();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  auto predict = session->prepareEntry("predict");
  ASSERT_TRUE(predict.ok()) << predict.status();
  VariableStore store = initialValues(graph).value();
  for (int64_t batch : {1, 7, 33}) {
    Tensor x = noiseTensor(f32, {batch, 8}, batch);
    std::vector<Tensor> out;
    ASSERT_TRUE(predict->run({x}, out).ok());
    auto want = Interpreter().evaluate(graph, *graph.findEntry("predict"), {x}, store);
    ASSERT_TRUE(want.ok()) << want.status();
    EXPECT_EQ(out[0].dims(), (std::vector<int64_t>{batch, 4}));
    EXPECT_LT(distance(out[0], (*want)[0]), 1e-6);
  }
}

class TrainTest : public ::testing::TestWithParam<DType> {};

TEST_P(TrainTest, trainingStepsFollowTheInterpreter) {
  DType dtype = GetParam();
  Graph graph = mlp(dtype);
  // The interpreter runs what the compiler makes of the gradients node.
  auto lowered = compiler::lowerGraph(graph, *graph.findEntry("train_step"), compiler::Phase::kDifferentiate);
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  VariableStore store = initialValues(graph).value();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  auto train = session->prepareEntry("train_step");
  ASSERT_TRUE(train.ok()) << train.status();
  Tensor x = noiseTensor(dtype, {33, 8}), y = labels(33, 4);
  // Sums in another order move a 16-bit float by a few units in its last place, and training carries that on.
  double tolerance = dtype == f64 ? 1e-12 : dtype == f32 ? 2e-5 : dtype == f16 ? 1e-2 : 8e-2, first = 0, last = 0;
  for (int step = 0; step < 20; ++step) {
    std::vector<Tensor> out;
    ASSERT_TRUE(train->run({x, y}, out).ok());
    auto want = Interpreter().evaluate(*lowered, *lowered->findEntry("train_step"), {x, y}, store);
    ASSERT_TRUE(want.ok()) << want.status();
    EXPECT_NEAR(out[0].at(0), (*want)[0].at(0), tolerance) << "step " << step;
    (step == 0 ? first : last) = out[0].at(0);
  }
  EXPECT_LT(last, first);
  for (const auto& [name, value] : session->variables()) {
    const Tensor* want = store.find(name);
    ASSERT_NE(want, nullptr) << name;
    EXPECT_LT(distance(value, *want), tolerance * 10) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, TrainTest, ::testing::Values(f16, bf16, f32, f64),
                         [](const auto& info) { return std::string(toString(info.param)); });

TEST(Session, partialFetchRunsOnlyWhatItNeeds) {
  Graph graph = mlp();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  // No labels are fed, and none are needed.
  auto out = session->run({{"x", noiseTensor(f32, {5, 8})}}, {"logits"});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->at("logits").dims(), (std::vector<int64_t>{5, 4}));
}

TEST(Session, callsOfOneFunctionWithDifferentShapes) {
  GraphBuilder g("calls");
  g.function("double_and_square", {{.dtype = f32, .shape = {dim("n")}}},
             [](const std::vector<Value>& p) { return std::vector<Value>{p[0] * 2, p[0] * p[0]}; });
  auto x = g.placeholder("x", f32, {dim("batch")});
  auto y = g.placeholder("y", f32, {3});
  auto first = g.call("double_and_square", {x});
  auto second = g.call("double_and_square", {y});
  g.entry("main", {.feeds = {x, y}, .fetches = {NamedValue("a", first[1]), NamedValue("b", second[0])}, .targets = {}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto out =
      session->runEntry("main", {{"x", Tensor::of<float>({2}, {3, 4})}, {"y", Tensor::of<float>({3}, {1, 2, 3})}});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->at("a").data<float>()[1], 16.0f);
  EXPECT_EQ(out->at("b").data<float>()[2], 6.0f);
}

TEST(Session, sameValueFetchedTwiceAndFeedFetched) {
  GraphBuilder g("twice");
  auto x = g.placeholder("x", f32, {3});
  auto y = (x * 2).named("y");
  g.entry("main",
          {.feeds = {x}, .fetches = {NamedValue("a", y), NamedValue("b", y), NamedValue("c", x)}, .targets = {}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto out = session->runEntry("main", {{"x", Tensor::of<float>({3}, {1, 2, 3})}});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->at("a").data<float>()[2], 6.0f);
  EXPECT_EQ(out->at("b").data<float>()[2], 6.0f);
  EXPECT_EQ(out->at("c").data<float>()[2], 3.0f);
}

TEST(Session, variablesSwap) {
  GraphBuilder g("swap");
  auto v = g.variable("v", g.constant(Tensor::of<float>({2}, {1, 2})));
  auto w = g.variable("w", g.constant(Tensor::of<float>({2}, {3, 4})));
  auto step = g.group("swap", {g.assign(v, w), g.assign(w, v)});
  g.entry("swap", {.feeds = {}, .fetches = {}, .targets = {step}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  ASSERT_TRUE(session->runEntry("swap", {}).ok());
  EXPECT_EQ(session->variable("v")->data<float>()[0], 3.0f);
  EXPECT_EQ(session->variable("w")->data<float>()[1], 2.0f);
}

TEST(Session, crossedUpdatesReadOldValues) {
  GraphBuilder g("crossed");
  auto v = g.variable("v", g.constant(Tensor::of<float>({2}, {1, 2})));
  auto w = g.variable("w", g.constant(Tensor::of<float>({2}, {3, 4})));
  auto step = g.group("step", {g.assign(v, v + w), g.assign(w, v * w)});
  g.entry("step", {.feeds = {}, .fetches = {NamedValue("old", v)}, .targets = {step}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto out = session->runEntry("step", {});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->at("old").data<float>()[1], 2.0f);
  EXPECT_EQ(session->variable("v")->data<float>()[1], 6.0f);
  EXPECT_EQ(session->variable("w")->data<float>()[1], 8.0f);
}

TEST(Session, weightsOverruleInit) {
  GraphBuilder g("weights");
  auto v = g.variable("v", g.constant(Tensor::of<float>({2}, {1, 2})));
  g.entry("read", {.feeds = {}, .fetches = {(v + 0).named("y")}, .targets = {}});
  Graph graph = g.finish().value().withWeights({{"v", std::make_shared<const Tensor>(Tensor::of<float>({2}, {7, 8}))}});
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->variable("v")->data<float>()[1], 8.0f);
}

TEST(Session, largeInitIsCompiled) {
  GraphBuilder g("large");
  auto v = g.variable("v", randomUniform(g, {600, 500}));
  g.entry("read", {.feeds = {}, .fetches = {(v + 0).named("y")}, .targets = {}});
  Graph graph = g.finish().value();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  VariableStore want = initialValues(graph).value();
  EXPECT_LT(distance(*session->variable("v"), *want.find("v")), 1e-6);
}

TEST(Session, c0801UnknownDeviceIsRefused) {
  auto session = createSession(mlp(), {.device = "tpu"});
  EXPECT_EQ(errorIdOf(session.status()), "KILN-C0801");
  EXPECT_THAT(std::string(session.status().message()), ::testing::HasSubstr("'tpu'"));
}

}  // namespace
}  // namespace kiln
