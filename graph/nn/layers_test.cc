// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolution, dropout and normalisation layers.
#include <cmath>

#include "gmock/gmock.h"
#include "graph/eval/interpreter.h"
#include "graph/nn/convolution.h"
#include "graph/nn/normalization.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

Tensor evaluate(const Graph& graph, VariableStore& store, const Tensor& x, const std::string& fetch,
                const std::vector<std::string>& targets = {}) {
  Entry entry = makeEntry(graph, "test", {"x"}, {fetch}, targets).value();
  return Interpreter().evaluate(graph, entry, {x}, store).value()[0];
}

std::vector<std::string> trainable(const GraphBuilder& g) {
  std::vector<std::string> names;
  for (const Value& v : g.trainableVariables()) {
    names.push_back(v.name());
  }
  return names;
}

std::string errorOf(GraphBuilder& g) {
  auto graph = g.finish();
  return graph.ok() ? "no error" : std::string(graph.status().message());
}

TEST(ConvLayer, MultipliesAddsAndActivates) {
  GraphBuilder g("conv");
  auto x = g.placeholder("x", f32, {dim("batch"), 3, 3, 1});
  auto y = nn::conv(g, "c", x, 2, {2}, relu, {.kernel = nn::ones(), .bias = nn::constant(-20)}).named("y");
  EXPECT_EQ(y.shape(), (Shape{dim("batch"), 2, 2, 2}));
  EXPECT_THAT(trainable(g), testing::ElementsAre("c/w", "c/b"));
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  EXPECT_EQ(store.find("c/w")->dims(), (std::vector<int64_t>{2, 2, 1, 2}));
  const Tensor result = evaluate(graph, store, Tensor::of<float>({1, 3, 3, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9}), "y");
  EXPECT_TRUE(result.identicalTo(Tensor::of<float>({1, 2, 2, 2}, {0, 0, 0, 0, 4, 4, 8, 8}))) << result.toString();
}

TEST(ConvLayer, BiasIsAlongTheChannelsOfAnyLayout) {
  GraphBuilder g("layout");
  auto x = g.placeholder("x", f32, {dim("batch"), 1, 2, 2});
  nn::conv(g, "c", x, 1, {1, 1}, nullptr, {.layout = "NCHW", .kernel = nn::ones(), .bias = nn::constant(1)}).named("y");
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  const Tensor result = evaluate(graph, store, Tensor::of<float>({1, 1, 2, 2}, {1, 2, 3, 4}), "y");
  EXPECT_TRUE(result.identicalTo(Tensor::of<float>({1, 1, 2, 2}, {2, 3, 4, 5}))) << result.toString();
}

TEST(ConvLayer, DefaultIsUniformByTapsAndChannels) {
  GraphBuilder g("initial");
  g.setSeed(3);
  auto x = g.placeholder("x", f64, {dim("batch"), 8, 8, 16});
  nn::conv(g, "c", x, 64, {3}, nullptr, {.groups = 2});
  Graph graph = g.finish().value();
  const VariableStore store = initialValues(graph).value();
  const double bound = 1 / std::sqrt(3 * 3 * 8);
  double high = 0, sum = 0;
  const Tensor& w = *store.find("c/w");
  EXPECT_EQ(w.dims(), (std::vector<int64_t>{3, 3, 8, 64}));
  for (int64_t i = 0; i < w.numElements(); ++i) {
    high = std::max(high, std::fabs(w.at(i)));
    sum += w.at(i);
  }
  EXPECT_LE(high, bound);
  EXPECT_GT(high, 0.99 * bound);
  EXPECT_NEAR(sum / static_cast<double>(w.numElements()), 0, 0.03 * bound);
}

TEST(ConvLayer, RefusesWhatDoesNotFit) {
  auto refused = [](const Shape& shape, int64_t outputs, std::vector<int64_t> kernel, int64_t groups) {
    GraphBuilder g("wrong");
    nn::conv(g, "c", g.placeholder("x", f32, shape), outputs, kernel, nullptr, {.groups = groups});
    return errorOf(g);
  };
  using testing::HasSubstr;
  EXPECT_EQ(refused({1, 4, 4, 2}, 2, {3, 3}, 1), "no error");
  EXPECT_THAT(refused({1, 4}, 2, {3}, 1), HasSubstr("KILN-G0243"));
  EXPECT_THAT(refused({1, 4, 4, dim("c")}, 2, {3}, 1), HasSubstr("a number of channels"));
  EXPECT_THAT(refused({1, 4, 4, 2}, 0, {3}, 1), HasSubstr("outputs of conv 'c' is 0"));
  EXPECT_THAT(refused({1, 4, 4, 2}, 2, {3, 3, 3}, 1), HasSubstr("kernel of conv 'c'"));
  EXPECT_THAT(refused({1, 4, 4, 2}, 2, {0, 3}, 1), HasSubstr("kernel of conv 'c'"));
  EXPECT_THAT(refused({1, 4, 4, 2}, 2, {3}, 3), HasSubstr("groups of conv 'c' is 3"));
  EXPECT_THAT(refused({1, 2, 4, 2}, 2, {3}, 1), HasSubstr("KILN-O0138"));
}

TEST(ConvTransposeLayer, DoublesTheLengths) {
  GraphBuilder g("up");
  auto x = g.placeholder("x", f32, {dim("batch"), 2, 1});
  auto y = nn::convTranspose(g, "u", x, 3, {2}, nullptr, {.strides = {2}, .kernel = nn::ones(), .bias = nn::zeros()});
  y.named("y");
  EXPECT_EQ(y.shape(), (Shape{dim("batch"), 4, 3}));
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  const Tensor result = evaluate(graph, store, Tensor::of<float>({1, 2, 1}, {1, 2}), "y");
  EXPECT_TRUE(result.identicalTo(Tensor::of<float>({1, 4, 3}, {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2})));
}

TEST(SamePadding, GivesCeilOfTheLengthByTheStride) {
  GraphBuilder g("same");
  auto w = g.constant(Tensor(f32, {3, 3, 1, 1}));
  auto of = [&](int64_t height, int64_t width, std::vector<int64_t> strides) {
    auto x = g.placeholder("x" + std::to_string(height) + std::to_string(width), f32, {1, height, width, 1});
    return conv(x, w, {.strides = strides, .padding = Padding::same()}).shape();
  };
  EXPECT_EQ(of(5, 8, {1}), (Shape{1, 5, 8, 1}));
  EXPECT_EQ(of(7, 6, {2}), (Shape{1, 4, 3, 1}));
  auto x = g.placeholder("x", f32, {dim("n"), dim("h"), 7, 1});
  EXPECT_EQ(conv(x, w, {.padding = Padding::same()}).shape(), (Shape{dim("n"), dim("h"), 7, 1}));
  EXPECT_EQ(convTranspose(x, w, {.strides = {3}, .padding = Padding::same()}).shape(),
            (Shape{dim("n"), dim("h") * Dim(3), 21, 1}));
  conv(x, w, {.strides = {2}, .padding = Padding::same()});
  EXPECT_THAT(errorOf(g), testing::HasSubstr("KILN-O0134"));
}

TEST(GlobalPools, ReduceTheSpatialAxes) {
  GraphBuilder g("global");
  auto x = g.placeholder("x", f32, {dim("n"), 3, dim("h"), 5});
  EXPECT_EQ(globalAvgPool(x, "NCHW").shape(), (Shape{dim("n"), 3}));
  EXPECT_EQ(globalMaxPool(x, "", true).shape(), (Shape{dim("n"), 1, 1, 5}));
  EXPECT_TRUE(g.finish().ok());
}

TEST(DropoutLayer, IsLeftOutForInference) {
  GraphBuilder g("dropout");
  auto x = g.placeholder("x", f32, {100});
  EXPECT_EQ(nn::dropout(x, 0.5, /*isTraining=*/false).name(), "x");
  nn::dropout(x, 0.5).named("y");
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  const Tensor ones = Tensor::of<float>({100}, std::vector<float>(100, 1));
  const Tensor first = evaluate(graph, store, ones, "y");
  EXPECT_FALSE(first.identicalTo(ones));
  // Each run that draws is a step of its own.
  EXPECT_FALSE(first.identicalTo(evaluate(graph, store, ones, "y")));
  VariableStore again = initialValues(graph).value();
  EXPECT_TRUE(first.identicalTo(evaluate(graph, again, ones, "y")));
}

TEST(BatchNormLayer, UpdatesRunningStatisticsAsPyTorch) {
  GraphBuilder g("batch norm");
  auto x = g.placeholder("x", f64, {dim("n"), 1});
  auto layer = nn::batchNorm(g, "bn", x, {.momentum = 0.25, .epsilon = 0});
  layer.result.named("y");
  const std::string update = layer.update.name();
  EXPECT_THAT(trainable(g), testing::ElementsAre("bn/scale", "bn/bias"));
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  const Tensor y = evaluate(graph, store, Tensor::of<double>({3, 1}, {1, 2, 3}), "y", {update});
  EXPECT_NEAR(y.at(2), 1 / std::sqrt(2.0 / 3), 1e-15);
  EXPECT_DOUBLE_EQ(store.find("bn/running_mean")->at(0), 0.25 * 2);
  EXPECT_DOUBLE_EQ(store.find("bn/running_variance")->at(0), 0.75 + 0.25 * 1);
}

TEST(BatchNormLayer, InferenceUsesThem) {
  GraphBuilder g("inference");
  auto x = g.placeholder("x", f64, {dim("n"), 2, 3});
  auto layer = nn::batchNorm(g, "bn", x, {.axis = 1, .epsilon = 0, .isTraining = false});
  layer.result.named("y");
  EXPECT_EQ(layer.update.node().builder(), nullptr);
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  store.set("bn/running_mean", Tensor::of<double>({2}, {1, 2}));
  store.set("bn/running_variance", Tensor::of<double>({2}, {4, 1}));
  const Tensor y = evaluate(graph, store, Tensor::of<double>({1, 2, 3}, {1, 3, 5, 2, 3, 4}), "y");
  EXPECT_TRUE(y.identicalTo(Tensor::of<double>({1, 2, 3}, {0, 1, 2, 0, 1, 2}))) << y.toString();
}

TEST(NormLayers, NormalizeAndRefuse) {
  GraphBuilder g("norms");
  auto x = g.placeholder("x", f64, {dim("n"), 2, 4});
  nn::layerNorm(g, "ln", x, 2).named("ln_y");
  nn::rmsNorm(g, "rms", x);
  nn::instanceNorm(g, "in", x);
  nn::groupNorm(g, "gn", x, 2);
  EXPECT_THAT(trainable(g),
              testing::ElementsAre("ln/scale", "ln/bias", "rms/scale", "in/scale", "in/bias", "gn/scale", "gn/bias"));
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  EXPECT_EQ(store.find("ln/scale")->dims(), (std::vector<int64_t>{2, 4}));
  const Tensor y = evaluate(graph, store, Tensor::of<double>({1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}), "ln_y");
  EXPECT_NEAR(y.at(7), 3.5 / std::sqrt(5.25 + 1e-5), 1e-14);

  for (auto make : {+[](GraphBuilder& b, Value v) { nn::layerNorm(b, "l", v, 0); },
                    +[](GraphBuilder& b, Value v) { nn::layerNorm(b, "l", v, 3); },
                    +[](GraphBuilder& b, Value v) { nn::rmsNorm(b, "l", v, 9); },
                    +[](GraphBuilder& b, Value v) { nn::batchNorm(b, "l", v, {.axis = 0}); },
                    +[](GraphBuilder& b, Value v) { nn::batchNorm(b, "l", v, {.momentum = 2}); },
                    +[](GraphBuilder& b, Value v) { nn::instanceNorm(b, "l", v, 5); },
                    +[](GraphBuilder& b, Value v) { nn::groupNorm(b, "l", v, 2, -4); }}) {
    GraphBuilder wrong("wrong");
    make(wrong, wrong.placeholder("x", f32, {dim("n"), 2, 4}));
    EXPECT_THAT(errorOf(wrong), testing::HasSubstr("KILN-G0243"));
  }
}

}  // namespace
}  // namespace kiln
