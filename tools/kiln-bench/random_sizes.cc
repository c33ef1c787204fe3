// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-bench/random_sizes.h"

#include <algorithm>
#include <random>
#include <vector>

#include "compiler/jit/session.h"
#include "graph/graph.h"
#include "graph/nn/normalization.h"
#include "tools/kiln-bench/measure.h"

namespace kiln::bench {
namespace {

// From length 2 on: of one step the softmax is 1, so that a graph which knows the length loses half of its ops.
constexpr int64_t kMaxBatch = 16, kMinLength = 2, kMaxLength = 96, kFeatures = 32, kUnits = 64, kClasses = 10;
// Rounds in which both executables are timed, and how long one block of calls lasts in each.
constexpr int kRounds = 31;
constexpr double kBlockSeconds = 3e-4;

// Scores each step, pools the sequence by them, and classifies.
StatusOr<Graph> encoder(Dim batch, Dim length) {
  GraphBuilder g("random_sizes");
  if (auto symbol = batch.asSymbol()) {
    g.dim(*symbol, 1, kMaxBatch);
  }
  if (auto symbol = length.asSymbol()) {
    g.dim(*symbol, kMinLength, kMaxLength);
  }
  Value x = g.placeholder("x", f32, {batch, length, kFeatures});
  Value h = nn::layerNorm(g, "norm", nn::dense(g, "hidden", x, kUnits, tanh));
  Value weights = softmax(reshape(nn::dense(g, "score", h, 1), {batch, length}));
  Value pooled = reduceSum(h * reshape(weights, {batch, length, 1}), {1});
  Value y = nn::dense(g, "classes", pooled, kClasses);
  g.entry("run", {.feeds = {x}, .fetches = {{"y", y}}, .targets = {}});
  return g.finish();
}

StatusOr<double> block(const Callable& callable, const TensorView& feed, std::vector<Tensor>& out, int64_t calls) {
  const double start = now();
  for (int64_t i = 0; i < calls; ++i) {
    KILN_RETURN_IF_ERROR(callable.run({feed}, out));
  }
  return (now() - start) / static_cast<double>(calls);
}

double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  const auto index = static_cast<size_t>(q * static_cast<double>(values.size()));
  return values[std::min(index, values.size() - 1)];
}

}  // namespace

StatusOr<RandomSizes> runRandomSizes(int count, int threads) {
  RandomSizes result;
  double start = now();
  KILN_ASSIGN_OR_RETURN(Graph graph, encoder(dim("batch"), dim("length")));
  KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, {.threads = threads, .specializeAfter = 0}));
  KILN_ASSIGN_OR_RETURN(Callable general, session.prepareEntry("run"));
  result.build = now() - start;
  const int64_t before = session.statistics().compilations;

  std::mt19937 random(1);
  std::vector<Tensor> inputs;
  for (int i = 0; i < count; ++i) {
    const auto batch = static_cast<int64_t>(1 + random() % kMaxBatch);
    const auto length = static_cast<int64_t>(kMinLength + random() % (kMaxLength - kMinLength + 1));
    Tensor& x = inputs.emplace_back(f32, std::vector<int64_t>{batch, length, kFeatures});
    std::normal_distribution<float> distribution;
    for (int64_t k = 0; k < x.numElements(); ++k) {
      x.mutableData<float>()[k] = distribution(random);
    }
  }
  // All sizes after one another first, as a server meets them.
  std::vector<Tensor> out, exactOut;
  KILN_ASSIGN_OR_RETURN(result.first, block(general, inputs[0], out, 1));
  for (const Tensor& x : inputs) {
    KILN_RETURN_IF_ERROR(general.run({x}, out));
  }

  std::vector<double> ratios, times;
  for (const Tensor& x : inputs) {
    KILN_ASSIGN_OR_RETURN(Graph exactGraph, encoder(x.dims()[0], x.dims()[1]));
    KILN_ASSIGN_OR_RETURN(Session exactSession, createSession(exactGraph, {.threads = threads, .specializeAfter = 0}));
    KILN_ASSIGN_OR_RETURN(Callable exact, exactSession.prepareEntry("run"));
    KILN_RETURN_IF_ERROR(block(exact, x, exactOut, 3).status());
    KILN_ASSIGN_OR_RETURN(const double one, block(general, x, out, 3));
    const auto calls = std::max<int64_t>(1, static_cast<int64_t>(kBlockSeconds / std::max(one, 1e-8)));
    double bestGeneral = 1e9, bestExact = 1e9;
    for (int round = 0; round < kRounds; ++round) {
      KILN_ASSIGN_OR_RETURN(const double a, block(general, x, out, calls));
      KILN_ASSIGN_OR_RETURN(const double b, block(exact, x, exactOut, calls));
      bestGeneral = std::min(bestGeneral, a);
      bestExact = std::min(bestExact, b);
    }
    times.push_back(bestGeneral);
    ratios.push_back(bestGeneral / bestExact);
  }
  result.sizes = count;
  result.compilations = session.statistics().compilations - before;
  result.median = quantile(times, 0.5);
  result.medianRatio = quantile(ratios, 0.5);
  result.p99Ratio = quantile(ratios, 0.99);
  return result;
}

}  // namespace kiln::bench
