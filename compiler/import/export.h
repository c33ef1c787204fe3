// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file kiln dialect -> Graph: the other way of the bridge.
#pragma once

#include <map>
#include <string>

#include "compiler/dialect/constant_pool.h"
#include "compiler/dialect/dialect.h"
#include "graph/ir/graph.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// The graph that a module of any phase before fuse stands for, with the same entries. Nodes that entries share in name
/// and meaning become one node, so that importing and exporting gives the graph back; groups, and targets through them,
/// become the assignments themselves. `weights` go into the graph.
///
/// Errors: KILN-C0102 for a module with kernels or ops of other dialects; those of Graph::create.
StatusOr<Graph> exportGraph(mlir::ModuleOp module, ConstantPool& pool, std::map<std::string, TensorPtr> weights = {});

}  // namespace kiln::compiler
