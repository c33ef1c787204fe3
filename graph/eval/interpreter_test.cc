// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/eval/interpreter.h"

#include "gmock/gmock.h"
#include "graph/build/operations.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using testing::ElementsAre;

std::vector<double> listOf(const Tensor& tensor) {
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    values.push_back(tensor.at(i));
  }
  return values;
}

// Evaluates fetches by name.
StatusOr<std::vector<Tensor>> run(const Graph& graph, VariableStore& store, const std::vector<std::string>& feeds,
                                  const std::vector<TensorView>& tensors, const std::vector<std::string>& fetches,
                                  const std::vector<std::string>& targets = {}) {
  KILN_ASSIGN_OR_RETURN(Entry entry, makeEntry(graph, "test", feeds, fetches, targets));
  return Interpreter().evaluate(graph, entry, tensors, store);
}

TEST(Interpreter, ComputesWithSymbolicDims) {
  GraphBuilder g("dims");
  auto x = g.placeholder("x", f32, {dim("batch"), 2});
  auto y = (x * 2 + g.constant(Tensor::of<float>({2}, {10, 20}))).named("y");
  auto mean = reduceMean(y, {0}).named("mean");
  reshape(y, {-1}).named("flat");
  EXPECT_EQ(mean.rank(), 1);
  Graph graph = g.finish().value();
  VariableStore store;
  for (int64_t rows : {1, 3}) {
    Tensor fed(f32, {rows, 2});
    for (int64_t i = 0; i < rows * 2; ++i) {
      fed.set(i, static_cast<double>(i));
    }
    auto results = run(graph, store, {"x"}, {fed}, {"y", "mean", "flat"}).value();
    EXPECT_THAT(results[0].dims(), ElementsAre(rows, 2));
    EXPECT_THAT(results[2].dims(), ElementsAre(rows * 2));
    EXPECT_EQ(results[0].at(1), 22);
    EXPECT_THAT(listOf(results[1]), ElementsAre(10 + 2 * (rows - 1), 22 + 2 * (rows - 1)));
  }
}

TEST(Interpreter, EmptyBatchesWork) {
  GraphBuilder g("empty");
  auto x = g.placeholder("x", f32, {dim("batch"), 2});
  reduceSum(x).named("sum");
  Graph graph = g.finish().value();
  VariableStore store;
  EXPECT_EQ(run(graph, store, {"x"}, {Tensor(f32, {0, 2})}, {"sum"}).value()[0].at(0), 0);
}

TEST(Interpreter, AllReadsSeeTheValueFromBeforeTheRun) {
  GraphBuilder g("swap");
  auto a = g.variable("a", 1.0), b = g.variable("b", 2.0);
  auto swap = g.group("swap", {g.assign(a, b), g.assign(b, a)});
  g.entry("swap", {.fetches = {a}, .targets = {swap}});
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  auto fetched = Interpreter().evaluate(graph, *graph.findEntry("swap"), {}, store).value();
  EXPECT_EQ(fetched[0].at(0), 1);
  EXPECT_EQ(store.find("a")->at(0), 2);
  EXPECT_EQ(store.find("b")->at(0), 1);
}

TEST(Interpreter, ARunThatFailsChangesNothing) {
  GraphBuilder g("fault");
  auto count = g.variable("count", g.scalar(1, i64));
  auto divisor = g.placeholder("divisor", i64, {});
  auto result = g.variable("result", g.scalar(0, i64));
  g.group("step", {g.assign(count, count + 1), g.assign(result, count / divisor)});
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  auto failed = run(graph, store, {"divisor"}, {Tensor::scalar<int64_t>(0)}, {}, {"step"});
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(std::string(failed.status().message()), testing::HasSubstr("interpreter_test.cc:"));
  EXPECT_THAT(std::string(failed.status().message()), testing::HasSubstr("kiln.div 'div'"));
  EXPECT_EQ(store.find("count")->at(0), 1);
  ASSERT_TRUE(run(graph, store, {"divisor"}, {Tensor::scalar<int64_t>(1)}, {}, {"step"}).ok());
  EXPECT_EQ(store.find("count")->at(0), 2);
  EXPECT_EQ(store.find("result")->at(0), 1);
}

TEST(Interpreter, OnlyTargetsAssign) {
  GraphBuilder g("fetch");
  auto w = g.variable("w", 1.0);
  auto assign = g.assign(w, w + 1);
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  EXPECT_EQ(run(graph, store, {}, {}, {assign.name()}).value()[0].at(0), 2);
  EXPECT_EQ(store.find("w")->at(0), 1);
}

TEST(Interpreter, CallsBindTheirOwnSymbols) {
  GraphBuilder g("calls");
  g.function("center", {{f32, Shape{dim("n")}}}, [](const std::vector<Value>& args) {
    return std::vector<Value>{args[0] - reduceMean(args[0], {0}, true), reduceSum(args[0])};
  });
  auto a = g.placeholder("a", f32, {dim("n")});
  auto b = g.placeholder("b", f32, {3});
  g.call("center", {a})[0].named("ca");
  std::vector<Value> cb = g.call("center", {g.call("center", {b})[0]});
  cb[0].named("cb");
  Graph graph = g.finish().value();
  VariableStore store;
  auto results = run(graph, store, {"a", "b"}, {Tensor::of<float>({2}, {1, 3}), Tensor::of<float>({3}, {1, 2, 6})},
                     {"ca", "cb", "cb:1"})
                     .value();
  EXPECT_THAT(listOf(results[0]), ElementsAre(-1, 1));
  EXPECT_THAT(listOf(results[1]), ElementsAre(-2, -1, 3));
  EXPECT_EQ(results[2].at(0), 0);
}

TEST(Interpreter, ALongChainOfFunctionsTakesNoNativeStack) {
  GraphBuilder g("chain");
  g.function("f0", {{f32, Shape{}}}, [](const std::vector<Value>& a) { return std::vector<Value>{a[0] + 1}; });
  constexpr int kFunctions = 3000;
  for (int i = 1; i < kFunctions; ++i) {
    g.function("f" + std::to_string(i), {{f32, Shape{}}},
               [&](const std::vector<Value>& a) { return g.call("f" + std::to_string(i - 1), {a[0] + 1}); });
  }
  auto x = g.placeholder("x", f32, {});
  g.call("f" + std::to_string(kFunctions - 1), {x})[0].named("y");
  Graph graph = g.finish().value();
  VariableStore store;
  EXPECT_EQ(run(graph, store, {"x"}, {Tensor::scalar(0.0f)}, {"y"}).value()[0].at(0), kFunctions);
}

TEST(Interpreter, WeightsOverruleInit) {
  GraphBuilder g("weights");
  g.variable("w", 1.0);
  g.variable("v", 5.0);
  Graph graph = g.finish().value().withWeights({{"w", std::make_shared<Tensor>(Tensor::scalar(7.0f))}});
  VariableStore store = initialValues(graph).value();
  EXPECT_EQ(store.find("w")->at(0), 7);
  EXPECT_EQ(store.find("v")->at(0), 5);
}

TEST(Interpreter, RandomNumbersFollowSeedAndStep) {
  auto build = [](int64_t seed) {
    GraphBuilder g("random");
    g.setSeed(seed);
    g.variable("w", randomNormal(g, {8}));
    randomUniform(g, {8}, f32, -1, 1).named("noise");
    return g.finish().value();
  };
  Graph graph = build(3);
  VariableStore store = initialValues(graph).value(), again = initialValues(build(3)).value(),
                other = initialValues(build(4)).value();
  EXPECT_TRUE(store.find("w")->identicalTo(*again.find("w")));
  EXPECT_FALSE(store.find("w")->identicalTo(*other.find("w")));
  const Tensor first = run(graph, store, {}, {}, {"noise"}).value()[0];
  const Tensor second = run(graph, store, {}, {}, {"noise"}).value()[0];
  EXPECT_FALSE(first.identicalTo(second));  // the run advanced the step
  EXPECT_EQ(store.find(kRandomState)->at(1), again.find(kRandomState)->at(1) + 2);
  for (double value : listOf(first)) {
    EXPECT_GE(value, -1);
    EXPECT_LT(value, 1);
  }
}

TEST(Interpreter, ADeepChainIsNoDepthOfStack) {
  GraphBuilder g("deep");
  auto x = g.placeholder("x", f32, {});
  Value y = x;
  for (int i = 0; i < 20'000; ++i) {
    y = -y;
  }
  y.named("y");
  Graph graph = g.finish().value();
  VariableStore store;
  EXPECT_EQ(run(graph, store, {"x"}, {Tensor::scalar(3.0f)}, {"y"}).value()[0].at(0), 3);
}

}  // namespace
}  // namespace kiln
