// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/differentiate/active_values.h"
#include "compiler/simplify/loop_editor.h"

#include "mlir/Transforms/RegionUtils.h"

namespace kiln::compiler {

ActiveValues::ActiveValues(mlir::Block& block) {
  for (mlir::BlockArgument argument : block.getArguments()) {
    mark(argument);
  }
  for (mlir::Operation& op : block.without_terminator()) {
    if (markOp(op)) {
      ops_.push_back(&op);
    }
  }
}

bool ActiveValues::mark(Value value) { return isFloat(dtypeOf(value.getType())) && active_.insert(value).second; }

void ActiveValues::markBlock(mlir::Block& block) {
  for (mlir::Operation& op : block.without_terminator()) {
    markOp(op);
  }
}

bool ActiveValues::markArguments(mlir::Region& region, mlir::ValueRange operands) {
  bool changed = false;
  for (auto [argument, operand] : llvm::zip(region.getArguments(), operands)) {
    changed |= contains(operand) && mark(argument);
  }
  return changed;
}

// Marks the results that depend on marked values; true when one is marked.
bool ActiveValues::markOp(mlir::Operation& op) {
  auto markWhere = [&](auto&& values) {
    for (auto [result, value] : llvm::zip(op.getResults(), values)) {
      if (contains(value)) {
        mark(result);
      }
    }
  };
  if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
    mlir::Block& body = loop.getBodyBlock();
    auto yields = body.getTerminator()->getOperands();
    for (auto [argument, init] : llvm::zip(loop.getCarryArguments(), loop.getInits())) {
      if (contains(init)) {
        mark(argument);
      }
    }
    for (auto [argument, scanned] : llvm::zip(loop.getRowArguments(), loop.getScanned())) {
      if (contains(scanned)) {
        mark(argument);
      }
    }
    bool changed = true;
    while (changed) {
      markBlock(body);
      changed = false;
      for (auto [argument, yield] : llvm::zip(loop.getCarryArguments(), yields)) {
        changed |= contains(yield) && mark(argument);
      }
    }
    // A carry that no step changes, or that no step runs for, is its initial value.
    for (auto [result, argument] : llvm::zip(loop.getResults(), loop.getCarryArguments())) {
      if (contains(argument)) {
        mark(result);
      }
    }
    markWhere(yields);
  } else if (auto branch = llvm::dyn_cast<BranchOp>(op)) {
    for (mlir::Region& region : branch.getBranches()) {
      markBlock(region.front());
      markWhere(region.front().getTerminator()->getOperands());
    }
  } else if (auto recompute = llvm::dyn_cast<RecomputeOp>(op)) {
    markArguments(recompute.getBody(), recompute.getInputs());
    markBlock(recompute.getBody().front());
    markWhere(recompute.getBody().front().getTerminator()->getOperands());
  } else if (!llvm::isa<StopGradientOp>(op) && llvm::any_of(op.getOperands(), [&](Value v) { return contains(v); })) {
    for (Value result : op.getResults()) {
      mark(result);
    }
  }
  return llvm::any_of(op.getResults(), [&](Value v) { return contains(v); });
}

llvm::DenseSet<Value> ActiveValues::reachingFrom(llvm::ArrayRef<Value> ends) const {
  llvm::DenseSet<Value> reached;
  llvm::SmallVector<Value> work;
  auto push = [&](Value value) {
    if (contains(value) && reached.insert(value).second) {
      work.push_back(value);
    }
  };
  llvm::for_each(ends, push);
  while (!work.empty()) {
    mlir::Operation* op = work.pop_back_val().getDefiningOp();
    if (op == nullptr) {
      continue;
    }
    llvm::for_each(op->getOperands(), push);
    if (op->getNumRegions() != 0) {
      llvm::for_each(capturesOf(op), push);
    }
  }
  return reached;
}

}  // namespace kiln::compiler
