// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What gradients of loops keep: whatever it is, they are the same, and the plan says what was chosen.
#include "compiler/pipelines/compile.h"
#include "gmock/gmock.h"
#include "graph/build/control_flow.h"
#include "graph/build/operations.h"
#include "graph/build/transforms.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using compiler::CompileOptions;
using compiler::CompileReport;
using compiler::lowerGraph;
using compiler::lowerToText;
using compiler::Phase;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSteps = 40;

/// sum(h) after kSteps times h <- tanh(h * w + x row), and its gradients.
Graph recurrence() {
  GraphBuilder g("recurrence");
  Value h = g.placeholder("h", f64, {3}), w = g.placeholder("w", f64, {3}), xs = g.placeholder("xs", f64, {kSteps, 3});
  ScanResult result = scan(g, {h}, {xs},
                           [&](Value, const Values& c, const Values& rows) {
                             return std::pair<Values, Values>{{tanh(c[0] * w + rows[0]) * sin(c[0])}, {}};
                           },
                           {.name = "recurrence", .length = {}});
  std::vector<Value> gradients = g.gradients({reduceSum(result.carries[0], {0})}, {h, w, xs});
  g.entry("entry", {.feeds = {{"h", h}, {"w", w}, {"xs", xs}},
                    .fetches = {{"dh", gradients[0]}, {"dw", gradients[1]}, {"dxs", gradients[2]}}});
  StatusOr<Graph> graph = g.finish();
  EXPECT_TRUE(graph.ok()) << graph.status();
  return *std::move(graph);
}

std::vector<Tensor> feedsOfRecurrence() {
  std::vector<Tensor> feeds{Tensor(f64, {3}), Tensor(f64, {3}), Tensor(f64, {kSteps, 3})};
  for (Tensor& feed : feeds) {
    for (int64_t i = 0; i < feed.numElements(); ++i) {
      feed.set(i, 0.8 + 0.3 * static_cast<double>((i * 7) % 5));
    }
  }
  return feeds;
}

std::vector<Tensor> evaluateUnder(const Graph& graph, const std::vector<Tensor>& feeds, int64_t memLimit,
                                  std::string* plan) {
  CompileOptions options;
  options.memLimit = memLimit;
  CompileReport report;
  StatusOr<Graph> lowered = lowerGraph(graph, graph.entries()[0], Phase::kDifferentiate, options, &report);
  EXPECT_TRUE(lowered.ok()) << lowered.status();
  *plan = report.plan;
  return lowered.ok() ? testing::evaluate(*lowered, "entry", feeds) : std::vector<Tensor>();
}

void expectEqual(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    for (int64_t k = 0; k < a[i].numElements(); ++k) {
      EXPECT_NEAR(a[i].at(k), b[i].at(k), 1e-13 * (1 + std::abs(a[i].at(k)))) << "result " << i << ", element " << k;
    }
  }
}

TEST(KeptValues, every_choice_gives_the_same_gradients) {
  const Graph graph = recurrence();
  const std::vector<Tensor> feeds = feedsOfRecurrence();
  std::string all, least, unwound;
  const std::vector<Tensor> unlimited = evaluateUnder(graph, feeds, 0, &all);
  EXPECT_THAT(all, HasSubstr("'recurrence': 40 steps, keeps all"));
  // The carry alone has 24 bytes.
  const std::vector<Tensor> small = evaluateUnder(graph, feeds, 24 * kSteps, &least);
  EXPECT_THAT(least, HasSubstr("keeps the least, 24 bytes a step, 960 bytes"));
  const std::vector<Tensor> smallest = evaluateUnder(graph, feeds, 5 * 24, &unwound);
  EXPECT_THAT(unwound, HasSubstr("unwinds from 5 checkpoints of 24 bytes, 120 bytes"));
  expectEqual(unlimited, small);
  expectEqual(unlimited, smallest);
}

TEST(KeptValues, a_loop_whose_steps_nobody_knows_is_unwound_under_a_limit) {
  GraphBuilder g("unknown");
  Value x = g.placeholder("x", f64, {}), w = g.placeholder("w", f64, {});
  Values h = whileLoop(
      g, {x}, [&](const Values& c) { return less(c[0], 90.0); },
      [&](Value, const Values& c) { return Values{c[0] * w + sin(c[0]) * 0.1}; });
  std::vector<Value> gradients = g.gradients({h[0]}, {x, w});
  g.entry("entry", {.feeds = {{"x", x}, {"w", w}}, .fetches = {{"dx", gradients[0]}, {"dw", gradients[1]}}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const std::vector<Tensor> feeds{Tensor::scalar(1.1), Tensor::scalar(1.3)};
  std::string kept, unwound;
  const std::vector<Tensor> unlimited = evaluateUnder(*graph, feeds, 0, &kept);
  const std::vector<Tensor> limited = evaluateUnder(*graph, feeds, 100, &unwound);
  EXPECT_THAT(kept, HasSubstr("keeps all"));
  EXPECT_THAT(unwound, HasSubstr("unwinds from 12 checkpoints of 8 bytes"));
  expectEqual(unlimited, limited);
}

// KILN-C0203
TEST(KeptValues, c0203_a_limit_below_two_checkpoints_is_refused) {
  CompileOptions options;
  options.memLimit = 47;
  const Graph graph = recurrence();
  Status status = lowerGraph(graph, graph.entries()[0], Phase::kDifferentiate, options).status();
  EXPECT_EQ(errorIdOf(status), "KILN-C0203") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("'recurrence'"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("48 bytes"));
}

// A million leapfrog steps within 1 MiB: checkpoints of the four numbers that a step hands on.
TEST(KeptValues, an_orbit_of_a_million_steps_fits_into_a_mebibyte) {
  GraphBuilder g("orbit");
  Values start;
  std::vector<NamedValue> feeds, fetches;
  for (const char* name : {"x", "y", "vx", "vy"}) {
    start.push_back(g.placeholder(name, f32, {}));
    feeds.emplace_back(name, start.back());
  }
  Values end = forRange(g, 0, 1000000, 1, start, [&](Value, const Values& c) {
    Value a = pow(c[0] * c[0] + c[1] * c[1], g.scalar(-1.5, f32)) * 0.01;
    Value vx = c[2] - a * c[0], vy = c[3] - a * c[1];
    return Values{c[0] + vx * 0.01, c[1] + vy * 0.01, vx, vy};
  });
  for (const Value& gradient : g.gradients({end[0]}, start)) {
    fetches.emplace_back("g" + std::to_string(fetches.size()), gradient);
  }
  g.entry("entry", {.feeds = feeds, .fetches = fetches});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  CompileOptions options;
  options.memLimit = 1 << 20;
  CompileReport report;
  auto text = lowerToText(*graph, graph->entries()[0], Phase::kDifferentiate, options, &report);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("kiln.unwind"));
  EXPECT_THAT(report.plan, HasSubstr("1000000 steps, unwinds from 65536 checkpoints of 16 bytes, 1048576 bytes"));
}

TEST(KeptValues, a_gather_from_a_large_carry_keeps_the_rows) {
  GraphBuilder g("tree");
  Value buffer = g.placeholder("buffer", f64, {100, 8}), children = g.placeholder("children", i64, {50, 2});
  ScanResult result = scan(g, {buffer}, {children},
                           [&](Value step, const Values& c, const Values& rows) {
                             Value made = tanh(reduceSum(gather(c[0], rows[0]), {0}, true));
                             Value at = reshape(step + g.constant(Tensor::scalar<int64_t>(50)), {1});
                             return std::pair<Values, Values>{{scatterSlices(c[0], at, made)}, {}};
                           },
                           {.name = "tree", .length = {}});
  std::vector<Value> gradients = g.gradients({reduceSum(result.carries[0], {0, 1})}, {buffer});
  g.entry("entry", {.feeds = {{"buffer", buffer}, {"children", children}}, .fetches = {{"d", gradients[0]}}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  CompileReport report;
  auto text = lowerToText(*graph, graph->entries()[0], Phase::kDifferentiate, {}, &report);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(report.plan, HasSubstr("'tree': 50 steps, keeps all, 64 bytes a step"));
  EXPECT_THAT(*text, Not(HasSubstr("tensor<50x100x8xf64>")));
}

// KILN-C0202
TEST(TransformErrors, c0202_forward_mode_through_a_gradient_of_its_own) {
  GraphBuilder g("custom");
  Value x = g.placeholder("x", f64, {}), t = g.placeholder("t", f64, {});
  Values y = customGradient(
      g, [](const Values& in) { return Values{in[0] * in[0]}; }, {x},
      [](const Values& in, const Values&, const Values& ct) { return Values{in[0] * ct[0] * 3.0}; }, "clipped");
  Values d = jvp(g, y, {x}, {t});
  g.entry("entry", {.feeds = {{"x", x}, {"t", t}}, .fetches = {{"d", d[0]}}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  Status status = lowerGraph(*graph, graph->entries()[0], Phase::kDifferentiate).status();
  EXPECT_EQ(errorIdOf(status), "KILN-C0202") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("'clipped'"));
}

TEST(TransformErrors, c0201_names_the_node_within_the_loop) {
  GraphBuilder g("inner");
  Value x = g.placeholder("x", f64, {3});
  Values h = forRange(g, 0, 3, 1, {x}, [&](Value, const Values& c) {
    auto scope = g.scope("deep");
    return Values{c[0] + sin(trigamma(c[0]))};
  });
  std::vector<Value> d = g.gradients({reduceSum(h[0], {0})}, {x});
  g.entry("entry", {.feeds = {{"x", x}}, .fetches = {{"d", d[0]}}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  Status status = lowerGraph(*graph, graph->entries()[0], Phase::kDifferentiate).status();
  EXPECT_EQ(errorIdOf(status), "KILN-C0201") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("deep/trigamma"));
}

// The interpreter runs both: the user's own gradient is taken.
TEST(TransformGradients, a_custom_gradient_replaces_that_of_its_function) {
  GraphBuilder g("custom");
  Value x = g.placeholder("x", f64, {});
  Values y = forRange(g, 0, 2, 1, {x}, [&](Value, const Values& c) {
    return customGradient(
        g, [](const Values& in) { return Values{in[0] * in[0]}; }, {c[0]},
        [](const Values& in, const Values&, const Values& ct) { return Values{in[0] * ct[0] * 3.0}; });
  });
  std::vector<Value> d = g.gradients({y[0]}, {x});
  g.entry("entry", {.feeds = {{"x", x}}, .fetches = {{"y", y[0]}, {"d", d[0]}}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  std::string plan;
  const std::vector<Tensor> results = evaluateUnder(*graph, {Tensor::scalar(2.0)}, 0, &plan);
  EXPECT_DOUBLE_EQ(results[0].at(0), 16.0);
  EXPECT_DOUBLE_EQ(results[1].at(0), 3.0 * 4.0 * 3.0 * 2.0);
}

TEST(TransformGradients, stop_gradient_ends_it) {
  GraphBuilder g("stop");
  Value x = g.placeholder("x", f64, {});
  Values y = forRange(g, 0, 2, 1, {x}, [&](Value, const Values& c) { return Values{c[0] * stopGradient(c[0])}; });
  std::vector<Value> d = g.gradients({y[0]}, {x});
  g.entry("entry", {.feeds = {{"x", x}}, .fetches = {{"d", d[0]}}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  std::string plan;
  // x * x -> x, then x^2 * x^2 -> x^2.
  EXPECT_DOUBLE_EQ(evaluateUnder(*graph, {Tensor::scalar(3.0)}, 0, &plan)[0].at(0), 27.0);
}

TEST(TransformGradients, a_checkpoint_is_computed_again_after_common_values_are_merged) {
  GraphBuilder g("checkpoint");
  Value x = g.placeholder("x", f64, {4});
  Values y = checkpoint(g, [](const Values& in) { return Values{sin(tanh(in[0]))}; }, {x});
  std::vector<Value> d = g.gradients({reduceSum(y[0] * y[0], {0})}, {x});
  g.entry("entry", {.feeds = {{"x", x}}, .fetches = {{"y", y[0]}, {"d", d[0]}}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto text = lowerToText(*graph, graph->entries()[0], Phase::kDifferentiate);
  ASSERT_TRUE(text.ok()) << text.status();
  size_t count = 0;
  for (size_t at = text->find("kiln.tanh"); at != std::string::npos; at = text->find("kiln.tanh", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 2u) << *text;
  EXPECT_THAT(*text, HasSubstr("kiln.optimization_barrier"));
}

}  // namespace
}  // namespace kiln
