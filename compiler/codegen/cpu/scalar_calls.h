// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Elementwise ops as scalar functions, inline or called.
#pragma once

#include <string>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// The name in ops/elementwise/scalars.h of an elementwise op's function: the op's in CamelCase; those of the logical
/// ops go without the first word.
std::string scalarNameOf(mlir::Operation* op);

/// True for ops whose results are numbers of their element type already: they move operands or turn their signs.
bool needsNoRounding(mlir::Operation* op);

/// Math functions are tens of instructions. A kernel with a few has them inline; one with many would be a single block
/// of thousands, which takes LLVM superlinear time and no longer fits the instruction cache, so it calls them.
inline constexpr int kMaxInlineMath = 8;
/// The name of a function of tens of instructions.
bool isLongFunction(llvm::StringRef scalar);
/// How many ops of the region have such functions.
int countLongFunctions(mlir::Region& region);

/// emitScalarFunction(), or with `callsLong` for a long function of floats a call of the one copy that the module of
/// the builder's function has: it is made on first use.
mlir::Value emitScalarCall(mlir::OpBuilder& builder, mlir::Location location, llvm::StringRef scalar,
                           mlir::ValueRange operands, const CodegenContext& context, bool isUnsigned, mlir::Value host,
                           bool callsLong);

/// The status that an assertion ends a run with: KILN_STATUS_ASSERT, or KILN_STATUS_NOT_TAKEN when it stands for the
/// value of a branch that was not taken.
int32_t assertStatus(AssertThatOp op);

}  // namespace kiln::compiler
