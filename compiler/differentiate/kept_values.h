// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the reverse sweep of a loop reads, and what it computes again.
#pragma once

#include "compiler/simplify/loop_editor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {

/// Numbers for symbolic lengths: the most that a symbol's range allows, or kSampleLength for one without a bound.
class Lengths {
 public:
  static constexpr int64_t kSampleLength = 64;
  explicit Lengths(mlir::func::FuncOp function);
  int64_t operator()(const Dim& dim) const;
  /// Bytes of a value.
  int64_t bytes(mlir::Type type) const;
  /// Nothing is known of how long the dim may become: it has a symbol that the run binds.
  static bool isOpen(const Dim& dim);

 private:
  mlir::func::FuncOp function_;
};

/// A set of values to keep for a sweep.
struct KeptValues {
  llvm::SmallVector<Value> values;  ///< Of the sweep's body: those that a loop before it is to stack.
  int64_t bytesPerStep = 0;
  double recomputed = 0;  ///< Work of what the sweep computes again, in elementwise operations.
};

/// The sweep over a loop that an expansion made: its body computes again what it needs from what loops before it
/// stacked.
class SweepLoop {
 public:
  SweepLoop(LoopOp sweep, const Lengths& lengths);

  LoopOp loop() const { return sweep_; }
  /// The loops whose stacked values it reads.
  llvm::ArrayRef<LoopOp> sources() const { return sources_; }
  /// Null when it reads no loop, or not one alone.
  LoopOp onlySource() const { return sources_.size() == 1 ? sources_[0] : LoopOp(); }
  /// The least memory for which only cheap work is done again, or (`anyWork`) for which any is.
  KeptValues choose(bool anyWork) const;
  /// Stacks the values in the sources and reads them in the sweep. No handle to a loop is valid afterwards.
  void keep(llvm::ArrayRef<Value> values);
  /// The most steps, when they are known or bounded; see Lengths.
  int64_t numSteps() const { return lengths_(sweep_.getLength()->getShape()[0]); }

 private:
  bool isAvailable(Value value, LoopOp source, int depth) const;
  bool isPrimal(Value value) const {
    return value.getParentBlock() != &sweep_.getBodyBlock() || primal_.contains(value);
  }
  llvm::SmallVector<Value> readBy(mlir::Operation* op) const;
  void classify();

  mutable LoopOp sweep_;  // A handle, whose accessors are not const.
  const Lengths& lengths_;
  llvm::SmallVector<LoopOp> sources_;
  llvm::DenseSet<Value> primal_;            // Values of the body that no cotangent enters.
  llvm::DenseSet<Value> varying_;           // Those of them that differ between steps.
  llvm::DenseMap<Value, unsigned> places_;  // For each of these, a bit for each source that can compute it.
};

/// Work of an op, in elementwise operations.
double workOf(mlir::Operation* op, const Lengths& lengths);
/// Cheap enough to be done twice rather than kept.
bool isCheap(mlir::Operation* op, const Lengths& lengths);

}  // namespace kiln::compiler
