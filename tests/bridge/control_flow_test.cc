// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loops, branches and the like as graphs, as flat ops, as regions, and back.
#include "compiler/dialect/diagnostics.h"
#include "compiler/import/export.h"
#include "compiler/import/import.h"
#include "compiler/import/unwind_loops.h"
#include "compiler/simplify/pipeline.h"
#include "graph/build/operations.h"
#include "graph/build/transforms.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

namespace kiln {
namespace {

/// The graph after import, some passes and export.
Graph passed(const Graph& graph, bool simplifies) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::ConstantPool pool;
  auto module = compiler::importGraph(context, graph, graph.entries(), pool);
  EXPECT_TRUE(module.ok()) << module.status();
  if (!module.ok()) {
    return {};
  }
  compiler::DiagnosticCollector diagnostics(&context);
  EXPECT_TRUE(llvm::succeeded(mlir::verify(**module))) << diagnostics.status();
  if (simplifies) {
    mlir::PassManager passes(&context);
    compiler::buildSimplifyPipeline(passes, {});
    EXPECT_TRUE(llvm::succeeded(passes.run(**module))) << diagnostics.status();
  }
  auto result = compiler::exportGraph(**module, pool, graph.weights());
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : Graph();
}

std::vector<Tensor> evaluate(const Graph& graph, const std::vector<Tensor>& feeds) {
  VariableStore variables;
  std::vector<TensorView> views(feeds.begin(), feeds.end());
  auto results = Interpreter().evaluate(graph, graph.entries()[0], views, variables);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *results : std::vector<Tensor>();
}

/// Builds an entry of x f64[3] and n i64 and expects the same bits before and after.
template <class F>
void expectSame(F build) {
  GraphBuilder g("flow");
  Value x = g.placeholder("x", f64, {3}), n = g.placeholder("n", i64, {});
  EntrySpec spec{.feeds = {x, n}};
  for (Value value : build(g, x, n)) {
    spec.fetches.push_back({"y" + std::to_string(spec.fetches.size()), value});
  }
  g.entry("entry", std::move(spec));
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  for (int64_t count : {0, 1, 4}) {
    const std::vector<Tensor> feeds = {Tensor::of<double>({3}, {0.5, -1.25, 3}), Tensor::of<int64_t>({}, {count})};
    const std::vector<Tensor> expected = evaluate(*graph, feeds);
    for (bool simplifies : {false, true}) {
      const Graph after = passed(*graph, simplifies);
      const std::vector<Tensor> found = evaluate(after, feeds);
      ASSERT_EQ(expected.size(), found.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_TRUE(expected[i].identicalTo(found[i])) << "n = " << count << "\n" << toString(after);
      }
    }
  }
}

TEST(ControlFlowBridge, branches) {
  expectSame([](GraphBuilder& g, Value x, Value n) {
    Value doubled = x * 2.0;
    Values chosen =
        ifElse(g, less(n, 2), [&] { return Values{doubled + 1.0, x}; }, [&] { return Values{exp(x), doubled}; });
    Values switched = switchCase(g, n - n, {[&] { return Values{sin(x)}; }, [&] { return Values{doubled}; }});
    return Values{chosen[0], chosen[1], switched[0]};
  });
}

TEST(ControlFlowBridge, loops) {
  expectSame([](GraphBuilder& g, Value x, Value n) {
    Value weight = x * 0.25;
    Values whiles = whileLoop(
        g, {g.scalar(0, i64), x}, [&](const Values& c) { return less(c[0], n); },
        [&](Value, const Values& c) { return Values{c[0] + 1, c[1] * weight + 1.0, reduceSum(c[1])}; },
        {.maxSteps = 6});
    Values ranged =
        forRange(g, 1, n + 1, 1, {x}, [&](Value i, const Values& c) { return Values{c[0] + cast(i, f64) * weight}; });
    Value rows = stack({x, weight, x + weight}, 0);
    ScanResult scanned =
        scan(g, {x}, {rows},
             [&](Value, const Values& c, const Values& r) {
               Values inner =
                   forRange(g, 0, 2, 1, {c[0]}, [&](Value, const Values& d) { return Values{d[0] + r[0] * weight}; });
               return std::pair(Values{inner[0]}, Values{c[0] * r[0]});
             },
             {.reverse = true});
    return Values{whiles[1], whiles[2], ranged[0], scanned.carries[0], scanned.stacked[0]};
  });
}

TEST(ControlFlowBridge, a_counted_while_and_values_that_nobody_reads) {
  expectSame([](GraphBuilder& g, Value x, Value) {
    Values r = whileLoop(
        g, {g.scalar(0, i64), x, x}, [](const Values& c) { return less(c[0], 5); },
        [](Value, const Values& c) { return Values{c[0] + 1, c[1] * 0.5 + 1.0, exp(c[2])}; });
    return Values{r[1]};
  });
}

TEST(ControlFlowBridge, recomputed_and_custom_regions) {
  expectSame([](GraphBuilder& g, Value x, Value) {
    Values again = checkpoint(g, [](const Values& v) { return Values{exp(v[0]) + 1.0}; }, {x});
    Values own = customGradient(
        g, [](const Values& v) { return Values{v[0] * v[0]}; }, {again[0]},
        [](const Values&, const Values&, const Values& c) { return Values{c[0] * 3.0}; });
    return Values{again[0], own[0]};
  });
}

TEST(ControlFlowBridge, an_unwind_is_two_loops) {
  // c(i + 1) = 2 c(i) + 1 from c(0) = x; d = d * c(i) for i = n - 1 .. 0, from 1.
  constexpr const char* kText = R"(
func.func @entry(%x: tensor<f64> {kiln.feed = "x"}, %n: tensor<i64> {kiln.feed = "n"}) -> (tensor<f64> {kiln.fetch = "d"})
    attributes {kiln.entry, kiln.symbols = {}} {
  %one = kiln.constant {value = dense<1.0> : tensor<f64>} : () -> tensor<f64>
  %two = kiln.constant {value = dense<2.0> : tensor<f64>} : () -> tensor<f64>
  %r = kiln.unwind count(%n) carries(%x) cotangents(%one) step {
  ^bb0(%i: tensor<i64>, %c: tensor<f64>):
    %0 = kiln.mul %c, %two : (tensor<f64>, tensor<f64>) -> tensor<f64>
    %1 = kiln.add %0, %one : (tensor<f64>, tensor<f64>) -> tensor<f64>
    kiln.yield %1 : tensor<f64>
  } adjoint {
  ^bb0(%i: tensor<i64>, %c: tensor<f64>, %d: tensor<f64>):
    %0 = kiln.mul %d, %c : (tensor<f64>, tensor<f64>) -> tensor<f64>
    kiln.yield %0 : tensor<f64>
  } {slots = 3 : i64} : (tensor<i64>, tensor<f64>, tensor<f64>) -> tensor<f64>
  return %r : tensor<f64>
})";
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::loadKilnDialects(context);
  compiler::DiagnosticCollector diagnostics(&context);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(kText, &context);
  ASSERT_TRUE(module) << diagnostics.status();
  compiler::ConstantPool pool;
  auto graph = compiler::exportGraph(*module, pool, {});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(evaluate(*graph, {Tensor::of<double>({}, {1}), Tensor::of<int64_t>({}, {0})})[0].at(0), 1);
  EXPECT_EQ(evaluate(*graph, {Tensor::of<double>({}, {1}), Tensor::of<int64_t>({}, {4})})[0].at(0), 1 * 3 * 7 * 15);
}

}  // namespace
}  // namespace kiln
