// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Values inside loops, branches and calls, fetched without changing the program: a copy of the graph gives them
/// as results of the nodes outside.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

/// Whether an endpoint names a value inside a body: `loop//hidden`.
///
/// `//` separates the node outside from the one inside, through any number of levels: `outer//inner//hidden`. Where a
/// node has several bodies the name inside may start with the one that is meant: `cond//then/y`, `cond//else/y`,
/// `switch//branch2/y`; it has to when several have a node of that name. A value of a loop is stacked, the steps along
/// the first axis, and rows of steps that did not run are zero; `loop//hidden@last` is the value of the last step that
/// computed it, zero when none did, and `loop//hidden@every:10` has the rows 0, 10, 20 and so on. Loops within loops
/// give an axis each; `@last` is then the last of all, and `@every` counts steps of the innermost loop. A value of a
/// branch that a run does not take ends the run with KILN-R0035; within a loop its rows are zero instead.
bool isTap(std::string_view endpoint);

/// A graph in which values inside bodies are results of nodes outside.
struct TappedGraph {
  Graph graph;
  std::vector<std::string> names;  ///< What the endpoints that were asked for are called in it.
};

/// Rewrites a copy of the graph for endpoints of which some are taps; the others may have another number in it. What
/// the graph computed before it computes again, bit for bit. Errors: KILN-G0032 for an unknown node outside, KILN-G0036
/// for one inside, each with the nearest names, KILN-G0037 to KILN-G0039.
StatusOr<TappedGraph> withTaps(const Graph& graph, const std::vector<std::string>& endpoints);

/// An entry and the graph that it is of.
struct TappedEntry {
  Graph graph;
  Entry entry;
};

/// As makeEntry(), for fetches of which some are taps; without any the graph is the one given. Errors: those of
/// makeEntry() and withTaps().
StatusOr<TappedEntry> makeTappedEntry(const Graph& graph, std::string name, const std::vector<std::string>& feeds,
                                      const std::vector<std::string>& fetches, const std::vector<std::string>& targets);

}  // namespace kiln
