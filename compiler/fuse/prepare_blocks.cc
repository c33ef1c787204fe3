// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/fuse/prepare_blocks.h"

#include <map>

#include "compiler/dialect/bound_dims.h"
#include "compiler/fuse/clusters.h"

namespace kiln::compiler {
using mlir::Operation;

void dropMarks(mlir::func::FuncOp function) {
  llvm::SmallVector<Operation*> marks;
  function.walk([&](Operation* op) {
    if (llvm::isa<OptimizationBarrierOp, StopGradientOp>(op)) {
      marks.push_back(op);
    }
  });
  for (Operation* op : marks) {
    op->replaceAllUsesWith(op->getOperands());
    op->erase();
  }
}

void dropUnused(mlir::Block& block) {
  for (Operation *op = block.getTerminator()->getPrevNode(), *next = nullptr; op; op = next) {
    next = op->getPrevNode();
    if (op->use_empty() && !llvm::isa<BindDimOp>(op)) {
      op->erase();
      continue;
    }
    for (mlir::Region& region : op->getRegions()) {
      if (!region.empty()) {
        dropUnused(region.front());
      }
    }
  }
}

bool dropUnmentioned(mlir::func::FuncOp function) {
  llvm::SmallVector<BindDimOp> binds;
  function.walk([&](BindDimOp bind) {
    if (bind->use_empty()) {
      binds.push_back(bind);
    }
  });
  if (binds.empty()) {
    return false;
  }
  const std::set<std::string> mentioned = symbolsMentionedIn(function);
  bool hasErased = false;
  for (BindDimOp bind : binds) {
    if (!mentioned.contains(bind.getSymbol().str())) {
      bind.erase();
      hasErased = true;
    }
  }
  return hasErased;
}

void hoistConstants(mlir::func::FuncOp function) {
  mlir::Block& entry = function.getBody().front();
  llvm::SmallVector<Operation*> constants;
  function.walk([&](ConstantOp op) {
    if (op->getBlock() != &entry && !isIndexOp(op)) {
      constants.push_back(op);
    }
  });
  for (Operation* op : llvm::reverse(constants)) {
    op->moveBefore(&entry, entry.begin());
  }
}

namespace {

class Copier {
 public:
  /// The copy of `op` for `block`, whose ops are to contain it.
  Operation* copyFor(mlir::Block* block, Operation* op) {
    auto [known, isNew] = copies_.try_emplace({block, op}, nullptr);
    if (!isNew) {
      return known->second;
    }
    // After the copies that there are, which it may read.
    Operation* first = firsts_.try_emplace(block, &block->front()).first->second;
    llvm::SmallVector<Value> operands(op->getOperands());
    for (Value& operand : operands) {
      Operation* producer = operand.getDefiningOp();
      if (producer != nullptr && isIndexOp(producer)) {
        operand = copyFor(block, producer)->getResult(0);
      }
    }
    Operation* copy = mlir::OpBuilder(first).clone(*op);
    copy->setOperands(operands);
    copies_[{block, op}] = copy;
    return copy;
  }

  void copyOperands(Operation* op) {
    for (mlir::OpOperand& operand : op->getOpOperands()) {
      Operation* producer = operand.get().getDefiningOp();
      if (producer == nullptr || !isIndexOp(producer) || producer->getBlock() == op->getBlock() ||
          op->hasTrait<mlir::OpTrait::IsTerminator>() || (readsMemory(op) && !repeatsMatrices(producer, op))) {
        continue;
      }
      operand.set(copyFor(op->getBlock(), producer)->getResult(0));
    }
  }

 private:
  std::map<std::pair<mlir::Block*, Operation*>, Operation*> copies_;
  llvm::DenseMap<mlir::Block*, Operation*> firsts_;
};

}  // namespace

void copyIndexOps(mlir::func::FuncOp function) {
  Copier copier;
  llvm::SmallVector<Operation*> inner;
  function.walk<mlir::WalkOrder::PreOrder>([&](Operation* op) {
    if (llvm::isa<KernelOp>(op)) {
      return mlir::WalkResult::skip();
    }
    if (op != function && op->getBlock() != &function.getBody().front()) {
      inner.push_back(op);
    }
    return mlir::WalkResult::advance();
  });
  for (Operation* op : inner) {
    copier.copyOperands(op);
  }
}

}  // namespace kiln::compiler
