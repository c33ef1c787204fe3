// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The elementwise functions that ops name in their `scalar` field, as inline code.
#pragma once

#include "compiler/codegen/common/codegen_context.h"
#include "llvm/ADT/StringRef.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// True for the names that emitScalarFunction() takes (`Tanh`, `Add`, ...; not `Cast`, which needs a type).
bool isScalarFunction(llvm::StringRef scalar);

/// Emits `scalar` of `operands`: scalars, or vectors of one length, of f32, f64, integers or i1. A comparison gives i1.
/// Integers of registers have no sign; `isUnsigned` says that they hold unsigned numbers. Elements of f16 and bf16 come
/// as the f32 that equal them, and whoever asks rounds the result (compiler/codegen/common/conversions.h): no function
/// has a case for them. The code is straight-line (arith, and intrinsics of the LLVM dialect) but for what the host
/// lends, and rounds alike for scalars and vectors. Integer `Div` is emitIntegerDivide(): the fault of a zero divisor
/// is the caller's to find. Null for a name or type it lacks. `host`, the kiln_context_t of the function being written,
/// is needed for functions that the host lends, most of those of special_functions.h; without it they are null.
/// Thread-compatible.
mlir::Value emitScalarFunction(mlir::OpBuilder& builder, mlir::Location location, llvm::StringRef scalar,
                               mlir::ValueRange operands, const CodegenContext& context, bool isUnsigned = false,
                               mlir::Value host = {});

/// Emits x / y of integers, truncated, that traps for no operand: x / 0 is x, the lowest signed number / -1 is itself.
mlir::Value emitIntegerDivide(mlir::OpBuilder& builder, mlir::Location location, mlir::Value x, mlir::Value y,
                              bool isUnsigned = false);

}  // namespace kiln::compiler
