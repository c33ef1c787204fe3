// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Batching rules of ops that move elements, and of those that work along axes.
#include "compiler/differentiate/vectorize_batch.h"

namespace kiln::compiler {
namespace {

using Values = llvm::SmallVector<Value>;

llvm::SmallVector<int64_t> shifted(llvm::ArrayRef<int64_t> axes, int rank) {
  llvm::SmallVector<int64_t> result;
  for (int64_t axis : axes) {
    result.push_back((axis < 0 ? axis + rank : axis) + 1);
  }
  return result;
}

llvm::SmallVector<int64_t> extended(int64_t front, llvm::ArrayRef<int64_t> values) {
  llvm::SmallVector<int64_t> result = {front};
  llvm::append_range(result, values);
  return result;
}

// One axis counted from the front or from the end.
Values batchAxis(BatchContext& c) {
  const int64_t axis = c.intAttr("axis");
  return c.again(c.allOperands(), c.number("axis", shifted({axis}, c.shapeOfOperand(0).rank())[0]));
}

// Several, of reductions and the like.
Values batchAxes(BatchContext& c) {
  return c.again(c.allOperands(), c.ints("axes", shifted(c.intsAttr("axes"), c.shapeOfOperand(0).rank())));
}

// Every operand and result has the batch as a leading axis, of which the op takes any number.
Values batchLeading(BatchContext& c) { return c.again(c.allOperands()); }

Values batchBroadcast(BatchContext& c) {
  const Shape x = c.shapeOfOperand(0), y = shapeOf(c.result().getType());
  Shape aligned{c.batch.size};
  for (int axis = x.rank(); axis < y.rank(); ++axis) {
    aligned.push_back(Dim(1));
  }
  for (const Dim& dim : x) {
    aligned.push_back(dim);
  }
  return c.again({reshapeTo(c.b, c.loc, c.all(0), aligned), c.extendedShape(1, c.batch.size)});
}

Values batchReshape(BatchContext& c) { return c.again({c.all(0), c.extendedShape(1, c.batch.size)}); }

Values batchTranspose(BatchContext& c) {
  llvm::ArrayRef<int64_t> permutation = c.intsAttr("permutation");
  return c.again(c.all(0), c.ints("permutation", extended(0, shifted(permutation, 0))));
}

Values batchSlice(BatchContext& c) {
  return c.again({c.all(0), c.extendedShape(1, Dim(0)), c.extendedShape(2, c.batch.size)},
                 c.ints("steps", extended(1, c.intsAttr("steps"))));
}

// x put among mapped values: zeros take their places, and a mask of the same form tells where.
Values aroundMapped(BatchContext& c, llvm::function_ref<Values(Value x, Value value)> apply) {
  const DType dtype = dtypeOf(c.operand(0).getType());
  Value x = c.all(0);
  const Shape shape = shapeOf(x.getType());
  Value zero = splat(c.b, c.loc, 0, {dtype, {}});
  Value inside = splat(c.b, c.loc, 0, {boolean, shape}), outside = splat(c.b, c.loc, 1, {boolean, {}});
  Value padded = apply(x, zero)[0], isOutside = apply(inside, outside)[0];
  Shape column = shapeOf(padded.getType());
  for (int axis = 1; axis < column.rank(); ++axis) {
    column[axis] = Dim(1);
  }
  Value values = broadcastTo(c.b, c.loc, reshapeTo(c.b, c.loc, c.all(1), column), shapeOf(padded.getType()));
  return {select(c.b, c.loc, isOutside, values, padded)};
}

Values batchPad(BatchContext& c) {
  Value low = c.extendedShape(2, Dim(0)), high = c.extendedShape(3, Dim(0));
  const auto interior = c.ints("interior", extended(0, c.intsAttr("interior")));
  if (!c.isMapped(1)) {
    return c.again({c.all(0), c.one(1), low, high}, interior);
  }
  return aroundMapped(
      c, [&](Value x, Value value) -> Values { return {create(c.b, c.loc, "pad", {x, value, low, high}, interior)}; });
}

Values batchTile(BatchContext& c) { return c.again(c.all(0), c.ints("repeats", extended(1, c.intsAttr("repeats")))); }

// The examples join the batch axis that these ops have in front.
Values batchUnfold(BatchContext& c) {
  const Shape x = c.shapeOfOperand(0), y = shapeOf(c.result().getType());
  auto apply = [&](Value images, Value value) -> Values {
    Shape joined = x;
    joined[0] = c.batch.size * x[0];
    Value windows = create(c.b, c.loc, "unfold", {reshapeTo(c.b, c.loc, images, joined), value}, c.op->getAttrs());
    return {reshapeTo(c.b, c.loc, windows, c.batch.batched(y))};
  };
  return c.isMapped(1) ? aroundMapped(c, apply) : apply(c.all(0), c.one(1));
}

Values batchFold(BatchContext& c) {
  Shape joined = c.shapeOfOperand(0);
  joined[0] = c.batch.size * joined[0];
  Value images = create(c.b, c.loc, "fold", {reshapeTo(c.b, c.loc, c.all(0), joined), c.one(1)}, c.op->getAttrs());
  return {reshapeTo(c.b, c.loc, images, c.batch.batched(shapeOf(c.result().getType())))};
}

const BatchRow kRows[] = {
    {"argmax", batchAxis},
    {"argmin", batchAxis},
    {"broadcast", batchBroadcast},
    {"cholesky", batchLeading},
    {"concat", batchAxis},
    {"cummax", batchAxis},
    {"cummin", batchAxis},
    {"cumprod", batchAxis},
    {"cumsum", batchAxis},
    {"det", batchLeading},
    {"fold", batchFold},
    {"inverse", batchLeading},
    {"linear_recurrence", batchAxis},
    {"log_softmax", batchAxis},
    {"lu", batchLeading},
    {"one_hot", batchLeading},
    {"pad", batchPad},
    {"reduce_all", batchAxes},
    {"reduce_any", batchAxes},
    {"reduce_l1", batchAxes},
    {"reduce_l2", batchAxes},
    {"reduce_log_sum_exp", batchAxes},
    {"reduce_max", batchAxes},
    {"reduce_mean", batchAxes},
    {"reduce_min", batchAxes},
    {"reduce_prod", batchAxes},
    {"reduce_sum", batchAxes},
    {"reduce_sum_square", batchAxes},
    {"reduce_variance", batchAxes},
    {"reshape", batchReshape},
    {"reverse", batchAxes},
    {"roll", batchAxes},
    {"slice", batchSlice},
    {"softmax", batchAxis},
    {"softmax_cross_entropy", batchLeading},
    {"softmax_cross_entropy_dense", batchLeading},
    {"solve", batchLeading},
    {"sort", batchAxis},
    {"tile", batchTile},
    {"top_k", batchAxis},
    {"transpose", batchTranspose},
    {"triangular", batchLeading},
    {"triangular_solve", batchLeading},
    {"unfold", batchUnfold},
};

}  // namespace

llvm::ArrayRef<BatchRow> movementBatchRows() { return kRows; }

}  // namespace kiln::compiler
