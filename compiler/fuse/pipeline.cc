// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/fuse/pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/fuse/passes.inc"

void buildFusePipeline(mlir::OpPassManager& passes, const FuseOptions& options) {
  // First what would otherwise become kernels that only copy.
  passes.addNestedPass<mlir::func::FuncOp>(createFoldTransposes());
  FormKernelsOptions formOptions;
  formOptions.explain = options.explain;
  passes.addNestedPass<mlir::func::FuncOp>(createFormKernels(formOptions));
}

void registerFusePasses() { registerfusePasses(); }

}  // namespace kiln::compiler
