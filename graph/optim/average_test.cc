// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/average.h"

#include "gmock/gmock.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

// A variable that is 1, 2, 3 ... after each run of `step`, and its average.
struct Trained {
  explicit Trained(optim::AverageOptions options) {
    GraphBuilder g("average");
    auto w = g.variable("layer/w", g.scalar(0, f64));
    optim::MovingAverage average(g, {w}, options);
    g.entry("step", {.targets = {g.assign(w, w + 1)}});
    g.entry("update", {.targets = {average.update()}});
    g.entry("swap", {.targets = {average.swap()}});
    g.entry("twice", {.fetches = {{"value", average.of(w) * 2}}});
    graph = g.finish().value();
    store = initialValues(graph).value();
  }
  std::vector<Tensor> run(const char* entry) {
    return Interpreter().evaluate(graph, *graph.findEntry(entry), {}, store).value();
  }
  double value(const char* name) { return store.find(name)->at(0); }
  Graph graph;
  VariableStore store;
};

TEST(MovingAverage, StartsAtTheFirstValue) {
  Trained t({.decay = 0.75});
  for (const double wanted : {1.0, 0.75 * 1 + 0.25 * 2, 0.75 * 1.25 + 0.25 * 3}) {
    t.run("step");
    t.run("update");
    EXPECT_NEAR(t.value("layer/w/average"), wanted, 1e-15);
  }
  EXPECT_EQ(t.value("average/step"), 3);
  EXPECT_NEAR(t.run("twice")[0].at(0), 2 * 1.6875, 1e-15);
}

TEST(MovingAverage, WithoutBiasWeighsAllValuesAlike) {
  Trained t({.decay = 0.75, .correctBias = true});
  double sum = 0, weights = 0;
  for (int step = 1; step <= 4; ++step) {
    t.run("step");
    t.run("update");
    sum = 0.75 * sum + step;
    weights = 0.75 * weights + 1;
    EXPECT_NEAR(t.value("layer/w/average"), sum / weights, 1e-15);
  }
}

TEST(MovingAverage, ASwapIsUndoneByAnother) {
  Trained t({.decay = 0.5});
  for (int step = 0; step < 2; ++step) {
    t.run("step");
    t.run("update");
  }
  t.run("swap");
  EXPECT_EQ(t.value("layer/w"), 1.5);
  EXPECT_EQ(t.value("layer/w/average"), 2);
  t.run("swap");
  EXPECT_EQ(t.value("layer/w"), 2);
  EXPECT_EQ(t.value("layer/w/average"), 1.5);
}

TEST(MovingAverage, OfOthersThereIsNone) {
  GraphBuilder g("others");
  auto w = g.variable("w", 1.0), v = g.variable("v", 1.0);
  optim::MovingAverage average(g, {w});
  EXPECT_EQ(average.of(v).builder(), nullptr);
}

TEST(MovingAverage, DecayOutOfRangeIsRefused) {
  GraphBuilder g("wrong");
  auto w = g.variable("w", 1.0);
  optim::MovingAverage average(g, {w}, {.decay = 1});
  EXPECT_THAT(std::string(g.finish().status().message()),
              testing::AllOf(testing::HasSubstr("KILN-G0243"), testing::HasSubstr("'decay' of MovingAverage")));
}

}  // namespace
}  // namespace kiln
