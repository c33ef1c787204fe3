// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <numeric>

#include "compiler/dialect/op_factory.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_FOLDTRANSPOSES
#include "compiler/fuse/passes.inc"

namespace {

class FoldTransposes : public impl::FoldTransposesBase<FoldTransposes> {
 public:
  void runOnOperation() override {
    getOperation().walk([&](MatmulOp op) {
      while (Value a = foldable(op, op.getA())) {
        fold(op, op.getAMutable(), a);
        op.setTransposeA(!op.getTransposeA());
      }
      while (Value b = foldable(op, op.getB())) {
        fold(op, op.getBMutable(), b);
        op.setTransposeB(!op.getTransposeB());
      }
      if (Value a = op.getTransposeA() ? transposedOutside(op, op.getA()) : Value()) {
        op.getAMutable().set(a);
        op.setTransposeA(false);
      }
      if (Value b = op.getTransposeB() ? transposedOutside(op, op.getB()) : Value()) {
        op.getBMutable().set(b);
        op.setTransposeB(false);
      }
    });
    outside_.clear();
  }

 private:
  /// The outermost loop around `op` that `value` comes from before, or null.
  static mlir::Operation* loopAfter(Value value, mlir::Operation* op) {
    mlir::Operation* found = nullptr;
    for (mlir::Operation* loop = op->getParentOp(); loop; loop = loop->getParentOp()) {
      if (loop->isAncestor(value.getParentBlock()->getParentOp())) {
        break;
      }
      found = llvm::isa<LoopOp, UnwindOp>(loop) ? loop : found;
    }
    return found;
  }

  static Value foldable(MatmulOp op, Value operand) {
    Value source = lastAxesExchanged(operand);
    return source && !loopAfter(operand, op) ? source : Value();
  }

  /// A transpose of `operand` before the loop that would read it in the other order in every step.
  Value transposedOutside(MatmulOp op, Value operand) {
    mlir::Operation* loop = loopAfter(operand, op);
    if (!loop) {
      return {};
    }
    Value& known = outside_[{operand, loop}];
    if (!known) {
      const int rank = shapeOf(operand.getType()).rank();
      llvm::SmallVector<int64_t> permutation(static_cast<size_t>(rank));
      std::iota(permutation.begin(), permutation.end(), 0);
      std::swap(permutation[rank - 1], permutation[rank - 2]);
      mlir::OpBuilder b(loop);
      known = transposeBy(b, op.getLoc(), operand, permutation);
      ++numHoisted;
    }
    return known;
  }

  void fold(MatmulOp op, mlir::OpOperand& operand, Value source) {
    mlir::Operation* transpose = operand.get().getDefiningOp();
    operand.set(source);
    if (transpose->use_empty()) {
      transpose->erase();
    }
    ++numFolded;
  }

  llvm::DenseMap<std::pair<Value, mlir::Operation*>, Value> outside_;
};

}  // namespace
}  // namespace kiln::compiler
