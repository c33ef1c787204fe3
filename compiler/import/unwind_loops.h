// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file kiln.unwind as the two loops that it stands for.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// Replaces every kiln.unwind of the module by a loop that keeps the carries of every step and one that goes back
/// through them: the same results, in memory that grows with the steps. For what cannot compute states again, as a
/// graph.
void unwindToLoops(mlir::ModuleOp module);

}  // namespace kiln::compiler
