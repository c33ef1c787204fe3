// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Loops that the host may run on several threads.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// The element operations that one chunk of a parallel loop should have: some microseconds, well above the cost of
/// handing a chunk to another thread.
inline constexpr int64_t kChunkWork = 65536;

/// Emits items [begin, end) with a builder at the start of a function of its own, and returns the status (i32).
/// `context` is the one that faults go to; `captured` are the values given to emitParallelFor.
using ParallelBody = llvm::function_ref<mlir::Value(mlir::OpBuilder&, mlir::Value context, mlir::ValueRange captured,
                                                    mlir::Value begin, mlir::Value end)>;

/// Emits a loop over [0, count) in chunks of `grain` (i64, at least 1) through the context's parallel_for, and returns
/// its status. The body becomes the private function `name` of the module. One chunk alone is called directly.
/// `captured` are pointers and i64. Chunks depend on count and grain alone, which must not depend on the number of
/// threads.
mlir::Value emitParallelFor(mlir::OpBuilder& builder, mlir::Location location, llvm::StringRef name,
                            mlir::Value context, mlir::Value count, mlir::Value grain, mlir::ValueRange captured,
                            ParallelBody body);

}  // namespace kiln::compiler
