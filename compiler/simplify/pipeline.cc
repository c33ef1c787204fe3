// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"

namespace kiln::compiler {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/simplify/passes.inc"

void buildSimplifyPipeline(mlir::OpPassManager& passes, const SimplifyOptions& options) {
  // Bodies of functions take part in everything that follows.
  passes.addPass(createInlineCalls());
  // Expanding first lets the parts be folded and shared with what the user wrote.
  if (options.expandComposites) {
    passes.addNestedPass<mlir::func::FuncOp>(createExpandComposites());
  }
  // Folding makes equal what was written differently,
  passes.addNestedPass<mlir::func::FuncOp>(createFoldIdentities());
  // and what is equal is computed once.
  passes.addNestedPass<mlir::func::FuncOp>(mlir::createCSEPass());
}

void registerSimplifyPasses() { registersimplifyPasses(); }

}  // namespace kiln::compiler
