// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file From a kernel op to a function of loops and vectors.
#pragma once

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {

/// The type of a kernel's function: (context, inputs..., outputs..., dims) -> status, all pointers. A kernel with
/// scratchBytes() of gemm.h has one more pointer before the dims.
mlir::FunctionType kernelFunctionType(KernelOp kernel);

/// Writes the body of `into`, which has kernelFunctionType(kernel), no body yet, and lies in a module that receives
/// helper functions (private). Inputs and outputs are dense row-major buffers aligned to their elements; an output may
/// share its buffer with an input as `may_alias` of the kernel lists, and none else. Fails, with a diagnostic at the
/// op, for a body that no kind of kernel covers, which is a bug of the fuse phase.
mlir::LogicalResult emitKernel(KernelOp kernel, mlir::func::FuncOp into, const CodegenContext& context);

}  // namespace kiln::compiler
