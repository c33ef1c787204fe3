// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file One block of ops back to the nodes of one body; regions become functions.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/dialect/constant_pool.h"
#include "compiler/dialect/dialect.h"
#include "graph/ir/graph.h"
#include "graph/ir/inference.h"

namespace kiln::compiler {

/// Builds one body. Equal nodes of equal names are made once. Functions for regions are added to `functions`. Not
/// thread-safe.
class BodyExporter {
 public:
  BodyExporter(Body& body, std::map<std::string, Function>& functions, ConstantPool& pool)
      : body_(body), functions_(functions), pool_(pool), inference_(std::make_unique<BodyInference>(body, functions)) {}

  /// The node `name`, made unless it is there with the same op, inputs and attributes. Errors: KILN-C0102 when it has
  /// other result types than `types`.
  StatusOr<NodeId> addNode(const OpSchema& op, std::string name, std::vector<ValueRef> inputs, Attributes attributes,
                           mlir::Location location, const std::vector<ValueType>* types = nullptr);

  Status exportBlock(mlir::Block& block);
  void bind(Value value, ValueRef ref) { values_[value] = ref; }
  /// The value's node. Constants and shapes from outside the body are made again in it.
  StatusOr<ValueRef> find(Value value);
  StatusOr<std::vector<ValueRef>> find(mlir::ValueRange values);

 private:
  static bool isSame(const Node& a, const Node& b);
  Status exportOp(mlir::Operation* op);
  /// A node for `op` that names functions.
  Status addRegionNode(mlir::Operation* op, const char* name, std::vector<ValueRef> inputs, Attributes attributes);
  /// A function with the region's arguments and then `captured` as parameters.
  StatusOr<std::string> exportRegion(mlir::Region& region, mlir::ValueRange captured, mlir::Location location,
                                     const std::string& part);
  std::string freshFunction(mlir::Location location, const std::string& part) const;
  Status exportDerivative(mlir::Operation* op, mlir::Region& region, mlir::ValueRange xs, mlir::ValueRange directions,
                          const char* name);
  Status exportBranch(BranchOp branch);
  Status exportLoop(LoopOp loop);
  StatusOr<std::string> exportGuarded(LoopOp loop, mlir::ValueRange captured, const std::string& body);
  Status exportVmap(VmapOp vmap);
  Status exportRecompute(RecomputeOp recompute);
  Status exportCustomVjp(CustomVjpOp custom);

  Body& body_;
  std::map<std::string, Function>& functions_;
  ConstantPool& pool_;
  std::unique_ptr<BodyInference> inference_;
  llvm::DenseMap<Value, ValueRef> values_;
  std::unordered_map<std::string, std::vector<NodeId>> byBaseName_;
  std::set<std::string> names_;
};

/// The attributes of a placeholder or variable of that type.
Attributes placeholderAttributes(mlir::Type type);

}  // namespace kiln::compiler
