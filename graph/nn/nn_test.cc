// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>

#include "gmock/gmock.h"
#include "graph/eval/interpreter.h"
#include "graph/nn/dense.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

Tensor fetch(const Graph& graph, VariableStore& store, const std::vector<TensorView>& feeds, const std::string& name) {
  std::vector<std::string> names;
  if (!feeds.empty()) {
    names.push_back("x");
  }
  Entry entry = makeEntry(graph, "test", names, {name}, {}).value();
  return Interpreter().evaluate(graph, entry, feeds, store).value()[0];
}

TEST(Dense, MultipliesAddsAndActivates) {
  GraphBuilder g("dense");
  auto x = g.placeholder("x", f32, {dim("batch"), 2});
  nn::dense(g, "hidden", x, 3, relu, {.kernel = nn::constant(2), .bias = nn::constant(-1)}).named("y");
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  const Tensor y = fetch(graph, store, {Tensor::of<float>({2, 2}, {1, 2, -3, 1})}, "y");
  EXPECT_TRUE(y.identicalTo(Tensor::of<float>({2, 3}, {5, 5, 5, 0, 0, 0}))) << y.toString();
}

TEST(Dense, VariablesAreNamedUnderTheLayer) {
  GraphBuilder g("names");
  auto x = g.placeholder("x", f64, {dim("batch"), 4});
  auto h = nn::dense(g, "hidden", x, 8, tanh);
  nn::dense(g, "hidden", h, 2, nullptr, {.useBias = false});
  std::vector<std::string> names;
  for (const Value& v : g.trainableVariables()) {
    names.push_back(v.name());
    EXPECT_EQ(v.dtype(), f64);
  }
  EXPECT_THAT(names, testing::ElementsAre("hidden/w", "hidden/b", "hidden_1/w"));
  EXPECT_TRUE(g.finish().ok());
}

TEST(Dense, KeepsLeadingAxes) {
  GraphBuilder g("rank3");
  auto x = g.placeholder("x", f32, {dim("batch"), 5, 4});
  auto y = nn::dense(g, "d", x, 2, nullptr, {.kernel = nn::ones(), .bias = nn::zeros()}).named("y");
  EXPECT_EQ(y.shape(), (Shape{dim("batch"), 5, 2}));
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  Tensor fed(f32, {3, 5, 4});
  fed.set(4 * 7 + 1, 2.5);
  const Tensor result = fetch(graph, store, {fed}, "y");
  EXPECT_EQ(result.at(2 * 7), 2.5);
  EXPECT_EQ(result.at(2 * 6), 0);
}

TEST(Dense, TakesALambdaAsActivation) {
  GraphBuilder g("lambda");
  auto x = g.placeholder("x", f32, {dim("batch"), 4});
  EXPECT_EQ(nn::dense(g, "d", x, 2, [](Operand v) { return softmax(v); }).shape(), (Shape{dim("batch"), 2}));
  EXPECT_TRUE(g.finish().ok());
}

struct Moments {
  double mean = 0, variance = 0, low = 0, high = 0;
};

Moments momentsOf(const nn::Initializer& initializer) {
  GraphBuilder g("initializer");
  g.setSeed(7);
  auto x = g.placeholder("x", f32, {dim("batch"), 100});
  nn::dense(g, "d", x, 200, nullptr, {.kernel = initializer});
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  const Tensor& w = *store.find("d/w");
  Moments m{0, 0, w.at(0), w.at(0)};
  for (int64_t i = 0; i < w.numElements(); ++i) {
    m.mean += w.at(i) / w.numElements();
    m.variance += w.at(i) * w.at(i) / w.numElements();
    m.low = std::min(m.low, w.at(i));
    m.high = std::max(m.high, w.at(i));
  }
  return m;
}

TEST(Initializers, DefaultIsUniformByInputs) {
  const Moments m = momentsOf(nn::DenseOptions().kernel);
  EXPECT_NEAR(m.mean, 0, 0.002);
  EXPECT_NEAR(m.variance, 0.1 * 0.1 / 3, 1e-4);
  EXPECT_GE(m.low, -0.1);
  EXPECT_LT(m.high, 0.1);
  EXPECT_GT(m.high, 0.099);
}

TEST(Initializers, GlorotHasTheVarianceOfBothFans) {
  const Moments m = momentsOf(nn::glorotUniform());
  EXPECT_NEAR(m.variance, 2.0 / 300, 2e-4);
  EXPECT_LT(m.high, std::sqrt(6.0 / 300));
}

TEST(Initializers, HeIsNormalWithTheVarianceOfInputs) {
  const Moments m = momentsOf(nn::heNormal());
  EXPECT_NEAR(m.mean, 0, 0.005);
  EXPECT_NEAR(m.variance, 0.02, 8e-4);
  EXPECT_GT(m.high, 3 * std::sqrt(0.02));
}

}  // namespace
}  // namespace kiln
