// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/optimizer.h"

#include "gmock/gmock.h"
#include "graph/eval/interpreter.h"
#include "graph/nn/dense.h"
#include "graph/optim/methods.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using testing::HasSubstr;

// Three steps from w = [1, -2] with the gradients [0.5, -1], [0.25, 2], [-1, 0.1].
VariableStore takeSteps(const std::function<optim::Optimizer(GraphBuilder&)>& make) {
  GraphBuilder g("steps");
  auto w = g.variable("w", g.constant(Tensor::of<double>({2}, {1, -2})));
  auto gradient = g.placeholder("gradient", f64, {2});
  auto step = make(g).apply({gradient}, {w});
  g.entry("step", {.feeds = {gradient}, .targets = {step}});
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  for (const std::vector<double>& values : {std::vector<double>{0.5, -1}, {0.25, 2}, {-1, 0.1}}) {
    EXPECT_TRUE(Interpreter().evaluate(graph, *graph.findEntry("step"), {Tensor::of<double>({2}, values)}, store).ok());
  }
  return store;
}

void expectValues(const VariableStore& store, const char* name, double first, double second) {
  const Tensor* tensor = store.find(name);
  ASSERT_NE(tensor, nullptr) << name;
  EXPECT_NEAR(tensor->at(0), first, 1e-14) << name;
  EXPECT_NEAR(tensor->at(1), second, 1e-14) << name;
}

// The expected values are those of the formulas of torch.optim, evaluated step by step in double precision.
TEST(Optimizers, SgdSubtractsTheGradient) {
  VariableStore store = takeSteps([](GraphBuilder& g) { return optim::sgd(g, {.learningRate = 0.1}); });
  expectValues(store, "w", 1 - 0.1 * -0.25, -2 - 0.1 * 1.1);
}

TEST(Optimizers, MomentumKeepsAVelocity) {
  VariableStore store = takeSteps([](GraphBuilder& g) { return optim::momentum(g, {.learningRate = 0.1}); });
  expectValues(store, "w", 0.917, -2.119);
  expectValues(store, "w/momentum/velocity", -0.37, 1.09);
}

TEST(Optimizers, NesterovAndWeightDecay) {
  VariableStore store = takeSteps([](GraphBuilder& g) {
    return optim::momentum(g, {.learningRate = 0.1, .momentum = 0.9, .nesterov = true, .weightDecay = 0.01});
  });
  expectValues(store, "w", 0.942869708191, -2.201336916382);
}

TEST(Optimizers, AdamCorrectsItsBias) {
  VariableStore store = takeSteps([](GraphBuilder& g) { return optim::adam(g, {.learningRate = 0.1}); });
  expectValues(store, "w", 0.8274177428854115, -1.9677376894782834);
  expectValues(store, "w/adam/first_moment", -0.037, 0.109);
  expectValues(store, "w/adam/second_moment", 0.00131193775, 0.005004001);
  EXPECT_EQ(store.find("adam/step")->at(0), 3);
}

TEST(Optimizers, TheLearningRateMayBeFed) {
  GraphBuilder g("fed");
  auto w = g.variable("w", g.scalar(1, f64));
  auto rate = g.placeholder("rate", f32, {});
  auto step = optim::sgd(g, {.learningRate = rate}).apply({g.scalar(2, f64)}, {w});
  g.entry("step", {.feeds = {rate}, .targets = {step}});
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  ASSERT_TRUE(Interpreter().evaluate(graph, *graph.findEntry("step"), {Tensor::scalar(0.25f)}, store).ok());
  EXPECT_EQ(store.find("w")->at(0), 0.5);
}

TEST(Optimizers, TwoOfOneKindHaveSlotsOfTheirOwn) {
  GraphBuilder g("two");
  auto a = g.variable("a", 1.0), b = g.variable("b", 1.0);
  auto both = optim::adam(g);
  auto first = both.minimize(a * a, {a}), second = both.minimize(b * b, {b});
  auto third = optim::adam(g).minimize(a * b, {a});
  EXPECT_EQ(first.name(), "adam/minimize");
  EXPECT_EQ(second.name(), "adam_1/minimize");
  EXPECT_EQ(third.name(), "adam_2/minimize");
  Graph graph = g.finish().value();
  EXPECT_NE(graph.findNode("a/adam/first_moment"), nullptr);
  EXPECT_NE(graph.findNode("a/adam_1/first_moment"), nullptr);
}

TEST(Optimizers, ARuleOfOnesOwn) {
  GraphBuilder g("own");
  auto w = g.variable("w", 3.0);
  optim::Optimizer signs(g, "signs", 0.5, false,
                         [](const optim::Optimizer::Context& c, Value variable, Value gradient) {
                           return std::vector<Target>{c.g.assign(variable, variable - c.learningRate * sign(gradient))};
                         });
  auto step = signs.apply({g.scalar(7, f32)}, {w});
  g.entry("step", {.targets = {step}});
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  ASSERT_TRUE(Interpreter().evaluate(graph, *graph.findEntry("step"), {}, store).ok());
  EXPECT_EQ(store.find("w")->at(0), 2.5);
}

TEST(Optimizers, ATrainingGraphIsBuiltInAFewLines) {
  GraphBuilder g("digits");
  auto x = g.placeholder("x", f32, {dim("batch"), 64});
  auto y = g.placeholder("y", i32, {dim("batch")});
  auto h = nn::dense(g, "hidden", x, 128, relu);
  auto logits = nn::dense(g, "out", h, 10);
  auto loss = reduceMean(softmaxCrossEntropy(logits, y));
  auto step = optim::adam(g, {.learningRate = 1e-3}).minimize(loss);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {{"loss", loss}}, .targets = {step}});
  g.entry("predict", {.feeds = {x}, .fetches = {{"logits", logits}}});
  Graph graph = g.finish().value();
  EXPECT_EQ(graph.entries().size(), 3u);
  EXPECT_EQ(graph.variables().size(), 4u + 8u + 1u + 1u);  // weights, moments, step, random state
  EXPECT_EQ(assignsOf(graph.body(), graph.findEntry("train_step")->targets).size(), 4u + 8u + 1u);
  const std::string text = toString(graph);
  EXPECT_THAT(text, HasSubstr("%hidden/w/adam/first_moment = kiln.variable()"));
  EXPECT_THAT(text, HasSubstr("entry predict(x = %x) -> (logits = %out/"));
  // Predicting needs no gradient, so the interpreter can do it.
  VariableStore store = initialValues(graph).value();
  StatusOr<std::vector<Tensor>> result =
      Interpreter().evaluate(graph, *graph.findEntry("predict"), {Tensor(f32, {5, 64})}, store);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT((*result)[0].dims(), testing::ElementsAre(5, 10));
}

}  // namespace
}  // namespace kiln
