// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Calls become the bodies of their functions.
#pragma once

#include "compiler/dialect/dialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// Replaces the calls within each of the roots, callees first; the functions stay. Every callee exists and none is
/// recursive.
void inlineCalls(mlir::ModuleOp module, llvm::ArrayRef<mlir::Operation*> roots);

}  // namespace kiln::compiler
