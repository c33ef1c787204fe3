// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/clip.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using testing::HasSubstr;

std::vector<Tensor> valuesOf(GraphBuilder& g, const std::vector<Value>& values) {
  EntrySpec spec;
  for (size_t i = 0; i < values.size(); ++i) {
    spec.fetches.emplace_back("value" + std::to_string(i), values[i]);
  }
  g.entry("values", std::move(spec));
  StatusOr<Graph> graph = g.finish();
  EXPECT_TRUE(graph.ok()) << graph.status();
  VariableStore store = initialValues(*graph).value();
  return Interpreter().evaluate(*graph, *graph->findEntry("values"), {}, store).value();
}

TEST(Clip, ByValueKeepsNan) {
  GraphBuilder g("clip");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  auto x = g.constant(Tensor::of<double>({4}, {-3, 0.5, 7, nan}));
  const Tensor found = valuesOf(g, {optim::clipByValue(x, -1, 2)})[0];
  EXPECT_EQ(found.at(0), -1);
  EXPECT_EQ(found.at(1), 0.5);
  EXPECT_EQ(found.at(2), 2);
  EXPECT_TRUE(std::isnan(found.at(3)));
}

TEST(Clip, ByNormScalesLongTensorsOnly) {
  GraphBuilder g("clip");
  auto x = g.constant(Tensor::of<double>({2}, {3, -4}));
  auto zero = g.constant(Tensor::of<float>({2}, {0, 0}));
  const auto found = valuesOf(g, {optim::clipByNorm(x, 2), optim::clipByNorm(x, 5), optim::clipByNorm(zero, 0)});
  EXPECT_NEAR(found[0].at(0), 1.2, 1e-15);
  EXPECT_NEAR(found[0].at(1), -1.6, 1e-15);
  EXPECT_EQ(found[1].at(0), 3);
  EXPECT_EQ(found[2].at(0), 0);
  EXPECT_EQ(found[2].dtype(), f32);
}

// torch.nn.utils.clip_grad_norm_ of [3, 4] and [[12]] to 6.5: norm 13, factor 6.5 / (13 + 1e-6).
TEST(Clip, ByGlobalNormScalesAllByOneFactor) {
  GraphBuilder g("clip");
  auto x = g.constant(Tensor::of<double>({2}, {3, 4})), y = g.constant(Tensor::of<double>({1, 1}, {12}));
  const auto clipped = optim::clipByGlobalNorm({x, y}, 6.5), kept = optim::clipByGlobalNorm({x, y}, 20);
  const auto found = valuesOf(g, {clipped.gradients[0], clipped.gradients[1], clipped.norm, kept.gradients[1]});
  const double factor = 6.5 / (13 + 1e-6);
  EXPECT_NEAR(found[0].at(1), 4 * factor, 1e-14);
  EXPECT_NEAR(found[1].at(0), 12 * factor, 1e-14);
  EXPECT_EQ(found[2].at(0), 13);
  EXPECT_EQ(found[3].at(0), 12);
}

TEST(Clip, ByGlobalNormOfMixedTypes) {
  GraphBuilder g("clip");
  auto x = g.constant(Tensor::of<float>({1}, {3})), y = g.constant(Tensor::of<double>({1}, {4}));
  const auto clipped = optim::clipByGlobalNorm({x, y}, 1);
  EXPECT_EQ(clipped.norm.dtype(), f64);
  EXPECT_EQ(clipped.gradients[0].dtype(), f32);
  EXPECT_NEAR(valuesOf(g, {clipped.gradients[0]})[0].at(0), 0.6, 1e-6);
}

TEST(Clip, WeightDecayLeavesVectorsOut) {
  GraphBuilder g("decay");
  auto w = g.constant(Tensor::of<double>({1, 2}, {2, 4})), b = g.constant(Tensor::of<double>({1}, {8}));
  auto dw = g.constant(Tensor::of<double>({1, 2}, {1, 1})), db = g.constant(Tensor::of<double>({1}, {1}));
  const auto all = optim::withWeightDecay({dw, db}, {w, b}, 0.5),
             matrices = optim::withWeightDecay({dw, db}, {w, b}, 0.5, 2);
  const auto found = valuesOf(g, {all[0], all[1], matrices[0], matrices[1]});
  EXPECT_EQ(found[0].at(1), 3);
  EXPECT_EQ(found[1].at(0), 5);
  EXPECT_EQ(found[2].at(1), 3);
  EXPECT_EQ(found[3].at(0), 1);
}

TEST(Clip, WrongBoundsAreRefused) {
  GraphBuilder g("wrong");
  auto x = g.constant(Tensor::of<double>({1}, {3}));
  optim::clipByValue(x, 2, 1);
  optim::clipByNorm(x, -1);
  optim::withWeightDecay({x}, {x, x}, 0.1);
  const std::string message(g.finish().status().message());
  EXPECT_THAT(message, testing::AllOf(HasSubstr("'low' of clipByValue"), HasSubstr("'largest' of clipByNorm"),
                                      HasSubstr("KILN-G0243"), HasSubstr("1 gradients for 2 variables")));
}

}  // namespace
}  // namespace kiln
