// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Walks over an entry and writes the model. Private to graph/io/onnx_export.
#pragma once

#include <string>
#include <vector>

#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {

class GraphExporter {
 public:
  GraphExporter(const Graph& graph, const Entry& entry, const OnnxExportOptions& options)
      : graph_(graph), entry_(entry), options_(options), writer_(model_.proto, options_) {}
  StatusOr<ExportedModel> run();

  // --- for NodeExport
  /// Writes the function's nodes into `proto`, at the node `at`.
  StatusOr<std::vector<std::string>> call(NodeExport& at, GraphProto* proto, const std::string& function,
                                          const std::vector<std::string>& arguments);
  /// KILN-G0510 with the node and its place.
  static Status unsupportedNode(const Node& node, std::string_view why);
  ModelWriter& writer() { return writer_; }
  const Graph& graph() const { return graph_; }
  /// The name of a variable's value, which is made an initializer unless the entry assigns it.
  StatusOr<std::string> variable(const Node& node);

 private:
  Status refuseAtOnce();
  Status addInputs(Frame& frame);
  Status addOutputs(Frame& frame);
  Status writeNodes(Frame& frame, const std::vector<NodeId>& roots);
  Status writeNode(Frame& frame, const Node& node);
  void nameResult(Frame& frame, const Node& node, int output, const std::string& made, int firstNode);

  const Graph& graph_;
  const Entry& entry_;
  const OnnxExportOptions& options_;
  ExportedModel model_;
  ModelWriter writer_;
  std::vector<NodeId> assigns_;
  std::unordered_set<std::string> reserved_;        ///< Names of outputs that no value has yet.
  std::map<std::string, std::string> stateInputs_;  ///< Variables that are assigned: the names of their inputs.
  std::map<std::string, TensorPtr> values_;         ///< Of variables.
};

}  // namespace kiln::onnx
