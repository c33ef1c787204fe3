// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The passes of each phase: the one place that compileEntry() and kiln-opt take them from.
#pragma once

#include <string>

#include "compiler/codegen/common/target.h"
#include "compiler/pipelines/phases.h"
#include "mlir/Pass/PassManager.h"

namespace kiln::compiler {

struct PhaseOptions {
  TargetInfo target = TargetInfo::host();
  int64_t memLimit = 0;  ///< As in CompileOptions.
  std::string* planReport = nullptr;
};

/// Adds the passes of `phase` for a module; import, codegen and emit have none.
void buildPhase(Phase phase, mlir::OpPassManager& passes, const PhaseOptions& options);

/// Makes all passes, and a pipeline `kiln-phase-<name>` for each phase that has some, known by name.
void registerPasses();

}  // namespace kiln::compiler
