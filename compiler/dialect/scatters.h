// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The ops that write at indices: x, indices and updates, with axis, batch_dims and allow_negative as gather has
/// them.
#pragma once

#include "compiler/dialect/dialect.h"
#include "llvm/ADT/StringSwitch.h"

namespace kiln::compiler {

inline bool isScatterOp(mlir::Operation* op) { return llvm::isa<ScatterAddOp, ScatterSlicesOp>(op); }

/// The scalar function that joins an element and an update; empty when the update replaces it.
inline llvm::StringRef scatterScalarOf(mlir::Operation* op) {
  auto slices = llvm::dyn_cast<ScatterSlicesOp>(op);
  return !slices ? "Add"
                 : llvm::StringSwitch<llvm::StringRef>(slices.getReduction())
                       .Case("mul", "Mul")
                       .Case("min", "Minimum")
                       .Case("max", "Maximum")
                       .Default("");
}

}  // namespace kiln::compiler
