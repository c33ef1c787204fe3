// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Composite ops of f16 and bf16, which are computed in f32 and rounded once.
#pragma once

#include "compiler/dialect/op_factory.h"

namespace kiln::compiler {

/// True for a composite op that has an operand with elements of f16 or bf16 and computes with them; ops that only move
/// elements do as well without.
bool computesWithHalves(mlir::Operation* op);

/// Makes the same op of f32 operands, and casts its results back to the types of `op`; gives what replaces the results
/// of `op`. The ops that a composite expands into would each round to 11 or 8 digits, and many such roundings in a row
/// leave few of them.
llvm::SmallVector<Value> widenHalves(mlir::OpBuilder& b, mlir::Operation* op);

}  // namespace kiln::compiler
