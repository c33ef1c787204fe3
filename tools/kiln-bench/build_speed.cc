// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// build_100k_nodes: how long it takes to define a large graph, check it, and write it down.
#include <algorithm>

#include "graph/graph.h"
#include "graph/io/graph_io.h"
#include "tools/kiln-bench/measure.h"
#include "tools/kiln-bench/special.h"

namespace kiln::bench {
namespace {

constexpr int kNodes = 100'000;
constexpr int kRuns = 7;

// A chain with a second reader of each value, as layers with residual connections have.
StatusOr<Graph> chain(int nodes) {
  GraphBuilder g("chain");
  Value x = g.placeholder("x", f32, {dim("batch"), 64});
  Value bias = g.placeholder("bias", f32, {dim("batch"), 64});
  Value h = x;
  for (int i = 2; i + 1 < nodes; i += 2) {
    h = tanh(h) + (i % 4 == 0 ? x : bias);
  }
  g.entry("run", {.feeds = {x, bias}, .fetches = {{"h", h}}, .targets = {}});
  return g.finish();
}

}  // namespace

StatusOr<Fields> measureBuild(const SpecialOptions&) {
  std::vector<double> total;
  double build = 0, write = 0, bytes = 0, count = 0;
  for (int run = 0; run < kRuns; ++run) {
    const double start = now();
    KILN_ASSIGN_OR_RETURN(Graph graph, chain(kNodes));
    const double built = now();
    const std::string text = graphToProto(graph).def.SerializeAsString();
    total.push_back(now() - start);
    build = built - start;
    write = total.back() - build;
    bytes = static_cast<double>(text.size());
    count = static_cast<double>(graph.body().nodes.size());
  }
  std::sort(total.begin(), total.end());
  return Fields{{"median_s", total[kRuns / 2]}, {"min_s", total[0]}, {"build_s", build},
                {"serialize_s", write},         {"nodes", count},    {"bytes", bytes}};
}

StatusOr<Verification> verifyBuild(int) {
  KILN_ASSIGN_OR_RETURN(Graph graph, chain(1000));
  wire::GraphDef def;
  def.ParseFromString(graphToProto(graph).def.SerializeAsString());
  KILN_ASSIGN_OR_RETURN(Graph read, graphFromProto(def));
  Verification result;
  result.isEqual = read == graph;
  return result;
}

}  // namespace kiln::bench
