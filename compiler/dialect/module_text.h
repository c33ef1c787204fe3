// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A module as text.
#pragma once

#include <string>

#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// The module for people to read: long constants are cut short.
std::string readableText(mlir::ModuleOp module);

/// The module with all that it says, but for locations: equal texts mean equal modules.
std::string wholeText(mlir::ModuleOp module);

}  // namespace kiln::compiler
