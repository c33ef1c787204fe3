// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How loops hand their carries on, and in which order the steps of regions run.
#pragma once

#include <vector>

#include "compiler/plan/memory_plan.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

namespace kiln::compiler {

/// The decisions for all regions of a function, innermost first, since a loop may overwrite a value when the loop
/// within it does. Linear in the ops but for the values that regions capture, which are listed for each region around
/// them.
class Carries {
 public:
  explicit Carries(mlir::func::FuncOp function);

  /// The steps of a region's block that are needed, in the order in which they run.
  const std::vector<mlir::Operation*>& stepsOf(mlir::Block* block) const { return blocks_.find(block)->second; }
  /// The carries of a loop, or the cotangents of an unwind; spares are not set.
  const std::vector<PlannedCarry>& of(mlir::Operation* loop) const { return loops_.find(loop)->second; }
  /// Values from outside that the regions of `op` read.
  const llvm::SetVector<mlir::Value>& capturedBy(mlir::Operation* op) const { return captured_.find(op)->second; }
  /// True when result `result` of `op`, a step that reads `value`, may be written where the value is: nothing else of
  /// the op wants it afterwards. What other steps want is the caller's to know.
  bool mayOverwrite(mlir::Operation* op, unsigned result, mlir::Value value) const;

 private:
  void decideBlock(mlir::Block& block);
  void decideLoop(mlir::Operation* op, mlir::Block& body, mlir::ValueRange arguments, bool knowsTrips);
  bool branchMayOverwrite(BranchOp branch, unsigned result, mlir::Value value) const;

  llvm::DenseMap<mlir::Block*, std::vector<mlir::Operation*>> blocks_;
  llvm::DenseMap<mlir::Operation*, std::vector<PlannedCarry>> loops_;
  llvm::DenseMap<mlir::Operation*, llvm::SetVector<mlir::Value>> captured_;
};

/// The ops that read `value` from the block of `value` on: an op within a region of a step counts as the step.
llvm::SmallVector<mlir::Operation*> readersIn(mlir::Block* block, mlir::Value value);

/// Steps in their order, but `before` first where it says so: pairs of positions in `steps`, without a circle.
std::vector<mlir::Operation*> inOrder(const std::vector<mlir::Operation*>& steps,
                                      const std::vector<llvm::SmallVector<int, 4>>& after);

}  // namespace kiln::compiler
