// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Walks over a model and builds the graph. Private to graph/io/onnx.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "graph/io/onnx/node_import.h"

namespace kiln::onnx {

/// Bodies within bodies.
inline constexpr int kDeepestBody = 32;

/// "" and "ai.onnx" are one domain.
bool isMainDomain(std::string_view domain);
/// What a model-local function is found by.
std::string functionKey(std::string_view domain, std::string_view name, std::string_view overload);

class Importer {
 public:
  Importer(const Model& model, const ImportOptions& options);
  StatusOr<ImportedModel> run();

  // --- for NodeImport
  /// The value in `g`, made there on first use: constants of another builder than the model's are made each time.
  Value materialize(Imported& imported, GraphBuilder& g);
  /// Remembers what must be known for `imported`, and gives the status to return: KILN-G0506 when nothing helps.
  Status require(const Imported& imported, std::string_view what);
  /// Whether require() would ask for something: otherwise only the run can tell.
  bool isKnowable(const Imported& imported) const;
  StatusOr<std::vector<Imported>> importBody(const GraphProto& body, std::vector<Imported> arguments);
  const std::string& currentNode() const { return currentNode_; }
  const ImportOptions& options() const { return options_; }
  /// Of the model's graph; nodes that are folded are converted by another one.
  GraphBuilder& builder() { return *g_; }
  const Model& model() const { return model_; }
  /// A number for each body that is open or was; the last one is where nodes are made now.
  int currentBody() const { return openBodies_.back(); }

 private:
  /// The values that nodes see: those of the graph, of a body inside it, or of a function, which sees nothing around
  /// it.
  struct Environment {
    std::map<std::string, std::shared_ptr<Imported>, std::less<>> values;
    bool isFunction = false;
    const std::map<std::string, int64_t, std::less<>>* opsets = nullptr;
  };

  bool isWeight(const Imported& imported) const;
  Status listUnsupported(const google::protobuf::RepeatedPtrField<NodeProto>& nodes, int depth);
  Status importInputs();
  Status importInitializers(const GraphProto& graph);
  Status importNodes(const google::protobuf::RepeatedPtrField<NodeProto>& nodes);
  Status importNode(const NodeProto& node);
  Status convertNode(const NodeProto& node, std::vector<Imported*> inputs);
  Status foldNode(const NodeProto& node, const Converter& converter, const std::vector<Imported*>& inputs,
                  bool& isDone);
  Status callFunction(const FunctionProto& function, const NodeProto& call, std::vector<Imported*> inputs);
  Status define(const NodeProto& node, int output, Imported value);
  Imported* find(std::string_view name);
  std::string nameInMessages(const NodeProto& node) const;
  void reportUnsupported(const NodeProto& node, const Status& status);
  StatusOr<ImportedModel> finish();

  const Model& model_;
  const ImportOptions& options_;
  std::unique_ptr<GraphBuilder> g_;
  std::map<std::string, int64_t, std::less<>> opsets_;
  std::map<std::string, std::map<std::string, int64_t, std::less<>>, std::less<>> functionOpsets_;
  std::map<std::string, const FunctionProto*, std::less<>> functions_;  ///< By `domain:name:overload`.
  std::vector<Environment> environments_;
  std::vector<int> openBodies_ = {0};
  int numBodies_ = 1;
  std::vector<std::string> callStack_;
  std::vector<NamedValue> feeds_;
  std::vector<std::string> builtIn_;
  std::set<std::string> neededValues_, neededShapes_;
  std::vector<std::string> unsupported_;
  std::unordered_set<std::string> weightNames_;
  std::string currentNode_;
  int64_t numNodes_ = 0;
  int64_t mostNodes_ = 0;
  std::chrono::nanoseconds foldingTime_{0};
  int64_t numConstants_ = 0;
};

/// Whether a length is an expression that can be computed with. Each product of two may have as many terms as both
/// together have pairs of, so a few nodes could make any number of them.
inline constexpr size_t kMostTermsOfLength = 64;
bool isShort(const Dim& dim);

/// Computes a node whose integer inputs are known as dims, where the result is known as dims again: the arithmetic by
/// which exporters put shapes together. False when it is not such a node.
bool foldShapeArithmetic(NodeImport& n);

}  // namespace kiln::onnx
