// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the runtime is told of a compiled entry.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/dialect/constant_pool.h"
#include "compiler/dialect/dialect.h"
#include "graph/ir/graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// Numbers the nodes that compiled code may report a fault of.
class NodeTable {
 public:
  explicit NodeTable(const Graph& graph) : graph_(graph) {}
  /// The number of the user's node that `op` came from; equal nodes share one.
  int idOf(mlir::Operation* op);
  /// `kiln.sort 'x'`: the user's node that `op` came from.
  std::string describe(mlir::Operation* op) const;
  std::vector<NodeInfo> take() { return std::move(nodes_); }

 private:
  std::string opNameOf(const std::string& node, mlir::Operation* op) const;

  const Graph& graph_;
  std::map<std::string, int> byName_;
  std::vector<NodeInfo> nodes_;
};

/// The signature of a planned entry; nodes and kernels are left to the caller.
EntryManifest makeManifest(const Graph& graph, mlir::func::FuncOp entry, ConstantPool& pool);

/// The names of an entry's symbols, in the order of the ABI's dims.
std::vector<std::string> symbolsOf(mlir::func::FuncOp entry);

}  // namespace kiln::compiler
