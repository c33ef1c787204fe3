// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Which values of a vmap's body differ between the examples.
#pragma once

#include "compiler/dialect/dialect.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"

namespace kiln::compiler {

/// The values, also those of inner regions, that are mapped: they depend on the vmap's arguments or are drawn at random
/// for each example. Computed once, before anything is rewritten. Immutable.
class MappedValues {
 public:
  explicit MappedValues(VmapOp vmap);

  bool contains(Value value) const { return mapped_.contains(value); }
  /// The op or a region of it reads a mapped value or draws random numbers.
  bool concern(mlir::Operation* op) const;
  /// The examples do not all take the same number of steps.
  bool haveOwnTrips(LoopOp loop) const { return ownTrips_.contains(loop); }
  /// The mapped length that a bind_dim of the body gives the loop's `length`, or null.
  Value boundLength(LoopOp loop) const;
  /// The region can be computed for examples that do not need it, as long as Batch::active tells which do: no faults,
  /// and no values that would make NaN of a gradient that is zero. `isGuarded`: it runs only when some example needs
  /// it.
  bool canBeMasked(mlir::Region& region, bool isGuarded) const;

 private:
  void mark(mlir::Block& block);
  void markLoop(LoopOp loop);
  void markBranch(BranchOp branch);
  void markCustomVjp(CustomVjpOp custom);
  void markRecompute(RecomputeOp recompute);
  bool insertAll(mlir::ValueRange values);

  bool hasSharedDraws_ = false;
  llvm::DenseSet<Value> mapped_;
  llvm::DenseSet<mlir::Operation*> ownTrips_;
  llvm::StringMap<Value> boundLengths_;
};

/// An operand that is replaced by `fill` for examples that do not need the op, which then neither faults nor gives a
/// value or derivative that is not finite.
struct MaskedOperand {
  const char* op;
  unsigned operand;
  double fill;
};
/// Null when the op has none.
const MaskedOperand* maskedOperandOf(mlir::Operation* op);

}  // namespace kiln::compiler
