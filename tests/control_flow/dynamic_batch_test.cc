// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Trees in batches against the same computation written out node by node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <random>

#include "compiler/jit/session.h"
#include "graph/graph.h"
#include "graph/nn/tree_lstm.h"

namespace kiln {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int64_t> elementsOf(const Tensor& tensor) {
  return {tensor.data<int64_t>(), tensor.data<int64_t>() + tensor.numElements()};
}

// Two trees: 0 <- 2 -> 1, and 4 -> 3 with kind 1 at 4.
nn::Structure twoTrees() {
  nn::Structure s;
  s.add(0);
  s.add(0);
  s.add(0, {0, 1});
  s.add(0);
  s.add(1, {3});
  return s;
}

TEST(Schedule, groups_nodes_of_a_kind_and_depth_after_their_children) {
  const nn::BlockSchedule schedule = nn::scheduleBlocks(twoTrees(), 2, 2).value();
  EXPECT_THAT(elementsOf(schedule.kinds), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(elementsOf(schedule.reads), ElementsAre(0, 1, 3, 0, 2, 0, 4, 0));
  EXPECT_THAT(elementsOf(schedule.writes), ElementsAre(0, 1, 3, 6, 2, 6, 4, 6));
  EXPECT_THAT(elementsOf(schedule.children), ElementsAre(5, 5, 5, 5, 5, 5, 5, 5, 0, 1, 5, 5, 3, 5, 5, 5));
}

TEST(Schedule, takes_nodes_in_any_order_and_shared_children) {
  nn::Structure s;  // 0 -> {1, 2}, 1 -> {2}
  s.kinds = {0, 0, 0};
  s.firstChild = {0, 2, 3, 3};
  s.children = {1, 2, 2};
  const nn::BlockSchedule schedule = nn::scheduleBlocks(s, 4, 2).value();
  EXPECT_THAT(schedule.writes.dims(), ElementsAre(3, 4));
  EXPECT_EQ(elementsOf(schedule.writes)[0], 2);
  EXPECT_EQ(elementsOf(schedule.writes)[4], 1);
  EXPECT_EQ(elementsOf(schedule.writes)[8], 0);
}

TEST(Schedule, lists_leaves_and_keeps_them_out_of_blocks) {
  nn::Structure s = twoTrees();
  s.kinds = {5, 5, 0, 5, 0};
  const nn::BlockSchedule schedule = nn::scheduleBlocks(s, 2, 2, /*leafKind=*/5).value();
  EXPECT_THAT(elementsOf(schedule.leaves), ElementsAre(0, 1, 3));
  EXPECT_THAT(elementsOf(schedule.writes), ElementsAre(2, 4));
  EXPECT_THAT(elementsOf(schedule.children), ElementsAre(0, 1, 3, 5));
  EXPECT_EQ(nn::scheduleBlocks(s, 2, 2).value().leaves.numElements(), 0);
}

TEST(Schedule, refuses_a_leaf_with_children) {
  const Status status = nn::scheduleBlocks(twoTrees(), 2, 2, /*leafKind=*/1).status();
  EXPECT_EQ(errorIdOf(status), "KILN-O0145");
  EXPECT_THAT(std::string(status.message()), HasSubstr("node 4"));
}

TEST(Schedule, nothing_takes_no_steps) {
  EXPECT_THAT(nn::scheduleBlocks({}, 4, 2).value().reads.dims(), ElementsAre(0, 4));
}

TEST(Schedule, refuses_what_is_no_structure) {
  auto refused = [](nn::Structure s, int64_t width, int64_t arity, const char* text) {
    const Status status = nn::scheduleBlocks(s, width, arity).status();
    EXPECT_EQ(errorIdOf(status), "KILN-O0145");
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  };
  refused(twoTrees(), 0, 2, "width");
  refused(twoTrees(), 2, 1, "children of node 2");
  nn::Structure circle;
  circle.add(0, {1});
  circle.add(0, {0});
  refused(circle, 2, 2, "below itself");
  nn::Structure stranger;
  stranger.add(0, {7});
  refused(stranger, 2, 2, "a node below 1");
  nn::Structure negative;
  negative.add(-1);
  refused(negative, 2, 2, "kind of node 0");
  nn::Structure broken = twoTrees();
  broken.firstChild.pop_back();
  refused(broken, 2, 2, "firstChild");
}

struct Forest {
  nn::Structure structure;
  std::vector<int64_t> tokens;
};

int64_t grow(std::mt19937& random, int size, int kinds, Forest& forest) {
  std::vector<int64_t> children;
  if (size > 1) {
    const int left = 1 + static_cast<int>(random() % static_cast<unsigned>(size - 1));
    children.push_back(grow(random, left, kinds, forest));
    if (size - 1 - left > 0) {
      children.push_back(grow(random, size - 1 - left, kinds, forest));
    }
  }
  forest.tokens.push_back(static_cast<int64_t>(random() % 5));
  return forest.structure.add(children.empty() || kinds == 1 ? 0 : 1, children);
}

Forest forest(unsigned seed, int trees, int kinds = 1) {
  std::mt19937 random(seed);
  Forest made;
  for (int i = 0; i < trees; ++i) {
    grow(random, 1 + static_cast<int>(random() % 12), kinds, made);
  }
  return made;
}

// state = tanh(table[token] + U * sum of children), for kind 1 doubled: one node after the other.
std::vector<std::vector<double>> byHand(const Forest& f, const Tensor& table, const Tensor& u) {
  const int64_t units = u.dims()[0];
  std::vector<std::vector<double>> states;
  for (size_t i = 0; i < f.tokens.size(); ++i) {  // children come first in these forests
    std::vector<double> below(static_cast<size_t>(units), 0), state(static_cast<size_t>(units));
    for (int64_t c = f.structure.firstChild[i]; c < f.structure.firstChild[i + 1]; ++c) {
      for (int64_t k = 0; k < units; ++k) {
        below[static_cast<size_t>(k)] +=
            states[static_cast<size_t>(f.structure.children[static_cast<size_t>(c)])][static_cast<size_t>(k)];
      }
    }
    for (int64_t k = 0; k < units; ++k) {
      double sum = table.at(f.tokens[i] * units + k);
      for (int64_t j = 0; j < units; ++j) {
        sum += below[static_cast<size_t>(j)] * u.at(j * units + k);
      }
      state[static_cast<size_t>(k)] = std::tanh(sum) * (f.structure.kinds[i] == 1 ? 2 : 1);
    }
    states.push_back(std::move(state));
  }
  return states;
}

Graph recursiveNet(int64_t width, int64_t units, int kinds) {
  GraphBuilder g("recursive");
  const Dim nodes = dim("nodes");
  nn::BlockTables tables = nn::blockTables(g, "tree", width, 2);
  Value tokens = g.placeholder("tokens", i64, {nodes});
  Value table = g.placeholder("table", f64, {5, units});
  Value u = g.placeholder("u", f64, {units, units});
  auto cell = [&](double scale) -> nn::NodeCell {
    return [=](const nn::NodeBlock& block) -> std::vector<Value> {
      Value inputs = gather(table, gather(tokens, block.nodes));
      return {tanh(inputs + matmul(reduceSum(block.children[0], {1}), u)) * scale};
    };
  };
  std::vector<nn::NodeCell> cells = {cell(1)};
  if (kinds == 2) {
    cells.push_back(cell(2));
  }
  Value states = nn::dynamicBatch(g, tables, nodes, {{units}}, cells, {.dtype = f64})[0].named("states");
  Value loss = reduceSum(states * states, {0, 1}).named("loss");
  std::vector<Value> d = g.gradients({loss}, {table, u});
  g.entry("main", {.feeds = {tables.kinds, tables.reads, tables.writes, tables.children, tokens, table, u},
                   .fetches = {{"states", states}, {"d_table", d[0]}, {"d_u", d[1]}},
                   .targets = {}});
  return g.finish().value();
}

std::vector<Tensor> run(const Callable& callable, const Forest& f, int64_t width, const Tensor& table,
                        const Tensor& u) {
  const nn::BlockSchedule s = nn::scheduleBlocks(f.structure, width, 2).value();
  std::vector<Tensor> out;
  const Status status = callable.run({s.kinds, s.reads, s.writes, s.children,
                                      Tensor::of<int64_t>({static_cast<int64_t>(f.tokens.size())}, f.tokens), table, u},
                                     out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

Tensor numbers(std::vector<int64_t> dims, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 0.5);
  Tensor tensor(f64, std::move(dims));
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, normal(random));
  }
  return tensor;
}

class DynamicBatch : public ::testing::TestWithParam<std::tuple<int64_t, int>> {};

TEST_P(DynamicBatch, computes_every_node_of_any_trees_through_one_executable) {
  const auto [width, kinds] = GetParam();
  constexpr int64_t kUnits = 6;
  Session session = createSession(recursiveNet(width, kUnits, kinds), {.threads = 1}).value();
  auto callable = session.prepareEntry("main");
  ASSERT_TRUE(callable.ok()) << callable.status();
  const Tensor table = numbers({5, kUnits}, 1), u = numbers({kUnits, kUnits}, 2);
  for (unsigned seed = 0; seed < 5; ++seed) {
    const Forest f = forest(seed, 1 + static_cast<int>(seed) * 4, kinds);
    const std::vector<Tensor> got = run(*callable, f, width, table, u);
    ASSERT_EQ(got.size(), 3u);
    const std::vector<std::vector<double>> want = byHand(f, table, u);
    for (size_t i = 0; i < want.size(); ++i) {
      for (int64_t k = 0; k < kUnits; ++k) {
        ASSERT_NEAR(got[0].at(static_cast<int64_t>(i) * kUnits + k), want[i][static_cast<size_t>(k)], 1e-12)
            << "seed " << seed << ", node " << i;
      }
    }
  }
}

TEST_P(DynamicBatch, gradients_are_those_of_differences) {
  const auto [width, kinds] = GetParam();
  constexpr int64_t kUnits = 3;
  Session session = createSession(recursiveNet(width, kUnits, kinds), {.threads = 1}).value();
  auto callable = session.prepareEntry("main");
  ASSERT_TRUE(callable.ok()) << callable.status();
  const Tensor table = numbers({5, kUnits}, 1), u = numbers({kUnits, kUnits}, 2);
  const Forest f = forest(3, 5, kinds);
  const std::vector<Tensor> got = run(*callable, f, width, table, u);
  ASSERT_EQ(got.size(), 3u);
  auto lossAt = [&](const Tensor& t, const Tensor& w) {
    double sum = 0;
    for (const std::vector<double>& state : byHand(f, t, w)) {
      for (double value : state) {
        sum += value * value;
      }
    }
    return sum;
  };
  constexpr double kStep = 1e-6;
  for (const auto& [which, gradient] : {std::pair(0, got[1]), std::pair(1, got[2])}) {
    for (int64_t i = 0; i < gradient.numElements(); ++i) {
      double sides[2];
      for (int side : {0, 1}) {
        Tensor t = table, w = u;
        Tensor& moved = which == 0 ? t : w;
        moved.set(i, moved.at(i) + (side == 0 ? -kStep : kStep));
        sides[side] = lossAt(t, w);
      }
      EXPECT_NEAR(gradient.at(i), (sides[1] - sides[0]) / (2 * kStep), 1e-6) << which << " " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(widths_and_kinds, DynamicBatch,
                         ::testing::Values(std::tuple<int64_t, int>(1, 1), std::tuple<int64_t, int>(7, 1),
                                           std::tuple<int64_t, int>(4, 2)));

// h and c of every node, and the gradients of a sum over them, with leaves as nodes like others or as a kind of their
// own.
std::vector<Tensor> treeLstm(Forest f, bool hasLeaves) {
  constexpr int64_t kUnits = 4, kWidth = 3, kColumns = 5 * kUnits;
  GraphBuilder g("tree_lstm");
  const Dim nodes = g.dim("nodes", 1, 1 << 20);
  nn::BlockTables tables = nn::blockTables(g, "tree", kWidth, 2);
  Value tokens = g.placeholder("tokens", i64, {nodes});
  Value table = g.placeholder("table", f64, {5, kColumns});
  Value hidden = g.placeholder("hidden", f64, {2 * kUnits, kColumns});
  const nn::TreeLstmWeights weights{table, hidden};
  nn::DynamicBatchOptions options{.dtype = f64};
  if (hasLeaves) {
    options.leaf = nn::treeLstmLeaf(weights, tokens, kUnits);
  }
  const std::vector<Value> states =
      nn::dynamicBatch(g, tables, nodes, {{kUnits}, {kUnits}}, {nn::treeLstmCell(weights, tokens, kUnits, 2)}, options);
  Value loss = reduceSum(states[0] * states[0] + states[1], {0, 1}).named("loss");
  const std::vector<Value> d = g.gradients({loss}, {table, hidden});
  std::vector<NamedValue> feeds = {tables.kinds, tables.reads, tables.writes, tables.children, tokens, table, hidden};
  if (hasLeaves) {
    feeds.push_back(tables.leaves);
  }
  g.entry("main", {.feeds = feeds,
                   .fetches = {{"h", states[0]}, {"c", states[1]}, {"d_table", d[0]}, {"d_hidden", d[1]}},
                   .targets = {}});
  Session session = createSession(g.finish().value(), {.threads = 1}).value();
  for (size_t i = 0; hasLeaves && i < f.structure.kinds.size(); ++i) {
    f.structure.kinds[i] = f.structure.firstChild[i] == f.structure.firstChild[i + 1] ? 1 : 0;
  }
  const nn::BlockSchedule s =
      nn::scheduleBlocks(f.structure, kWidth, 2, hasLeaves ? std::optional<int32_t>(1) : std::nullopt).value();
  const Tensor tokenFeed = Tensor::of<int64_t>({static_cast<int64_t>(f.tokens.size())}, f.tokens);
  const Tensor tableFeed = numbers({5, kColumns}, 1), hiddenFeed = numbers({2 * kUnits, kColumns}, 2);
  std::vector<TensorView> fed = {s.kinds, s.reads, s.writes, s.children, tokenFeed, tableFeed, hiddenFeed};
  if (hasLeaves) {
    fed.push_back(s.leaves);
  }
  std::vector<Tensor> out;
  const Status status = session.prepareEntry("main").value().run(fed, out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

TEST(TreeLstm, a_kind_of_their_own_for_leaves_changes_neither_states_nor_gradients) {
  const Forest f = forest(11, 9);
  const std::vector<Tensor> got = treeLstm(f, true), want = treeLstm(f, false);
  ASSERT_EQ(got.size(), 4u);
  ASSERT_EQ(want.size(), 4u);
  for (size_t i = 0; i < want.size(); ++i) {
    for (int64_t e = 0; e < want[i].numElements(); ++e) {
      ASSERT_NEAR(got[i].at(e), want[i].at(e), 1e-12) << "fetch " << i << ", element " << e;
    }
  }
}

TEST(TreeLstm, a_forest_of_leaves_alone_takes_no_steps) {
  Forest f;
  for (int64_t i = 0; i < 3; ++i) {
    f.structure.add(0);
    f.tokens.push_back(i);
  }
  const std::vector<Tensor> got = treeLstm(f, true), want = treeLstm(f, false);
  ASSERT_EQ(got.size(), 4u);
  for (int64_t e = 0; e < want[0].numElements(); ++e) {
    ASSERT_NEAR(got[0].at(e), want[0].at(e), 1e-12);
  }
}

TEST(DynamicBatchErrors, a_leaf_with_other_states_is_refused) {
  GraphBuilder g("leaf");
  nn::BlockTables tables = nn::blockTables(g, "tree", 2, 2);
  const auto cell = [](const nn::NodeBlock& block) { return std::vector<Value>{reduceSum(block.children[0], {1})}; };
  nn::dynamicBatch(g, tables, dim("nodes"), {{4}}, {cell},
                   {.leaf = [](const nn::NodeBlock&) { return std::vector<Value>(); }});
  EXPECT_EQ(errorIdOf(g.finish().status()), "KILN-O0145");
}

TEST(DynamicBatchErrors, no_cell_is_refused) {
  GraphBuilder g("none");
  nn::BlockTables tables = nn::blockTables(g, "tree", 2, 2);
  nn::dynamicBatch(g, tables, dim("tree_steps"), {{4}}, {});
  EXPECT_EQ(errorIdOf(g.finish().status()), "KILN-O0145");
}

}  // namespace
}  // namespace kiln
