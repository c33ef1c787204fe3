// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Matrix products: one function of dynamic shape for each element type of a module, called by every matmul
/// kernel.
#pragma once

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {

/// Bytes of scratch memory that the kernel's function wants for packed panels, at most a few hundred KB and 0 for kinds
/// other than `matmul`. When it is not 0 the function takes one more pointer, to 64-byte aligned scratch, between its
/// outputs and dims.
int64_t scratchBytes(KernelOp kernel, const TargetInfo& target);

/// Writes the body of `into` for a kernel of kind `matmul`, whose body is one kiln.matmul of its arguments. The module
/// of `into` receives the shared functions on first use. Every element of the result is one chain of (fused)
/// multiply-adds in rising k, so its bits depend neither on the shape's other dims, nor on blocking, nor on the number
/// of threads.
mlir::LogicalResult emitMatmul(KernelOp kernel, mlir::func::FuncOp into, const CodegenContext& context);

/// The parts of a product (GemmNeeds) that a shape may call for; negative dims are unknown.
int64_t gemmNeeds(mlir::Type element, const TargetInfo& target, int64_t m, int64_t n, int64_t k, bool transposeA,
                  bool transposeB);

/// The shared function of `element` (f32, f64, i32, i64), declared in `module` on first use:
///   gemm(context, a, b, c, scratch, batch, m, n, k, aBatch, aRow, aK, bBatch, bK, bN) -> status
/// c[i, j] = sum over p of a[i * aRow + p * aK] * b[p * bK + j * bN], for each batch; strides in elements; one stride
/// of b's is 1, and c is dense. scratch holds gemmScratchBytes(). It may be called for the shapes that the `needs` of
/// all uses cover.
mlir::func::FuncOp gemmFunction(mlir::ModuleOp module, mlir::Type element, int64_t needs);

/// Defines the functions that gemmFunction() declared, with what their uses need. lowerToObject() does so first.
void defineGemmFunctions(mlir::ModuleOp module, const TargetInfo& target);

/// Bytes of scratch that the shared function may use; negative dims are unknown.
int64_t gemmScratchBytes(mlir::Type element, const TargetInfo& target, int64_t m, int64_t n, int64_t k,
                         bool transposeB);

}  // namespace kiln::compiler
