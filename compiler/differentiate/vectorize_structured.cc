// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Batching rules of matrix products, of the CTC loss, and of ops that pass values on.
#include "compiler/differentiate/vectorize_batch.h"

namespace kiln::compiler {
namespace {

using Values = llvm::SmallVector<Value>;

Value matmul(BatchContext& c, Value a, Value b, bool transposeA, bool transposeB) {
  return create(c.b, c.loc, "matmul", {a, b}, {c.flag("transpose_a", transposeA), c.flag("transpose_b", transposeB)});
}

// x [batch, i, j] as rows [batch * i, j]; exchanged before when the product reads it so.
Value asRows(BatchContext& c, Value x, bool isExchanged) {
  x = isExchanged ? transposeBy(c.b, c.loc, x, {0, 2, 1}) : x;
  const Shape shape = shapeOf(x.getType());
  return reshapeTo(c.b, c.loc, x, {shape[0] * shape[1], shape[2]});
}

Values batchMatmul(BatchContext& c) {
  const bool ta = c.boolAttr("transpose_a"), tb = c.boolAttr("transpose_b");
  const bool isPlain = c.shapeOfOperand(0).rank() == 2;
  const Shape y = shapeOf(c.result().getType());
  // One matrix for all examples: one product of more rows.
  if (isPlain && !c.isMapped(1)) {
    Value rows = matmul(c, asRows(c, c.all(0), ta), c.one(1), false, tb);
    return {reshapeTo(c.b, c.loc, rows, c.batch.batched(y))};
  }
  if (isPlain && !c.isMapped(0)) {
    Value rows = matmul(c, asRows(c, c.all(1), !tb), c.one(0), false, !ta);
    return {transposeBy(c.b, c.loc, reshapeTo(c.b, c.loc, rows, {c.batch.size, y[1], y[0]}), {0, 2, 1})};
  }
  return c.again(c.allOperands());
}

// [batch, examples of the op, ...] as one axis, and back.
Value joined(BatchContext& c, Value x) {
  const Shape shape = shapeOf(x.getType());
  Shape flat{shape[0] * shape[1]};
  for (int axis = 2; axis < shape.rank(); ++axis) {
    flat.push_back(shape[axis]);
  }
  return reshapeTo(c.b, c.loc, x, flat);
}

// [batch, time, n, classes] as [time, batch * n, classes].
Value joinedInTime(BatchContext& c, Value x) {
  x = transposeBy(c.b, c.loc, x, {1, 0, 2, 3});
  const Shape shape = shapeOf(x.getType());
  return reshapeTo(c.b, c.loc, x, {shape[0], shape[1] * shape[2], shape[3]});
}

Values joinedCtcOperands(BatchContext& c) {
  Values operands = {joinedInTime(c, c.all(0))};
  for (unsigned i = 1; i < c.op->getNumOperands(); ++i) {
    operands.push_back(joined(c, c.all(i)));
  }
  return operands;
}

Values batchCtcLoss(BatchContext& c) {
  mlir::Operation* loss = createOp(c.b, c.loc, "ctc_loss", joinedCtcOperands(c), c.op->getAttrs());
  Values results;
  for (auto [made, result] : llvm::zip(loss->getResults(), c.op->getResults())) {
    results.push_back(reshapeTo(c.b, c.loc, made, c.batch.batched(shapeOf(result.getType()))));
  }
  return results;
}

Values batchCtcLossGradient(BatchContext& c) {
  mlir::Operation* gradient = createOp(c.b, c.loc, "ctc_loss_gradient", joinedCtcOperands(c), c.op->getAttrs());
  const Shape y = shapeOf(c.result().getType());
  Value inTime = reshapeTo(c.b, c.loc, gradient->getResult(0), {y[0], c.batch.size, y[1], y[2]});
  const Shape beta = c.batch.batched(shapeOf(c.op->getResult(1).getType()));
  return {transposeBy(c.b, c.loc, inTime, {1, 0, 2, 3}), reshapeTo(c.b, c.loc, gradient->getResult(1), beta)};
}

Values batchAll(BatchContext& c) { return c.again(c.allOperands()); }

// The condition over the whole batch, as it is where no example differs.
Values batchAssertThat(BatchContext& c) { return c.again({c.all(0), c.isMapped(1) ? c.all(1) : c.one(1)}); }

const BatchRow kRows[] = {
    {"assert_that", batchAssertThat}, {"ctc_loss", batchCtcLoss}, {"ctc_loss_gradient", batchCtcLossGradient},
    {"matmul", batchMatmul},          {"print", batchAll},        {"optimization_barrier", batchAll},
    {"stop_gradient", batchAll},
};

}  // namespace

llvm::ArrayRef<BatchRow> structuredBatchRows() { return kRows; }

}  // namespace kiln::compiler
