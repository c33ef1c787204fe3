// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/op_factory.h"
#include "compiler/dialect/scatters.h"
#include "compiler/simplify/loop_editor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {

#define GEN_PASS_DEF_SCATTERINPLACE
#include "compiler/differentiate/passes.inc"

namespace {

// The scatter into zeros that nothing else reads, or null.
ScatterAddOp scatteredIntoZeros(Value value) {
  auto scatter = value.getDefiningOp<ScatterAddOp>();
  return scatter && value.hasOneUse() && splatValueOf(scatter->getOperand(0)) == 0.0 ? scatter : ScatterAddOp();
}

struct ScatterInPlace : impl::ScatterInPlaceBase<ScatterInPlace> {
  void runOnOperation() override {
    getOperation().walk([](AddOp sum) {
      for (unsigned i : {1u, 0u}) {
        ScatterAddOp scatter = scatteredIntoZeros(sum->getOperand(i));
        Value into = sum->getOperand(1 - i);
        if (!scatter || splatValueOf(into)) {
          continue;
        }
        scatter->moveBefore(sum);
        scatter->setOperand(0, into);
        sum->getResult(0).replaceAllUsesWith(scatter->getResult(0));
        sum->erase();
        return;
      }
    });
    // What else reads the tensor reads it before it is written over.
    getOperation().walk([](mlir::Operation* op) {
      if (!isScatterOp(op)) {
        return;
      }
      llvm::SmallVector<mlir::Operation*> readers;
      for (mlir::Operation* user : op->getOperand(0).getUsers()) {
        if (user != op && user->getBlock() == op->getBlock() && op->isBeforeInBlock(user) &&
            !user->hasTrait<mlir::OpTrait::IsTerminator>() && !isScatterOp(user)) {
          readers.push_back(user);
        }
      }
      for (mlir::Operation* reader : llvm::reverse(readers)) {
        (void)moveBefore(reader, op);  // stays where it is when it needs what is written
      }
    });
  }
};

}  // namespace
}  // namespace kiln::compiler
