// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A graph that is being made smaller, and how small it is. Private to graph/reduce.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "graph/ir/graph.h"

namespace kiln::reduction {

/// A graph without a node that nothing needs: entries, what they need, and the loose nodes with what those need.
struct Program {
  Graph graph;
  std::set<std::string> loose;  ///< Names of nodes that stay although no entry needs them.
};

/// Values that are given. A `broadcast` of a constant is one too: it stands for zeros of a shape with symbols.
bool isLeaf(const Body& body, const Node& node);
/// Whether a leaf of a single node could stand in the place of the node.
bool canBeLess(const Body& body, const Node& node);

/// How small a program is, what counts most first. Reduction makes it smaller with every step, so it ends.
struct Size {
  int64_t work = 0;   ///< Nodes that are no leaves, in functions too.
  int64_t nodes = 0;  ///< All.
  int64_t ports = 0;  ///< Entries, their feeds, fetches and targets, loose nodes, and dimension symbols of each body.
  int64_t elements = 0;  ///< Of leaves and of the values of variables.
  int64_t values = 0;    ///< Constants and values of variables that are not all zero.
  auto operator<=>(const Size&) const = default;
};
Size sizeOf(const Program& program);

/// The nodes that no node reads and no entry needs: what a graph without entries is made for.
std::set<std::string> looseNodes(const Graph& graph);

/// Makes a program of a changed graph: types are inferred again; nodes, functions, feeds, symbols and values of
/// variables that nothing needs are dropped; placeholders that an entry has come to need are fed by their names.
/// Nothing when the graph is not valid.
std::optional<Program> tidy(GraphData data, std::set<std::string> loose);

}  // namespace kiln::reduction
