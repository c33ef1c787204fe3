// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/differentiate/min_cut.h"

#include <algorithm>

namespace kiln::compiler {

int MinCut::addNode() {
  edgesOf_.emplace_back();
  return static_cast<int>(edgesOf_.size()) - 1;
}

void MinCut::addEdge(int from, int to, int64_t cost) {
  edgesOf_[static_cast<size_t>(from)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({to, cost});
  edgesOf_[static_cast<size_t>(to)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({from, 0});
}

bool MinCut::findLevels() {
  level_.assign(edgesOf_.size(), -1);
  std::vector<int> queue{source()};
  level_[0] = 0;
  for (size_t i = 0; i < queue.size(); ++i) {
    for (int e : edgesOf_[static_cast<size_t>(queue[i])]) {
      const Edge& edge = edges_[static_cast<size_t>(e)];
      if (edge.left > 0 && level_[static_cast<size_t>(edge.to)] < 0) {
        level_[static_cast<size_t>(edge.to)] = level_[static_cast<size_t>(queue[i])] + 1;
        queue.push_back(edge.to);
      }
    }
  }
  return level_[static_cast<size_t>(sink())] >= 0;
}

int64_t MinCut::push(int node, int64_t limit) {
  if (node == sink()) {
    return limit;
  }
  const std::vector<int>& out = edgesOf_[static_cast<size_t>(node)];
  for (size_t& i = next_[static_cast<size_t>(node)]; i < out.size(); ++i) {
    Edge& edge = edges_[static_cast<size_t>(out[i])];
    if (edge.left > 0 && level_[static_cast<size_t>(edge.to)] == level_[static_cast<size_t>(node)] + 1) {
      if (const int64_t pushed = push(edge.to, std::min(limit, edge.left)); pushed > 0) {
        edge.left -= pushed;
        edges_[static_cast<size_t>(out[i] ^ 1)].left += pushed;
        return pushed;
      }
    }
  }
  return 0;
}

std::vector<bool> MinCut::sourceSide() {
  cost_ = 0;
  while (cost_ < kNever && findLevels()) {
    next_.assign(edgesOf_.size(), 0);
    while (const int64_t pushed = push(source(), kNever)) {
      cost_ += pushed;
    }
  }
  // The sink's side is what can still reach the sink.
  std::vector<bool> onSource(edgesOf_.size(), true);
  std::vector<int> queue{sink()};
  onSource[static_cast<size_t>(sink())] = false;
  for (size_t i = 0; i < queue.size(); ++i) {
    for (int e : edgesOf_[static_cast<size_t>(queue[i])]) {
      const int from = edges_[static_cast<size_t>(e)].to;
      if (edges_[static_cast<size_t>(e ^ 1)].left > 0 && onSource[static_cast<size_t>(from)]) {
        onSource[static_cast<size_t>(from)] = false;
        queue.push_back(from);
      }
    }
  }
  return onSource;
}

}  // namespace kiln::compiler
