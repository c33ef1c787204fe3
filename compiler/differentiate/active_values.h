// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Which values of a region a derivative concerns.
#pragma once

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// The float values of a region that depend on its float arguments, also those within loops and branches, where carries
/// are followed around to a fixed point.
class ActiveValues {
 public:
  explicit ActiveValues(mlir::Block& block);
  bool contains(Value value) const { return active_.contains(value); }
  /// The ops of the block that have an active result, in order.
  llvm::ArrayRef<mlir::Operation*> ops() const { return ops_; }
  /// The active values of a region's block from which `ends` are computed, arguments and values from outside included;
  /// an inner loop or branch passes from all that it reads to all its results.
  llvm::DenseSet<Value> reachingFrom(llvm::ArrayRef<Value> ends) const;

 private:
  bool markOp(mlir::Operation& op);
  void markBlock(mlir::Block& block);
  bool mark(Value value);
  bool markArguments(mlir::Region& region, mlir::ValueRange operands);

  llvm::DenseSet<Value> active_;
  llvm::SmallVector<mlir::Operation*> ops_;
};

}  // namespace kiln::compiler
