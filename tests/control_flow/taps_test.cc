// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Values inside loops and branches, fetched by name: what they are, and that watching changes nothing.
#include "graph/ir/taps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/jit/session.h"
#include "graph/build/control_flow.h"
#include "graph/build/transforms.h"
#include "graph/eval/interpreter.h"
#include "graph/graph.h"

namespace kiln {
namespace {

using ::testing::HasSubstr;

using Feeds = std::map<std::string, Tensor>;

std::vector<std::string> namesOf(const Feeds& feeds) {
  std::vector<std::string> names;
  for (const auto& [name, value] : feeds) {
    names.push_back(name);
  }
  return names;
}

StatusOr<std::vector<Tensor>> interpret(const Graph& graph, const Feeds& feeds,
                                        const std::vector<std::string>& fetches) {
  KILN_ASSIGN_OR_RETURN(TappedEntry tapped, makeTappedEntry(graph, "run", namesOf(feeds), fetches, {}));
  std::vector<TensorView> views;
  for (const auto& [name, value] : feeds) {
    views.push_back(value);
  }
  VariableStore variables;
  return Interpreter().evaluate(tapped.graph, tapped.entry, views, variables);
}

StatusOr<std::vector<Tensor>> compileAndRun(const Graph& graph, const Feeds& feeds,
                                            const std::vector<std::string>& fetches) {
  KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, {.threads = 1}));
  KILN_ASSIGN_OR_RETURN(auto results, session.run({feeds.begin(), feeds.end()}, fetches));
  std::vector<Tensor> values;
  for (const std::string& fetch : fetches) {
    values.push_back(results.at(fetch));
  }
  return values;
}

// Both ways of running agree; returns the interpreter's.
std::vector<Tensor> runBoth(const Graph& graph, const Feeds& feeds, const std::vector<std::string>& fetches) {
  auto meant = interpret(graph, feeds, fetches);
  auto found = compileAndRun(graph, feeds, fetches);
  EXPECT_TRUE(meant.ok()) << meant.status();
  EXPECT_TRUE(found.ok()) << found.status();
  if (!meant.ok() || !found.ok()) {
    return std::vector<Tensor>(fetches.size());
  }
  for (size_t i = 0; i < fetches.size(); ++i) {
    EXPECT_EQ(found->at(i).toString(1000), meant->at(i).toString(1000)) << fetches[i];
  }
  return *std::move(meant);
}

void expectBothFail(const Graph& graph, const Feeds& feeds, const std::string& fetch, std::string_view id,
                    std::string_view text) {
  for (const Status& status :
       {interpret(graph, feeds, {fetch}).status(), compileAndRun(graph, feeds, {fetch}).status()}) {
    EXPECT_EQ(errorIdOf(status), id) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
  }
}

Tensor numbers(std::initializer_list<float> values) {
  return Tensor::of<float>({static_cast<int64_t>(values.size())}, values);
}

// x doubles four times; h is what a step makes, half of what it gets is `before`.
Graph doubling(int64_t maxSteps = 6) {
  GraphBuilder g("doubling");
  Value x = g.placeholder("x", f32, {2});
  Value limit = g.placeholder("limit", f32, {});
  Values last = whileLoop(
      g, {x}, [&](const Values& c) { return less(reduceMax(c[0], {0}), limit); },
      [&](Value step, const Values& c) {
        Value half = (c[0] * 0.5).named("half");
        return Values{(half * 4.0).named("h")};
      },
      {.name = "loop", .maxSteps = maxSteps});
  g.entry("main", {.feeds = {x, limit}, .fetches = {{"y", last[0]}}, .targets = {}});
  return g.finish().value();
}

Feeds doublingFeeds(float limit = 15) { return {{"limit", Tensor::scalar(limit)}, {"x", numbers({1, -1})}}; }

TEST(Taps, rows_of_a_while_are_its_steps_and_zero_after_the_last) {
  const std::vector<Tensor> got = runBoth(doubling(), doublingFeeds(), {"loop//h", "loop//half@stacked", "loop"});
  EXPECT_EQ(got[0].toString(), Tensor::of<float>({6, 2}, {2, -2, 4, -4, 8, -8, 16, -16, 0, 0, 0, 0}).toString());
  EXPECT_EQ(got[1].toString(), Tensor::of<float>({6, 2}, {.5, -.5, 1, -1, 2, -2, 4, -4, 0, 0, 0, 0}).toString());
  EXPECT_EQ(got[2].toString(), numbers({16, -16}).toString());
}

TEST(Taps, the_last_value_needs_no_bound_and_is_zero_without_a_step) {
  const Graph graph = doubling(-1);
  EXPECT_EQ(runBoth(graph, doublingFeeds(), {"loop//half@last"})[0].toString(), numbers({4, -4}).toString());
  EXPECT_EQ(runBoth(graph, doublingFeeds(0), {"loop//half@last"})[0].toString(), numbers({0, 0}).toString());
}

TEST(Taps, every_kth_row) {
  const std::vector<Tensor> got = runBoth(doubling(), doublingFeeds(), {"loop//h@every:2", "loop//h@every:4"});
  EXPECT_EQ(got[0].toString(), Tensor::of<float>({3, 2}, {2, -2, 8, -8, 0, 0}).toString());
  EXPECT_EQ(got[1].toString(), Tensor::of<float>({2, 2}, {2, -2, 0, 0}).toString());
}

TEST(Taps, other_fetches_are_the_same_bits) {
  GraphBuilder g("chaos");
  Value x = g.placeholder("x", f32, {16});
  ScanResult result = scan(g, {x}, {},
                           [&](Value, const Values& c, const Values&) {
                             Value h = tanh(c[0] * 3.7).named("h");
                             Value next = h * (1.0 - h) * 3.9;
                             return std::pair<Values, Values>{{next}, {reduceSum(next, {0})}};
                           },
                           {.name = "loop", .length = Dim(50)});
  g.entry("main", {.feeds = {x}, .fetches = {{"y", result.carries[0]}, {"sums", result.stacked[0]}}, .targets = {}});
  const Graph graph = g.finish().value();
  Tensor start(f32, {16});
  for (int i = 0; i < 16; ++i) {
    start.set(i, 0.01 * i + 0.1);
  }
  const Feeds feeds = {{"x", start}};
  const std::vector<Tensor> plain = compileAndRun(graph, feeds, {"loop", "loop:1"}).value();
  for (const char* tap : {"loop//h", "loop//h@last", "loop//h@every:7"}) {
    const std::vector<Tensor> tapped = compileAndRun(graph, feeds, {"loop", tap, "loop:1"}).value();
    EXPECT_TRUE(tapped[0].identicalTo(plain[0])) << tap;
    EXPECT_TRUE(tapped[2].identicalTo(plain[1])) << tap;
  }
}

TEST(Taps, gradients_through_a_tapped_loop_are_the_same_bits) {
  GraphBuilder g("grad");
  Value x = g.placeholder("x", f32, {4});
  ScanResult result = scan(g, {x}, {},
                           [&](Value, const Values& c, const Values&) {
                             Value h = tanh(c[0] * 1.3).named("h");
                             return std::pair<Values, Values>{{h + c[0]}, {}};
                           },
                           {.name = "loop", .length = Dim(9)});
  Value dx = g.gradients({reduceSum(result.carries[0], {0})}, {x})[0].named("dx");
  g.entry("main", {.feeds = {x}, .fetches = {dx}, .targets = {}});
  const Graph graph = g.finish().value();
  const Feeds feeds = {{"x", numbers({0.1f, -0.2f, 0.3f, 0.7f})}};

  for (const char* tap : {"loop//h", "loop//h@last"}) {
    auto tapped = compileAndRun(graph, feeds, {"dx", tap});
    ASSERT_TRUE(tapped.ok()) << tapped.status();
    auto untapped = compileAndRun(graph, feeds, {"dx"});
    ASSERT_TRUE(untapped.ok()) << untapped.status();
    EXPECT_TRUE(tapped->at(0).identicalTo(untapped->at(0))) << tap;
  }
}

// A loop over a range: with a count in the graph it has rows, with one of the run it has none.
TEST(Taps, a_range_with_a_known_count_is_stacked) {
  GraphBuilder g("range");
  Value x = g.placeholder("x", f32, {});
  Value n = g.placeholder("n", i64, {});
  forRange(g, 0, 3, 1, {x}, [&](Value, const Values& c) { return Values{(c[0] + 1.0).named("h")}; }, "known");
  forRange(g, 0, n, 1, {x}, [&](Value, const Values& c) { return Values{(c[0] + 1.0).named("h")}; }, "open");
  const Graph graph = g.finish().value();
  const Feeds feeds = {{"n", Tensor::scalar<int64_t>(4)}, {"x", Tensor::scalar(1.0f)}};
  EXPECT_EQ(runBoth(graph, feeds, {"known//h"})[0].toString(), numbers({2, 3, 4}).toString());
  EXPECT_EQ(runBoth(graph, feeds, {"open//h@last"})[0].toString(), Tensor::scalar(5.0f).toString());
  expectBothFail(graph, feeds, "open//h", "KILN-G0038", "'open' may run any number of steps");
  expectBothFail(graph, feeds, "open//h", "KILN-G0038", "'open//h@last'");
}

Graph nested() {
  GraphBuilder g("nested");
  Value x = g.placeholder("x", f32, {});
  Value rows = g.placeholder("rows", f32, {3});
  ScanResult outer = scan(g, {x}, {rows},
                          [&](Value, const Values& carries, const Values& row) {
                            Values inner = whileLoop(
                                g, {carries[0]}, [&](const Values& c) { return less(c[0], row[0]); },
                                [&](Value, const Values& c) { return Values{(c[0] + 1.0).named("h")}; },
                                {.name = "inner", .maxSteps = 4});
                            return std::pair<Values, Values>{{inner[0]}, {}};
                          },
                          {.name = "outer", .length = {}});
  g.entry("main", {.feeds = {x, rows}, .fetches = {{"y", outer.carries[0]}}, .targets = {}});
  return g.finish().value();
}

TEST(Taps, loops_in_loops_give_an_axis_each) {
  const Feeds feeds = {{"rows", numbers({2, 1, 4})}, {"x", Tensor::scalar(0.0f)}};
  const std::vector<Tensor> got =
      runBoth(nested(), feeds, {"outer//inner//h", "outer//inner//h@last", "outer//inner//h@every:3"});
  EXPECT_EQ(got[0].toString(), Tensor::of<float>({3, 4}, {1, 2, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0}).toString());
  EXPECT_EQ(got[1].toString(), Tensor::scalar(4.0f).toString());
  EXPECT_EQ(got[2].toString(), Tensor::of<float>({3, 2}, {1, 0, 0, 0, 3, 0}).toString());
}

Graph branching() {
  GraphBuilder g("branching");
  Value x = g.placeholder("x", f32, {dim("n")});
  Value c = g.placeholder("c", boolean, {});
  Values r = ifElse(
      g, c, [&] { return Values{(x * 2.0).named("y") + 1.0}; },
      [&] { return Values{(x * 3.0).named("y") - (x * 5.0).named("z")}; }, "if");
  g.entry("main", {.feeds = {x, c}, .fetches = {{"r", r[0]}}, .targets = {}});
  return g.finish().value();
}

TEST(Taps, a_branch_gives_its_values_when_it_is_taken) {
  const Feeds taken = {{"c", Tensor::scalar(true)}, {"x", numbers({1, 2, 3})}};
  const Feeds other = {{"c", Tensor::scalar(false)}, {"x", numbers({1, 2, 3})}};
  const Graph graph = branching();
  EXPECT_EQ(runBoth(graph, taken, {"if//then/y", "if"})[0].toString(), numbers({2, 4, 6}).toString());
  EXPECT_EQ(runBoth(graph, other, {"if//else/y"})[0].toString(), numbers({3, 6, 9}).toString());
  EXPECT_EQ(runBoth(graph, other, {"if//z"})[0].toString(), numbers({5, 10, 15}).toString());
  expectBothFail(graph, other, "if//then/y", "KILN-R0035", "'if//then/y': the tapped value was not computed");
  expectBothFail(graph, taken, "if//z", "KILN-R0035", "'if//z'");
}

TEST(Taps, a_branch_in_a_loop_gives_zeros_or_the_last_value_that_it_computed) {
  GraphBuilder g("sometimes");
  Value flags = g.placeholder("flags", boolean, {4});
  Value x = g.placeholder("x", f32, {2});
  ScanResult result = scan(g, {x}, {flags},
                           [&](Value, const Values& c, const Values& rows) {
                             Values next = ifElse(
                                 g, rows[0], [&] { return Values{(c[0] * 2.0).named("twice")}; },
                                 [&] { return Values{c[0] + 1.0}; }, "if");
                             return std::pair<Values, Values>{{next[0]}, {}};
                           },
                           {.name = "loop", .length = {}});
  g.entry("main", {.feeds = {flags, x}, .fetches = {{"y", result.carries[0]}}, .targets = {}});
  const Graph graph = g.finish().value();
  const Feeds feeds = {{"flags", Tensor::of<bool>({4}, {true, false, true, false})}, {"x", numbers({1, 2})}};
  const std::vector<Tensor> got = runBoth(graph, feeds, {"loop//if//twice", "loop//if//twice@last"});
  EXPECT_EQ(got[0].toString(), Tensor::of<float>({4, 2}, {2, 4, 0, 0, 6, 10, 0, 0}).toString());
  EXPECT_EQ(got[1].toString(), numbers({6, 10}).toString());
}

TEST(Taps, switches_and_calls) {
  GraphBuilder g("switch");
  g.function("square", {{f32, {}}}, [](const Values& p) { return Values{(p[0] * p[0]).named("squared") + 1.0}; });
  Value x = g.placeholder("x", f32, {});
  Value i = g.placeholder("i", i64, {});
  Values r = switchCase(
      g, i,
      {[&] { return Values{(x + 1.0).named("y")}; }, [&] { return Values{g.call("square", {x})[0].named("called")}; },
       [&] { return Values{(x + 3.0).named("y")}; }},
      "switch");
  Value direct = g.call("square", {x})[0].named("direct");
  g.entry("main", {.feeds = {x, i}, .fetches = {{"r", r[0]}, direct}, .targets = {}});
  const Graph graph = g.finish().value();
  const Feeds feeds = {{"i", Tensor::scalar<int64_t>(1)}, {"x", Tensor::scalar(3.0f)}};
  const std::vector<Tensor> got = runBoth(graph, feeds, {"switch//called//squared", "direct//squared", "switch"});
  EXPECT_EQ(got[0].at(0), 9);
  EXPECT_EQ(got[1].at(0), 9);
  EXPECT_EQ(got[2].at(0), 10);
  const Feeds third = {{"i", Tensor::scalar<int64_t>(2)}, {"x", Tensor::scalar(3.0f)}};
  EXPECT_EQ(runBoth(graph, third, {"switch//branch2/y"})[0].at(0), 6);
  expectBothFail(graph, feeds, "switch//branch2/y", "KILN-R0035", "'switch//branch2/y'");
}

TEST(Taps, vmap_gives_the_values_of_all_examples) {
  GraphBuilder g("vmap");
  Value x = g.placeholder("x", f32, {3, 2});
  Values r = vmap(g, [&](const Values& e) { return Values{reduceSum((e[0] * e[0]).named("squares"), {0})}; }, {x});
  g.entry("main", {.feeds = {x}, .fetches = {{"r", r[0]}}, .targets = {}});
  const Graph graph = g.finish().value();
  auto got = compileAndRun(graph, {{"x", Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6})}}, {"vmap//squares", "vmap"});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->at(0).toString(), Tensor::of<float>({3, 2}, {1, 4, 9, 16, 25, 36}).toString());
  EXPECT_EQ(got->at(1).toString(), numbers({5, 25, 61}).toString());
}

TEST(Taps, names_that_lead_nowhere_are_refused_with_the_nearest) {
  const Graph graph = doubling(), branches = branching();
  const Feeds feeds = doublingFeeds(), two = {{"c", Tensor::scalar(true)}, {"x", numbers({1})}};
  expectBothFail(graph, feeds, "loop//hlaf", "KILN-G0036",
                 "'loop' has no node 'hlaf' in its body; did you mean 'half'");
  expectBothFail(graph, feeds, "loop//h:1", "KILN-G0036", "'h' has 1 results");
  expectBothFail(graph, feeds, "lop//h", "KILN-G0032", "'loop'");
  expectBothFail(graph, feeds, "loop//h@first", "KILN-G0037", "unknown tap 'first' of 'loop//h'");
  expectBothFail(graph, feeds, "loop//h@every:0", "KILN-G0037", "unknown tap 'every:0'");
  expectBothFail(branches, two, "if//then/y@every:2", "KILN-G0037", "'if//then/y'");
  expectBothFail(graph, feeds, "loop//h//x", "KILN-G0039", "'loop//h' (kiln.mul) has no body");
  expectBothFail(branches, two, "if//y", "KILN-G0036", "say which of 'then/y', 'else/y'");
}

TEST(Taps, nodes_cannot_be_named_like_taps) {
  for (const char* name : {"a//b", "a@last"}) {
    GraphBuilder g("names");
    g.placeholder(name, f32, {});
    EXPECT_EQ(errorIdOf(g.finish().status()), "KILN-G0004") << name;
  }
}

}  // namespace
}  // namespace kiln
