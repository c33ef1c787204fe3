// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Ops that name functions become ops that hold them as regions.
#pragma once

#include "compiler/dialect/dialect.h"
#include "mlir/IR/SymbolTable.h"

namespace kiln::compiler {

/// True for an op of the graph that names functions and is no call: a loop, a branch, a vectorized function and the
/// like.
bool namesRegions(mlir::Operation* op);

/// Replaces such an op by its region op, whose regions are copies of the functions. Values that the op hands on
/// unchanged (captured ones) are read from outside. Node names within get the op's name and "//" in front.
void openFunctions(mlir::Operation* op, mlir::SymbolTable& symbols);

}  // namespace kiln::compiler
