// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Losses. Operands of 16 bits are taken to f32, where differences, sums and counts keep their digits, and the result is
// rounded once.
#include "compiler/dialect/dag_builder.h"
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/terms.h"

namespace kiln::compiler {
namespace {

class Loss {
 public:
  Loss(mlir::OpBuilder& b, mlir::Operation* op) : b(b), loc(op->getLoc()), op(op) {}
  Term operand(unsigned i) const { return Term(b, loc, op->getOperand(i)).wide(); }
  double attribute(llvm::StringRef name) const { return floatAttributeOf(op, name); }
  llvm::StringRef reduction() const {
    auto given = op->getAttrOfType<mlir::StringAttr>("reduction");
    return given ? given.getValue() : "mean";
  }
  llvm::SmallVector<Value> result(const Term& x) const { return {x.cast(dtypeOf(op->getResult(0).getType())).value()}; }
  /// The losses as the attribute `reduction` says.
  llvm::SmallVector<Value> reduced(const Term& losses) const {
    if (reduction() == "none") {
      return result(losses);
    }
    return result(reduction() == "sum" ? losses.sum() : losses.mean());
  }

  mlir::OpBuilder& b;
  mlir::Location loc;
  mlir::Operation* op;
};

// The square root, with the derivative 0 at 0, where that of sqrt is infinite.
Term norm(const Term& squares) {
  const Term isZero = squares == 0;
  return choose(isZero, squares.with(0.0), sqrt(choose(isZero, squares.with(1.0), squares)));
}

}  // namespace

llvm::SmallVector<Value> expandMseLoss(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  return l.reduced(square(l.operand(0) - l.operand(1)));
}

llvm::SmallVector<Value> expandMaeLoss(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  return l.reduced(abs(l.operand(0) - l.operand(1)));
}

llvm::SmallVector<Value> expandHuberLoss(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  const double delta = l.attribute("delta");
  const Term distance = abs(l.operand(0) - l.operand(1));
  return l.reduced(choose(distance <= delta, 0.5 * square(distance), delta * (distance - 0.5 * delta)));
}

llvm::SmallVector<Value> expandSmoothL1(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  const double beta = l.attribute("beta");
  const Term distance = abs(l.operand(0) - l.operand(1));
  if (beta == 0) {
    return l.reduced(distance);
  }
  return l.reduced(choose(distance < beta, 0.5 * square(distance) / beta, distance - 0.5 * beta));
}

llvm::SmallVector<Value> expandBceWithLogits(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  const Term logits = l.operand(0), target = l.operand(1);
  // max(x, 0) and max(-x, 0) in one and the same split, so that at 0 the derivatives of the parts fit together.
  const Term isUp = logits > 0, zero = logits.with(0.0);
  const Term up = choose(isUp, logits, zero), down = choose(isUp, zero, -logits);
  const Term rest = exp(-(up + down)).apply("log1p");
  // Both summands are of one sign, so nothing cancels.
  return l.reduced(l.attribute("pos_weight") * target * (down + rest) + (1 - target) * (up + rest));
}

llvm::SmallVector<Value> expandKlDiv(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  const Term input = l.operand(0), target = l.operand(1);
  Term losses = input;
  if (llvm::cast<KlDivOp>(op).getLogTarget()) {
    losses = exp(target) * (target - input);
  } else {
    // Where the target is 0, log sees a 1, so that the derivative is finite too.
    losses = target * (log(choose(target == 0, target.with(1.0), target)) - input);
  }
  if (l.reduction() == "batchmean") {
    while (losses.shape().rank() > 1) {
      losses = losses.sumOver(-1);
    }
    return l.result(losses.mean());
  }
  return l.reduced(losses);
}

namespace {

// Labels of rows of classes.
struct Labels {
  Term isCounted;  ///< Bool: not to be ignored.
  Term checked;    ///< The labels, 0 where ignored.
};

Labels labelsOf(const Loss& l, int64_t ignored) {
  const Term labels(l.b, l.loc, l.op->getOperand(1));
  const Term isCounted = binary("not_equal", labels, labels.with(static_cast<double>(ignored)));
  return {isCounted, choose(isCounted, labels, labels.with(0.0))};
}

// The elements of x at the labels, along its last axis (or its only one).
Term pick(const Loss& l, const Term& x, const Labels& labels, int64_t axis) {
  return x.with(create(l.b, l.loc, "gather", {x.value(), labels.checked.value()},
                       {l.b.getNamedAttr("axis", l.b.getI64IntegerAttr(axis)),
                        l.b.getNamedAttr("batch_dims", l.b.getI64IntegerAttr(axis)),
                        l.b.getNamedAttr("allow_negative", l.b.getBoolAttr(false))}));
}

// The losses of rows with log-probabilities x, reduced.
llvm::SmallVector<Value> classLosses(const Loss& l, const Term& x, double smoothing, int64_t ignored) {
  const int axis = x.shape().rank() - 1;
  const bool isWeighted = l.op->getNumOperands() > 2;
  const Labels labels = labelsOf(l, ignored);
  Term losses = -pick(l, x, labels, axis), counted = labels.isCounted.cast(x.dtype());
  const Term zero = losses.with(0.0);
  if (isWeighted) {
    const Term ofLabel = pick(l, l.operand(2), labels, 0);
    losses = losses * ofLabel;
    counted = choose(labels.isCounted, ofLabel, zero);
  }
  if (smoothing != 0) {
    const Term all = -(isWeighted ? x * l.operand(2).spread(x.shape()) : x).meanOver(axis);
    losses = (1 - smoothing) * losses + smoothing * all;
  }
  losses = choose(labels.isCounted, losses, zero);
  return l.reduction() == "mean" ? l.result(losses.sum() / counted.sum()) : l.reduced(losses);
}

}  // namespace

llvm::SmallVector<Value> expandNllLoss(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  return classLosses(l, l.operand(0), 0, static_cast<int64_t>(llvm::cast<NllLossOp>(op).getIgnoreIndex()));
}

llvm::SmallVector<Value> expandCrossEntropy(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  const Term x = l.operand(0).apply("log_softmax");
  return classLosses(l, x, l.attribute("label_smoothing"),
                     static_cast<int64_t>(llvm::cast<CrossEntropyOp>(op).getIgnoreIndex()));
}

llvm::SmallVector<Value> expandCosineSimilarity(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  const int64_t axis = static_cast<int64_t>(llvm::cast<CosineSimilarityOp>(op).getAxis());
  const double epsilon = l.attribute("epsilon");
  const Term x = l.operand(0), y = l.operand(1);
  // The larger one is taken before the root, whose derivative at 0 is infinite.
  const auto length = [&](const Term& v) { return sqrt(maximum(square(v).sumOver(axis), epsilon * epsilon)); };
  return l.result((x * y).sumOver(axis) / (length(x) * length(y)));
}

llvm::SmallVector<Value> expandCosineEmbeddingLoss(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  // What keeps the norms above zero.
  constexpr double kEpsilon = 1e-12;
  const Term x = l.operand(0), y = l.operand(1), labels(b, l.loc, op->getOperand(2));
  const Term lengths = (square(x).sumOver(-1) + kEpsilon) * (square(y).sumOver(-1) + kEpsilon);
  const Term cosine = (x * y).sumOver(-1) / sqrt(lengths);
  const Term apart = (cosine - l.attribute("margin")).apply("relu");
  return l.reduced(choose(labels == 1, 1 - cosine, choose(labels == -1, apart, cosine.with(0.0))));
}

llvm::SmallVector<Value> expandTripletMarginLoss(mlir::OpBuilder& b, mlir::Operation* op) {
  const Loss l(b, op);
  const double p = l.attribute("p"), epsilon = l.attribute("epsilon");
  const Term anchor = l.operand(0), positive = l.operand(1), negative = l.operand(2);
  const auto distance = [&](const Term& x, const Term& y) {
    const Term d = x - y + epsilon;
    if (p == 2) {
      return norm(square(d).sumOver(-1));
    }
    return p == 1 ? abs(d).sumOver(-1) : pow(pow(abs(d), p).sumOver(-1), 1 / p);
  };
  Term apart = distance(anchor, negative);
  if (llvm::cast<TripletMarginLossOp>(op).getSwap()) {
    apart = minimum(apart, distance(positive, negative));
  }
  return l.reduced((distance(anchor, positive) - apart + l.attribute("margin")).apply("relu"));
}

}  // namespace kiln::compiler
