// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>
#include <limits>

#include "compiler/dialect/diagnostics.h"
#include "compiler/import/export.h"
#include "compiler/import/import.h"
#include "compiler/simplify/pipeline.h"
#include "gmock/gmock.h"
#include "graph/build/operations.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

namespace kiln {
namespace {

const double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

/// The graph after import, simplify and export.
Graph simplified(const Graph& graph, bool expandComposites = false) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::ConstantPool pool;
  auto module = compiler::importGraph(context, graph, graph.entries(), pool);
  EXPECT_TRUE(module.ok()) << module.status();
  compiler::DiagnosticCollector diagnostics(&context);
  mlir::PassManager passes(&context);
  compiler::buildSimplifyPipeline(passes, {.expandComposites = expandComposites});
  EXPECT_TRUE(llvm::succeeded(passes.run(**module))) << diagnostics.status();
  auto result = compiler::exportGraph(**module, pool, graph.weights());
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : Graph();
}

std::vector<std::string> opsOf(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.body().nodes) {
    if (node.op->name != "placeholder") {
      ops.emplace_back(node.op->name);
    }
  }
  return ops;
}

Tensor evaluate(const Graph& graph, const Tensor& x) {
  VariableStore variables;
  auto results = Interpreter().evaluate(graph, graph.entries()[0], {x}, variables);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? (*results)[0] : Tensor();
}

/// Builds y = f(x), simplifies, and expects those ops and the same bits for special values too.
template <class F>
void expectOps(F f, const std::vector<std::string>& ops, Shape shape = {2, 4}, std::vector<int64_t> dims = {2, 4}) {
  GraphBuilder g("simplify");
  Value x = g.placeholder("x", f64, shape);
  g.entry("entry", {.feeds = {x}, .fetches = {{"y", f(g, x)}}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const Graph after = simplified(*graph);
  EXPECT_THAT(opsOf(after), ::testing::ElementsAreArray(ops)) << toString(after);
  Tensor value(f64, dims);
  const double specials[] = {0.0, -0.0, 1.5, -2.5, kInf, -kInf, kNan, 5e-324};
  for (int64_t i = 0; i < value.numElements(); ++i) {
    value.set(i, specials[i % 8]);
  }
  const Tensor expected = evaluate(*graph, value), found = evaluate(after, value);
  ASSERT_EQ(expected.dims(), found.dims());
  for (int64_t i = 0; i < expected.numElements(); ++i) {
    const double a = expected.at(i), b = found.at(i);
    EXPECT_TRUE((std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b)))
        << i << ": " << a << " and " << b;
  }
}

using Ops = std::vector<std::string>;

TEST(Simplify, identities_vanish) {
  expectOps([](GraphBuilder&, Value x) { return -(-(x * 1.0 / 1.0)) - 0.0; }, Ops{});
}
TEST(Simplify, adding_zero_stays_for_floats) {
  // -0 + 0 is 0, so it is no identity.
  expectOps([](GraphBuilder&, Value x) { return x + 0.0; }, Ops{"constant", "add"});
}
TEST(Simplify, multiplying_with_zero_stays_for_floats) {
  expectOps([](GraphBuilder&, Value x) { return x * 0.0; }, Ops{"constant", "mul"});
}
TEST(Simplify, signs) {
  expectOps([](GraphBuilder&, Value x) { return x * -1.0; }, Ops{"neg"});
  expectOps([](GraphBuilder&, Value x) { return tanh(x) + -x; }, Ops{"tanh", "sub"});
}
TEST(Simplify, transposes) {
  expectOps([](GraphBuilder&, Value x) { return transpose(transpose(x)); }, Ops{});
  expectOps([](GraphBuilder&, Value x) { return transpose(transpose(reshape(x, {2, 2, 2}), {2, 0, 1}), {2, 0, 1}); },
            Ops{"shape_value", "reshape", "transpose"});
  expectOps([](GraphBuilder&, Value x) { return transpose(reshape(x, {8, 1})); }, Ops{"shape_value", "reshape"});
}
TEST(Simplify, matmul_reads_transposed) {
  expectOps([](GraphBuilder&, Value x) { return matmul(x, transpose(x)); }, Ops{"matmul"});
}
TEST(Simplify, reshapes_and_broadcasts) {
  expectOps([](GraphBuilder&, Value x) { return reshape(reshape(x, {8}), {2, 4}); }, Ops{});
  expectOps([](GraphBuilder&, Value x) { return broadcastTo(x, {1, 2, 4}); }, Ops{"shape_value", "reshape"});
  expectOps([](GraphBuilder&, Value x) { return slice(pad(x, 0.0, {0, 0}, {0, 0}), {0, 0}, {2, 4}); }, Ops{});
}
TEST(Simplify, symbolic_shapes) {
  const Dim n = dim("n");
  expectOps([=](GraphBuilder&, Value x) { return slice(reshape(reshape(x, {n * 4}), {n, 4}), {0, 0}, {n, 4}) * 1.0; },
            Ops{}, {n, 4});
}
TEST(Simplify, constants_fold) {
  expectOps([](GraphBuilder& g, Value x) { return x * (g.scalar(2, f64) + exp(g.scalar(0, f64))); },
            Ops{"constant", "mul"});
}
TEST(Simplify, what_is_equal_is_computed_once) {
  expectOps([](GraphBuilder&, Value x) { return tanh(x) * tanh(x); }, Ops{"tanh", "mul"});
}
TEST(Simplify, casts_that_lose_nothing) {
  GraphBuilder g("casts");
  Value x = g.placeholder("x", i32, {3}), y = g.placeholder("y", f64, {3});
  g.entry("entry",
          {.feeds = {x, y}, .fetches = {{"kept", cast(cast(x, f64), i32)}, {"lossy", cast(cast(y, f32), f64)}}});
  EXPECT_THAT(opsOf(simplified(*g.finish())), ::testing::ElementsAre("cast", "cast"));
}
TEST(Simplify, calls_vanish_with_their_symbols) {
  GraphBuilder g("calls");
  const Dim n = dim("n");
  Value x = g.placeholder("x", f64, {dim("batch"), 4});
  g.function("rows", {{f64, {n, 4}}},
             [&](const std::vector<Value>& p) { return std::vector<Value>{reshape(p[0], {n * 2, 2})}; });
  g.entry("entry", {.feeds = {x}, .fetches = {{"y", g.call("rows", {x})[0]}}});
  const Graph after = simplified(*g.finish());
  EXPECT_TRUE(after.functions().empty());
  EXPECT_EQ(after.body().type(after.entries()[0].fetches[0].value).toString(), "f64[2*batch, 2]");
}
TEST(Simplify, composites_expand_to_primitives) {
  GraphBuilder g("composites");
  Value x = g.placeholder("x", f64, {3, 4}), labels = g.placeholder("labels", i32, {3});
  Value w = g.placeholder("w", f64, {4}), d = g.placeholder("d", f64, {4}), step = g.placeholder("step", i64, {});
  AdamResult adam = adamUpdate(w, d, w, d, step, g.scalar(0.1, f64), 0.9, 0.999, 1e-8, 0.01);
  MomentumResult momentum = momentumUpdate(w, d, w, g.scalar(0.1, f64), 0.9, true, 0.01);
  std::vector<NamedValue> fetches = {{"softmax", softmax(x, 0)},
                                     {"log_softmax", logSoftmax(x)},
                                     {"loss", softmaxCrossEntropy(x, labels)},
                                     {"dense", softmaxCrossEntropy(x, softmax(x))},
                                     {"sgd", sgdUpdate(w, d, g.scalar(0.1, f64), 0.01)},
                                     {"momentum", momentum.parameter},
                                     {"velocity", momentum.velocity},
                                     {"adam", adam.parameter},
                                     {"first", adam.firstMoment},
                                     {"second", adam.secondMoment}};
  g.entry("entry", {.feeds = {x, labels, w, d, step}, .fetches = fetches});
  const Graph graph = *g.finish(), after = simplified(graph, true);
  for (const Node& node : after.body().nodes) {
    EXPECT_FALSE(node.op->isComposite) << node.name;
  }
  const Tensor xs = Tensor::of<double>({3, 4}, {1, 2, 3, 4, -800, 900, 0, 1, 0.5, 0.25, 0, -1});
  const Tensor ls = Tensor::of<int32_t>({3}, {0, 1, 3}), ws = Tensor::of<double>({4}, {1, -2, 3, 0.1}),
               ds = Tensor::of<double>({4}, {0.3, 0.2, 0.1, 0.4}), one = Tensor::scalar<int64_t>(1);
  VariableStore variables;
  const std::vector<TensorView> feeds = {xs, ls, ws, ds, one};
  auto expected = Interpreter().evaluate(graph, graph.entries()[0], feeds, variables);
  auto found = Interpreter().evaluate(after, after.entries()[0], feeds, variables);
  ASSERT_TRUE(expected.ok() && found.ok()) << expected.status() << found.status();
  for (size_t i = 0; i < expected->size(); ++i) {
    for (int64_t k = 0; k < (*expected)[i].numElements(); ++k) {
      const double value = (*expected)[i].at(k);
      EXPECT_NEAR((*found)[i].at(k), value, 1e-13 * std::abs(value) + 1e-300) << fetches[i].name << " " << k;
    }
  }
  // A label that is no class ends the run in both forms.
  const Tensor bad = Tensor::of<int32_t>({3}, {0, -1, 3});
  const std::vector<TensorView> badFeeds = {xs, bad, ws, ds, one};
  EXPECT_EQ(errorIdOf(Interpreter().evaluate(after, after.entries()[0], badFeeds, variables).status()), "KILN-R0030");
}

}  // namespace
}  // namespace kiln
