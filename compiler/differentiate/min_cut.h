// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The least cut of a small graph.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace kiln::compiler {

/// A directed graph with a source and a sink, whose edges can be cut at a cost. Thread-compatible.
class MinCut {
 public:
  /// The cost of what cannot be cut.
  static constexpr int64_t kNever = int64_t{1} << 56;

  MinCut() : edgesOf_(2) {}
  int source() const { return 0; }
  int sink() const { return 1; }
  int addNode();
  void addEdge(int from, int to, int64_t cost);
  /// For every node, whether it is on the source's side of the cheapest cut; of several, the one nearest to the sink
  /// (Dinic's algorithm).
  std::vector<bool> sourceSide();
  /// Of the cut that sourceSide() found; kNever and above when there is none.
  int64_t cost() const { return cost_; }

 private:
  struct Edge {
    int to;
    int64_t left;
  };
  bool findLevels();
  int64_t push(int node, int64_t limit);

  std::vector<Edge> edges_;  // An edge and its reverse are neighbours.
  std::vector<std::vector<int>> edgesOf_;
  std::vector<int> level_;
  std::vector<size_t> next_;
  int64_t cost_ = 0;
};

}  // namespace kiln::compiler
