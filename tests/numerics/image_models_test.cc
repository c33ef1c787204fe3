// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whole image models, forward and backward, as they are compiled: the gradients of every variable against central
// differences of the compiled loss, in f64.
#include <cmath>

#include "compiler/jit/session.h"
#include "graph/graph.h"
#include "graph/nn/convolution.h"
#include "graph/nn/normalization.h"
#include "gtest/gtest.h"
#include "tests/numerics/compare.h"

namespace kiln::numerics {
namespace {

using Model = std::function<Value(GraphBuilder&, Value)>;

// Builds the mean of squares of the model's result, and compares its gradients along a random direction of each
// variable and of the input.
void checkModel(const std::vector<int64_t>& dims, const Shape& shape, const Model& model) {
  GraphBuilder g("model");
  g.setSeed(5);
  Value x = g.placeholder("x", f64, shape);
  Value y = model(g, x);
  Value loss = reduceMean(y * y).named("loss");
  std::vector<Value> xs = g.trainableVariables();
  std::vector<std::string> names;
  for (const Value& variable : xs) {
    names.push_back(variable.name());
  }
  xs.push_back(x);
  const std::vector<Value> gradients = g.gradients({loss}, xs);
  std::vector<std::string> fetches;
  for (size_t i = 0; i < gradients.size(); ++i) {
    fetches.push_back(gradients[i].name());
  }
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  StatusOr<Session> session = createSession(*graph);
  ASSERT_TRUE(session.ok()) << session.status();

  Numbers numbers(3);
  Tensor input(f64, dims);
  fill(input, "unit", numbers);
  auto run = [&](const std::vector<std::string>& what) {
    auto results = session->run({{"x", input}}, what);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? *std::move(results) : std::map<std::string, Tensor>();
  };
  const auto found = run(fetches);
  ASSERT_EQ(found.size(), fetches.size());
  for (size_t i = 0; i < fetches.size(); ++i) {
    const bool isInput = i == names.size();
    const Tensor original = isInput ? input : session->variable(names[i]).value();
    Tensor direction(f64, original.dims());
    fill(direction, "unit", numbers);
    double slope = 0, size = 0;
    for (int64_t k = 0; k < original.numElements(); ++k) {
      slope += found.at(fetches[i]).at(k) * direction.at(k);
      size += std::fabs(found.at(fetches[i]).at(k) * direction.at(k));
    }
    constexpr double kStep = 1e-5;
    auto lossAt = [&](double step) {
      Tensor moved = original;
      for (int64_t k = 0; k < moved.numElements(); ++k) {
        moved.set(k, original.at(k) + step * direction.at(k));
      }
      if (isInput) {
        input = moved;
      } else {
        EXPECT_TRUE(session->setVariable(names[i], moved).ok());
      }
      return run({"loss"}).at("loss").at(0);
    };
    const double difference = (lossAt(kStep) - lossAt(-kStep)) / (2 * kStep);
    lossAt(0);
    EXPECT_NEAR(slope, difference, 1e-6 * size + 1e-9) << (isInput ? "x" : names[i]);
  }
}

TEST(ImageModels, convolutions_and_pools) {
  checkModel({3, 8, 8, 1}, {dim("batch"), 8, 8, 1}, [](GraphBuilder& g, Value x) {
    Value h = nn::conv(g, "c1", x, 16, {3}, tanh, {.padding = Padding::same()});
    h = maxPool(h, {.kernel = {2}});
    h = nn::conv(g, "c2", h, 20, {3}, tanh, {.strides = {2}, .padding = 1});
    h = avgPool(h, {.kernel = {3}, .strides = {1}, .padding = 1}, false);
    return nn::dense(g, "out", reshape(h, {dim("batch"), 2 * 2 * 20}), 5);
  });
}

TEST(ImageModels, channels_first_and_groups) {
  checkModel({2, 4, 6, 7}, {dim("batch"), 4, 6, 7}, [](GraphBuilder& g, Value x) {
    Value h = nn::conv(g, "c1", x, 6, {3, 2}, tanh, {.dilations = {1, 2}, .groups = 2, .layout = "NCHW"});
    h = maxPool(h, {.kernel = {3}, .strides = {2}, .padding = 1, .ceilMode = true, .layout = "NCHW"});
    h = nn::conv(g, "c2", h, 6, {2}, tanh, {.padding = 1, .groups = 6, .layout = "NCHW"});
    return adaptiveAvgPool(h, {2}, "NCHW");
  });
}

TEST(ImageModels, up_and_down) {
  checkModel({2, 9, 3}, {dim("batch"), 9, 3}, [](GraphBuilder& g, Value x) {
    Value h = nn::conv(g, "down", x, 8, {3}, tanh, {.strides = {2}});
    h = nn::convTranspose(g, "up", h, 17, {3}, tanh, {.strides = {2}});
    return adaptiveMaxPool(h, {4}).values;
  });
}

TEST(ImageModels, volumes_of_any_size) {
  checkModel({2, 3, 4, 5, 2}, {dim("n"), dim("d"), 4, dim("w"), 2}, [](GraphBuilder& g, Value x) {
    Value h = nn::conv(g, "c", x, 8, {3}, tanh, {.padding = Padding::same()});
    h = maxPool(h, {.kernel = {3, 1, 3}, .strides = {1}, .padding = {{1, 0, 1}, {1, 0, 1}}});
    return globalAvgPool(h);
  });
}

TEST(ImageModels, normalisations) {
  checkModel({3, 4, 4, 2}, {dim("batch"), 4, 4, 2}, [](GraphBuilder& g, Value x) {
    Value h = nn::conv(g, "c", x, 16, {3});
    h = tanh(nn::batchNorm(g, "batch", h).result);
    h = tanh(nn::groupNorm(g, "group", h, 4));
    h = tanh(nn::layerNorm(g, "layer", h, 3));
    h = tanh(nn::instanceNorm(g, "instance", h));
    return nn::rmsNorm(g, "rms", h);
  });
}

}  // namespace
}  // namespace kiln::numerics
