// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Values in registers, and the blocks of code that loops and branches over them become.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// A small tensor in registers: its elements in row-major order, cut into pieces of powers of two. Elements of f16 and
/// bf16 are held as f32. A single element is a scalar, and so is a piece of one.
struct Registers {
  mlir::Type element;  ///< Of the tensor.
  int64_t count = 0;
  llvm::SmallVector<mlir::Value, 4> pieces;
  llvm::SmallVector<mlir::Value, 4> elements;  ///< Those that were asked for one by one; else null.
};

/// Where a dense tensor lies.
struct Memory {
  mlir::Value address;
  mlir::Type element;
};

/// Writes the function of one kernel: a graph of basic blocks, which it leaves early on a fault or when the run is
/// cancelled. Thread-compatible.
class NativeEmitter {
 public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  NativeEmitter(KernelOp kernel, mlir::func::FuncOp into, const CodegenContext& context);

  mlir::LogicalResult emit();

 private:
  /// An element of a value in registers.
  using Source = std::pair<Registers*, int64_t>;

  //===-- values
  /// The elements in each piece of `count` ones.
  llvm::SmallVector<int64_t> layoutOf(int64_t count) const;
  mlir::Type pieceType(mlir::Type element, int64_t width) const;
  llvm::SmallVector<mlir::Type> pieceTypes(mlir::Type tensor) const;
  Registers* make(mlir::Type element, int64_t count, mlir::ValueRange pieces);
  /// The value of an operand, loaded before everything else if it is an input of the kernel.
  Registers* get(Value value);
  Value elementOf(Registers* x, int64_t index);
  /// The tensor with these elements.
  Registers* gather(mlir::Type element, llvm::ArrayRef<Source> sources);
  Value gatherPiece(mlir::Type element, llvm::ArrayRef<Source> sources);
  Registers* splat(Registers* x, int64_t count);
  /// A tensor of attributes of the element's register type.
  Registers* constants(mlir::Type element, llvm::ArrayRef<mlir::Attribute> values);
  /// A tensor of integers that are known now.
  Registers* integers(mlir::Type element, llvm::ArrayRef<int64_t> values);
  Registers* map(mlir::Type element, llvm::ArrayRef<Registers*> operands,
                 llvm::function_ref<Value(mlir::ValueRange)> fn);
  Registers* cast(Registers* x, mlir::Type to);
  Registers* rounded(Registers* x);
  void set(Value value, Registers* registers) { registers_[value] = registers; }

  //===-- memory
  bool isInMemory(Value value) const { return memory_.contains(value); }
  /// Where the value lies; one in registers is written to `slot`, a stack slot of this emitter's.
  Memory memoryOf(Value value, int slot);
  /// Stack memory for one value in registers, until releaseSlot().
  int takeSlot();
  void releaseSlot(int slot) { freeSlots_.push_back(slot); }
  Value address(const Memory& memory, Value index);
  Registers* load(const Memory& memory, Value index, int64_t count);
  void store(Registers* x, const Memory& memory, Value index);
  void zeroFrom(const Memory& memory, Value first, Value end);
  /// Emits at the end of the function's first block, which runs before all else.
  Value hoisted(llvm::function_ref<Value()> emit);

  //===-- integers and control
  Value number(int64_t value);
  Value addI(Value x, Value y);
  Value subI(Value x, Value y);
  Value mulI(Value x, Value y);
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y);
  Value dim(const Dim& dim);
  mlir::Block* newBlock(mlir::TypeRange arguments = {});
  void startBlock(mlir::Block* block) { b_.setInsertionPointToEnd(block); }
  void jump(mlir::Block* to, mlir::ValueRange arguments = {});
  void branch(Value condition, mlir::Block* then, mlir::Block* otherwise);
  /// Ends the run with a fault of `op` where `isBad`; goes on in a new block otherwise.
  void faultIf(mlir::Operation* op, Value isBad, int32_t code, llvm::function_ref<std::pair<Value, Value>()> values);
  /// Ends the run when the step (a count from 0) is a multiple of 1024 and the cancel flag is set.
  void leaveIfCancelled(Value step);
  /// Whether a condition, scalar or vector, holds in any lane; and x in the first lane where it does.
  Value anyOf(Value condition);
  Value firstWhere(Value condition, Value x);

  //===-- ops, one function for each sort
  mlir::LogicalResult emitBlock(mlir::Block& block);
  mlir::LogicalResult emitOp(mlir::Operation* op);
  mlir::LogicalResult emitElementwise(mlir::Operation* op);
  mlir::LogicalResult emitConstant(ConstantOp op);
  void emitMovement(mlir::Operation* op);
  mlir::LogicalResult emitSlice(SliceOp op);
  mlir::LogicalResult emitPad(PadOp op);
  void emitOneHot(OneHotOp op);
  void emitGather(GatherOp op);
  void emitScatter(mlir::Operation* op);
  void emitReduction(mlir::Operation* op);
  void emitMatmul(MatmulOp op);
  void emitRandom(mlir::Operation* op);
  void emitAssert(AssertThatOp op);
  /// Positions along an axis from an op's indices, as i64: none is out of range.
  Registers* checkedIndices(mlir::Operation* op, Registers* indices, Value extent);

  mlir::LogicalResult emitBranch(BranchOp op);
  mlir::LogicalResult emitLoop(LoopOp op);
  mlir::LogicalResult emitUnwind(UnwindOp op);
  /// The values of a block's terminator.
  llvm::SmallVector<Registers*> yielded(mlir::Block& block);
  /// Sets tensors of these types, given in pieces, as the values of `to`.
  void setPieces(mlir::ValueRange to, mlir::ValueRange pieces);
  Values piecesOf(llvm::ArrayRef<Registers*> registers);
  Value tripCount(mlir::Operation* op, Value count, std::optional<ShapeAttr> length);
  /// What a loop scans, and where its stacked results go.
  struct Rows {
    llvm::SmallVector<std::pair<Memory, int64_t>> scanned, stacked;  ///< With the elements of a row.
    llvm::SmallVector<int> slots;                                    ///< Stack slots in use, or -1.
  };
  Rows openRows(mlir::OperandRange scanned, mlir::ResultRange stacked);
  void setRows(const Rows& rows, mlir::ValueRange arguments, Value step);
  void storeRows(const Rows& rows, llvm::ArrayRef<Registers*> values, Value step);
  void closeRows(Rows& rows, mlir::ResultRange stacked, Value length, Value done);

  KernelOp kernel_;
  mlir::func::FuncOp into_;
  const CodegenContext& context_;
  mlir::OpBuilder b_;
  mlir::Location loc_;
  int64_t lanes_ = 1;
  bool callsMath_ = false;
  mlir::Block *entry_ = nullptr, *exit_ = nullptr;
  Value host_, scratch_, dims_, cancel_;
  Values outputs_;
  int64_t scratchUsed_ = 0;
  std::deque<Registers> pool_;
  llvm::DenseMap<Value, Registers*> registers_;
  llvm::DenseMap<Value, Memory> memory_;
  llvm::DenseMap<Value, Value> outputOf_;  ///< Where a result of the kernel goes that is written row by row.
  std::map<std::string, Value> dimValues_;
  Values slots_;
  llvm::SmallVector<int> freeSlots_;
};

}  // namespace kiln::compiler
