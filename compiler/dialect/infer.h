// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The one adapter between MLIR ops and the LLVM-free shape inference of ops/.
#pragma once

#include <optional>
#include <vector>

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// The dims that an i64 vector holds, when its defining op tells: a shape_value or a constant. Sums, differences,
/// slices and such are folded by simplify.
std::optional<std::vector<Dim>> shapeValueOf(Value value);

/// Result types of the op for these operands and attributes. `isUnknown` is set, and no types given, when a shape
/// operand is not known. `near` is where a callee is looked up.
StatusOr<llvm::SmallVector<mlir::Type>> inferResultTypes(const OpSchema& op, mlir::ValueRange operands,
                                                         mlir::DictionaryAttr attributes, mlir::Operation* near,
                                                         bool* isUnknown);

/// Runs inferShape and compares its result types with the op's; an op whose shape operands are unknown passes.
llvm::LogicalResult verifyByInference(mlir::Operation* op);

}  // namespace kiln::compiler
