// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A kernel as text, so that equal ones are found again: in the same entry, in another one, in another
/// compilation.
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "llvm/ADT/DenseMap.h"

namespace kiln::compiler {

/// What a kernel's code follows from, beside the target.
struct KernelText {
  /// Kind, ops, attributes, types, and where the dimension symbols lie; no name, no location, no place in memory. Empty
  /// for a kernel that has no such text, and is like no other.
  std::string text;
  /// The number that the code reports for a fault of an op: counted from 0 in the kernel, so that the code does not
  /// depend on the graph around it. Every op that may ask for one is there.
  llvm::SmallDenseMap<mlir::Operation*, int> numbers;
  /// CodegenContext::nodeId of each number. Empty when the numbers are those already.
  std::vector<int> nodes;
};

/// Reads `kernel`, and asks context.nodeId for the ops that may fault.
KernelText describeKernel(KernelOp kernel, const CodegenContext& context);

}  // namespace kiln::compiler
