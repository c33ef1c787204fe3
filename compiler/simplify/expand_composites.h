// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How composite ops are written with primitive ones, a function for each.
#pragma once

#include "compiler/dialect/op_factory.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace kiln::compiler {

/// The values that replace the op's results, made by ops inserted at `b`.
using Expansion = llvm::SmallVector<Value> (*)(mlir::OpBuilder& b, mlir::Operation* op);

/// The expansion of a composite op, or null. Those of formulas are generated.
Expansion expansionOf(mlir::Operation* op);

/// Expands the composite ops of a region that `wanted` picks, and those in what they expand into.
void expandComposites(mlir::Region& region, llvm::function_ref<bool(const OpSchema&)> wanted);

// expand<Op>() of each entry that is composite and has no formula; one that is missing does not link.
#include "compiler/simplify/expansion_decls.inc"

}  // namespace kiln::compiler
