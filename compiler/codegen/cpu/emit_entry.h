// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file From a planned entry to the functions and tables of the binary interface.
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/codegen/cpu/emit_entry_kernels.h"
#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// Where an entry stands among those of its image.
struct EntryPlace {
  int index = 0, count = 1;
  const char* querySymbol = "kiln_query";  ///< The function that gives the image's table, beside its last entry.
  bool optimize = true;                    ///< Whether LLVM's optimisations are going to run.
};

/// What emitEntry() made.
struct EmittedEntry {
  std::vector<std::string> kernels;      ///< Node names of the kernels, in the order in which they run.
  std::vector<KernelUse> uses;           ///< The functions that are wanted for them, each once.
  CodegenContext context;                ///< For emitting these.
  mlir::Operation* allocates = nullptr;  ///< The first op whose values the host allocates; null: none.
  int64_t staticBytes = 0;               ///< What arena_size() computes.
  std::vector<Dim> slots;
};

/// Writes into `code`, an empty module, the ABI's entry point `kiln_entry_I` and `kiln_arena_size_I`, and for the last
/// entry of an image the tables and the query function; the kernels' functions are declared. `entry` was planned
/// (kiln-plan-memory) and is not changed. The entry point checks the cancel flag before every kernel of the first part
/// and leaves at the first status that is not OK, with the faulting op's node in the error slot; loops check the flag
/// in every step, and leave in the same way; the commit calls only kernels that cannot fail. Profile slots are not
/// written. Fails, with a diagnostic, for an entry without a plan.
mlir::FailureOr<EmittedEntry> emitEntry(mlir::func::FuncOp entry, mlir::ModuleOp code, const CodegenContext& context,
                                        const EntryPlace& place = {});

}  // namespace kiln::compiler
