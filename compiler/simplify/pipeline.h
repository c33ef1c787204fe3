// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The simplify phase.
#pragma once

#include "compiler/dialect/dialect.h"
#include "mlir/Pass/PassManager.h"

namespace kiln::compiler {

struct SimplifyOptions {
  /// Also write composite ops as primitive ones: the last run, before `fuse`.
  bool expandComposites = false;
};

/// The passes of the phase, to be run on a module.
void buildSimplifyPipeline(mlir::OpPassManager& passes, const SimplifyOptions& options);

/// Makes the passes known by name to kiln-opt.
void registerSimplifyPasses();

}  // namespace kiln::compiler
