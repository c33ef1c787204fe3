// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/differentiate/unwind.h"

#include "compiler/differentiate/expand.h"
#include "compiler/simplify/loop_editor.h"

namespace kiln::compiler {
namespace {

/// The part of a loop's body that makes some values: its ops, and the carries that it reads.
struct Slice {
  llvm::DenseSet<mlir::Operation*> ops;
  llvm::SmallBitVector carries;
};

Slice sliceOf(LoopOp loop, llvm::ArrayRef<Value> ends) {
  Slice slice;
  slice.carries.resize(loop.getNumCarries());
  mlir::Block& body = loop.getBodyBlock();
  llvm::SmallVector<Value> work(ends);
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (value.getParentBlock() != &body) {
      continue;
    }
    if (mlir::Operation* op = value.getDefiningOp()) {
      if (slice.ops.insert(op).second) {
        work.append(op->operand_begin(), op->operand_end());
        if (op->getNumRegions() != 0) {
          work.append(capturesOf(op));
        }
      }
    } else if (const unsigned at = llvm::cast<mlir::BlockArgument>(value).getArgNumber();
               at > 0 && at <= loop.getNumCarries()) {
      slice.carries.set(at - 1);
    }
  }
  return slice;
}

/// What the sweep reads of the rows that the source stacked, as values of the source's body.
llvm::SmallVector<std::pair<Value, Value>> rowsRead(LoopOp sweep, LoopOp source) {
  llvm::SmallVector<std::pair<Value, Value>> rows;
  mlir::Operation* yield = source.getBodyBlock().getTerminator();
  for (auto [row, scanned] : llvm::zip(sweep.getRowArguments(), sweep.getScanned())) {
    if (scanned.getDefiningOp() == source && !row.use_empty()) {
      rows.push_back({row, yield->getOperand(llvm::cast<mlir::OpResult>(scanned).getResultNumber())});
    }
  }
  return rows;
}

// The carries that the sweep needs, and those that make them.
llvm::SmallBitVector neededCarries(LoopOp sweep, LoopOp source) {
  llvm::SmallVector<Value> ends;
  for (auto [row, value] : rowsRead(sweep, source)) {
    ends.push_back(value);
  }
  mlir::Operation* yield = source.getBodyBlock().getTerminator();
  while (true) {
    const llvm::SmallBitVector carries = sliceOf(source, ends).carries;
    const size_t before = ends.size();
    for (unsigned i : carries.set_bits()) {
      if (!llvm::is_contained(ends, yield->getOperand(i))) {
        ends.push_back(yield->getOperand(i));
      }
    }
    if (ends.size() == before) {
      return carries;
    }
  }
}

void cloneSlice(mlir::OpBuilder& b, LoopOp loop, const Slice& slice, mlir::IRMapping& mapping) {
  for (mlir::Operation& op : loop.getBodyBlock().without_terminator()) {
    if (!slice.ops.contains(&op)) {
      continue;
    }
    if (llvm::isa<PrintOp, AssertThatOp>(op)) {
      mapping.map(op.getResult(0), mapping.lookupOrDefault(op.getOperand(0)));
    } else {
      b.clone(op, mapping);
    }
  }
}

}  // namespace

bool canUnwind(const SweepLoop& sweep) {
  LoopOp source = sweep.onlySource(), loop = sweep.loop();
  if (!source || source.getReverse() || !loop.getReverse()) {
    return false;
  }
  bool bindsDims = false;
  source.getBody().walk([&](BindDimOp) { bindsDims = true; });
  return !bindsDims && llvm::all_of(source.getResults().drop_front(source.getNumCarries()), [&](Value stacked) {
    return llvm::all_of(stacked.getUsers(), [&](mlir::Operation* user) { return user == loop; }) || stacked.use_empty();
  });
}

int64_t slotBytesOf(const SweepLoop& sweep, const Lengths& lengths) {
  LoopOp source = sweep.onlySource();
  int64_t bytes = 0;
  for (unsigned i : neededCarries(sweep.loop(), source).set_bits()) {
    bytes += lengths.bytes(source.getInits()[i].getType());
  }
  return bytes;
}

double unwindFactor(int64_t steps, int64_t slots) {
  // With s slots and every step run at most r times, binomial(s + r, s) steps can be unwound.
  double reach = 1;
  int64_t repeats = 0;
  while (reach < static_cast<double>(steps) && repeats < 64) {
    ++repeats;
    reach *= static_cast<double>(slots + repeats) / static_cast<double>(repeats);
  }
  return 1 + static_cast<double>(repeats);
}

void unwind(const SweepLoop& sweep, int64_t slots) {
  LoopOp loop = sweep.loop(), source = sweep.onlySource();
  const mlir::Location loc = loop.getLoc();
  mlir::OpBuilder b(loop);
  const llvm::SmallBitVector carries = neededCarries(loop, source);
  llvm::SmallVector<Value> inits, scanned;
  for (unsigned i : carries.set_bits()) {
    inits.push_back(source.getInits()[i]);
  }
  auto addRow = [&](Value value) {
    auto found = llvm::find(scanned, value);
    if (found == scanned.end()) {
      scanned.push_back(value);
      return scanned.size() - 1;
    }
    return static_cast<size_t>(found - scanned.begin());
  };
  llvm::SmallVector<std::pair<Value, size_t>> stepRows, sweepRows;
  for (auto [row, value] : llvm::zip(source.getRowArguments(), source.getScanned())) {
    stepRows.push_back({row, addRow(value)});
  }
  for (auto [row, value] : llvm::zip(loop.getRowArguments(), loop.getScanned())) {
    if (value.getDefiningOp() != source) {
      sweepRows.push_back({row, addRow(value)});
    }
  }
  auto made = UnwindOp::create(b, loc, loop.getResultTypes(), loop.getCount(), inits, loop.getInits(), scanned,
                               loop.getLengthAttr(), static_cast<uint64_t>(slots));
  auto addBlock = [&](mlir::Region& region, bool isAdjoint) {
    mlir::Block* block = new mlir::Block();
    region.push_back(block);
    block->addArgument(loop.getStep().getType(), loc);
    for (Value init : inits) {
      block->addArgument(init.getType(), loc);
    }
    if (isAdjoint) {
      for (Value cotangent : loop.getInits()) {
        block->addArgument(cotangent.getType(), loc);
      }
    }
    for (Value value : scanned) {
      const Shape shape = shapeOf(value.getType());
      block->addArgument(
          tensorType(b.getContext(), dtypeOf(value.getType()), Shape(std::vector<Dim>(shape.begin() + 1, shape.end()))),
          loc);
    }
    return block;
  };
  auto mapSource = [&](mlir::Block* block, size_t firstRow, mlir::IRMapping& mapping) {
    mapping.map(source.getStep(), block->getArgument(0));
    unsigned next = 1;
    for (unsigned i : carries.set_bits()) {
      mapping.map(Value(source.getCarryArguments()[i]), Value(block->getArgument(next++)));
    }
    for (auto [row, at] : stepRows) {
      mapping.map(row, block->getArgument(static_cast<unsigned>(firstRow + at)));
    }
  };
  mlir::Operation* sourceYield = source.getBodyBlock().getTerminator();
  {
    mlir::Block* block = addBlock(made.getStep(), false);
    mlir::IRMapping mapping;
    mapSource(block, 1 + inits.size(), mapping);
    llvm::SmallVector<Value> ends, yields;
    for (unsigned i : carries.set_bits()) {
      ends.push_back(sourceYield->getOperand(i));
    }
    mlir::OpBuilder inner = mlir::OpBuilder::atBlockEnd(block);
    cloneSlice(inner, source, sliceOf(source, ends), mapping);
    for (Value end : ends) {
      yields.push_back(mapping.lookupOrDefault(end));
    }
    YieldOp::create(inner, loc, yields);
  }
  mlir::Block* block = addBlock(made.getAdjoint(), true);
  const size_t firstRow = 1 + inits.size() + loop.getInits().size();
  mlir::IRMapping sourceMapping, mapping;
  mapSource(block, firstRow, sourceMapping);
  mlir::OpBuilder inner = mlir::OpBuilder::atBlockEnd(block);
  llvm::SmallVector<Value> ends;
  for (auto [row, value] : rowsRead(loop, source)) {
    ends.push_back(value);
  }
  cloneSlice(inner, source, sliceOf(source, ends), sourceMapping);
  for (auto [row, value] : rowsRead(loop, source)) {
    mapping.map(row, sourceMapping.lookupOrDefault(value));
  }
  for (auto [row, at] : sweepRows) {
    mapping.map(row, block->getArgument(static_cast<unsigned>(firstRow + at)));
  }
  mapping.map(loop.getStep(), block->getArgument(0));
  for (auto [i, cotangent] : llvm::enumerate(loop.getCarryArguments())) {
    mapping.map(Value(cotangent), Value(block->getArgument(static_cast<unsigned>(1 + inits.size() + i))));
  }
  for (mlir::Operation& op : loop.getBodyBlock().without_terminator()) {
    inner.clone(op, mapping);
  }
  llvm::SmallVector<Value> yields;
  for (Value value : loop.getBodyBlock().getTerminator()->getOperands()) {
    yields.push_back(mapping.lookupOrDefault(value));
  }
  YieldOp::create(inner, loc, yields);
  loop->replaceAllUsesWith(made);
  loop.erase();
}

}  // namespace kiln::compiler
