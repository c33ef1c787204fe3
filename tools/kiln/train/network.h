// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file From the description of a net to a graph that trains, predicts and evaluates.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "tools/kiln/train/config_file.h"

namespace kiln::train {

/// What a net has to know of its data and its training.
struct NetworkInput {
  std::vector<int64_t> featureDims;  ///< Of one row.
  bool hasIntegerFeatures = false;
  std::vector<int64_t> labelDims;  ///< Of one row; empty for one label.
  int64_t numClasses = 0;          ///< 0: labels are numbers.
  DType dtype = f32;               ///< Of weights and arithmetic.
  int64_t totalSteps = 1;          ///< Of the training, for schedules.
};

/// One layer as it was built.
struct LayerSummary {
  std::string name;
  std::string kind;
  Shape shape;  ///< Of its result.
  int64_t numParameters = 0;
};

/// The graph has the entries init; train_step (feeds x and y, fetch loss); predict (feed x, fetch: the layer of the
/// first loss by its name); eval (feeds x and y, fetches loss and the metrics by their names). x is [batch, ..], y
/// [batch, ..].
struct Network {
  Graph graph;
  std::vector<LayerSummary> layers;
  std::string output;                ///< The fetch of predict.
  std::vector<std::string> metrics;  ///< Fetches of eval after loss.
  int64_t numParameters() const;
  /// A table of the layers, for people.
  std::string toTable() const;
};

/// Whether the losses are of classes, whose labels are i32. Errors: KILN-T0031 for unknown losses, none, or some of
/// each kind.
StatusOr<bool> hasClassLabels(const ConfigFile& file);
/// `f32` and others. Errors: KILN-T0031.
StatusOr<DType> dtypeOf(const ConfigFile& file);

/// Builds the graph. An error names the layer as the description does, with its line. Errors: KILN-T0031, and those of
/// the operations.
StatusOr<Network> buildNetwork(const ConfigFile& file, const NetworkInput& input);

}  // namespace kiln::train
