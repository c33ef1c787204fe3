// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How the ops of one example become those of a batch: shared by the files vectorize*.cc.
#pragma once

#include "compiler/differentiate/rules.h"
#include "compiler/differentiate/vectorize_marks.h"
#include "mlir/IR/IRMapping.h"

namespace kiln::compiler {

/// One vmap being expanded. Ops are made at the builder's insertion point; the examples are axis 0 of what is mapped.
class Batch {
 public:
  Batch(mlir::OpBuilder& builder, Dim size, const MappedValues& marks)
      : b(builder), size(std::move(size)), marks(marks) {}

  mlir::OpBuilder& b;
  const Dim size;
  const MappedValues& marks;
  /// bool [size]: which examples need the ops that are being made. Null: all do.
  Value active;

  bool isMapped(Value value) const { return marks.contains(value); }
  /// The values of all examples, repeated where it is one for all.
  Value all(mlir::Location loc, Value value);
  /// The value, which is one for all examples.
  Value one(Value value) const;
  /// all() or one(), as the value is marked.
  Value get(Value value) const;
  /// Says what a value of the body has become; repeated when it has to be mapped and `made` is not.
  void set(Value value, Value made);

  /// The shape with the batch in front.
  Shape batched(const Shape& example) const;
  mlir::Type batched(mlir::Type example) const;
  /// `mask` (bool [size]) ? x : y, for values of all examples.
  Value choose(mlir::Location loc, Value mask, Value x, Value y);
  /// choose(mask, x, a tensor of equal elements).
  Value chooseOr(mlir::Location loc, Value mask, Value x, double otherwise);
  /// True when any element of bool [size] is.
  Value any(mlir::Location loc, Value mask);

  /// Makes what the block's ops become.
  llvm::LogicalResult copy(mlir::Block& block);
  llvm::LogicalResult copy(mlir::Operation* op);

  /// While it lives, values of the body that the region reads from outside, and `others`, stand for those of an example
  /// that needs the region wherever an example does not: whatever the region does, it does to such examples nothing
  /// that it does not do to one that needs it. `active` is null within.
  class Impersonation {
   public:
    Impersonation(Batch& batch, mlir::Location loc, mlir::Region& region, Value active, mlir::ValueRange others);
    ~Impersonation();
    Impersonation(const Impersonation&) = delete;

   private:
    Batch& batch_;
    const Value active_;
    llvm::SmallVector<std::pair<Value, Value>> before_;
  };

 private:
  llvm::LogicalResult copyLoop(LoopOp loop);
  llvm::LogicalResult copyBranch(BranchOp branch);
  llvm::LogicalResult copyUniformBranch(BranchOp branch);
  llvm::LogicalResult copyRecompute(RecomputeOp recompute);
  llvm::LogicalResult copyCustomVjp(CustomVjpOp custom);
  void copyBindDim(BindDimOp bind);
  void copyOneByOne(mlir::Operation* op);
  /// The most steps of any example, or a number below 0 when one has that.
  Value boundOf(mlir::Location loc, Value counts);
  /// The step's number below each example's count.
  Value isBelow(mlir::Location loc, Value step, Value counts);

  llvm::DenseMap<Value, Value> mapped_;
  llvm::DenseMap<Value, Value> longest_;  // Of the length that a bind_dim gives each example.
  mlir::IRMapping copies_;
};

/// An op under a batching rule.
struct BatchContext : RuleContext {
  Batch& batch;

  bool isMapped(unsigned i) const { return batch.isMapped(operand(i)); }
  Value all(unsigned i) { return batch.all(loc, operand(i)); }
  Value one(unsigned i) { return batch.one(operand(i)); }
  llvm::SmallVector<Value> allOperands();
  /// A shape operand with `front` before its dims.
  Value extendedShape(unsigned i, const Dim& front);
  /// The op on these operands, with some attributes changed and the batch in front of its results' shapes.
  llvm::SmallVector<Value> again(mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> changes = {});
  mlir::NamedAttribute ints(llvm::StringRef name, llvm::ArrayRef<int64_t> values);
  mlir::NamedAttribute number(llvm::StringRef name, int64_t value);
  mlir::NamedAttribute flag(llvm::StringRef name, bool value);
};

/// The op's results, mapped and in order; none when the op in this form is done one example after the other. At least
/// one operand is mapped, or the op draws random numbers.
using BatchFn = llvm::SmallVector<Value> (*)(BatchContext&);
struct BatchRow {
  const char* op;
  BatchFn rule;
};

/// The rules of each file.
llvm::ArrayRef<BatchRow> movementBatchRows();
llvm::ArrayRef<BatchRow> indexingBatchRows();
llvm::ArrayRef<BatchRow> structuredBatchRows();
/// The rule of an op, or null.
BatchFn batchRuleOf(const OpSchema& op);

}  // namespace kiln::compiler
