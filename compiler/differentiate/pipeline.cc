// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/differentiate/pipeline.h"

#include "compiler/dialect/dialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/differentiate/passes.inc"

void buildDifferentiatePipeline(mlir::OpPassManager& passes, const DifferentiateOptions&) {
  // One pass: regions of higher orders are worked off from the inside.
  passes.addPass(createExpandDerivatives());
}

void registerDifferentiatePasses() { registerdifferentiatePasses(); }

}  // namespace kiln::compiler
