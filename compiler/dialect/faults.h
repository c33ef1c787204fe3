// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Which ops may end a run.
#pragma once

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// True when the op, or one within its regions, may fault on some data: an index out of range, an integer divided by
/// zero, a trip count that no loop can have.
bool mayFault(mlir::Operation* op);

}  // namespace kiln::compiler
