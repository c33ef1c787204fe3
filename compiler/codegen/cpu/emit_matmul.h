// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Kernels of kind `matmul`.
#pragma once

#include <optional>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {

/// Bytes of scratch memory that the kernel's function wants: for packed panels at most a megabyte, and for a product
/// that no result can hold until its epilogue has read it. For a kernel of kind `native` nativeScratchBytes(), for
/// other kinds 0. When it is not 0 the function takes one more pointer, to 64-byte aligned scratch, between its outputs
/// and dims.
int64_t scratchBytes(KernelOp kernel, const TargetInfo& target);

/// A matrix product that a kernel calls: its element type, and the parts (GemmNeeds) that it calls for.
struct GemmUse {
  mlir::Type element;
  int64_t needs = 0;
};

/// The product that the function of `kernel` calls; nothing for kinds other than `matmul`.
std::optional<GemmUse> gemmOf(KernelOp kernel, const TargetInfo& target);

/// Writes the body of `into` for a kernel of kind `matmul`: one kiln.matmul of arguments, or of broadcasts of them
/// along axes of the batch; and elementwise ops of the product, which follow each block of it while that is in the
/// cache. A result that may_alias does not name and of the product's type holds the product meanwhile. The module of
/// `into` receives a declaration of the shared function on first use.
mlir::LogicalResult emitMatmul(KernelOp kernel, mlir::func::FuncOp into, const CodegenContext& context);

}  // namespace kiln::compiler
