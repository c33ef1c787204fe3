// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The differentiate phase: derivative regions become ops.
#pragma once

#include <string>

#include "mlir/Pass/PassManager.h"

namespace kiln::compiler {

struct DifferentiateOptions {
  /// Bytes that gradients of loops may keep of their steps; 0: no limit. Symbolic lengths count with the largest value
  /// of their range, and with 64 when that has no bound.
  int64_t memLimit = 0;
  /// When set, a line for each differentiated loop is added: its steps, what is kept, how much is computed again.
  std::string* report = nullptr;
};

/// The passes of the phase, to be run on a module. They emit KILN-C0201 and C0202, naming op and reason, where a
/// derivative does not exist, C0203 where the memory limit is too small, and C0204 where a vmap cannot be expanded.
void buildDifferentiatePipeline(mlir::OpPassManager& passes, const DifferentiateOptions& options);

/// The passes that the limit concerns.
std::unique_ptr<mlir::Pass> createKeepValues(const DifferentiateOptions& options);
std::unique_ptr<mlir::Pass> createSumAfterLoops(const DifferentiateOptions& options);

/// Makes the passes known by name to kiln-opt.
void registerDifferentiatePasses();

}  // namespace kiln::compiler
