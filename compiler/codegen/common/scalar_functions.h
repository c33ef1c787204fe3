// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The elementwise functions that ops name in their `scalar` field, as inline code.
#pragma once

#include "compiler/codegen/common/codegen_context.h"
#include "llvm/ADT/StringRef.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// True for the names that emitScalarFunction() takes (`Tanh`, `Add`, ...; not `Cast`, which needs a type).
bool isScalarFunction(llvm::StringRef scalar);

/// Emits `scalar` of `operands`: scalars, or vectors of one length, of f32, f64, i32, i64 or i1. A comparison gives i1.
/// The code is straight-line (arith, and intrinsics of the LLVM dialect), and rounds alike for scalars and vectors.
/// Integer `Div` is emitIntegerDivide(): the fault of a zero divisor is the caller's to find. Null for a name or type
/// it lacks. Thread-compatible.
mlir::Value emitScalarFunction(mlir::OpBuilder& builder, mlir::Location location, llvm::StringRef scalar,
                               mlir::ValueRange operands, const CodegenContext& context);

/// Emits the conversion of `value` to elements of type `to`, as `kiln.cast` defines it: float to integer truncates, NaN
/// gives 0 and what is out of range saturates; to bool is `!= 0`; integers keep their low bits.
mlir::Value emitCast(mlir::OpBuilder& builder, mlir::Location location, mlir::Value value, mlir::Type to);

/// Emits x / y of integers, truncated, that traps for no operand: x / 0 is x, the lowest number / -1 is itself.
mlir::Value emitIntegerDivide(mlir::OpBuilder& builder, mlir::Location location, mlir::Value x, mlir::Value y);

}  // namespace kiln::compiler
