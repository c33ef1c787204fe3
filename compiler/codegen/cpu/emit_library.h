// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Kernels that call a function of the host.
#pragma once

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {

/// Writes the body of `into`, which has kernelFunctionType(kernel): it calls the function that the host's table has for
/// the one op of a kernel of kind "library", with the arguments that kiln_kernel_fn_t describes, and returns its
/// status. Fails, with a diagnostic, for an op that has no number in the binary interface.
mlir::LogicalResult emitLibraryCall(KernelOp kernel, mlir::func::FuncOp into, const CodegenContext& context);

}  // namespace kiln::compiler
