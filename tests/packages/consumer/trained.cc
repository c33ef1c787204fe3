// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Builds a graph, compiles it in this process and trains it.
#include <cstdio>

#include "compiler/jit/session.h"
#include "graph/graph.h"

using namespace kiln;  // NOLINT: as a user would write it

int main() {
  GraphBuilder g("line");
  Value x = g.placeholder("x", f32, {dim("batch"), 1});
  Value y = g.placeholder("y", f32, {dim("batch"), 1});
  Value loss = reduceMean(square(nn::dense(g, "line", x, 1) - y)).named("loss");
  Target step = optim::sgd(g, {.learningRate = 0.1}).minimize(loss);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {loss}, .targets = {step}});
  StatusOr<Graph> graph = g.finish();
  StatusOr<Session> session = graph.ok() ? createSession(*graph) : graph.status();
  StatusOr<Callable> train = session.ok() ? session->prepareEntry("train_step") : session.status();
  if (!train.ok()) {
    std::printf("%s\n", train.status().ToString().c_str());
    return 1;
  }
  const Tensor xs = Tensor::of<float>({4, 1}, {-1, 0, 1, 2}), ys = Tensor::of<float>({4, 1}, {-1, 1, 3, 5});
  std::vector<Tensor> out;
  for (int i = 0; i < 300; ++i) {
    if (Status status = train->run({xs, ys}, out); !status.ok()) {
      std::printf("%s\n", status.ToString().c_str());
      return 1;
    }
  }
  std::printf("loss %g\n", out[0].at(0));
  return out[0].at(0) < 1e-6 ? 0 : 1;
}
