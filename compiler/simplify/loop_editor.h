// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Loops with other carries, scanned and stacked values.
#pragma once

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// The values from outside that the regions of `op` read, in the order of first use.
llvm::SmallVector<Value> capturesOf(mlir::Operation* op);

/// The type of `length` values of that type, one on the other.
mlir::Type stackedType(mlir::Type row, ShapeAttr length);

/// Changes a loop's body at once, and the loop when it is finished. Positions are those of the loop as it was given.
class LoopEditor {
 public:
  explicit LoopEditor(LoopOp loop);

  /// Rows of `value`, one for each step: the body's argument.
  Value addScanned(Value value);
  /// Stacks a value of the body; gives the number of the result of finish().
  unsigned addStacked(Value value);
  /// The carry's argument and result have no uses, except by what makes the carry itself.
  void removeCarry(unsigned i) { removedCarries_.set(i); }
  void removeScanned(unsigned i) { removedScanned_.set(i); }
  void removeStacked(unsigned i) { removedStacked_.set(i); }

  /// The loop that takes the place of the given one, which is erased; itself when nothing changed.
  LoopOp finish();

 private:
  LoopOp loop_;
  llvm::SmallVector<Value> scanned_, stacked_;  // Added ones.
  llvm::SmallBitVector removedCarries_, removedScanned_, removedStacked_;
};

/// Moves `op` before `place`, in the same block, with what it needs; false when it needs `place` or what comes of it.
bool moveBefore(mlir::Operation* op, mlir::Operation* place);

/// Erases the ops of a block that nothing needs; true when there were some.
bool eraseDeadOps(mlir::Block& block);

/// Takes out of every loop below what has no use: carries, scanned and stacked values; equal ones become one.
void pruneLoops(mlir::Block& block);

}  // namespace kiln::compiler
