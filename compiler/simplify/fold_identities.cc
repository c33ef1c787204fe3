// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Identities that hold for every value, bit for bit.
#include <cmath>

#include "compiler/dialect/op_factory.h"
#include "compiler/simplify/fold_constants.h"
#include "llvm/ADT/TypeSwitch.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_FOLDIDENTITIES
#include "compiler/simplify/passes.inc"

namespace {

using mlir::LogicalResult;
using mlir::PatternRewriter;

bool isSplatOf(Value value, double wanted) {
  auto splat = splatValueOf(value);
  return splat && *splat == wanted && std::signbit(*splat) == std::signbit(wanted);
}

// The operand that the whole op is equal to, or null.
Value identity(mlir::Operation* op) {
  auto operand = [&](int i) { return op->getOperand(i); };
  auto inner = [&](auto tag) -> mlir::Operation* { return operand(0).getDefiningOp<decltype(tag)>(); };
  bool isInteger = op->getNumResults() == 1 && kiln::isInteger(dtypeOf(op->getResult(0).getType()));
  return llvm::TypeSwitch<mlir::Operation*, Value>(op)
      .Case<MulOp>([&](auto) {
        return isSplatOf(operand(1), 1) ? operand(0) : isSplatOf(operand(0), 1) ? operand(1) : Value();
      })
      .Case<DivOp>([&](auto) { return isSplatOf(operand(1), 1) ? operand(0) : Value(); })
      // -0 + -0 is -0, but -0 + 0 is 0: only the negative zero is neutral for floats.
      .Case<AddOp>([&](auto) {
        double zero = isInteger ? 0.0 : -0.0;
        return isSplatOf(operand(1), zero) ? operand(0) : isSplatOf(operand(0), zero) ? operand(1) : Value();
      })
      .Case<SubOp>([&](auto) { return isSplatOf(operand(1), 0) ? operand(0) : Value(); })
      .Case<NegOp>([&](auto) { return inner(NegOp()) ? inner(NegOp())->getOperand(0) : Value(); })
      .Case<LogicalNotOp>([&](auto) { return inner(LogicalNotOp()) ? inner(LogicalNotOp())->getOperand(0) : Value(); })
      .Case<SelectOp>([&](auto) {
        auto condition = splatValueOf(operand(0));
        return condition ? operand(*condition != 0 ? 1 : 2) : operand(1) == operand(2) ? operand(1) : Value();
      })
      .Case<BroadcastOp, ReshapeOp, CastOp>(
          [&](auto) { return operand(0).getType() == op->getResult(0).getType() ? operand(0) : Value(); })
      .Case<TransposeOp>([&](TransposeOp transpose) {
        llvm::ArrayRef<int64_t> permutation = transpose.getPermutation();
        return llvm::equal(permutation, llvm::seq<int64_t>(0, static_cast<int64_t>(permutation.size()))) ? operand(0)
                                                                                                         : Value();
      })
      .Case<ReduceSumOp, ReduceMeanOp, ReduceProdOp, ReduceMaxOp, ReduceMinOp, ReduceAnyOp, ReduceAllOp>(
          [&](auto reduce) { return reduce.getAxes().empty() ? operand(0) : Value(); })
      .Case<ConcatOp>([&](auto) { return op->getNumOperands() == 1 ? operand(0) : Value(); })
      .Default([](auto) { return Value(); });
}

struct ReplaceIdentity : mlir::RewritePattern {
  ReplaceIdentity(mlir::MLIRContext* context) : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/2, context) {}
  LogicalResult matchAndRewrite(mlir::Operation* op, PatternRewriter& rewriter) const override {
    Value same = identity(op);
    // Types may differ in how a symbolic dim is written; then the op stays.
    if (!same || same.getType() != op->getResult(0).getType()) {
      return mlir::failure();
    }
    rewriter.replaceOp(op, same);
    return mlir::success();
  }
};

// transpose(transpose(x)) is one transpose.
struct MergeTransposes : mlir::OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter& rewriter) const override {
    auto inner = op.getX().getDefiningOp<TransposeOp>();
    if (!inner) {
      return mlir::failure();
    }
    llvm::SmallVector<int64_t> permutation;
    for (int64_t axis : op.getPermutation()) {
      permutation.push_back(inner.getPermutation()[axis]);
    }
    rewriter.replaceOp(op, transposeBy(rewriter, op.getLoc(), inner.getX(), permutation));
    return mlir::success();
  }
};

// reshape(reshape(x)) is one reshape; likewise broadcasts, which match axes from the last.
template <class OpType>
struct SkipInner : mlir::OpRewritePattern<OpType> {
  using mlir::OpRewritePattern<OpType>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpType op, PatternRewriter& rewriter) const override {
    auto inner = op.getX().template getDefiningOp<OpType>();
    if (!inner) {
      return mlir::failure();
    }
    rewriter.modifyOpInPlace(op, [&] { op.getXMutable().assign(inner.getX()); });
    return mlir::success();
  }
};

// A transpose of the last two axes is read by matmul itself.
struct MatmulReadsTransposed : mlir::OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter& rewriter) const override {
    Value a = lastAxesExchanged(op.getA());
    Value b = lastAxesExchanged(op.getB());
    if (!a && !b) {
      return mlir::failure();
    }
    rewriter.modifyOpInPlace(op, [&] {
      if (a) {
        op.getAMutable().assign(a);
        op.setTransposeA(!op.getTransposeA());
      }
      if (b) {
        op.getBMutable().assign(b);
        op.setTransposeB(!op.getTransposeB());
      }
    });
    return mlir::success();
  }
};

// A condition of many truths becomes one.
struct ReduceAssertion : mlir::OpRewritePattern<AssertThatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AssertThatOp op, PatternRewriter& rewriter) const override {
    const int rank = shapeOf(op.getCondition().getType()).rank();
    if (rank == 0) {
      return mlir::failure();
    }
    const auto axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    Value all = compiler::create(rewriter, op.getLoc(), "reduce_all", op.getCondition(),
                                 {rewriter.getNamedAttr("axes", rewriter.getDenseI64ArrayAttr(axes)),
                                  rewriter.getNamedAttr("keep_dims", rewriter.getBoolAttr(false))});
    rewriter.modifyOpInPlace(op, [&] { op.getConditionMutable().assign(all); });
    return mlir::success();
  }
};

class FoldIdentities : public impl::FoldIdentitiesBase<FoldIdentities> {
  void runOnOperation() override {
    mlir::RewritePatternSet patterns(&getContext());
    patterns.add<ReplaceIdentity, MergeTransposes, SkipInner<ReshapeOp>, SkipInner<BroadcastOp>, MatmulReadsTransposed,
                 ReduceAssertion>(&getContext());
    addConstantFolding(patterns);
    addMovementPatterns(patterns);
    mlir::GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(mlir::GreedySimplifyRegionLevel::Disabled);
    (void)mlir::applyPatternsGreedily(getOperation(), std::move(patterns), config);
  }
};

}  // namespace
}  // namespace kiln::compiler
