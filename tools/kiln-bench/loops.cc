// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-bench/loops.h"

#include "graph/build/control_flow.h"

namespace kiln::bench {

StatusOr<Workload> orbit(int64_t steps, bool wantsGradient) {
  constexpr double kTimeStep = 1e-3;
  GraphBuilder g("orbit");
  Values start;
  for (const char* name : {"x", "y", "vx", "vy"}) {
    start.push_back(g.placeholder(name, f32, {}));
  }
  auto step = [&](Value, const Values& state, const Values&) {
    const Value x = state[0], y = state[1];
    Value a = pow(x * x + y * y, -1.5);
    Value vx = state[2] - kTimeStep * x * a, vy = state[3] - kTimeStep * y * a;
    return std::pair<Values, Values>{{x + kTimeStep * vx, y + kTimeStep * vy, vx, vy}, {}};
  };
  ScanOptions options;
  options.length = Dim(steps);
  const Value end = scan(g, start, {}, step, options).carries[0];
  EntrySpec entry;
  entry.feeds.assign(start.begin(), start.end());
  if (wantsGradient) {
    const Values gradients = g.gradients({end}, start);
    for (size_t i = 0; i < gradients.size(); ++i) {
      entry.fetches.emplace_back("d" + start[i].name(), gradients[i]);
    }
  } else {
    entry.fetches.emplace_back("x_end", end);
  }
  g.entry("run", std::move(entry));
  KILN_ASSIGN_OR_RETURN(Graph graph, g.finish());
  return Workload{std::move(graph),
                  {Tensor::scalar(1.0f), Tensor::scalar(0.0f), Tensor::scalar(0.0f), Tensor::scalar(1.0f)}};
}

StatusOr<Workload> tanhRnnGradient(std::mt19937& random, int64_t steps) {
  constexpr int64_t kBatch = 16, kUnits = 64;
  GraphBuilder g("tanh_rnn");
  Value w = g.placeholder("w", f32, {kUnits, kUnits});
  Value h = g.placeholder("h", f32, {kBatch, kUnits});
  ScanOptions options;
  options.length = Dim(steps);
  const Value end = scan(
                        g, {h}, {},
                        [&](Value, const Values& carries, const Values&) {
                          return std::pair<Values, Values>{{tanh(matmul(carries[0], w))}, {}};
                        },
                        options)
                        .carries[0];
  const Value dw = g.gradients({reduceSum(end, {0, 1})}, {w})[0];
  g.entry("run", {.feeds = {w, h}, .fetches = {{"dw", dw}}, .targets = {}});
  KILN_ASSIGN_OR_RETURN(Graph graph, g.finish());
  std::normal_distribution<float> normal;
  Tensor weights(f32, {kUnits, kUnits}), state(f32, {kBatch, kUnits});
  for (int64_t i = 0; i < weights.numElements(); ++i) {
    weights.mutableData<float>()[i] = normal(random) / 8;
  }
  for (int64_t i = 0; i < state.numElements(); ++i) {
    state.mutableData<float>()[i] = normal(random);
  }
  return Workload{std::move(graph), {std::move(weights), std::move(state)}};
}

}  // namespace kiln::bench
