// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Folding of ops whose operands are constants.
#pragma once

#include "mlir/IR/PatternMatch.h"

namespace kiln::compiler {

/// Adds the pattern that computes an op on small constants by its reference implementation.
void addConstantFolding(mlir::RewritePatternSet& patterns);

}  // namespace kiln::compiler
