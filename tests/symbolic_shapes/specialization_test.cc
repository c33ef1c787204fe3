// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Code for certain sizes stands in for the code for all, without a trace in the results.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "compiler/jit/session.h"
#include "graph/nn/normalization.h"
#include "tests/support/models.h"

namespace kiln {
namespace {

using testing::noiseTensor;

// Sums over symbolic and static axes, products, normalisation, softmax, and lengths that are functions.
Graph mix() {
  GraphBuilder g("mix");
  const Dim batch = dim("batch"), length = dim("length");
  const Value x = g.placeholder("x", f32, {batch, length, 12});
  Value h = nn::layerNorm(g, "norm", nn::dense(g, "hidden", x, 24, [](Operand v) { return tanh(v); }));
  Value scores = softmax(reshape(nn::dense(g, "score", h, 1), {batch, length}));
  Value pooled = reduceSum(h * reshape(scores, {batch, length, 1}), {1});
  Value rows = reduceSum(x, {0, 2}), mean = reduceMean(x), peak = reduceMax(x, {1});
  Value half = slice(x, {0, 0, 0}, x.shape(), {1, 2, 1});
  Value total = reduceSum(exp(half) * 0.5);
  g.entry("run", {.feeds = {x},
                  .fetches = {{"pooled", nn::dense(g, "out", pooled, 5)},
                              {"rows", rows},
                              {"mean", mean},
                              {"peak", peak},
                              {"half", half * 2 + 1},
                              {"total", total},
                              {"gram", matmul(transpose(pooled), pooled)}},
                  .targets = {}});
  return g.finish().value();
}

void expectSame(const std::vector<Tensor>& a, const std::vector<Tensor>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    // The mean of nothing has the sign that whoever divides gives it.
    const bool isNan = a[i].numElements() == 1 && std::isnan(a[i].at(0)) && std::isnan(b[i].at(0));
    EXPECT_TRUE(isNan || a[i].identicalTo(b[i])) << what << ", fetch " << i;
  }
}

TEST(Specialization, ResultsAreTheSameBits) {
  const Graph graph = mix();
  Session general = createSession(graph, {.specializeAfter = 0}).value();
  Callable all = general.prepareEntry("run").value();
  for (auto [batch, length] : {std::pair<int64_t, int64_t>{1, 1},
                               {2, 3},
                               {3, 8},
                               {5, 16},
                               {1, 17},
                               {4, 31},
                               {7, 33},
                               {2, 64},
                               {3, 127},
                               {0, 4},
                               {16, 100}}) {
    Session special =
        createSession(graph, {.specializeAfter = 0, .compile = {.dims = {{"batch", batch}, {"length", length}}}})
            .value();
    const Tensor x = noiseTensor(f32, {batch, length, 12}, batch);
    std::vector<Tensor> a, b;
    ASSERT_TRUE(all.run({x}, a).ok());
    auto one = special.prepareEntry("run");
    ASSERT_TRUE(one.ok()) << one.status();
    ASSERT_TRUE(one->run({x}, b).ok());
    expectSame(a, b, std::to_string(batch) + " x " + std::to_string(length));
  }
}

TEST(Specialization, TakesOverInTheBackground) {
  const Graph graph = mix();
  Session session = createSession(graph, {.specializeAfter = 3}).value();
  Session reference = createSession(graph, {.specializeAfter = 0}).value();
  Callable callable = session.prepareEntry("run").value(), wanted = reference.prepareEntry("run").value();
  const Tensor x = noiseTensor(f32, {4, 21, 12}), other = noiseTensor(f32, {2, 9, 12});
  std::vector<Tensor> a, b, otherA, otherB;
  ASSERT_TRUE(wanted.run({x}, a).ok());
  ASSERT_TRUE(wanted.run({other}, otherA).ok());
  // Runs go on all the while: this loop ends because the answer comes, not because a run waited for it.
  const auto giveUp = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (session.statistics().specializations == 0 && std::chrono::steady_clock::now() < giveUp) {
    ASSERT_TRUE(callable.run({x}, b).ok());
    expectSame(a, b, "while it is compiled");
  }
  ASSERT_EQ(session.statistics().specializations, 1);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(callable.run({x}, b).ok());
    expectSame(a, b, "afterwards");
  }
  ASSERT_TRUE(callable.run({other}, otherB).ok());
  expectSame(otherA, otherB, "another size");
  EXPECT_EQ(session.statistics().compilations, 1);
  EXPECT_EQ(session.statistics().failedSpecializations, 0);
  EXPECT_EQ(reference.statistics().specializations, 0);
}

TEST(Specialization, TrainingIsTheSameBits) {
  Session with = createSession(testing::mlp(), {.specializeAfter = 2}).value();
  Session without = createSession(testing::mlp(), {.specializeAfter = 0}).value();
  Callable a = with.prepareEntry("train_step").value(), b = without.prepareEntry("train_step").value();
  std::vector<Tensor> lossA, lossB;
  const auto giveUp = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  for (int i = 0, after = 0; after < 20 && std::chrono::steady_clock::now() < giveUp; ++i) {
    const Tensor x = noiseTensor(f32, {13, 8}, i), y = testing::labels(13, 4);
    ASSERT_TRUE(a.run({x, y}, lossA).ok());
    ASSERT_TRUE(b.run({x, y}, lossB).ok());
    expectSame(lossA, lossB, "step " + std::to_string(i));
    after += with.statistics().specializations > 0 ? 1 : 0;
  }
  EXPECT_EQ(with.statistics().specializations, 1);
  for (const auto& [name, value] : with.variables()) {
    EXPECT_TRUE(value.identicalTo(without.variable(name).value())) << name;
  }
}

TEST(Specialization, SessionsMayGoWhileCodeIsCompiled) {
  const Graph graph = mix();
  for (int i = 0; i < 3; ++i) {
    Session session = createSession(graph, {.specializeAfter = 1}).value();
    Callable callable = session.prepareEntry("run").value();
    std::vector<Tensor> out;
    for (int64_t length = 1; length < 4; ++length) {
      ASSERT_TRUE(callable.run({noiseTensor(f32, {2, length, 12})}, out).ok());
    }
  }
}

TEST(Specialization, ManySizesNeedOneCompilation) {
  Session session = createSession(mix(), {.specializeAfter = 16}).value();
  Callable callable = session.prepareEntry("run").value();
  std::vector<Tensor> out;
  for (int64_t i = 0; i < 200; ++i) {
    ASSERT_TRUE(callable.run({noiseTensor(f32, {1 + i % 7, 1 + i % 29, 12})}, out).ok());
  }
  EXPECT_EQ(session.statistics().compilations, 1);
}

}  // namespace
}  // namespace kiln
