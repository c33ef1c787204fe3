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
  // What is known of loops and branches makes them smaller, or ordinary ops.
  passes.addNestedPass<mlir::func::FuncOp>(createSimplifyLoops());
  // Expanding first lets the parts be folded and shared with what the user wrote.
  if (options.expandComposites) {
    passes.addNestedPass<mlir::func::FuncOp>(createExpandComposites());
  }
  // Folding makes equal what was written differently,
  passes.addNestedPass<mlir::func::FuncOp>(createFoldIdentities());
  if (options.expandComposites) {
    // Derivatives have made their exponents by now.
    passes.addNestedPass<mlir::func::FuncOp>(createSimplifyPowers());
  }
  // and what is equal is computed once,
  passes.addNestedPass<mlir::func::FuncOp>(mlir::createCSEPass());
  // before a loop where no step changes it.
  passes.addNestedPass<mlir::func::FuncOp>(createHoistInvariants());
}

void registerSimplifyPasses() { registersimplifyPasses(); }

}  // namespace kiln::compiler
