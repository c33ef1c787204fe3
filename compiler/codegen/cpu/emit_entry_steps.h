// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The steps of an entry point: kernel calls, loops and branches around them, checks, copies.
#pragma once

#include <optional>
#include <vector>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/codegen/cpu/emit_entry_code.h"
#include "compiler/codegen/cpu/emit_entry_kernels.h"
#include "compiler/plan/memory_plan.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace kiln::compiler {

/// Writes steps where its builder stands. Loops are blocks of the one function: a step is a call, and nothing is
/// dispatched.
class StepWriter {
 public:
  /// `function` has its entry block; `exit` is its block that returns the status it is given.
  StepWriter(LLVM::LLVMFuncOp function, mlir::OpBuilder& b, mlir::Location loc, mlir::Block* exit,
             const CodegenContext& context, KernelFunctions& kernels);

  /// Everything that the steps find there: the cancel flag, blocks for values of local symbols, their numbers.
  void prepare(const MemoryPlan& plan);
  /// The buffers of a space are given to the entry, from number `first` on. Their addresses are read where they are
  /// used: hundreds that live through the whole entry would be moved about for longer than all else takes to compile.
  void setGiven(Space space, int64_t first) { firstGiven_[static_cast<int>(space)] = first; }
  void setBases(Space space, std::vector<mlir::Value> bases) { bases_[static_cast<int>(space)] = std::move(bases); }
  void setArena(mlir::Value arena) { arena_ = arena; }
  void setPlace(mlir::Value value, Place place) { places_[value] = place; }

  /// Looks at the cancel flag before every kernel and leaves at the first status that is not OK, but for the commit.
  void write(const PlannedStep& step, bool isCommit = false);
  void leaveIfCancelled();

  /// The first op whose values are allocated by the host; null: none.
  mlir::Operation* allocatingOp() const { return allocates_; }

  Code& code() { return code_; }
  mlir::Value contextField(size_t offset, mlir::Type type);
  mlir::Value pointer(const Place& place);
  mlir::Value value(const Dim& dim) { return dimValues().value(dim); }
  DimValues dimValues() { return DimValues(code_, context_.symbols, dims_); }

 private:
  using Values = llvm::SmallVector<mlir::Value>;
  /// Where the innermost loop's step puts what it yields.
  struct Frame {
    Values carries, rows;
  };
  /// The pointers of one carry: read from `current`, then written to `next`; `other` takes its turn.
  struct Turns {
    mlir::Value current, next, other;
  };

  mlir::Value pointer(mlir::Value value);
  mlir::Value bytesOf(mlir::Type type);
  mlir::Block* newBlock(mlir::TypeRange arguments = {});
  void setInsertionPoint(mlir::Block* block) { code_.b.setInsertionPointToEnd(block); }
  void jump(mlir::Block* to, mlir::ValueRange arguments = {});
  void jumpIf(mlir::Value condition, mlir::Block* then, mlir::ValueRange thenArguments, mlir::Block* otherwise,
              mlir::ValueRange otherwiseArguments = {});
  /// Returns `status` when `condition` holds; goes on in a block of its own otherwise.
  void leaveIf(mlir::Value condition, mlir::Value status);
  /// The same with the error slot filled.
  void failIf(mlir::Value condition, int32_t status, mlir::Operation* op, mlir::Value first, mlir::Value second);
  /// Runs `body` when `condition` holds.
  void ifTrue(mlir::Value condition, llvm::function_ref<void()> body);
  /// Memory for the values of a step whose sizes only the run knows.
  void allocate(const PlannedStep& step);
  void allocate(mlir::Operation* op, const Place& place, mlir::Type type, int64_t count = 1);

  void writeAll(const std::vector<PlannedStep>& steps);
  void writeKernel(const PlannedStep& step, bool isCommit);
  /// Puts the node where a kernel's code left its own number of it.
  void nameNode(const std::vector<int>& nodes);
  void writeBranch(const PlannedStep& step);
  void writeLoop(const PlannedStep& step);
  void writeUnwind(const PlannedStep& step);
  void writeBind(const PlannedStep& step);

  mlir::Value tripCount(LoopOp loop);
  mlir::Value checkedCount(mlir::Operation* op, mlir::Value count, mlir::Value most);
  mlir::Value readCondition(mlir::Value value);
  void clearRows(mlir::Operation* op, mlir::ValueRange stacked, const Values& bases);
  /// What a region yields goes to the innermost frame, where it was not made there.
  void copyYields(mlir::Operation* yield, const std::vector<PlannedCarry>& carries);
  /// Copies a value to `address`, which is that of `to`, unless it was made there.
  void copyUnlessThere(mlir::Value value, const Place& to, mlir::Value address);
  /// Row `index` of what lies at `base`.
  mlir::Value rowOf(mlir::Value base, mlir::Type row, mlir::Value index);
  /// Binds the body's rows and the frame's to those of step `index`.
  void bindRows(mlir::Block::BlockArgListType rows, const Values& scanned, mlir::TypeRange stacked,
                const Values& stackedBases, mlir::Value index, Frame& frame);
  mlir::Value nextKept(mlir::Value length, mlir::Value free, int64_t slots);

  LLVM::LLVMFuncOp function_;
  mlir::Block* exit_;
  Code code_;
  const CodegenContext& context_;
  KernelFunctions& kernels_;
  mlir::Value arena_, cancel_, dims_;
  std::vector<mlir::Value> bases_[9];
  std::optional<int64_t> firstGiven_[9];
  std::vector<mlir::Value> localAddresses_, localCapacities_;
  llvm::DenseMap<mlir::Value, Place> places_;
  llvm::DenseMap<mlir::Value, mlir::Value> pointers_;  // Arguments of regions.
  std::vector<Frame> frames_;
  mlir::Operation* allocates_ = nullptr;
};

}  // namespace kiln::compiler
