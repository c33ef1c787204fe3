// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Element types in memory and in registers, and what converts between them, as inline code.
///
/// | element type | memory | register |
/// |---|---|---|
/// | f32, f64, i8 to i64 | itself | itself |
/// | ui8 to ui64 | a signless integer | the same; operations say that it is unsigned |
/// | i1 | i8, 0 or 1 | i1 |
/// | f16, bf16 | i16, the bits | the f32 that equals it; roundTo() after each operation keeps that so |
///
/// So arithmetic is written for f32, f64 and integers alone, and the machine needs no instruction for 16-bit floats.
#pragma once

#include "compiler/codegen/common/target.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// An element type (f16, ui8, ...) as registers and memory have it; see the table.
mlir::Type registerType(mlir::Type element);
mlir::Type memoryType(mlir::Type element);

bool isHalf(mlir::Type element);      ///< f16 or bf16.
bool isUnsigned(mlir::Type element);  ///< ui8 to ui64.

/// Emits what comes between memory and registers. All functions below take scalars, and vectors of one axis.
mlir::Value fromMemory(mlir::OpBuilder& builder, mlir::Location location, mlir::Value loaded, mlir::Type element,
                       const TargetInfo& target);
mlir::Value toMemory(mlir::OpBuilder& builder, mlir::Location location, mlir::Value value, mlir::Type element,
                     const TargetInfo& target);

/// Emits the number of f16 or bf16 that is nearest to `value` (f32 or f64), ties to even, rounded once, as an f32. For
/// other element types gives `value`.
mlir::Value roundTo(mlir::OpBuilder& builder, mlir::Location location, mlir::Value value, mlir::Type element,
                    const TargetInfo& target);

/// Emits the conversion of a register that holds `from` to one that holds `to`, as `kiln.cast` defines it: float to
/// integer truncates, NaN gives 0 and what is out of range saturates; to bool is `!= 0`; integers keep their low bits;
/// to float rounds once.
mlir::Value emitCast(mlir::OpBuilder& builder, mlir::Location location, mlir::Value value, mlir::Type from,
                     mlir::Type to, const TargetInfo& target);

/// Emits `kiln.bitcast` of a register that holds `from` to one that holds `to`, a type of the same width.
mlir::Value emitBitcast(mlir::OpBuilder& builder, mlir::Location location, mlir::Value value, mlir::Type from,
                        mlir::Type to, const TargetInfo& target);

/// A number as an attribute of registers: `attribute` is of an element type (`1.0 : f16`, `3 : ui8`).
mlir::TypedAttr toRegisterAttribute(mlir::TypedAttr attribute);

}  // namespace kiln::compiler
