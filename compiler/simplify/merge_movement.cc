// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Movement ops that undo each other, do nothing, or are another op under a longer name.
#include "compiler/dialect/op_factory.h"
#include "compiler/simplify/fold_constants.h"
#include "mlir/IR/PatternMatch.h"

namespace kiln::compiler {
namespace {

using mlir::LogicalResult;
using mlir::PatternRewriter;

LogicalResult replaceIf(mlir::Operation* op, Value value, PatternRewriter& rewriter) {
  if (!value || value.getType() != op->getResult(0).getType()) {
    return mlir::failure();
  }
  rewriter.replaceOp(op, value);
  return mlir::success();
}

/// Axes whose length is not the number 1.
llvm::SmallVector<int> longAxes(const Shape& shape) {
  llvm::SmallVector<int> axes;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!(shape[axis] == Dim(1))) {
      axes.push_back(axis);
    }
  }
  return axes;
}

// For ops that keep elements and order: a broadcast that only adds axes of length 1, a transpose that only moves them.
LogicalResult becomeReshape(mlir::Operation* op, PatternRewriter& rewriter) {
  return replaceIf(op, reshapeTo(rewriter, op->getLoc(), op->getOperand(0), shapeOf(op->getResult(0).getType())),
                   rewriter);
}

LogicalResult simplifyBroadcast(mlir::Operation* op, PatternRewriter& rewriter) {
  const Shape x = shapeOf(op->getOperand(0).getType()), y = shapeOf(op->getResult(0).getType());
  if (x.numElements() == y.numElements() && longAxes(x).size() == longAxes(y).size()) {
    return becomeReshape(op, rewriter);
  }
  // A splat of static shape is a constant; elsewhere the broadcast of its element.
  if (auto constant = op->getOperand(0).getDefiningOp<ConstantOp>()) {
    auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(constant.getValue());
    auto type = llvm::cast<mlir::RankedTensorType>(op->getResult(0).getType());
    if (dense && dense.isSplat() && dense.getNumElements() > 0 && type.hasStaticShape() && type.getNumElements() > 0) {
      rewriter.replaceOp(op, compiler::create(rewriter, op->getLoc(), "constant", {},
                                              rewriter.getNamedAttr("value", dense.resizeSplat(type))));
      return mlir::success();
    }
  }
  return mlir::failure();
}

LogicalResult simplifyTranspose(mlir::Operation* op, PatternRewriter& rewriter) {
  const Shape x = shapeOf(op->getOperand(0).getType());
  int last = -1;
  for (int64_t axis : llvm::cast<TransposeOp>(op).getPermutation()) {
    if (x[static_cast<int>(axis)] == Dim(1)) {
      continue;
    }
    if (axis < last) {
      return mlir::failure();
    }
    last = static_cast<int>(axis);
  }
  return becomeReshape(op, rewriter);
}

// Only the largest or smallest of one element is that element bit for bit: a sum starts from 0, which takes the sign
// from -0.
LogicalResult simplifyExtreme(mlir::Operation* op, PatternRewriter& rewriter) {
  const Shape x = shapeOf(op->getOperand(0).getType());
  for (int64_t axis : normalizedAxes(op->getAttrOfType<mlir::DenseI64ArrayAttr>("axes").asArrayRef(), x.rank())) {
    if (!(x[static_cast<int>(axis)] == Dim(1))) {
      return mlir::failure();
    }
  }
  return becomeReshape(op, rewriter);
}

LogicalResult simplifySlice(mlir::Operation* op, PatternRewriter& rewriter) {
  auto starts = shapeValueOf(op->getOperand(1));
  const bool isWhole = starts && llvm::all_of(*starts, [](const Dim& d) { return d == Dim(0); });
  // The types are equal only when nothing was cut off or stepped over.
  return isWhole ? replaceIf(op, op->getOperand(0), rewriter) : mlir::failure();
}

LogicalResult simplifyPad(mlir::Operation* op, PatternRewriter& rewriter) {
  return replaceIf(op, op->getOperand(0), rewriter);
}

LogicalResult simplifyReshape(mlir::Operation* op, PatternRewriter& rewriter) {
  // A constant takes the shape itself.
  auto constant = op->getOperand(0).getDefiningOp<ConstantOp>();
  auto dense = constant ? llvm::dyn_cast<mlir::DenseElementsAttr>(constant.getValue()) : nullptr;
  auto type = llvm::cast<mlir::RankedTensorType>(op->getResult(0).getType());
  if (!dense || !type.hasStaticShape()) {
    return mlir::failure();
  }
  rewriter.replaceOp(op, compiler::create(rewriter, op->getLoc(), "constant", {},
                                          rewriter.getNamedAttr("value", dense.reshape(type))));
  return mlir::success();
}

// How many bits of magnitude a type holds exactly; 0 for types that do not nest with others.
int exactBits(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return 1;
    case DType::kBF16:
      return 8;
    case DType::kF16:
      return 11;
    case DType::kF32:
      return 24;
    case DType::kF64:
      return 53;
    default:
      return isInteger(dtype) ? bitWidth(dtype) - (isSignedInteger(dtype) ? 1 : 0) : 0;
  }
}

/// Every value of `from` is a value of `to`.
bool isExact(DType from, DType to) {
  if (from == to) {
    return true;
  }
  if (exactBits(from) == 0 || exactBits(to) < exactBits(from) || to == boolean) {
    return false;
  }
  if (isFloat(from)) {
    // Floats have infinities and fractions, which no integer has; bf16 has larger numbers than f16.
    return isFloat(to) && bitWidth(to) > bitWidth(from);
  }
  return !isSignedInteger(from) || !isUnsignedInteger(to);
}

// cast(cast(x)) is one cast when the first one lost nothing.
LogicalResult simplifyCast(mlir::Operation* op, PatternRewriter& rewriter) {
  auto inner = op->getOperand(0).getDefiningOp<CastOp>();
  if (!inner || !isExact(dtypeOf(inner.getX().getType()), dtypeOf(op->getOperand(0).getType()))) {
    return mlir::failure();
  }
  const DType from = dtypeOf(inner.getX().getType()), to = dtypeOf(op->getResult(0).getType());
  // By way of a float an integer saturates, directly it keeps its low bits.
  if (isInteger(from) && isFloat(dtypeOf(op->getOperand(0).getType())) && isInteger(to) && !isExact(from, to)) {
    return mlir::failure();
  }
  return replaceIf(op, castTo(rewriter, op->getLoc(), inner.getX(), to), rewriter);
}

// A number times minus one is its negation, a sum with a negation a difference; all exact.
LogicalResult simplifyMul(mlir::Operation* op, PatternRewriter& rewriter) {
  for (unsigned i : {0u, 1u}) {
    if (auto splat = splatValueOf(op->getOperand(i)); splat && *splat == -1) {
      rewriter.replaceOp(op, neg(rewriter, op->getLoc(), op->getOperand(1 - i)));
      return mlir::success();
    }
  }
  return mlir::failure();
}
LogicalResult simplifyAdd(mlir::Operation* op, PatternRewriter& rewriter) {
  for (unsigned i : {1u, 0u}) {
    if (auto negated = op->getOperand(i).getDefiningOp<NegOp>()) {
      rewriter.replaceOp(op, sub(rewriter, op->getLoc(), op->getOperand(1 - i), negated.getX()));
      return mlir::success();
    }
  }
  return mlir::failure();
}
LogicalResult simplifySub(mlir::Operation* op, PatternRewriter& rewriter) {
  if (auto negated = op->getOperand(1).getDefiningOp<NegOp>()) {
    rewriter.replaceOp(op, add(rewriter, op->getLoc(), op->getOperand(0), negated.getX()));
    return mlir::success();
  }
  return mlir::failure();
}

// Sums of 16-bit floats are taken in f32: with many equal indices, as in the gradient of an embedding, sums that are
// rounded to 8 digits at each step would stand still.
LogicalResult widenScatterAdd(mlir::Operation* op, PatternRewriter& rewriter) {
  const DType dtype = dtypeOf(op->getResult(0).getType());
  if (dtype != f16 && dtype != bf16) {
    return mlir::failure();
  }
  auto wide = [&](unsigned i) { return castTo(rewriter, op->getLoc(), op->getOperand(i), f32); };
  Value sum = create(rewriter, op->getLoc(), "scatter_add", {wide(0), op->getOperand(1), wide(2)}, op->getAttrs());
  rewriter.replaceOp(op, castTo(rewriter, op->getLoc(), sum, dtype));
  return mlir::success();
}

using Rewrite = LogicalResult (*)(mlir::Operation*, PatternRewriter&);

struct RewriteOp : mlir::RewritePattern {
  RewriteOp(llvm::StringRef name, Rewrite rewrite, mlir::MLIRContext* context)
      : RewritePattern(name, 1, context), rewrite_(rewrite) {}
  LogicalResult matchAndRewrite(mlir::Operation* op, PatternRewriter& rewriter) const override {
    return rewrite_(op, rewriter);
  }

 private:
  Rewrite rewrite_;
};

}  // namespace

void addMovementPatterns(mlir::RewritePatternSet& patterns) {
  auto on = [&](llvm::StringRef name, Rewrite rewrite) {
    patterns.add<RewriteOp>(name, rewrite, patterns.getContext());
  };
  on(BroadcastOp::getOperationName(), simplifyBroadcast);
  on(TransposeOp::getOperationName(), simplifyTranspose);
  on(ReduceMaxOp::getOperationName(), simplifyExtreme);
  on(ReduceMinOp::getOperationName(), simplifyExtreme);
  on(SliceOp::getOperationName(), simplifySlice);
  on(PadOp::getOperationName(), simplifyPad);
  on(ReshapeOp::getOperationName(), simplifyReshape);
  on(CastOp::getOperationName(), simplifyCast);
  on(ScatterAddOp::getOperationName(), widenScatterAdd);
  on(MulOp::getOperationName(), simplifyMul);
  on(AddOp::getOperationName(), simplifyAdd);
  on(SubOp::getOperationName(), simplifySub);
}

}  // namespace kiln::compiler
