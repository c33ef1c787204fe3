// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/reduce/reduce.h"

#include <algorithm>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "graph/build/builder.h"
#include "graph/build/control_flow.h"
#include "graph/build/operations.h"
#include "graph/nn/dense.h"
#include "graph/optim/methods.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using Predicate = std::function<bool(const Graph&)>;

bool hasOp(const Body& body, std::string_view op) {
  return std::ranges::any_of(body.nodes, [&](const Node& node) { return node.op->name == op; });
}

bool hasOp(const Graph& graph, std::string_view op) {
  return hasOp(graph.body(), op) ||
         std::ranges::any_of(graph.functions(), [&](const auto& function) { return hasOp(function.second.body, op); });
}

Predicate has(std::string op) {
  return [op](const Graph& graph) { return hasOp(graph, op); };
}

size_t nodesIn(const Graph& graph) {
  size_t count = graph.body().nodes.size();
  for (const auto& [name, function] : graph.functions()) {
    count += function.body.nodes.size();
  }
  return count;
}

// Reduces, and checks what holds of every reduction.
Graph reduced(const Graph& graph, const Predicate& fails, ReduceProgress* progress = nullptr) {
  EXPECT_TRUE(fails(graph));
  std::set<std::string> seen;
  int64_t repeated = 0;
  const auto counted = [&](const Graph& candidate) {
    std::string text = toString(candidate);
    for (const auto& [name, value] : candidate.weights()) {
      text += name + value->toString(1000);
    }
    repeated += seen.insert(text).second ? 0 : 1;
    return fails(candidate);
  };
  const ReducedGraph first = reduceGraph(graph, counted);
  EXPECT_TRUE(first.isFinished);
  EXPECT_TRUE(fails(first.graph)) << toString(first.graph);
  EXPECT_TRUE(Graph::create(first.graph.data()).ok());
  EXPECT_EQ(first.progress.nodes, static_cast<int64_t>(nodesIn(first.graph)));
  EXPECT_EQ(repeated, 0);
  const ReducedGraph second = reduceGraph(graph, fails);
  EXPECT_EQ(second.graph, first.graph) << "two reductions differ";
  EXPECT_EQ(second.progress.tries, first.progress.tries);
  if (progress != nullptr) {
    *progress = first.progress;
  }
  return first.graph;
}

TensorPtr zeroMatrix() { return std::make_shared<const Tensor>(f32, std::vector<int64_t>{8, 8}); }

// 200 nodes in blocks of dense layers and additions, with one erf in the middle.
Graph longGraph(int blocks = 40) {
  GraphBuilder g("long");
  auto x = g.placeholder("x", f32, {dim("batch"), 8});
  Value h = x;
  for (int i = 0; i < blocks; ++i) {
    auto w = g.weight("w" + std::to_string(i), zeroMatrix());
    h = tanh(matmul(h, w) + h) * 0.5;
    if (i == blocks / 2) {
      h = erf(h).named("bad");
    }
  }
  g.entry("predict", {.feeds = {x}, .fetches = {h}, .targets = {}});
  g.entry("sum", {.feeds = {x}, .fetches = {reduceSum(h)}, .targets = {}});
  return g.finish().value();
}

TEST(ReduceGraph, one_bad_op_among_two_hundred_nodes_is_left_with_one_leaf) {
  const Graph graph = longGraph();
  ASSERT_GE(graph.body().nodes.size(), 200u);
  ReduceProgress progress;
  const Graph small = reduced(graph, has("erf"), &progress);
  EXPECT_EQ(small.body().nodes.size(), 2u) << toString(small);
  EXPECT_NE(small.findNode("bad"), nullptr);
  EXPECT_LE(small.entries().size(), 1u);
  EXPECT_LT(progress.tries, 100);
}

TEST(ReduceGraph, lengths_and_symbols_become_small) {
  const Graph small = reduced(longGraph(), has("matmul"));
  EXPECT_EQ(small.body().nodes.size(), 3u) << toString(small);
  for (const Node& node : small.body().nodes) {
    for (const ValueType& type : node.outputs) {
      EXPECT_EQ(type.shape, (Shape{1, 1})) << toString(small);
    }
  }
  EXPECT_TRUE(small.weights().empty());
}

TEST(ReduceGraph, what_a_fault_needs_together_stays_together) {
  const Predicate fails = [](const Graph& graph) {
    // A relu of a matmul, with other nodes in between or not.
    std::set<NodeId> after;
    for (const Node& node : graph.body().nodes) {
      const bool reads = std::ranges::any_of(node.inputs, [&](ValueRef input) { return after.contains(input.node); });
      if (node.op->name == "relu" && reads) {
        return true;
      }
      if (node.op->name == "matmul" || reads) {
        after.insert(node.id);
      }
    }
    return false;
  };
  GraphBuilder g("pair");
  auto x = g.placeholder("x", f32, {4, 8});
  Value h = matmul(tanh(x), g.constant(Tensor(f32, {8, 8})));
  for (int i = 0; i < 30; ++i) {
    h = i % 2 == 0 ? exp(h) : h - reduceMean(h);
  }
  g.entry("predict", {.feeds = {x}, .fetches = {softmax(relu(h) + 1.0)}, .targets = {}});
  const Graph small = reduced(g.finish().value(), fails);
  EXPECT_EQ(small.body().nodes.size(), 4u) << toString(small);
}

TEST(ReduceGraph, an_op_within_loops_and_branches_comes_out_of_them) {
  GraphBuilder g("nested");
  auto x = g.placeholder("x", f32, {dim("batch"), 4});
  auto flag = g.placeholder("flag", boolean, {});
  Value before = tanh(x * 2.0);
  Values looped = whileLoop(
      g, {before, x}, [](const Values& carries) { return less(reduceSum(carries[0]), 10.0); },
      [&](const Value&, const Values& carries) -> Values {
        Values chosen = ifElse(
            g, flag, [&]() -> Values { return {erf(carries[0] + 1.0)}; },
            [&]() -> Values { return {cos(carries[0])}; });
        return {chosen[0] * carries[1], carries[1]};
      });
  g.entry("run", {.feeds = {x, flag}, .fetches = {looped[0], exp(looped[1])}, .targets = {}});
  const Graph small = reduced(g.finish().value(), has("erf"));
  EXPECT_LE(nodesIn(small), 2u) << toString(small);
  EXPECT_TRUE(small.functions().empty());
}

TEST(ReduceGraph, a_loop_that_is_the_fault_keeps_a_small_body) {
  GraphBuilder g("loop");
  auto x = g.placeholder("x", f32, {dim("batch"), 4});
  Values looped = forRange(g, 0, 5, 1, {x}, [&](const Value&, const Values& carries) -> Values {
    Value h = carries[0];
    for (int i = 0; i < 20; ++i) {
      h = tanh(h) + carries[0];
    }
    return {h};
  });
  g.entry("run", {.feeds = {x}, .fetches = {looped[0]}, .targets = {}});
  const Graph small = reduced(g.finish().value(), has("for_range"));
  EXPECT_LE(nodesIn(small), 6u) << toString(small);
}

TEST(ReduceGraph, a_training_step_is_reduced_to_its_gradients) {
  GraphBuilder g("mlp");
  auto x = g.placeholder("x", f32, {dim("batch"), 8});
  auto y = g.placeholder("y", i32, {dim("batch")});
  auto hidden = nn::dense(g, "hidden", x, 16, [](Operand v) { return tanh(v); });
  auto logits = nn::dense(g, "out", hidden, 4).named("logits");
  auto loss = reduceMean(softmaxCrossEntropy(logits, y)).named("loss");
  auto step = optim::momentum(g, {.learningRate = 0.1, .momentum = 0.9}).minimize(loss);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {loss}, .targets = {step}});
  g.entry("predict", {.feeds = {x}, .fetches = {logits}, .targets = {}});
  const Graph graph = g.finish().value();
  const Predicate fails = [](const Graph& candidate) {
    return hasOp(candidate, "gradients") && hasOp(candidate, "softmax_cross_entropy");
  };
  // The loss, and a leaf for each of the four variables whose gradients are asked for.
  const Graph small = reduced(graph, fails);
  EXPECT_LE(nodesIn(small), 9u) << toString(small);
  const Graph update = reduced(graph, has("assign"));
  EXPECT_LE(nodesIn(update), 3u) << toString(update);
}

TEST(ReduceGraph, values_of_variables_go_or_become_zero) {
  GraphBuilder g("weights");
  auto x = g.placeholder("x", f32, {2, 8});
  auto v = g.weight("v", zeroMatrix()), w = g.weight("w", zeroMatrix());
  g.entry("predict", {.feeds = {x}, .fetches = {matmul(matmul(x, v), w)}, .targets = {}});
  Tensor ones(f32, {8, 8});
  std::fill_n(ones.mutableData<float>(), 64, 1.0f);
  const TensorPtr shared = std::make_shared<const Tensor>(ones);
  const Graph graph = g.finish().value().withWeights({{"v", shared}, {"w", shared}});
  const Graph small = reduced(graph, [](const Graph& candidate) { return candidate.weights().contains("w"); });
  EXPECT_EQ(small.body().nodes.size(), 1u) << toString(small);
  EXPECT_EQ(small.weights().size(), 1u);
  EXPECT_EQ(small.weights().at("w")->numElements(), 1);
  EXPECT_EQ(small.weights().at("w")->data<float>()[0], 0.0f);
}

TEST(ReduceGraph, a_graph_without_entries_is_reduced_too) {
  GraphBuilder g("loose");
  auto x = g.placeholder("x", f32, {2, 8});
  Value h = x;
  for (int i = 0; i < 20; ++i) {
    h = exp(h);
  }
  softmax(erf(h)).named("end");
  tanh(h).named("other");
  const Graph small = reduced(g.finish().value(), has("erf"));
  EXPECT_EQ(small.body().nodes.size(), 2u) << toString(small);
}

TEST(ReduceGraph, a_fault_that_needs_everything_leaves_everything) {
  const Graph graph = longGraph(5);
  const Graph small = reduced(graph, [&](const Graph& candidate) { return candidate == graph; });
  EXPECT_EQ(small, graph);
}

TEST(ReduceGraph, of_random_graphs_the_two_ops_that_matter_are_left) {
  for (unsigned seed = 1; seed <= 15; ++seed) {
    std::minstd_rand random(seed);
    const auto below = [&](size_t count) { return static_cast<size_t>(random()) % count; };
    GraphBuilder g("random");
    std::vector<Value> values{g.placeholder("x", f32, {dim("batch"), 4}), g.placeholder("y", f32, {dim("batch"), 4})};
    for (int i = 0; i < 60; ++i) {
      const Value a = values[below(values.size())], b = values[below(values.size())];
      switch (below(6)) {
        case 0:
          values.push_back(a + b);
          break;
        case 1:
          values.push_back(maximum(a, b));
          break;
        case 2:
          values.push_back(tanh(a));
          break;
        case 3:
          values.push_back(softmax(a) - reduceMean(b));
          break;
        case 4:
          values.push_back(ifElse(
              g, less(reduceSum(a), 1.0), [&]() -> Values { return {sin(b) * 2.0}; },
              [&]() -> Values { return {a * b}; })[0]);
          break;
        default:
          values.push_back(exp(a));
      }
    }
    g.entry("predict", {.feeds = {values[0], values[1]},
                        .fetches = {sin(tanh(values[below(values.size())])) + maximum(values.back(), exp(values[1]))},
                        .targets = {}});
    const Graph graph = g.finish().value();
    const std::string one = below(2) == 0 ? "sin" : "tanh", other = below(2) == 0 ? "maximum" : "exp";
    const Graph small =
        reduced(graph, [&](const Graph& candidate) { return hasOp(candidate, one) && hasOp(candidate, other); });
    EXPECT_LE(nodesIn(small), other == "exp" ? 4u : 5u) << "seed " << seed << "\n" << toString(small);
  }
}

TEST(ReduceGraph, it_ends_after_the_given_tries_or_when_it_is_told_to) {
  const Graph graph = longGraph();
  int64_t asked = 0;
  const Predicate fails = [&](const Graph& candidate) { return ++asked > 0 && hasOp(candidate, "erf"); };
  const ReducedGraph few = reduceGraph(graph, fails, {.maxTries = 5});
  EXPECT_FALSE(few.isFinished);
  EXPECT_EQ(asked, 5);
  EXPECT_TRUE(hasOp(few.graph, "erf"));
  asked = 0;
  const ReducedGraph told =
      reduceGraph(graph, fails, {.progress = [](const ReduceProgress& progress) { return progress.tries < 3; }});
  EXPECT_FALSE(told.isFinished);
  EXPECT_EQ(asked, 3);
}

}  // namespace
}  // namespace kiln
