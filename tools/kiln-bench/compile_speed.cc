// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// compile_deep_chain: what a deep model of equal blocks costs to compile, compared with a shallow one.
#include <algorithm>
#include <random>

#include "compiler/pipelines/compile.h"
#include "graph/graph.h"
#include "tools/kiln-bench/measure.h"
#include "tools/kiln-bench/special.h"

namespace kiln::bench {
namespace {

constexpr int kShallow = 2, kDeep = 200;
constexpr int kRuns = 5;
constexpr int64_t kUnits = 64;

// Blocks h + tanh(h W + b), with weights of their own.
StatusOr<Graph> residualChain(int blocks, int64_t units) {
  GraphBuilder g("residual_chain");
  Value h = g.placeholder("x", f32, {32, units});
  Value x = h;
  for (int i = 0; i < blocks; ++i) {
    h = h + nn::dense(g, "block" + std::to_string(i), h, units, tanh);
  }
  g.entry("run", {.feeds = {x}, .fetches = {{"h", h}}, .targets = {}});
  return g.finish();
}

StatusOr<double> compileSeconds(const Graph& graph, double& kernels, double& functions) {
  double best = 1e30;
  for (int run = 0; run < kRuns; ++run) {
    compiler::CompileReport report;
    const double start = now();
    KILN_RETURN_IF_ERROR(compiler::compileEntry(graph, *graph.findEntry("run"), {}, &report).status());
    best = std::min(best, now() - start);
    kernels = report.numKernels;
    functions = report.numFunctions;
  }
  return best;
}

}  // namespace

StatusOr<Fields> measureDeepChain(const SpecialOptions&) {
  KILN_ASSIGN_OR_RETURN(Graph shallow, residualChain(kShallow, kUnits));
  KILN_ASSIGN_OR_RETURN(Graph deep, residualChain(kDeep, kUnits));
  double kernels = 0, functions = 0;
  KILN_ASSIGN_OR_RETURN(double few, compileSeconds(shallow, kernels, functions));
  KILN_ASSIGN_OR_RETURN(double many, compileSeconds(deep, kernels, functions));
  return Fields{
      {"ratio", many / few}, {"shallow_s", few}, {"deep_s", many}, {"kernels", kernels}, {"functions", functions}};
}

StatusOr<Verification> verifyDeepChain(int threads) {
  KILN_ASSIGN_OR_RETURN(Graph graph, residualChain(8, 16));
  Tensor x(f32, {32, 16});
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < x.numElements(); ++i) {
    x.mutableData<float>()[i] = normal(random);
  }
  return verify(Workload{std::move(graph), {std::move(x)}}, threads);
}

}  // namespace kiln::bench
