// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Groups of rewrite patterns.
#pragma once

#include "mlir/IR/PatternMatch.h"

namespace kiln::compiler {

/// Adds the pattern that computes an op on small constants by its reference implementation.
void addConstantFolding(mlir::RewritePatternSet& patterns);

/// Adds the patterns of movement ops that undo each other or do nothing, of casts that lose nothing, and of signs.
void addMovementPatterns(mlir::RewritePatternSet& patterns);

}  // namespace kiln::compiler
