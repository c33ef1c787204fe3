// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Walks over a graph of TensorFlow and builds Kiln's. Private to graph/io/tensorflow.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "graph/io/tensorflow/node_import.h"
#include "graph/io/tensorflow/program.h"
#include "proto/codec/tensor_codec.h"

namespace kiln::tensorflow {

/// Tensors of more bytes are variables of the graph; smaller ones are constants.
inline constexpr int64_t kMostConstantBytes = 1024;

/// The deepest nesting of functions, branches and loops.
inline constexpr int kMostNestedBodies = 64;

class Importer {
 public:
  /// With isOneBatch, the first axes of all inputs whose lengths are open have one length.
  Importer(const FrozenGraph& graph, const ImportOptions& options, const GraphUse& use,
           const std::vector<GraphPort>& inputs, bool isOneBatch);
  StatusOr<ImportedModel> run();
  /// Whether run() failed for what no lengths would change.
  bool isHopeless() const { return isHopeless_; }
  /// Inputs that the outputs need and whose lengths are not all known.
  std::vector<std::string> openInputs() const;

  // --- for NodeImport
  /// The value in `g`, made there on first use.
  Value materialize(Imported& imported, GraphBuilder& g);
  /// Remembers what must be known for `imported`, and gives the status to return: KILN-G0506 when nothing helps.
  Status require(const Imported& imported, std::string_view what);
  const std::string& currentNode() const { return currentNode_; }
  const wire::AttrValue* argumentOf(std::string_view placeholder) const;
  /// A number for each body that is open or was; the last one is where nodes are made now.
  int currentBody() const { return openBodies_.back(); }

 private:
  using Results = std::vector<ImportedPtr>;
  using Attributes = google::protobuf::Map<std::string, wire::AttrValue>;

  StatusOr<std::shared_ptr<const Program>> functionOf(const wire::NodeDef& node, const wire::NameAttrList& function);
  StatusOr<std::vector<const wire::NameAttrList*>> functionsOf(const wire::NodeDef& node);
  Status listUnsupported(const Program& program, int depth);
  Status prepareBodies(const Program& program, int depth);
  StatusOr<ImportedPtr> importConstant(const wire::NodeDef& node);
  StatusOr<ImportedPtr> importPlaceholder(const wire::NodeDef& node);

  StatusOr<Results> importProgram(const Program& program, const Results& arguments);
  StatusOr<Results> importNode(const ProgramNode& node, const Results& inputs);
  StatusOr<Results> convertNode(const wire::NodeDef& node, const Results& inputs);
  bool foldNode(const wire::NodeDef& node, const Converter& converter, const Results& inputs, Results& results);
  StatusOr<Results> importFunctions(const wire::NodeDef& node, const Results& inputs);
  StatusOr<Results> importCall(const wire::NodeDef& node, const wire::NameAttrList& function, const Results& arguments);
  /// With isTwoWay, the first branch is for false and the second for true; otherwise `index` is a number.
  StatusOr<Results> importBranches(const ImportedPtr& index,
                                   const std::vector<std::shared_ptr<const Program>>& branches,
                                   const Results& arguments, bool isTwoWay);
  StatusOr<Results> importLoop(const Program& condition, const Program& body, const Results& arguments);
  Status inferLists(const Program& body, const Results& arguments, const std::vector<bool>& isCarried);
  /// Imports a program in the lambda of a control-flow function, and makes values of its results.
  StatusOr<Results> importBody(const Program& program, const Results& arguments);
  /// Makes values of what bodies use, where that is not possible inside of them.
  Status prepare(const Results& arguments, const std::vector<const Program*>& bodies);

  /// `name`, or with a number at the end when it was given before.
  std::string uniqueName(const std::string& name);
  /// Whether the node is one of the graph's inputs, and its value that of a feed.
  bool isFed(const wire::NodeDef& node) const;
  void reportUnsupported(const wire::NodeDef& node, const Status& status);
  std::string nameInMessages(const wire::NodeDef& node) const;
  StatusOr<ImportedModel> finish(const Results& results);

  const FrozenGraph& graph_;
  const ImportOptions& options_;
  const GraphUse& use_;
  const std::vector<GraphPort>& inputs_;  ///< The graph's, and other nodes that are fed.
  bool isOneBatch_, isHopeless_ = false;
  std::unique_ptr<GraphBuilder> main_;
  GraphBuilder* g_;  ///< Where nodes are made: `main_`, or a scratch builder that learns types.
  std::vector<std::string> outputNames_;
  std::unordered_map<std::string_view, int> inputNumbers_;
  std::vector<int> usedInputs_;
  std::unordered_map<std::string_view, const wire::FunctionDef*> functions_;
  std::unordered_map<std::string_view, std::shared_ptr<const Program>> programs_;
  std::unordered_map<const wire::NodeDef*, ImportedPtr> constants_;
  std::unordered_set<const Program*> listed_, prepared_;
  ExpansionBudget budget_;
  std::vector<int> openBodies_ = {0};
  int numBodies_ = 1;
  std::vector<std::pair<std::string, const Attributes*>> callStack_;
  std::map<int, NamedValue> feeds_;             ///< By the number of the input.
  std::unordered_map<std::string, int> names_;  ///< Of placeholders and weights, and how often each was asked for.
  std::vector<std::string> builtIn_;
  std::set<std::string> neededValues_, neededShapes_;
  std::vector<std::string> unsupported_;
  std::string currentNode_;
  int64_t numNodes_ = 0;
};

/// Computes a node whose integer inputs are known as dims, where the result is known as dims again: the arithmetic by
/// which graphs put shapes together. False when it is not such a node.
bool foldShapeArithmetic(NodeImport& n);

/// Whether nodes of the op are imported, by a converter or in another way.
bool isSupported(std::string_view op);

/// The result of a node that could not be imported.
ImportedPtr brokenValue();

}  // namespace kiln::tensorflow
