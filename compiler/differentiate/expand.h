// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Expanding derivative regions: what the parts of the expansion share.
#pragma once

#include <string>

#include "compiler/differentiate/active_values.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"

namespace kiln::compiler {

/// One expansion of a module. Thread-compatible.
class Expander {
 public:
  explicit Expander(mlir::ModuleOp module);

  /// Replaces the region by ops. No derivative region may lie within. Those that take its place (of the bodies of
  /// loops and branches) are added to `made`, in order.
  llvm::LogicalResult expandVjp(VjpOp vjp);
  llvm::LogicalResult expandJvp(JvpOp jvp);

  /// A dimension symbol that nothing else has.
  std::string freshSymbol();
  /// Clones the ops of a block but its terminator, without what they print and assert, and with dimension symbols of
  /// their own for those that they bind.
  void cloneOps(mlir::OpBuilder& b, mlir::Block& from, mlir::IRMapping& mapping);

  llvm::SmallVector<mlir::Operation*> made;

 private:
  llvm::LogicalResult emitTangents(mlir::Block& block, const ActiveValues& active,
                                   llvm::DenseMap<Value, Value>& tangents);
  llvm::LogicalResult jvpLoop(LoopOp loop, const ActiveValues& active, llvm::DenseMap<Value, Value>& tangents);
  llvm::LogicalResult jvpBranch(BranchOp branch, const ActiveValues& active, llvm::DenseMap<Value, Value>& tangents);
  llvm::LogicalResult jvpRecompute(RecomputeOp op, const ActiveValues& active, llvm::DenseMap<Value, Value>& tangents);

  llvm::DenseSet<mlir::StringAttr> symbols_;
  mlir::MLIRContext* context_;
  int numSymbols_ = 0;
  llvm::SmallVector<mlir::Operation*> dead_;  // Erased at the end, so that no value of theirs is taken for a new one.
};

/// The reverse sweep over one region.
struct Sweep {
  mlir::OpBuilder& b;  ///< Where adjoint ops go.
  const ActiveValues& active;
  Expander& expander;
  llvm::DenseMap<Value, Value> cotangents{};
  llvm::SmallVector<mlir::Operation*> dead{};  ///< Replaced ops, to be erased after the sweep.

  void accumulate(Value value, Value cotangent, mlir::Location loc);
  /// The cotangent, or zeros.
  Value cotangentOf(Value value, mlir::Location loc);
};

/// The rules of the ops with regions; at least one result has a cotangent.
void sweepLoop(LoopOp loop, Sweep& sweep);
void sweepBranch(BranchOp branch, Sweep& sweep);
void sweepRecompute(RecomputeOp op, Sweep& sweep);
void sweepCustomVjp(CustomVjpOp op, Sweep& sweep);

/// Moves the ops of a block before `op`, with its arguments replaced, and replaces op by the results.
void inlineBlock(mlir::Operation* op, mlir::Block& block, mlir::ValueRange arguments, mlir::ValueRange results);

/// On a loop that a derivative made to read what another loop stacked: it runs the steps of that loop, and its body is
/// the body of that loop followed by its derivative.
inline constexpr char kAdjointAttr[] = "kiln.adjoint";

}  // namespace kiln::compiler
