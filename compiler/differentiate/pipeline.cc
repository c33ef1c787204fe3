// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/differentiate/pipeline.h"

#include "compiler/dialect/dialect.h"
#include "compiler/simplify/pipeline.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/Passes.h"

namespace kiln::compiler {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/differentiate/passes.inc"

void buildDifferentiatePipeline(mlir::OpPassManager& passes, const DifferentiateOptions& options) {
  // One pass: regions of higher orders are worked off from the inside.
  passes.addPass(createExpandDerivatives());
  // What is kept is chosen among primitive ops, each of them once.
  buildSimplifyPipeline(passes, {.expandComposites = true});
  passes.addNestedPass<mlir::func::FuncOp>(createMergeLoops());
  passes.addNestedPass<mlir::func::FuncOp>(createKeepValues(options));
  // A forward loop may have now what it had before,
  passes.addNestedPass<mlir::func::FuncOp>(mlir::createCSEPass());
  // and inner loops twice.
  passes.addNestedPass<mlir::func::FuncOp>(createMergeLoops());
  passes.addNestedPass<mlir::func::FuncOp>(createScatterInPlace());
  passes.addNestedPass<mlir::func::FuncOp>(createSumAfterLoops(options));
}

void registerDifferentiatePasses() { registerdifferentiatePasses(); }

}  // namespace kiln::compiler
