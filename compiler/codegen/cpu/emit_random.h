// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Random numbers as inline code.
#pragma once

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// Emits what random_uniform, random_normal or random_integers `op` gives at row-major positions: `position`, `seed`
/// and `step` are i64, scalars or vectors alike.
mlir::Value emitRandomNumbers(mlir::OpBuilder& b, mlir::Operation* op, mlir::Value position, mlir::Value seed,
                              mlir::Value step, const CodegenContext& context);

}  // namespace kiln::compiler
