// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
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
      while (Value a = lastAxesExchanged(op.getA())) {
        fold(op, op.getAMutable(), a);
        op.setTransposeA(!op.getTransposeA());
      }
      while (Value b = lastAxesExchanged(op.getB())) {
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
