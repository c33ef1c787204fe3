// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Kernels of kind `native`: loops and branches as straight code.
#pragma once

#include <cstdint>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {

/// Bytes of scratch memory that the function of a kernel of kind `native` wants: for the states that each kiln.unwind
/// in it keeps. 0 for other kinds. When it is not 0 the function takes one more pointer, to 64-byte aligned scratch,
/// between its outputs and dims.
int64_t nativeScratchBytes(KernelOp kernel);

/// Writes the body of `into` for a kernel of kind `native` (compiler/fuse/native.h says what may be in one). Carries
/// are SSA values; rows of scanned values are loaded, and stacked ones stored, step by step. The function returns
/// KILN_STATUS_CANCELLED when it sees the context's cancel flag, which it looks at every 1024 steps of each loop, or
/// the code of the first fault, then also in the context's error slot; outputs are then unfinished.
mlir::LogicalResult emitNative(KernelOp kernel, mlir::func::FuncOp into, const CodegenContext& context);

}  // namespace kiln::compiler
