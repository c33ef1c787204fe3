// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Graph -> kiln dialect.
#pragma once

#include <vector>

#include "compiler/dialect/constant_pool.h"
#include "compiler/dialect/dialect.h"
#include "graph/ir/graph.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace kiln::compiler {

/// A module with one pure function for each entry, and a private one for each function of the graph that they call.
///
/// Arguments of an entry are its feeds in order, then the variables that it reads or assigns in the graph's order;
/// results are its fetches, then the new values of the assigned variables. Placeholders, variables, assignments and
/// groups do not survive; a gradients node becomes `kiln.vjp` regions. Operations carry their node's name and source
/// line as location. Constants of more than ConstantPool::kMaxInlineElements elements keep the graph's memory, which
/// `pool` keeps alive.
///
/// Errors: KILN-C0101 for a node that the dialect has no form for.
StatusOr<mlir::OwningOpRef<mlir::ModuleOp>> importGraph(mlir::MLIRContext& context, const Graph& graph,
                                                        const std::vector<Entry>& entries, ConstantPool& pool);

}  // namespace kiln::compiler
