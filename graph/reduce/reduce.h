// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Makes a graph small that shows a fault.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "graph/ir/graph.h"

namespace kiln {

/// How far a reduction is.
struct ReduceProgress {
  std::string_view pass;  ///< What is tried: `drop entries`, `cut values loose` ...
  int64_t nodes = 0;      ///< Of the smallest graph so far, in functions too.
  int64_t tries = 0;      ///< How often it was asked whether a graph fails.
  int64_t accepted = 0;   ///< How often it did.
};

struct ReduceOptions {
  int64_t maxTries = INT64_MAX;
  /// Called after each try. False ends the reduction with what there is.
  std::function<bool(const ReduceProgress&)> progress = {};
};

struct ReducedGraph {
  Graph graph;
  ReduceProgress progress;
  bool isFinished = true;  ///< False: maxTries were used up, or progress() said to end.
};

/// The smallest graph found that still fails; `graph` itself is taken to. A candidate is made by leaving out entries,
/// fetches and targets; fetching what a node reads instead of the node; cutting values loose (a placeholder or zeros of
/// the type in the place of what computes them); putting an operand in the place of a node, or the body of a loop,
/// branch or call; making constants and values of variables zero, and axes shorter. What a node does (its other
/// attributes) is left alone. Many nodes are tried at once first, then halves of them and so on (delta debugging:
/// Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002).
/// `fails` is asked only for graphs that Graph::create takes, and for none twice; it should answer the same for equal
/// graphs. The same graph and answers give the same result.
ReducedGraph reduceGraph(const Graph& graph, const std::function<bool(const Graph&)>& fails,
                         const ReduceOptions& options = {});

}  // namespace kiln
