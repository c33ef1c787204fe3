// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What code generation knows beside the kernel itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/codegen/common/target.h"
#include "mlir/IR/Operation.h"

namespace kiln::compiler {

/// What every kernel of one module shares. Thread-compatible.
struct CodegenContext {
  TargetInfo target;
  std::vector<std::string> symbols;  ///< Dimension symbols in the order of the ABI's dims.
  /// The numbers that the symbols are known to have, in the same order; empty for code that takes any. What is
  /// computed, and in which order, is the same either way: only arithmetic on indices is done beforehand.
  std::vector<int64_t> symbolValues = {};
  /// The number that faults of an op report (an index into the executable's node table); without it all report -1.
  std::function<int(mlir::Operation*)> nodeId;
};

}  // namespace kiln::compiler
