// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Which kernels may end a run.
#pragma once

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// True when an op of the kernel may fault on some data: an index out of range, an integer divided by zero.
bool mayFault(KernelOp kernel);

}  // namespace kiln::compiler
