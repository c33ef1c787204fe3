// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Gradients of gradients, of whole networks, and of what depends on each other.
#include <cmath>

#include "compiler/dialect/diagnostics.h"
#include "compiler/differentiate/pipeline.h"
#include "gmock/gmock.h"
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::evaluate;
using testing::expandDerivatives;
using testing::indices;
using testing::uniform;
using Args = std::vector<Value>;

Value scalarInput(GraphBuilder& g, const char* name = "x") { return g.placeholder(name, f64, {}); }

/// The fetches of an entry with these scalars fed, derivatives expanded.
std::vector<double> scalars(GraphBuilder& g, const std::vector<double>& feeds) {
  StatusOr<Graph> built = g.finish();
  EXPECT_TRUE(built.ok()) << built.status();
  StatusOr<Graph> graph = expandDerivatives(*built, "entry");
  EXPECT_TRUE(graph.ok()) << graph.status();
  std::vector<Tensor> values;
  for (double feed : feeds) {
    values.push_back(Tensor::scalar(feed));
  }
  std::vector<double> results;
  for (const Tensor& t : evaluate(*graph, "entry", values)) {
    results.push_back(t.at(0));
  }
  return results;
}

TEST(Composition, mlp_loss_to_second_order) {
  const Dim batch = dim("batch");
  checkGradients({uniform({batch, 4}, -1, 1, {5, 4}),
                  {{batch}, Tensor::of<int32_t>({5}, {0, 2, 1, 2, 0})},
                  uniform({4, 6}, -1, 1),
                  uniform({6}, -1, 1),
                  uniform({6, 3}, -1, 1),
                  uniform({3}, -1, 1)},
                 [](GraphBuilder&, const Args& x) {
                   Value hidden = tanh(matmul(x[0], x[2]) + x[3]);
                   return reduceMean(softmaxCrossEntropy(matmul(hidden, x[4]) + x[5], x[1]));
                 });
}

TEST(Composition, third_and_fourth_order) {
  GraphBuilder g("orders");
  Value x = scalarInput(g);
  std::vector<NamedValue> fetches;
  Value d = sigmoid(x) * exp(x);
  for (int order = 1; order <= 4; ++order) {
    d = g.gradients({d}, {x})[0];
    fetches.emplace_back("d" + std::to_string(order), d);
  }
  g.entry("entry", {.feeds = {x}, .fetches = fetches});
  const double at = 0.3;
  // e^x s, with s' = s (1 - s): the n-th derivative is e^x p_n(s), p_{n+1} = p_n + p_n' s (1 - s); p_0 = s.
  std::vector<double> p = {0, 1};
  const double s = 1 / (1 + std::exp(-at));
  const std::vector<double> found = scalars(g, {at});
  ASSERT_EQ(found.size(), 4u);
  for (double value : found) {
    std::vector<double> next(p.size() + 1, 0.0);
    for (size_t k = 0; k < p.size(); ++k) {
      next[k] += p[k] * (1 + static_cast<double>(k));  // p_k s^k and k p_k s^k
      next[k + 1] -= static_cast<double>(k) * p[k];
    }
    p = next;
    double expected = 0;
    for (size_t k = 0; k < p.size(); ++k) {
      expected += p[k] * std::pow(s, static_cast<double>(k));
    }
    EXPECT_NEAR(value, std::exp(at) * expected, 1e-12 * std::abs(value) + 1e-12);
  }
}

TEST(Composition, gradient_for_values_that_depend_on_each_other_is_total) {
  GraphBuilder g("total");
  Value x = scalarInput(g);
  Value h = x * x;
  Value y = h * h + x;
  std::vector<Value> d = g.gradients({y}, {x, h, x});
  g.entry("entry", {.feeds = {x}, .fetches = {{"dx", d[0]}, {"dh", d[1]}, {"again", d[2]}}});
  EXPECT_THAT(scalars(g, {3}), ::testing::ElementsAre(4 * 27 + 1, 18, 4 * 27 + 1));
}

TEST(Composition, several_ys_add_up) {
  GraphBuilder g("several");
  Value x = scalarInput(g), w = scalarInput(g, "w");
  std::vector<Value> d = g.gradients({x * w, x * x, x}, {x, w});
  g.entry("entry", {.feeds = {x, w}, .fetches = {{"dx", d[0]}, {"dw", d[1]}}});
  EXPECT_THAT(scalars(g, {3, 5}), ::testing::ElementsAre(5 + 6 + 1, 3));
}

TEST(Composition, independent_and_identical_values) {
  GraphBuilder g("independent");
  Value x = scalarInput(g), w = scalarInput(g, "w");
  std::vector<Value> d = g.gradients({x}, {x, w});
  g.entry("entry", {.feeds = {x, w}, .fetches = {{"dx", d[0]}, {"dw", d[1]}}});
  EXPECT_THAT(scalars(g, {3, 5}), ::testing::ElementsAre(1, 0));
}

TEST(Composition, gradient_of_a_product_with_a_gradient) {
  // d/dx (x * d/dx x^3) = 9 x^2: the inner gradient depends on x from inside and outside of its region.
  GraphBuilder g("mixed");
  Value x = scalarInput(g);
  Value inner = g.gradients({x * x * x}, {x})[0];
  Value d = g.gradients({x * inner}, {x})[0];
  g.entry("entry", {.feeds = {x}, .fetches = {{"d", d}}});
  EXPECT_THAT(scalars(g, {2}), ::testing::ElementsAre(36));
}

TEST(Composition, gradients_within_a_called_function) {
  GraphBuilder g("calls");
  Value x = scalarInput(g);
  const ValueType type{f64, {}};
  g.function("slope", {type}, [&](const Args& p) { return Args{g.gradients({p[0] * p[0] * p[0]}, {p[0]})[0]}; });
  Value d = g.gradients({g.call("slope", {x})[0]}, {x})[0];
  g.entry("entry", {.feeds = {x}, .fetches = {{"d", d}}});
  EXPECT_THAT(scalars(g, {2}), ::testing::ElementsAre(12));
}

TEST(Composition, a_bare_seed_is_the_gradient) {
  GraphBuilder g("seeded");
  Value x = g.placeholder("x", f64, {3}), seed = g.placeholder("seed", f64, {3});
  g.entry("entry", {.feeds = {x, seed}, .fetches = {{"d", g.gradients({x}, {x}, {seed})[0]}}});
  StatusOr<Graph> graph = expandDerivatives(*g.finish(), "entry");
  ASSERT_TRUE(graph.ok()) << graph.status();
  const Tensor three = Tensor::of<double>({3}, {1, 2, 3});
  EXPECT_TRUE(evaluate(*graph, "entry", {three, three})[0].identicalTo(three));
}

TEST(Composition, variables_are_differentiated_and_assigned) {
  GraphBuilder g("step");
  Value w = g.variable("w", g.constant(Tensor::of<double>({2}, {1, 2})));
  Value x = g.placeholder("x", f64, {2});
  Value loss = reduceSum(w * w * x);
  Target step = g.assign(w, w - 0.5 * g.gradients({loss}, {w})[0]);
  g.entry("entry", {.feeds = {x}, .fetches = {{"loss", loss}}, .targets = {step}});
  StatusOr<Graph> graph = expandDerivatives(*g.finish(), "entry");
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_EQ(graph->entries().size(), 1u);
  EXPECT_EQ(graph->entries()[0].targets.size(), 1u);
  EXPECT_EQ(graph->variables().size(), 1u);
}

Status expandText(const char* text) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::loadKilnDialects(context);
  compiler::DiagnosticCollector diagnostics(&context);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (module) {
    mlir::PassManager passes(&context);
    compiler::buildDifferentiatePipeline(passes, {});
    (void)passes.run(*module);
  }
  return diagnostics.status();
}

TEST(Composition, c0201_an_op_without_derivative_says_why) {
  Status status = expandText(R"mlir(
    func.func @f(%p: tensor<3xf64>, %g: tensor<3xf64>, %rate: tensor<f64>) -> tensor<3xf64> {
      %d = kiln.vjp(%p) seeds(%g) {
      ^bb0(%a: tensor<3xf64>):
        %y = kiln.sgd %a, %g, %rate : (tensor<3xf64>, tensor<3xf64>, tensor<f64>) -> tensor<3xf64> loc("update")
        kiln.yield %y : tensor<3xf64>
      } : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
      return %d : tensor<3xf64>
    })mlir");
  EXPECT_EQ(errorIdOf(status), "KILN-C0201") << status;
  EXPECT_THAT(std::string(status.message()), ::testing::AllOf(::testing::HasSubstr("'update' (kiln.sgd)"),
                                                              ::testing::HasSubstr("not differentiated")));
}

TEST(Composition, c0001_broken_regions_are_refused) {
  Status status = expandText(R"mlir(
    func.func @f(%p: tensor<3xf64>) -> tensor<4xf64> {
      %d = kiln.vjp(%p) {
      ^bb0(%a: tensor<3xf64>):
        kiln.yield %a : tensor<3xf64>
      } : (tensor<3xf64>) -> tensor<4xf64>
      return %d : tensor<4xf64>
    })mlir");
  EXPECT_EQ(errorIdOf(status), "KILN-C0001") << status;
}

}  // namespace
}  // namespace kiln
