// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/fuse/build_kernel.h"
#include "compiler/fuse/clusters.h"
#include "compiler/fuse/native.h"
#include "compiler/fuse/prepare_blocks.h"
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
    // Functions without kernels only: a second run finds nothing to do.
    if (!function->hasAttr(kEntryAttr) ||
        function.walk([](KernelOp) { return mlir::WalkResult::interrupt(); }).wasInterrupted()) {
      return;
    }
    mlir::Block& block = function.getBody().front();
    prepareBlocks(function);
    formIn(block);
  }

 private:
  /// Forms the kernels of the regions' blocks, then those of the block.
  void formIn(mlir::Block& block) {
    for (mlir::Operation& op : block) {
      for (mlir::Region& region : op.getRegions()) {
        if (!region.empty() && !llvm::isa<KernelOp>(&op)) {
          formIn(region.front());
        }
      }
    }
    auto explainTo = [&](mlir::Operation* consumer, mlir::Operation* producer, llvm::StringRef why) {
      if (explain && producer) {
        consumer->emitRemark() << "is not in one kernel with " << producer->getName() << " at " << producer->getLoc()
                               << ": " << why;
      }
    };
    ClusterFormer former(block, explainTo);
    const std::vector<Cluster> clusters = former.form();
    mlir::Operation* end = block.getTerminator();
    llvm::SmallVector<mlir::Operation*> old;
    for (mlir::Operation& op : block.without_terminator()) {
      if (!(llvm::isa<ConstantOp>(&op) && !isIndexOp(&op)) && !staysItself(&op)) {
        old.push_back(&op);
      }
    }
    KernelBuilder builder(end, former, names_);
    for (const Cluster& cluster : clusters) {
      if (staysItself(cluster.ops.front())) {
        cluster.ops.front()->moveBefore(end);
        continue;
      }
      builder.build(cluster);
      ++numKernels;
    }
    builder.replaceUses();
    for (mlir::Operation* op : llvm::reverse(old)) {
      op->erase();
    }
  }

  /// Leaves in each block what its kernels can be made of.
  void prepareBlocks(mlir::func::FuncOp function) {
    names_.clear();
    mlir::Block& block = function.getBody().front();
    dropMarks(function);
    do {
      dropUnused(block);
    } while (dropUnmentioned(function));
    hoistConstants(function);
    function.walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
      if (!llvm::isa<LoopOp, BranchOp, UnwindOp>(op) || !runsNatively(op)) {
        return mlir::WalkResult::advance();
      }
      buildNativeKernel(op, names_);
      ++numKernels;
      return mlir::WalkResult::skip();
    });
    copyIndexOps(function);
    // Splats and shapes are left behind that only copies and kernels had use for.
    dropUnused(block);
  }

  std::set<std::string> names_;
};

}  // namespace
}  // namespace kiln::compiler
