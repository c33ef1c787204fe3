// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Symbolic dimensions as i64 arithmetic.
#pragma once

#include <string>

#include "llvm/ADT/STLFunctionalExtras.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include "proto/base/shape.h"

namespace kiln::compiler {

/// The value of `dim` at the builder's place, in ops of the LLVM dialect. `symbolValue` gives the i64 of each symbol
/// that occurs, also within functions, and is asked once for each time that one occurs.
mlir::Value emitDim(mlir::OpBuilder& builder, mlir::Location location, const Dim& dim,
                    llvm::function_ref<mlir::Value(const std::string&)> symbolValue);

/// The value of a function of two dims whose values are `a` and `b`; as Dim::evaluate() has it, a floor_div by what is
/// not positive is zero and never traps.
mlir::Value emitDimFunction(mlir::OpBuilder& builder, mlir::Location location, const Dim::Function& function,
                            mlir::Value a, mlir::Value b);

}  // namespace kiln::compiler
