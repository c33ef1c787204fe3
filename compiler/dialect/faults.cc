// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/faults.h"

namespace kiln::compiler {

bool mayFault(mlir::Operation* op) {
  auto found = op->walk([](mlir::Operation* op) {
    if (auto loop = mlir::dyn_cast<LoopOp>(op)) {
      return loop.getCount() ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
    }
    if (auto branch = mlir::dyn_cast<BranchOp>(op)) {
      return dtypeOf(branch.getSelector().getType()) == boolean ? mlir::WalkResult::advance()
                                                                : mlir::WalkResult::interrupt();
    }
    const OpSchema* schema = schemaOf(op);
    if (schema == nullptr || !schema->mayFault) {
      return mlir::WalkResult::advance();
    }
    // Elementwise faults are those of integers; floats have infinities and NaN.
    bool isFloat =
        schema->isElementwise && mlir::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(op->getResult(0).getType()));
    return isFloat ? mlir::WalkResult::advance() : mlir::WalkResult::interrupt();
  });
  return found.wasInterrupted();
}

}  // namespace kiln::compiler
