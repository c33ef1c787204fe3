// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What happens to an entry's blocks before kernels are formed in them.
#pragma once

#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {

/// Takes out optimization_barrier and stop_gradient, which have said what they had to say.
void dropMarks(mlir::func::FuncOp function);

/// Erases ops without users, in regions too. A bind_dim stays: types mention what it binds.
void dropUnused(mlir::Block& block);

/// Erases each bind_dim without users whose dimension nothing mentions. Returns whether there was one.
bool dropUnmentioned(mlir::func::FuncOp function);

/// Moves constants of several values from regions to the entry block, which has those of the executable.
void hoistConstants(mlir::func::FuncOp function);

/// Gives each block copies of the index ops outside that its kernels are to contain. Not of those that it reads from
/// memory: they are computed once.
void copyIndexOps(mlir::func::FuncOp function);

}  // namespace kiln::compiler
