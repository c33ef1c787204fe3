// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/build_phase.h"

#include "compiler/codegen/cpu/emit_matmul.h"
#include "compiler/differentiate/pipeline.h"
#include "compiler/fuse/pipeline.h"
#include "compiler/plan/pipeline.h"
#include "compiler/simplify/pipeline.h"
#include "mlir/Pass/PassRegistry.h"

namespace kiln::compiler {

void buildPhase(Phase phase, mlir::OpPassManager& passes, const PhaseOptions& options) {
  switch (phase) {
    case Phase::kSimplify:
      buildSimplifyPipeline(passes, {});
      break;
    case Phase::kDifferentiate:
      buildDifferentiatePipeline(passes, {.memLimit = options.memLimit, .report = options.planReport});
      // Gradients leave much to fold, and everything that needs composite ops as such has run.
      buildSimplifyPipeline(passes, {.expandComposites = true});
      break;
    case Phase::kFuse:
      buildFusePipeline(passes, {});
      break;
    case Phase::kPlan: {
      TargetInfo target = options.target;
      buildPlanPipeline(passes, {.scratchBytes = [target](KernelOp kernel) { return scratchBytes(kernel, target); },
                                 .report = options.planReport});
      break;
    }
    case Phase::kImport:
    case Phase::kCodegen:
    case Phase::kEmit:
      break;
  }
}

void registerPasses() {
  registerSimplifyPasses();
  registerDifferentiatePasses();
  registerFusePasses();
  registerPlanPasses();
  for (const PhaseInfo& info : kPhases) {
    if (info.phase > Phase::kImport && info.phase < Phase::kCodegen) {
      mlir::registerPassPipeline(
          "kiln-phase-" + std::string(info.name), std::string(info.summary),
          [phase = info.phase](mlir::OpPassManager& passes, llvm::StringRef,
                               llvm::function_ref<mlir::LogicalResult(const llvm::Twine&)>) {
            buildPhase(phase, passes, {});
            return mlir::success();
          },
          [](llvm::function_ref<void(const mlir::detail::PassOptions&)>) {});
    }
  }
}

}  // namespace kiln::compiler
