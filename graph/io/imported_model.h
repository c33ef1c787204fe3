// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What importers of other systems' models are asked for, and what they give.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

struct ImportOptions {
  /// Values of inputs that are built into the graph, by name: those that decide shapes.
  std::map<std::string, TensorPtr> values = {};
  /// Lengths of inputs, by name; they replace what the model declares.
  std::map<std::string, std::vector<int64_t>> shapes = {};
  /// What is known before a run is computed while importing, up to this many elements a node.
  int64_t maxFoldedElements = int64_t{1} << 16;
};

/// A model as a graph with the entry `predict`, whose feeds and fetches have the model's names and order.
struct ImportedModel {
  Graph graph;
  /// Inputs whose values decide shapes: the graph is empty, and is there when ImportOptions::values has them too.
  std::vector<std::string> neededValues;
  /// Inputs whose lengths must be numbers: as above, for ImportOptions::shapes.
  std::vector<std::string> neededShapes;
  /// Inputs that the graph does not take: their value is built in (ImportOptions::values).
  std::vector<std::string> builtIn;
};

}  // namespace kiln
