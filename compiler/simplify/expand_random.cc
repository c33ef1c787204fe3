// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random ops written with random_uniform of the same state and op_id, so that each has numbers of its own.
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/index_terms.h"

namespace kiln::compiler {
namespace {

// Uniform numbers: f64 for what is f64, f32 for all other types.
Value uniformFor(const IndexBuilder& make, mlir::Operation* op, DType dtype, const Shape& shape, double low = 0,
                 double high = 1) {
  mlir::OpBuilder& b = make.b;
  auto real = [&](llvm::StringRef name, double value) { return b.getNamedAttr(name, b.getF64FloatAttr(value)); };
  return create(b, make.loc, "random_uniform", {op->getOperand(0), shapeValue(b, make.loc, shape)},
                {b.getNamedAttr("op_id", op->getAttr("op_id")), make.dtypeAttr(dtype == f64 ? f64 : f32),
                 real("low", low), real("high", high)});
}

}  // namespace

llvm::SmallVector<Value> expandRandomTruncatedNormal(mlir::OpBuilder& b, mlir::Operation* op) {
  constexpr double kBound = 0.95449973610364158560, kRoot2 = 1.41421356237309504880;  // erf(sqrt 2) and sqrt 2
  auto normal = llvm::cast<RandomTruncatedNormalOp>(op);
  const mlir::Location loc = op->getLoc();
  const IndexBuilder make{b, loc};
  const ValueType type = valueType(op->getResult(0).getType());
  Value u = castTo(b, loc, uniformFor(make, op, type.dtype, type.shape, -kBound, kBound), f64);
  auto number = [&](double value) { return splatLike(b, loc, value, u); };
  Value value = mul(b, loc, create(b, loc, "erfinv", u), number(kRoot2));
  value = create(b, loc, "maximum", {create(b, loc, "minimum", {value, number(2)}), number(-2)});
  value = mul(b, loc, value, number(normal.getStddev().convertToDouble()));
  return {castTo(b, loc, add(b, loc, value, number(normal.getMean().convertToDouble())), type.dtype)};
}

llvm::SmallVector<Value> expandRandomBernoulli(mlir::OpBuilder& b, mlir::Operation* op) {
  const mlir::Location loc = op->getLoc();
  Value probability = llvm::cast<RandomBernoulliOp>(op).getProbability();
  const ValueType type = valueType(probability.getType());
  Value u = uniformFor({b, loc}, op, type.dtype, type.shape);
  Value isOne = create(b, loc, "less", {u, castTo(b, loc, probability, dtypeOf(u.getType()))});
  return {castTo(b, loc, isOne, dtypeOf(op->getResult(0).getType()))};
}

llvm::SmallVector<Value> expandRandomCategorical(mlir::OpBuilder& b, mlir::Operation* op) {
  auto draw = llvm::cast<RandomCategoricalOp>(op);
  const mlir::Location loc = op->getLoc();
  const IndexBuilder make{b, loc};
  const ValueType logits = valueType(draw.getLogits().getType());
  Shape each = logits.shape, scores = logits.shape;  // [.., 1, classes] and [.., samples, classes]
  const Dim classes = logits.shape[logits.shape.rank() - 1];
  each[each.rank() - 1] = Dim(1);
  each.push_back(classes);
  scores[scores.rank() - 1] = Dim(static_cast<int64_t>(draw.getNumSamples()));
  scores.push_back(classes);
  Value u = uniformFor(make, op, logits.dtype, scores);
  Value gumbel = create(b, loc, "log", neg(b, loc, create(b, loc, "log", u)));
  Value wide = castTo(b, loc, draw.getLogits(), dtypeOf(u.getType()));
  Value score = sub(b, loc, broadcastTo(b, loc, reshapeTo(b, loc, wide, each), scores), gumbel);
  Value chosen = create(b, loc, "argmax", score, make.attr("axis", int64_t{scores.rank() - 1}));
  return {castTo(b, loc, chosen, dtypeOf(op->getResult(0).getType()))};
}

llvm::SmallVector<Value> expandRandomPermutation(mlir::OpBuilder& b, mlir::Operation* op) {
  const ValueType type = valueType(op->getResult(0).getType());
  Value keys = uniformFor({b, op->getLoc()}, op, f64, type.shape);
  mlir::Operation* sorted = createOp(b, op->getLoc(), "sort", keys);
  return {castTo(b, op->getLoc(), sorted->getResult(1), type.dtype)};
}

}  // namespace kiln::compiler
