// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/op_factory.h"
#include "compiler/differentiate/expand.h"
#include "compiler/simplify/loop_editor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/OperationSupport.h"

namespace kiln::compiler {

#define GEN_PASS_DEF_MERGELOOPS
#include "compiler/differentiate/passes.inc"

namespace {

/// How often a loop runs, but for its condition: a number, or as often as a value says.
struct Trips {
  std::optional<Dim> number;
  Value count;
};

Trips tripsOf(LoopOp loop) {
  Value count = loop.getCount();
  if (!count) {
    return {loop.getLength() ? std::optional(loop.getLength()->getShape()[0]) : std::nullopt, {}};
  }
  if (auto bound = count.getDefiningOp<BindDimOp>()) {
    count = bound->getOperand(0);
  }
  if (auto known = splatValueOf(count); known && *known >= 0) {
    return {Dim(static_cast<int64_t>(*known)), {}};
  }
  return {std::nullopt, count};
}

/// Finds in one block what another computes, given which of their values are the same.
class Matcher {
 public:
  /// `around` knows of values from outside, when the two blocks are not within one.
  explicit Matcher(const Matcher* around = nullptr) : around_(around) {}

  void map(Value from, Value to) { map_[from] = to; }
  /// The same value for the other block; values from outside of both are their own.
  Value lookup(Value from) const {
    if (Value to = map_.lookup(from)) {
      return to;
    }
    return around_ != nullptr ? around_->lookup(from) : from;
  }

  bool match(mlir::Block& from, mlir::Block& to) {
    llvm::StringMap<llvm::SmallVector<mlir::Operation*>> byName;
    for (mlir::Operation& op : to.without_terminator()) {
      byName[op.getName().getStringRef()].push_back(&op);
    }
    for (mlir::Operation& op : from.without_terminator()) {
      if (llvm::any_of(byName[op.getName().getStringRef()],
                       [&](mlir::Operation* candidate) { return isWithin(&op, candidate); })) {
        continue;
      }
      if (!llvm::isa<PrintOp, AssertThatOp>(op)) {
        return false;
      }
      // Where a loop was copied, its copy does not print again.
      map(op.getResult(0), lookup(op.getOperand(0)));
    }
    return true;
  }

  /// `big` has the carries of `small` first, and computes the same with them. Maps the values of the body.
  bool matchLoops(LoopOp small, LoopOp big) {
    if (!runAlike(small, big) || small.getNumCarries() > big.getNumCarries()) {
      return false;
    }
    map(small.getStep(), big.getStep());
    for (unsigned i = 0; i < small.getNumCarries(); ++i) {
      if (lookup(small.getInits()[i]) != big.getInits()[i]) {
        return false;
      }
      map(small.getCarryArguments()[i], big.getCarryArguments()[i]);
    }
    for (auto [row, scanned] : llvm::zip(small.getRowArguments(), small.getScanned())) {
      auto found = llvm::find(big.getScanned(), lookup(scanned));
      if (found == big.getScanned().end()) {
        return false;
      }
      map(row, big.getRowArguments()[static_cast<size_t>(found - big.getScanned().begin())]);
    }
    if (small.hasCondition()) {
      for (unsigned i = 0; i < small.getNumCarries(); ++i) {
        map(small.getCondition().getArgument(i), big.getCondition().getArgument(i));
      }
      mlir::Block &a = small.getCondition().front(), &b = big.getCondition().front();
      if (!match(a, b) || lookup(a.getTerminator()->getOperand(0)) != b.getTerminator()->getOperand(0)) {
        return false;
      }
    }
    mlir::Block &a = small.getBodyBlock(), &b = big.getBodyBlock();
    return match(a, b) && llvm::all_of(llvm::seq(small.getNumCarries()), [&](unsigned i) {
             return lookup(a.getTerminator()->getOperand(i)) == b.getTerminator()->getOperand(i);
           });
  }

 private:
  // The steps that both run are the same ones, and rows of the first are rows of the second.
  bool runAlike(LoopOp small, LoopOp big) const {
    const Trips a = tripsOf(small), b = tripsOf(big);
    return a.number == b.number && (a.count ? lookup(a.count) : a.count) == b.count &&
           small.getReverse() == big.getReverse() && small.hasCondition() == big.hasCondition() &&
           (!small.getLengthAttr() || small.getLengthAttr() == big.getLengthAttr());
  }

  // What `op` computes is among what `candidate` does.
  bool isWithin(mlir::Operation* op, mlir::Operation* candidate) {
    llvm::SmallVector<std::pair<Value, Value>> inner;
    auto isSame = [&](Value a, Value b) {
      for (auto [x, y] : inner) {
        if (x == a) {
          return llvm::success(y == b);
        }
      }
      return llvm::success(lookup(a) == b);
    };
    auto remember = [&](Value a, Value b) { inner.push_back({a, b}); };
    if (mlir::OperationEquivalence::isEquivalentTo(op, candidate, isSame, remember,
                                                   mlir::OperationEquivalence::IgnoreLocations)) {
      for (auto [a, b] : llvm::zip(op->getResults(), candidate->getResults())) {
        map(a, b);
      }
      return true;
    }
    Matcher nested(this);
    if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      auto big = llvm::cast<LoopOp>(candidate);
      if (!nested.matchLoops(loop, big)) {
        return false;
      }
      const unsigned numCarries = loop.getNumCarries();
      mlir::OperandRange from = loop.getBodyBlock().getTerminator()->getOperands();
      mlir::OperandRange to = big.getBodyBlock().getTerminator()->getOperands();
      llvm::SmallVector<Value> results(big.getResults().take_front(numCarries));
      for (unsigned i = numCarries; i < loop.getNumResults(); ++i) {
        unsigned at = big.getNumCarries();
        while (at < big.getNumResults() && to[at] != nested.lookup(from[i])) {
          ++at;
        }
        if (at == big.getNumResults()) {
          return false;
        }
        results.push_back(big.getResult(at));
      }
      for (auto [a, b] : llvm::zip(loop.getResults(), results)) {
        map(a, b);
      }
      return true;
    }
    auto branch = llvm::dyn_cast<BranchOp>(op);
    auto big = llvm::dyn_cast<BranchOp>(candidate);
    if (!branch || branch.getNumResults() > big.getNumResults() || lookup(branch.getSelector()) != big.getSelector() ||
        branch.getBranches().size() != big.getBranches().size()) {
      return false;
    }
    for (auto [a, b] : llvm::zip(branch.getBranches(), big.getBranches())) {
      mlir::OperandRange from = a.front().getTerminator()->getOperands(), to = b.front().getTerminator()->getOperands();
      if (!nested.match(a.front(), b.front()) || !llvm::all_of(llvm::seq(branch.getNumResults()), [&](unsigned i) {
            return nested.lookup(from[i]) == to[i];
          })) {
        return false;
      }
    }
    for (auto [a, b] : llvm::zip(branch.getResults(), big.getResults())) {
      map(a, b);
    }
    return true;
  }

  const Matcher* around_;
  llvm::DenseMap<Value, Value> map_;
};

/// Lets `big` do what `small` does; null when it cannot.
LoopOp merge(LoopOp small, LoopOp big) {
  Matcher matcher;
  if (!matcher.matchLoops(small, big)) {
    return {};
  }
  if (small->isBeforeInBlock(big) && !moveBefore(big, small)) {
    return {};
  }
  const unsigned numCarries = small.getNumCarries();
  // A row from outside may have been computed from what `big` gives.
  for (Value yielded : small.getBodyBlock().getTerminator()->getOperands().drop_front(numCarries)) {
    mlir::Operation* maker = matcher.lookup(yielded).getDefiningOp();
    if (maker != nullptr && maker->getBlock() == big->getBlock() && !maker->isBeforeInBlock(big)) {
      return {};
    }
  }
  LoopEditor editor(big);
  llvm::SmallVector<unsigned> results;
  mlir::Operation *from = small.getBodyBlock().getTerminator(), *to = big.getBodyBlock().getTerminator();
  for (unsigned i = 0; i < small.getNumResults(); ++i) {
    if (i < numCarries) {
      results.push_back(i);
      continue;
    }
    Value stacked = matcher.lookup(from->getOperand(i));
    unsigned at = big.getNumCarries();
    while (at < big.getNumResults() && to->getOperand(at) != stacked) {
      ++at;
    }
    results.push_back(at < big.getNumResults() ? at : editor.addStacked(stacked));
  }
  big = editor.finish();
  for (auto [result, i] : llvm::zip(small.getResults(), results)) {
    result.replaceAllUsesWith(big.getResult(i));
  }
  small.erase();
  return big;
}

void mergeWithin(mlir::Block& block) {
  llvm::SmallVector<LoopOp> loops;
  for (mlir::Operation& op : block) {
    if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      loops.push_back(loop);
    }
  }
  for (size_t i = 0; i < loops.size(); ++i) {
    for (size_t k = 0; k < loops.size() && loops[i]; ++k) {
      if (i == k || !loops[k]) {
        continue;
      }
      if (LoopOp merged = merge(loops[i], loops[k])) {
        loops[i] = {};
        loops[k] = merged;
      }
    }
  }
  for (mlir::Operation& op : block) {
    for (mlir::Region& region : op.getRegions()) {
      for (mlir::Block& inner : region) {
        mergeWithin(inner);
      }
    }
  }
}

struct MergeLoops : impl::MergeLoopsBase<MergeLoops> {
  void runOnOperation() override {
    for (mlir::Region& region : getOperation()->getRegions()) {
      for (mlir::Block& block : region) {
        mergeWithin(block);
        pruneLoops(block);
      }
    }
  }
};

}  // namespace
}  // namespace kiln::compiler
