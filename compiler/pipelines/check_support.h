// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Refuses what a target has no code for, right after import, where the user's nodes are still seen.
#pragma once

#include "compiler/codegen/common/target.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// Errors: KILN-C0701 for an op, KILN-C0702 for an element type, each with the node, the target and what there is
/// instead.
Status checkSupport(mlir::ModuleOp module, const TargetInfo& target);

}  // namespace kiln::compiler
