// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Calls become the bodies of their functions, and loops, branches and the like ops with regions.
#pragma once

#include "compiler/dialect/dialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// Replaces the calls within each of the roots, and the ops that name functions for their regions, callees first; the
/// functions stay. Every callee exists and none is recursive.
void inlineCalls(mlir::ModuleOp module, llvm::ArrayRef<mlir::Operation*> roots);

}  // namespace kiln::compiler
