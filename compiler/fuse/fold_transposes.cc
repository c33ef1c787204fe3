// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_FOLDTRANSPOSES
#include "compiler/fuse/passes.inc"

namespace {

// The operand of a transpose that exchanges the last two axes and no others.
Value exchanged(Value value) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  if (!transpose) {
    return {};
  }
  llvm::ArrayRef<int64_t> permutation = transpose.getPermutation();
  const int64_t rank = static_cast<int64_t>(permutation.size());
  for (int64_t axis = 0; axis < rank; ++axis) {
    const int64_t wanted = axis < rank - 2 ? axis : (axis == rank - 2 ? rank - 1 : rank - 2);
    if (permutation[axis] != wanted) {
      return {};
    }
  }
  return rank >= 2 ? transpose.getX() : Value();
}

class FoldTransposes : public impl::FoldTransposesBase<FoldTransposes> {
 public:
  void runOnOperation() override {
    getOperation().walk([&](MatmulOp op) {
      while (Value a = exchanged(op.getA())) {
        fold(op, op.getAMutable(), a);
        op.setTransposeA(!op.getTransposeA());
      }
      while (Value b = exchanged(op.getB())) {
        fold(op, op.getBMutable(), b);
        op.setTransposeB(!op.getTransposeB());
      }
    });
  }

 private:
  void fold(MatmulOp op, mlir::OpOperand& operand, Value source) {
    mlir::Operation* transpose = operand.get().getDefiningOp();
    operand.set(source);
    if (transpose->use_empty()) {
      transpose->erase();
    }
    ++numFolded;
  }
};

}  // namespace
}  // namespace kiln::compiler
