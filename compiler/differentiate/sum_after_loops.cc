// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/op_factory.h"
#include "compiler/differentiate/kept_values.h"
#include "compiler/differentiate/pipeline.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {

#define GEN_PASS_DECL_SUMAFTERLOOPS
#define GEN_PASS_DEF_SUMAFTERLOOPS
#include "compiler/differentiate/passes.inc"

namespace {

// A row exists for every step.
bool runsAllSteps(LoopOp loop) {
  if (!loop.getLengthAttr() || loop.hasCondition()) {
    return false;
  }
  auto bound = loop.getCount() ? loop.getCount().getDefiningOp<BindDimOp>() : BindDimOp();
  return !loop.getCount() || (bound && loop.getLength()->getShape()[0].asSymbol() == bound.getSymbol().str());
}

/// A carry that sums products: `carry + matmul`.
struct ProductSum {
  unsigned carry;
  mutable AddOp sum;
  mutable MatmulOp product;
};

std::optional<ProductSum> productSumOf(LoopOp loop, unsigned carry) {
  Value argument = loop.getCarryArguments()[carry];
  auto sum = loop.getBodyBlock().getTerminator()->getOperand(carry).getDefiningOp<AddOp>();
  if (!sum || !argument.hasOneUse() || !sum->getResult(0).hasOneUse() || splatValueOf(loop.getInits()[carry]) != 0.0) {
    return std::nullopt;
  }
  for (unsigned i : {0u, 1u}) {
    auto product = sum->getOperand(1 - i).getDefiningOp<MatmulOp>();
    if (sum->getOperand(i) == argument && product && product->getBlock() == &loop.getBodyBlock() &&
        shapeOf(argument.getType()).rank() == 2 && product->getOperand(0).getParentBlock() == product->getBlock() &&
        product->getOperand(1).getParentBlock() == product->getBlock()) {
      return ProductSum{carry, sum, product};
    }
  }
  return std::nullopt;
}

class SumAfterLoops : public impl::SumAfterLoopsBase<SumAfterLoops> {
 public:
  using SumAfterLoopsBase::SumAfterLoopsBase;
  explicit SumAfterLoops(const DifferentiateOptions& options) { memLimit = options.memLimit; }

 private:
  void runOnOperation() override {
    const Lengths lengths(getOperation());
    llvm::SmallVector<LoopOp> loops;
    int64_t stacked = 0;
    getOperation().walk<mlir::WalkOrder::PreOrder>([&](LoopOp loop) {
      loops.push_back(loop);
      for (Value result : loop.getResults().drop_front(loop.getNumCarries())) {
        stacked += lengths.bytes(result.getType());
      }
    });
    // Inner loops last to first, so that none is moved before it is looked at.
    for (LoopOp loop : llvm::reverse(loops)) {
      if (runsAllSteps(loop)) {
        rewrite(loop, lengths, stacked);
      }
    }
    for (mlir::Block& block : getOperation().getBody()) {
      pruneLoops(block);
    }
  }

  void rewrite(LoopOp loop, const Lengths& lengths, int64_t& stacked) {
    llvm::SmallVector<ProductSum> sums;
    for (unsigned i = 0; i < loop.getNumCarries(); ++i) {
      auto found = productSumOf(loop, i);
      if (!found) {
        continue;
      }
      int64_t bytes = 0;
      for (Value factor : found->product->getOperands()) {
        bytes += isRow(loop, factor) ? 0 : lengths.bytes(factor.getType());
      }
      bytes *= lengths(loop.getLength()->getShape()[0]);
      if (memLimit > 0 && (stacked + bytes > memLimit || Lengths::isOpen(loop.getLength()->getShape()[0]))) {
        continue;
      }
      stacked += bytes;
      sums.push_back(*found);
    }
    if (sums.empty()) {
      return;
    }
    const mlir::Location loc = loop.getLoc();
    struct Factors {
      Value rows[2];        // Where they are scanned already,
      unsigned results[2];  // or the stacked result.
    };
    llvm::SmallVector<std::pair<ProductSum, Factors>> made;
    LoopEditor editor(loop);
    for (const ProductSum& sum : sums) {
      editor.removeCarry(sum.carry);
    }
    for (ProductSum& sum : sums) {
      Factors factors;
      for (unsigned k : {0u, 1u}) {
        // As [contracted, other], so that steps lie one under the other.
        const bool isSo = k == 0 ? sum.product.getTransposeA() : !sum.product.getTransposeB();
        Value factor = sum.product->getOperand(k);
        if (isSo && isRow(loop, factor)) {
          factors.rows[k] = loop.getScanned()[rowNumber(loop, factor)];
          continue;
        }
        mlir::OpBuilder b(sum.product);
        factors.results[k] = editor.addStacked(isSo ? factor : transposeBy(b, sum.product.getLoc(), factor, {1, 0}));
      }
      made.push_back({sum, factors});
    }
    mlir::OpBuilder b(loop->getContext());
    b.setInsertionPointAfter(loop);
    llvm::SmallVector<std::pair<Value, unsigned>> pending;
    // The results of the carries are replaced before the loop is made anew without them.
    for (auto& [sum, factors] : made) {
      llvm::SmallVector<Value> sides;
      for (unsigned k : {0u, 1u}) {
        Value rows = factors.rows[k];
        if (!rows) {
          // Stands for the stack until the loop has it.
          const bool isSo = k == 0 ? sum.product.getTransposeA() : !sum.product.getTransposeB();
          Shape shape = loop.getLength()->getShape();
          const Shape factor = shapeOf(sum.product->getOperand(k).getType());
          shape.push_back(factor[isSo ? 0 : 1]);
          shape.push_back(factor[isSo ? 1 : 0]);
          rows = splat(b, loc, 0.0, {dtypeOf(sum.product->getOperand(k).getType()), shape});
          pending.push_back({rows, factors.results[k]});
        }
        const Shape shape = shapeOf(rows.getType());
        sides.push_back(reshapeTo(b, loc, rows, {shape[0] * shape[1], shape[2]}));
      }
      Value total =
          create(b, sum.product.getLoc(), "matmul", sides, b.getNamedAttr("transpose_a", b.getBoolAttr(true)));
      loop.getResult(sum.carry).replaceAllUsesWith(total);
    }
    for (auto& [sum, factors] : made) {
      // The sum no longer reads the carry; both go with it.
      sum.sum->getResult(0).replaceAllUsesWith(loop.getInits()[sum.carry]);
      sum.sum->erase();
    }
    LoopOp edited = editor.finish();
    for (auto [stand, result] : pending) {
      stand.replaceAllUsesWith(edited.getResult(result));
    }
    eraseDeadOps(*edited->getBlock());
  }

  static unsigned rowNumber(LoopOp loop, Value row) {
    return llvm::cast<mlir::BlockArgument>(row).getArgNumber() - 1 - loop.getNumCarries();
  }

  static bool isRow(LoopOp loop, Value value) {
    auto argument = llvm::dyn_cast<mlir::BlockArgument>(value);
    return argument && argument.getArgNumber() > loop.getNumCarries();
  }
};

}  // namespace

std::unique_ptr<mlir::Pass> createSumAfterLoops(const DifferentiateOptions& options) {
  return std::make_unique<SumAfterLoops>(options);
}

}  // namespace kiln::compiler
