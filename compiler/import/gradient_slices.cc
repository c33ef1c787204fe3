// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/import/gradient_slices.h"

#include <algorithm>
#include <map>
#include <set>

namespace kiln::compiler {

std::vector<GradientSlice> gradientSlices(const Body& body, std::span<const ValueRef> ys,
                                          std::span<const ValueRef> xs) {
  const std::set<ValueRef> wanted(xs.begin(), xs.end());
  std::vector<NodeId> roots;
  for (ValueRef x : xs) {
    roots.push_back(x.node);
  }
  // The level of a node: how many xs lie one behind the other on the way to it. Xs of one level do not depend on each
  // other.
  std::map<NodeId, int> levels;
  for (NodeId id : body.slice(roots)) {
    int level = 0;
    for (ValueRef input : body.node(id).inputs) {
      level = std::max(level, levels[input.node] + (wanted.contains(input) ? 1 : 0));
    }
    levels[id] = level;
  }
  std::map<int, GradientSlice> slices;
  for (ValueRef x : xs) {
    GradientSlice& slice = slices[levels[x.node]];
    if (std::find(slice.xs.begin(), slice.xs.end(), x) == slice.xs.end()) {
      slice.xs.push_back(x);
    }
  }
  roots.clear();
  for (ValueRef y : ys) {
    roots.push_back(y.node);
  }
  const std::vector<NodeId> needed = body.slice(roots);
  std::vector<GradientSlice> result;
  for (auto& [level, slice] : slices) {
    std::map<ValueRef, int> index;
    for (size_t i = 0; i < slice.xs.size(); ++i) {
      index[slice.xs[i]] = static_cast<int>(i);
    }
    for (ValueRef x : xs) {
      auto found = index.find(x);
      slice.positions.push_back(found == index.end() ? -1 : found->second);
    }
    std::set<NodeId> dependent;
    for (NodeId id : needed) {
      const Node& node = body.node(id);
      if (std::any_of(node.inputs.begin(), node.inputs.end(),
                      [&](ValueRef input) { return index.contains(input) || dependent.contains(input.node); })) {
        dependent.insert(id);
        slice.nodes.push_back(id);
      }
    }
    result.push_back(std::move(slice));
  }
  return result;
}

}  // namespace kiln::compiler
