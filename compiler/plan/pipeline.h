// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The plan phase: order, lifetimes, places.
#pragma once

#include "compiler/plan/memory_plan.h"
#include "mlir/Pass/PassManager.h"

namespace kiln::compiler {

std::unique_ptr<mlir::Pass> createPlanMemory(PlanOptions options);

/// The passes of the phase, to be run on a module.
void buildPlanPipeline(mlir::OpPassManager& passes, const PlanOptions& options);

/// Makes the passes known by name to kiln-opt.
void registerPlanPasses();

}  // namespace kiln::compiler
