// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/sort_nodes.h"

#include <functional>
#include <numeric>
#include <queue>

namespace kiln::graph::internal {

std::vector<int32_t> orderOf(const std::vector<std::vector<int32_t>>& inputs) {
  auto count = static_cast<int32_t>(inputs.size());
  std::vector<int32_t> order(inputs.size());
  std::iota(order.begin(), order.end(), 0);
  bool isSorted = true;
  for (int32_t node = 0; node < count && isSorted; ++node) {
    for (int32_t input : inputs[node]) {
      isSorted = isSorted && input < node;
    }
  }
  if (isSorted) {
    return order;
  }
  // Readers of each node as one array: those of node n are readers[begin[n]] to readers[begin[n + 1] - 1].
  std::vector<size_t> begin(inputs.size() + 1, 0);
  for (const auto& list : inputs) {
    for (int32_t input : list) {
      ++begin[input + 1];
    }
  }
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<int32_t> readers(begin.back());
  std::vector<size_t> at(begin.begin(), begin.end() - 1);
  std::vector<size_t> waiting(inputs.size());
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<>> ready;
  for (int32_t node = 0; node < count; ++node) {
    waiting[node] = inputs[node].size();
    for (int32_t input : inputs[node]) {
      readers[at[input]++] = node;
    }
    if (waiting[node] == 0) {
      ready.push(node);
    }
  }
  order.clear();
  while (!ready.empty()) {
    int32_t node = ready.top();
    ready.pop();
    order.push_back(node);
    for (size_t i = begin[node]; i < begin[node + 1]; ++i) {
      if (--waiting[readers[i]] == 0) {
        ready.push(readers[i]);
      }
    }
  }
  return order;
}

std::vector<int32_t> findCycle(const std::vector<std::vector<int32_t>>& inputs, const std::vector<int32_t>& ordered) {
  std::vector<char> isOrdered(inputs.size(), 0);
  for (int32_t node : ordered) {
    isOrdered[node] = 1;
  }
  // Every node left has an input that is left too, so walking along them comes back to where it has been.
  int32_t node = 0;
  while (isOrdered[node]) {
    ++node;
  }
  std::vector<int32_t> path;
  std::vector<int64_t> position(inputs.size(), -1);
  while (position[node] < 0) {
    position[node] = static_cast<int64_t>(path.size());
    path.push_back(node);
    for (int32_t input : inputs[node]) {
      if (!isOrdered[input]) {
        node = input;
        break;
      }
    }
  }
  return {path.begin() + position[node], path.end()};
}

}  // namespace kiln::graph::internal
