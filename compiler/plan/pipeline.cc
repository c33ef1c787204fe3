// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/plan/pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/plan/passes.inc"

void buildPlanPipeline(mlir::OpPassManager& passes, const PlanOptions& options) {
  // Order, lifetimes and places are one decision: each limits the others.
  passes.addNestedPass<mlir::func::FuncOp>(createPlanMemory(options));
}

void registerPlanPasses() { registerplanPasses(); }

}  // namespace kiln::compiler
