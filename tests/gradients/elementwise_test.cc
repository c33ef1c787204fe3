// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives given as partials.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::uniform;
using Args = std::vector<Value>;

const Shape kShape = {3, 4};

TEST(ElementwiseGradients, add_sub) {
  checkGradients({uniform(kShape), uniform(kShape)},
                 [](GraphBuilder&, const Args& x) { return x[0] + x[1] * (x[0] - x[1]); });
}
TEST(ElementwiseGradients, mul) {
  checkGradients({uniform(kShape), uniform(kShape)}, [](GraphBuilder&, const Args& x) { return x[0] * x[1] * x[0]; });
}
TEST(ElementwiseGradients, div) {
  checkGradients({uniform(kShape), uniform(kShape, 0.5, 2)}, [](GraphBuilder&, const Args& x) { return x[0] / x[1]; });
}
TEST(ElementwiseGradients, neg) {
  checkGradients({uniform(kShape)}, [](GraphBuilder&, const Args& x) { return -(x[0] * x[0]); });
}
TEST(ElementwiseGradients, exp) {
  checkGradients({uniform(kShape)}, [](GraphBuilder&, const Args& x) { return exp(x[0]); });
}
TEST(ElementwiseGradients, log) {
  checkGradients({uniform(kShape, 0.5, 3)}, [](GraphBuilder&, const Args& x) { return log(x[0]); });
}
TEST(ElementwiseGradients, sqrt) {
  checkGradients({uniform(kShape, 0.5, 3)}, [](GraphBuilder&, const Args& x) { return sqrt(x[0]); });
}
TEST(ElementwiseGradients, rsqrt) {
  checkGradients({uniform(kShape, 0.5, 3)}, [](GraphBuilder&, const Args& x) { return rsqrt(x[0]); });
}
TEST(ElementwiseGradients, pow) {
  checkGradients({uniform(kShape, 0.5, 2), uniform(kShape, -2, 2)},
                 [](GraphBuilder&, const Args& x) { return pow(x[0], x[1]); });
}
TEST(ElementwiseGradients, tanh) {
  checkGradients({uniform(kShape)}, [](GraphBuilder&, const Args& x) { return tanh(x[0]); });
}
TEST(ElementwiseGradients, sigmoid) {
  checkGradients({uniform(kShape)}, [](GraphBuilder&, const Args& x) { return sigmoid(x[0]); });
}
TEST(ElementwiseGradients, relu) {
  checkGradients({uniform(kShape)}, [](GraphBuilder&, const Args& x) { return relu(x[0]) * x[0]; });
}
TEST(ElementwiseGradients, abs) {
  checkGradients({uniform(kShape)}, [](GraphBuilder&, const Args& x) { return abs(x[0]) * x[0]; });
}
TEST(ElementwiseGradients, sign_and_step_are_flat) {
  checkGradients({uniform(kShape)}, [](GraphBuilder&, const Args& x) { return x[0] * sign(x[0]) + step(x[0]); });
}
TEST(ElementwiseGradients, maximum_minimum) {
  checkGradients({uniform(kShape), uniform(kShape)},
                 [](GraphBuilder&, const Args& x) { return maximum(x[0], x[1]) * minimum(x[0], x[1] * x[1]); });
}
TEST(ElementwiseGradients, select) {
  checkGradients({uniform(kShape), uniform(kShape)},
                 [](GraphBuilder&, const Args& x) { return select(greater(x[0], x[1]), x[0] * x[0], x[1] * x[0]); });
}
TEST(ElementwiseGradients, broadcast_operands) {
  checkGradients({uniform({3, 4}), uniform({4}), uniform({3, 1}), uniform({})},
                 [](GraphBuilder&, const Args& x) { return tanh(x[0] * x[1] + x[2] * x[3]); });
}
TEST(ElementwiseGradients, cast_to_f32_and_back) {
  // Rounding to f32 is far coarser than the step, so only the rules are compared: a cast passes the derivative on.
  GraphBuilder g("cast");
  Value x = g.placeholder("x", f64, {3});
  Value y = reduceSum(cast(cast(x, f32) * 2.0, f64) * x);
  g.entry("reverse", {.feeds = {x}, .fetches = {{"g", g.gradients({y}, {x})[0]}}});
  StatusOr<Graph> graph = testing::expandDerivatives(*g.finish(), "reverse");
  ASSERT_TRUE(graph.ok()) << graph.status();
  Tensor result = testing::evaluate(*graph, "reverse", {Tensor::of<double>({3}, {1, 2, -3})})[0];
  EXPECT_EQ(result.toString(), Tensor::of<double>({3}, {4, 8, -12}).toString());
}
TEST(ElementwiseGradients, integers_carry_no_gradient) {
  GraphBuilder g("integers");
  Value x = g.placeholder("x", f64, {3});
  Value y = reduceSum(cast(cast(x, i32), f64) + x * 3.0);
  g.entry("reverse", {.feeds = {x}, .fetches = {{"g", g.gradients({y}, {x})[0]}}});
  StatusOr<Graph> built = g.finish();
  ASSERT_TRUE(built.ok()) << built.status();
  StatusOr<Graph> graph = testing::expandDerivatives(*built, "reverse");
  ASSERT_TRUE(graph.ok()) << graph.status();
  Tensor result = testing::evaluate(*graph, "reverse", {Tensor::of<double>({3}, {1.5, 2, -3})})[0];
  EXPECT_EQ(result.toString(), Tensor::of<double>({3}, {3, 3, 3}).toString());
}

}  // namespace
}  // namespace kiln
