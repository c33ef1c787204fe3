// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The differentiate phase: derivative regions become ops.
#pragma once

#include "mlir/Pass/PassManager.h"

namespace kiln::compiler {

struct DifferentiateOptions {};

/// The passes of the phase, to be run on a module. They emit KILN-C0201, naming op and reason, where a derivative does
/// not exist.
void buildDifferentiatePipeline(mlir::OpPassManager& passes, const DifferentiateOptions& options);

/// Makes the passes known by name to kiln-opt.
void registerDifferentiatePasses();

}  // namespace kiln::compiler
