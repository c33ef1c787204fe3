// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/expand_composites.h"

#include "llvm/ADT/TypeSwitch.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_EXPANDCOMPOSITES
#include "compiler/simplify/passes.inc"

namespace {

Expansion expansionOf(mlir::Operation* op) {
  return llvm::TypeSwitch<mlir::Operation*, Expansion>(op)
      .Case<SoftmaxOp>([](auto) { return expandSoftmax; })
      .Case<LogSoftmaxOp>([](auto) { return expandLogSoftmax; })
      .Case<SoftmaxCrossEntropyOp>([](auto) { return expandSoftmaxCrossEntropy; })
      .Case<SoftmaxCrossEntropyDenseOp>([](auto) { return expandSoftmaxCrossEntropyDense; })
      .Case<SgdOp>([](auto) { return expandSgd; })
      .Case<MomentumOp>([](auto) { return expandMomentum; })
      .Case<AdamOp>([](auto) { return expandAdam; })
      .Default([](auto) { return nullptr; });
}

class ExpandComposites : public impl::ExpandCompositesBase<ExpandComposites> {
  void runOnOperation() override {
    llvm::SmallVector<std::pair<mlir::Operation*, Expansion>> composites;
    getOperation()->walk([&](mlir::Operation* op) {
      if (Expansion expansion = expansionOf(op)) {
        composites.emplace_back(op, expansion);
      }
    });
    for (auto [op, expansion] : composites) {
      mlir::OpBuilder b(op);
      op->replaceAllUsesWith(expansion(b, op));
      op->erase();
    }
  }
};

}  // namespace
}  // namespace kiln::compiler
