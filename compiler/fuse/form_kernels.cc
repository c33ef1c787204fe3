// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/fuse/build_kernel.h"
#include "compiler/fuse/clusters.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
#define GEN_PASS_DECL_FORMKERNELS
#define GEN_PASS_DEF_FORMKERNELS
#include "compiler/fuse/passes.inc"

namespace {

class FormKernels : public impl::FormKernelsBase<FormKernels> {
 public:
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    mlir::func::FuncOp function = getOperation();
    mlir::Block& block = function.getBody().front();
    // Functions without kernels only: a second run finds nothing to do.
    if (!function->hasAttr(kEntryAttr) ||
        llvm::any_of(block, [](mlir::Operation& op) { return llvm::isa<KernelOp>(&op); })) {
      return;
    }
    dropUnused(block);
    auto explainTo = [&](mlir::Operation* consumer, mlir::Operation* producer, llvm::StringRef why) {
      if (explain && producer) {
        consumer->emitRemark() << "is not in one kernel with " << producer->getName() << " at " << producer->getLoc()
                               << ": " << why;
      }
    };
    ClusterFormer former(function, explainTo);
    const std::vector<Cluster> clusters = former.form();
    mlir::Operation* end = block.getTerminator();
    llvm::SmallVector<mlir::Operation*> old;
    for (mlir::Operation& op : block.without_terminator()) {
      if (!(llvm::isa<ConstantOp>(&op) && !isIndexOp(&op))) {
        old.push_back(&op);
      }
    }
    KernelBuilder builder(end, former);
    for (const Cluster& cluster : clusters) {
      builder.build(cluster);
      ++numKernels;
    }
    for (mlir::OpOperand& operand : end->getOpOperands()) {
      operand.set(builder.resultFor(operand.get()));
    }
    for (mlir::Operation* op : llvm::reverse(old)) {
      op->erase();
    }
  }

 private:
  static void dropUnused(mlir::Block& block) {
    for (mlir::Operation *op = block.getTerminator()->getPrevNode(), *next = nullptr; op; op = next) {
      next = op->getPrevNode();
      if (op->use_empty()) {
        op->erase();
      }
    }
  }
};

}  // namespace
}  // namespace kiln::compiler
