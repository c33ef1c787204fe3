// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/schedule.h"

#include <cmath>
#include <map>

#include "gmock/gmock.h"
#include "graph/eval/interpreter.h"
#include "graph/optim/methods.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using testing::HasSubstr;

// The rates of the first 20 steps.
struct Golden {
  const char* name;
  std::vector<double> rates;
};
const Golden kGolden[] = {
#include "graph/optim/golden_schedules.inc"
};

// The same settings as in make_golden.py.
const std::map<std::string, optim::Schedule> kSchedules = {
    {"stepDecay", optim::stepDecay(0.5, 3, 0.4)},
    {"multiStepDecay", optim::multiStepDecay(0.5, {2, 3, 7}, 0.3)},
    {"exponentialDecay", optim::exponentialDecay(0.5, 0.9)},
    {"polynomialDecay", optim::polynomialDecay(0.5, 10, 2.5)},
    {"cosine", optim::cosine(0.5, 8, 0.1)},
    {"cosineWithRestarts", optim::cosineWithRestarts(0.5, 3, 2, 0.1)},
    {"cosineWithRestarts_equal", optim::cosineWithRestarts(0.5, 4, 1, 0.1)},
    {"linear", optim::linear(0.5, 6, 0.25)},
    {"linear_down", optim::linear(0.5, 9, 1, 0.1)},
    {"oneCycle", optim::oneCycle({.maxRate = 0.5, .steps = 20})},
    {"oneCycle_linear",
     optim::oneCycle(
         {.maxRate = 0.5, .steps = 20, .risingPart = 0.4, .isLinear = true, .divisor = 10, .finalDivisor = 100})},
    {"oneCycle_three", optim::oneCycle({.maxRate = 0.5, .steps = 20, .risingPart = 0.4, .hasThreePhases = true})},
    {"inSequence", optim::inSequence(optim::linear(0.5, 5, 0.2), 5, optim::exponentialDecay(0.5, 0.9))},
};

// The rates at the given steps.
std::vector<double> ratesOf(const optim::Schedule& schedule, const std::vector<int64_t>& steps) {
  GraphBuilder g("rates");
  auto step = g.placeholder("step", i64, {});
  auto rate = schedule(step).named("rate");
  g.entry("rate", {.feeds = {step}, .fetches = {rate}});
  StatusOr<Graph> graph = g.finish();
  EXPECT_TRUE(graph.ok()) << graph.status();
  std::vector<double> rates;
  VariableStore store;
  for (int64_t t : steps) {
    auto result = Interpreter().evaluate(*graph, *graph->findEntry("rate"), {Tensor::scalar<int64_t>(t)}, store);
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ((*result)[0].dtype(), f64);
    rates.push_back((*result)[0].at(0));
  }
  return rates;
}

class RatesAsInPyTorch : public testing::TestWithParam<Golden> {};

TEST_P(RatesAsInPyTorch, ForTwentySteps) {
  std::vector<int64_t> steps;
  for (int64_t t = 0; t < 20; ++t) {
    steps.push_back(t);
  }
  const std::vector<double> found = ratesOf(kSchedules.at(GetParam().name), steps);
  for (size_t t = 0; t < 20; ++t) {
    EXPECT_NEAR(found[t], GetParam().rates[t], 1e-13) << "step " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Schedules, RatesAsInPyTorch, testing::ValuesIn(kGolden),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Schedules, AConstantRateIsTheSameAtEveryStep) {
  EXPECT_THAT(ratesOf(optim::constantRate(0.25), {0, 7, int64_t{1} << 40}), testing::Each(0.25));
}

TEST(Schedules, AWarmUpScalesAnotherSchedule) {
  const auto rates = ratesOf(optim::warmUp(optim::exponentialDecay(0.5, 0.9), 4, 0.2), {0, 1, 4, 5});
  EXPECT_NEAR(rates[0], 0.5 * 0.2, 1e-15);
  EXPECT_NEAR(rates[1], 0.5 * 0.9 * 0.4, 1e-15);
  EXPECT_NEAR(rates[2], 0.5 * std::pow(0.9, 4), 1e-15);
  EXPECT_NEAR(rates[3], 0.5 * std::pow(0.9, 5), 1e-15);
}

TEST(Schedules, ACycleBeginsExactlyAtItsStep) {
  // 3 + 9 + ... + 3^20: where a logarithm in floating point would miss the step.
  int64_t start = 0;
  for (int64_t length = 3; length <= 3486784401; length *= 3) {
    start += length;
  }
  EXPECT_NEAR(ratesOf(optim::cosineWithRestarts(0.5, 3, 3), {start})[0], 0.5, 0);
  EXPECT_LT(ratesOf(optim::cosineWithRestarts(0.5, 3, 3), {start - 1})[0], 1e-15);
}

TEST(Schedules, TheLastRateOfACycleStays) {
  const auto rates = ratesOf(optim::oneCycle({.maxRate = 0.5, .steps = 20}), {19, 20, 1000});
  EXPECT_NEAR(rates[0], 0.5 / 25 / 1e4, 1e-18);
  EXPECT_EQ(rates[1], rates[0]);
  EXPECT_EQ(rates[2], rates[0]);
}

// sgd does not count steps for itself; the schedule makes it do so.
TEST(Schedules, UseTheCountOfTheOptimizer) {
  GraphBuilder g("counted");
  auto w = g.variable("w", g.scalar(0, f32));
  auto step = optim::sgd(g, {.learningRate = optim::exponentialDecay(1, 0.5)}).apply({g.scalar(-1, f32)}, {w});
  g.entry("step", {.targets = {step}});
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  for (const double wanted : {1.0, 1.5, 1.75}) {
    ASSERT_TRUE(Interpreter().evaluate(graph, *graph.findEntry("step"), {}, store).ok());
    EXPECT_EQ(store.find("w")->at(0), wanted);
  }
  EXPECT_EQ(store.find("sgd/step")->at(0), 3);
}

TEST(Schedules, AFunctionOfOnesOwn) {
  GraphBuilder g("own");
  auto w = g.variable("w", g.scalar(0, f64));
  auto step = optim::adam(g, {.learningRate = [](Value t) { return cast(t, f64) + 1; }}).apply({g.scalar(1, f64)}, {w});
  g.entry("step", {.targets = {step}});
  Graph graph = g.finish().value();
  VariableStore store = initialValues(graph).value();
  for (int t = 0; t < 2; ++t) {
    ASSERT_TRUE(Interpreter().evaluate(graph, *graph.findEntry("step"), {}, store).ok());
  }
  // Adam's steps have the length of the rate when all gradients are equal: 1, then 2.
  EXPECT_NEAR(store.find("w")->at(0), -3, 1e-7);
}

TEST(Schedules, NumbersOutOfRangeAreRefused) {
  GraphBuilder g("wrong");
  auto w = g.variable("w", 1.0);
  optim::sgd(g, {.learningRate = optim::cosine(0.1, 0)}).minimize(w * w);
  optim::sgd(g, {.learningRate = optim::multiStepDecay(0.1, {5, 2})}).minimize(w * w);
  const std::string message(g.finish().status().message());
  EXPECT_THAT(message,
              testing::AllOf(HasSubstr("KILN-G0243"), HasSubstr("'steps' of cosine"), HasSubstr("milestones")));
}

}  // namespace
}  // namespace kiln
