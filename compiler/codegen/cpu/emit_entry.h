// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file From a planned entry to the functions and tables of the binary interface.
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// What emitEntry() made.
struct EmittedEntry {
  std::vector<std::string> kernels;  ///< Node names of the kernels, in the order in which they run.
  int numFunctions = 0;              ///< Kernel functions: equal kernels share one.
};

/// Writes into `code`, an empty module, all that an image of `entry` holds: a function for each kernel, the ABI's entry
/// point and arena_size, the tables, and the query function named `querySymbol`. `entry` was planned (kiln-plan-memory)
/// and is not changed. The entry point checks the cancel flag before every kernel of the first part and leaves at the
/// first status that is not OK; loops check it in every step, and leave in the same way; the commit calls only kernels
/// that cannot fail. Profile slots are not written. Fails, with a diagnostic, when a kernel cannot be emitted.
mlir::FailureOr<EmittedEntry> emitEntry(mlir::func::FuncOp entry, mlir::ModuleOp code, const CodegenContext& context,
                                        const char* querySymbol);

}  // namespace kiln::compiler
