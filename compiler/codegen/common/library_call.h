// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Calls of the scalar functions that the host lends to compiled code (kiln_library_t).
#pragma once

#include <cstddef>

#include "llvm/ADT/STLFunctionalExtras.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// Marks calls of what the host lends, until they are lowered.
inline constexpr char kHostUseAttr[] = "kiln.host_use";

/// Emits the call of the function at byte `field` of the host's kiln_library_t, which takes and gives f64, for each
/// lane of `operands`: f64 scalars or vectors of one length. `host` is the kiln_context_t of the function being
/// written. Thread-compatible.
mlir::Value emitLibraryCall(mlir::OpBuilder& builder, mlir::Location location, mlir::Value host, size_t field,
                            mlir::ValueRange operands);

/// Emits `usual` with the lanes where `isRare` holds replaced by those of `rare`, which is emitted in a branch that is
/// taken when there are any. So what a lane gets does not depend on its neighbours.
mlir::Value emitWhereRare(mlir::OpBuilder& builder, mlir::Location location, mlir::Value isRare, mlir::Value usual,
                          llvm::function_ref<mlir::Value(mlir::OpBuilder&)> rare);

}  // namespace kiln::compiler
