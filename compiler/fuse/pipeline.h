// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The fuse phase: from ops to kernels.
#pragma once

#include "mlir/Pass/PassManager.h"

namespace kiln::compiler {

struct FuseOptions {
  bool explain = false;  ///< Remarks that say why neighbouring ops are not one kernel.
};

/// The passes of the phase, to be run on a module.
void buildFusePipeline(mlir::OpPassManager& passes, const FuseOptions& options);

/// Makes the passes known by name to kiln-opt.
void registerFusePasses();

}  // namespace kiln::compiler
