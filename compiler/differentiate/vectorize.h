// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file vmap: a region of one example becomes ops on a batch.
#pragma once

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// On a kiln.vmap: its random ops draw the same numbers for every example. Set where the examples are directions of one
/// computation (a jacobian), not computations of their own.
inline constexpr char kSharedDrawsAttr[] = "kiln.shared_draws";

/// Replaces the vmap by ops on the whole batch, with the batch as the first axis of every value that differs between
/// examples. The body holds no vjp, jvp or vmap any more. Errors: KILN-C0204.
llvm::LogicalResult expandVmap(VmapOp vmap);

}  // namespace kiln::compiler
