// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loops and branches without what nobody reads, and without those that are known before the run.
#include <algorithm>

#include "compiler/dialect/op_factory.h"
#include "compiler/simplify/loop_editor.h"
#include "llvm/ADT/BitVector.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_SIMPLIFYLOOPS
#include "compiler/simplify/passes.inc"

namespace {

using Values = llvm::SmallVector<Value>;

/// Moves the ops of a block without arguments before `op`; gives what it yields.
Values inlineBefore(mlir::Operation* op, mlir::Block& block) {
  mlir::Operation* yield = block.getTerminator();
  Values yielded(yield->getOperands());
  yield->erase();
  op->getBlock()->getOperations().splice(op->getIterator(), block.getOperations());
  return yielded;
}

bool takeKnownBranch(BranchOp branch) {
  auto selector = splatValueOf(branch.getSelector());
  const size_t numBranches = branch.getBranches().size();
  if (!selector) {
    return false;
  }
  const bool isBool = dtypeOf(branch.getSelector().getType()) == boolean;
  const double number = isBool ? (*selector != 0 ? 0 : 1) : *selector;
  if (number < 0 || number >= static_cast<double>(numBranches)) {
    return false;  // a fault, if it runs
  }
  mlir::Region& taken = branch.getBranches()[static_cast<unsigned>(number)];
  branch->replaceAllUsesWith(inlineBefore(branch, taken.front()));
  branch->erase();
  return true;
}

/// Drops results of a branch that nobody reads, and those that all regions take from one place outside.
bool pruneBranch(BranchOp branch) {
  llvm::BitVector dead(branch.getNumResults());
  for (unsigned i = 0; i < branch.getNumResults(); ++i) {
    Value first = branch.getBranches().front().front().getTerminator()->getOperand(i);
    const bool isShared = !branch->isAncestor(first.getParentRegion()->getParentOp()) &&
                          llvm::all_of(branch.getBranches(), [&](mlir::Region& region) {
                            return region.front().getTerminator()->getOperand(i) == first;
                          });
    if (isShared) {
      branch.getResult(i).replaceAllUsesWith(first);
    }
    dead[i] = branch.getResult(i).use_empty();
  }
  if (dead.none()) {
    return false;
  }
  for (mlir::Region& region : branch.getBranches()) {
    region.front().getTerminator()->eraseOperands(dead);
  }
  mlir::OpBuilder b(branch);
  llvm::SmallVector<mlir::Type> types;
  for (unsigned i = 0; i < dead.size(); ++i) {
    if (!dead[i]) {
      types.push_back(branch.getResult(i).getType());
    }
  }
  auto made = BranchOp::create(b, branch.getLoc(), types, branch.getSelector(),
                               static_cast<unsigned>(branch.getBranches().size()));
  for (auto [to, from] : llvm::zip(made.getBranches(), branch.getBranches())) {
    to.takeBody(from);
  }
  unsigned next = 0;
  for (unsigned i = 0; i < dead.size(); ++i) {
    if (!dead[i]) {
      branch.getResult(i).replaceAllUsesWith(made.getResult(next++));
    }
  }
  branch->erase();
  return true;
}

/// Carries that never change are their first values.
void releaseInvariants(LoopOp loop) {
  mlir::Operation* yield = loop.getBodyBlock().getTerminator();
  for (unsigned i = 0; i < loop.getNumCarries(); ++i) {
    mlir::BlockArgument argument = loop.getCarryArguments()[i];
    const Value init = loop.getInits()[i];
    if (yield->getOperand(i) != argument && yield->getOperand(i) != init) {
      continue;
    }
    argument.replaceAllUsesWith(init);
    yield->setOperand(i, argument);
    if (loop.hasCondition()) {
      loop.getCondition().front().getArgument(i).replaceAllUsesWith(init);
    }
    loop.getResult(i).replaceAllUsesWith(init);
  }
}

std::optional<int64_t> wholeNumber(Value value) {
  auto number = splatValueOf(value);
  if (!number || dtypeOf(value.getType()) != i64 || *number < -0x1p52 || *number > 0x1p52) {
    return std::nullopt;
  }
  return static_cast<int64_t>(*number);
}

/// `while (c < end) c = c + 1` runs a number of times that is known when it starts.
bool countWhile(LoopOp loop) {
  if (!loop.hasCondition()) {
    return false;
  }
  mlir::Block& condition = loop.getCondition().front();
  auto less = condition.getTerminator()->getOperand(0).getDefiningOp<LessOp>();
  auto counter = less ? llvm::dyn_cast<mlir::BlockArgument>(less.getX()) : mlir::BlockArgument();
  if (!counter || counter.getOwner() != &condition || dtypeOf(counter.getType()) != i64) {
    return false;
  }
  const unsigned carry = counter.getArgNumber();
  Value end = less.getY(), init = loop.getInits()[carry];
  auto next = loop.getBodyBlock().getTerminator()->getOperand(carry).getDefiningOp<AddOp>();
  const mlir::BlockArgument argument = loop.getCarryArguments()[carry];
  const bool isCounted = next && ((next.getX() == argument && wholeNumber(next.getY()) == 1) ||
                                  (next.getY() == argument && wholeNumber(next.getX()) == 1));
  // The end is a constant, or lies outside.
  mlir::Operation* endOp = end.getDefiningOp();
  const bool isInside = end.getParentBlock() == &condition;
  if (!isCounted || (isInside && !(endOp && wholeNumber(end)))) {
    return false;
  }
  mlir::OpBuilder b(loop);
  const std::optional<int64_t> first = wholeNumber(init), last = wholeNumber(end);
  const bool hasRows = !loop.getScanned().empty() || loop.getNumStacked() != 0;
  const Dim most = loop.getLength() ? loop.getLength()->getShape()[0] : Dim(-1);
  if (first && last) {
    const int64_t trips = std::max<int64_t>(*last - *first, 0);
    if (loop.getLength() && !most.isStatic()) {
      return false;
    }
    const int64_t steps = loop.getLength() ? std::min(trips, most.value()) : trips;
    if (hasRows && steps != most.value()) {
      return false;
    }
    loop.setLengthAttr(ShapeAttr::get(b.getContext(), Shape{Dim(steps)}));
  } else {
    if (loop.getLength()) {
      return false;
    }
    const Value zero = splat(b, loop.getLoc(), 0, valueType(init.getType()));
    const Value count = create(b, loop.getLoc(), "maximum", {sub(b, loop.getLoc(), end, init), zero});
    loop.getCountMutable().assign(count);
  }
  loop.getCondition().front().erase();
  return true;
}

/// A loop of no step gives its initial values, one of one step is its body.
bool inlineShort(LoopOp loop) {
  if (loop.getCount() || loop.hasCondition() || !loop.getLength()->getShape()[0].isStatic()) {
    return false;
  }
  const int64_t trips = loop.getLength()->getShape()[0].value();
  if (trips > 1) {
    return false;
  }
  mlir::OpBuilder b(loop);
  const mlir::Location loc = loop.getLoc();
  Values results(loop.getInits());
  if (trips == 1) {
    mlir::Block& body = loop.getBodyBlock();
    loop.getStep().replaceAllUsesWith(splat(b, loc, 0, valueType(loop.getStep().getType())));
    for (auto [argument, init] : llvm::zip(loop.getCarryArguments(), loop.getInits())) {
      argument.replaceAllUsesWith(init);
    }
    for (auto [argument, rows] : llvm::zip(loop.getRowArguments(), loop.getScanned())) {
      argument.replaceAllUsesWith(reshapeTo(b, loc, rows, shapeOf(argument.getType())));
    }
    body.eraseArguments(0, body.getNumArguments());
    results = inlineBefore(loop, body);
  }
  for (unsigned i = loop.getNumCarries(); i < loop.getNumResults(); ++i) {
    const ValueType type = valueType(loop.getResult(i).getType());
    if (trips == 0) {
      results.push_back(splat(b, loc, 0, type));
    } else {
      results[i] = reshapeTo(b, loc, results[i], type.shape);
    }
  }
  loop->replaceAllUsesWith(results);
  loop->erase();
  return true;
}

class SimplifyLoops : public impl::SimplifyLoopsBase<SimplifyLoops> {
  void runOnOperation() override {
    while (simplify()) {
    }
    for (mlir::Region& region : getOperation()->getRegions()) {
      for (mlir::Block& block : region) {
        pruneLoops(block);
      }
    }
  }

  /// One round, inner ones first; true when another may find more.
  bool simplify() {
    bool isChanged = false;
    llvm::SmallVector<mlir::Operation*> found;
    getOperation()->walk<mlir::WalkOrder::PostOrder>([&](mlir::Operation* op) {
      if (llvm::isa<LoopOp, BranchOp>(op)) {
        found.push_back(op);
      }
    });
    for (mlir::Operation* op : found) {
      if (auto branch = llvm::dyn_cast<BranchOp>(op)) {
        isChanged |= takeKnownBranch(branch) || pruneBranch(branch);
        continue;
      }
      auto loop = llvm::cast<LoopOp>(op);
      if (inlineShort(loop)) {
        isChanged = true;
        continue;
      }
      isChanged |= countWhile(loop);
      releaseInvariants(loop);
    }
    return isChanged;
  }
};

}  // namespace
}  // namespace kiln::compiler
