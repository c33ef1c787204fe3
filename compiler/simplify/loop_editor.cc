// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/loop_editor.h"

#include "compiler/dialect/op_factory.h"
#include "mlir/Transforms/RegionUtils.h"

namespace kiln::compiler {

llvm::SmallVector<Value> capturesOf(mlir::Operation* op) {
  llvm::SetVector<Value> captures;
  mlir::getUsedValuesDefinedAbove(op->getRegions(), captures);
  return captures.takeVector();
}

mlir::Type stackedType(mlir::Type row, ShapeAttr length) {
  Shape shape = length.getShape();
  for (const Dim& dim : shapeOf(row)) {
    shape.push_back(dim);
  }
  return tensorType(row.getContext(), dtypeOf(row), shape);
}

LoopEditor::LoopEditor(LoopOp loop)
    : loop_(loop),
      removedCarries_(loop.getNumCarries()),
      removedScanned_(static_cast<unsigned>(loop.getScanned().size())),
      removedStacked_(loop.getNumStacked()) {}

Value LoopEditor::addScanned(Value value) {
  scanned_.push_back(value);
  Shape row;
  for (auto [i, dim] : llvm::enumerate(shapeOf(value.getType()))) {
    if (i != 0) {
      row.push_back(dim);
    }
  }
  return loop_.getBodyBlock().addArgument(tensorType(loop_.getContext(), dtypeOf(value.getType()), row),
                                          loop_.getLoc());
}

unsigned LoopEditor::addStacked(Value value) {
  stacked_.push_back(value);
  return static_cast<unsigned>(loop_.getNumResults() - removedCarries_.count() - removedStacked_.count() +
                               stacked_.size() - 1);
}

LoopOp LoopEditor::finish() {
  if (scanned_.empty() && stacked_.empty() && removedCarries_.none() && removedScanned_.none() &&
      removedStacked_.none()) {
    return loop_;
  }
  const unsigned numCarries = loop_.getNumCarries();
  mlir::Block& body = loop_.getBodyBlock();
  mlir::Operation* yield = body.getTerminator();
  llvm::SmallVector<Value> inits, scanned, yields;
  llvm::SmallVector<mlir::Type> types;
  llvm::SmallVector<unsigned> kept;  // Positions of results.
  for (unsigned i = 0; i < loop_.getNumResults(); ++i) {
    if (i < numCarries ? removedCarries_[i] : removedStacked_[i - numCarries]) {
      continue;
    }
    if (i < numCarries) {
      inits.push_back(loop_.getInits()[i]);
    }
    kept.push_back(i);
    yields.push_back(yield->getOperand(i));
    types.push_back(loop_.getResult(i).getType());
  }
  for (Value value : stacked_) {
    yields.push_back(value);
    types.push_back(stackedType(value.getType(), loop_.getLengthAttr()));
  }
  yield->setOperands(yields);
  for (auto [i, value] : llvm::enumerate(loop_.getScanned())) {
    if (!removedScanned_[static_cast<unsigned>(i)]) {
      scanned.push_back(value);
    }
  }
  scanned.append(scanned_);
  eraseDeadOps(body);
  body.eraseArguments([&](mlir::BlockArgument argument) {
    const unsigned at = argument.getArgNumber();
    return at > 0 &&
           (at <= numCarries ? removedCarries_[at - 1]
                             : at - 1 - numCarries < removedScanned_.size() && removedScanned_[at - 1 - numCarries]);
  });
  if (loop_.hasCondition()) {
    loop_.getCondition().front().eraseArguments(
        [&](mlir::BlockArgument argument) { return removedCarries_[argument.getArgNumber()]; });
  }
  mlir::OpBuilder b(loop_);
  auto made = LoopOp::create(b, loop_.getLoc(), types, loop_.getCount(), inits, scanned, loop_.getLengthAttr(),
                             loop_.getReverse());
  made->setDiscardableAttrs(loop_->getDiscardableAttrDictionary());
  made.getBody().takeBody(loop_.getBody());
  made.getCondition().takeBody(loop_.getCondition());
  for (auto [k, i] : llvm::enumerate(kept)) {
    loop_.getResult(i).replaceAllUsesWith(made.getResult(static_cast<unsigned>(k)));
  }
  loop_.erase();
  return made;
}

bool moveBefore(mlir::Operation* op, mlir::Operation* place) {
  llvm::SetVector<mlir::Operation*> needed;
  llvm::SmallVector<mlir::Operation*> work{op};
  while (!work.empty()) {
    mlir::Operation* next = work.pop_back_val();
    if (next == place) {
      return false;
    }
    if (!place->isBeforeInBlock(next) || !needed.insert(next)) {
      continue;
    }
    llvm::SmallVector<Value> read(next->getOperands());
    llvm::append_range(read, capturesOf(next));
    for (Value value : read) {
      mlir::Operation* maker = value.getDefiningOp();
      if (maker != nullptr && maker->getBlock() == place->getBlock()) {
        work.push_back(maker);
      }
    }
  }
  llvm::SmallVector<mlir::Operation*> ordered = needed.takeVector();
  llvm::sort(ordered, [](mlir::Operation* a, mlir::Operation* b) { return a->isBeforeInBlock(b); });
  for (mlir::Operation* each : ordered) {
    each->moveBefore(place);
  }
  return true;
}

bool eraseDeadOps(mlir::Block& block) {
  bool erased = false;
  for (mlir::Operation& op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (mlir::isOpTriviallyDead(&op)) {
      op.erase();
      erased = true;
    }
  }
  return erased;
}

namespace {

// The carries that something else needs than they themselves.
llvm::SmallBitVector liveCarries(LoopOp loop) {
  const unsigned numCarries = loop.getNumCarries();
  mlir::Operation* yield = loop.getBodyBlock().getTerminator();
  llvm::DenseMap<Value, unsigned> carryOf;
  for (unsigned i = 0; i < numCarries; ++i) {
    carryOf[loop.getBodyBlock().getArgument(1 + i)] = i;
    if (loop.hasCondition()) {
      carryOf[loop.getCondition().getArgument(i)] = i;
    }
  }
  llvm::SmallBitVector live(numCarries);
  llvm::DenseSet<Value> seen;
  llvm::SmallVector<Value> work;
  auto push = [&](Value value) {
    if (seen.insert(value).second) {
      work.push_back(value);
    }
  };
  auto makeLive = [&](unsigned i) {
    if (!live[i]) {
      live.set(i);
      push(yield->getOperand(i));
    }
  };
  for (unsigned i = 0; i < loop.getNumResults(); ++i) {
    if (i >= numCarries) {
      push(yield->getOperand(i));
    } else if (!loop.getResult(i).use_empty()) {
      makeLive(i);
    }
  }
  if (loop.hasCondition()) {
    push(loop.getCondition().front().getTerminator()->getOperand(0));
  }
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (auto carry = carryOf.find(value); carry != carryOf.end()) {
      makeLive(carry->second);
    }
    if (mlir::Operation* op = value.getDefiningOp(); op != nullptr && loop->isProperAncestor(op)) {
      llvm::for_each(op->getOperands(), push);
      if (op->getNumRegions() != 0) {
        llvm::for_each(capturesOf(op), push);
      }
    }
  }
  return live;
}

LoopOp removeUnused(LoopOp loop) {
  const unsigned numCarries = loop.getNumCarries();
  mlir::Operation* yield = loop.getBodyBlock().getTerminator();
  {
    // What is stacked twice, or a scanned value again.
    LoopEditor editor(loop);
    const bool runsAll = !loop.getCount() && !loop.hasCondition();
    llvm::DenseMap<Value, Value> stacks;
    if (runsAll) {
      for (auto [row, scanned] : llvm::zip(loop.getRowArguments(), loop.getScanned())) {
        stacks[row] = scanned;
      }
    }
    for (unsigned i = numCarries; i < loop.getNumResults(); ++i) {
      Value result = loop.getResult(i);
      if (Value same = stacks.lookup(yield->getOperand(i))) {
        result.replaceAllUsesWith(same);
      } else {
        stacks[yield->getOperand(i)] = result;
      }
    }
    // Only now is it known which are read: a later one may have become an earlier.
    for (unsigned i = numCarries; i < loop.getNumResults(); ++i) {
      if (loop.getResult(i).use_empty()) {
        editor.removeStacked(i - numCarries);
      }
    }
    loop = editor.finish();
  }
  LoopEditor editor(loop);
  const llvm::SmallBitVector live = liveCarries(loop);
  for (unsigned i = 0; i < numCarries; ++i) {
    if (!live[i]) {
      editor.removeCarry(i);
    }
  }
  loop = editor.finish();
  eraseDeadOps(loop.getBodyBlock());
  LoopEditor rows(loop);
  llvm::DenseMap<Value, Value> rowOf;
  for (auto [i, row] : llvm::enumerate(loop.getRowArguments())) {
    if (auto equal = row.use_empty() ? std::nullopt : splatValueOf(loop.getScanned()[i])) {
      mlir::OpBuilder b = mlir::OpBuilder::atBlockBegin(&loop.getBodyBlock());
      row.replaceAllUsesWith(splatLike(b, loop.getLoc(), *equal, row));
      continue;
    }
    Value& first = rowOf[loop.getScanned()[i]];
    if (first) {
      row.replaceAllUsesWith(first);
    } else {
      first = row;
    }
  }
  for (auto [i, row] : llvm::enumerate(loop.getRowArguments())) {
    if (row.use_empty()) {
      rows.removeScanned(static_cast<unsigned>(i));
    }
  }
  return rows.finish();
}

}  // namespace

void pruneLoops(mlir::Block& block) {
  // From the end, since what reads a loop's results comes after it; from the outside, since a body's yields do.
  for (mlir::Operation* op = block.empty() ? nullptr : &block.back(); op != nullptr;) {
    mlir::Operation* before = op->getPrevNode();
    if (mlir::isOpTriviallyDead(op)) {
      op->erase();
    } else if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      loop = removeUnused(loop);
      pruneLoops(loop.getBodyBlock());
      removeUnused(loop);
    } else {
      for (mlir::Region& region : op->getRegions()) {
        for (mlir::Block& inner : region) {
          pruneLoops(inner);
        }
      }
    }
    op = before;
  }
}

}  // namespace kiln::compiler
