// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Batching rules of ops that read and write at positions, and of those that draw.
#include "compiler/differentiate/vectorize_batch.h"

namespace kiln::compiler {
namespace {

using Values = llvm::SmallVector<Value>;

llvm::SmallVector<mlir::NamedAttribute> walkedTogether(BatchContext& c) {
  return {c.number("axis", c.intAttr("axis") + 1), c.number("batch_dims", c.intAttr("batch_dims") + 1)};
}

Values batchGather(BatchContext& c) {
  const bool hasBatch = c.intAttr("batch_dims") > 0;
  const int64_t axis = c.intAttr("axis");
  if (!hasBatch && !c.isMapped(1)) {
    return c.again({c.all(0), c.one(1)}, c.number("axis", axis + 1));
  }
  if (!hasBatch && !c.isMapped(0)) {
    // The positions of all examples in the one x; their axis comes where the gathered one was.
    Value slices = create(c.b, c.loc, "gather", {c.one(0), c.all(1)}, c.op->getAttrs());
    llvm::SmallVector<int64_t> permutation = {axis};
    for (int64_t i = 0; i < shapeOf(slices.getType()).rank(); ++i) {
      if (i != axis) {
        permutation.push_back(i);
      }
    }
    return {transposeBy(c.b, c.loc, slices, permutation)};
  }
  return c.again(c.allOperands(), walkedTogether(c));
}

Values batchScatter(BatchContext& c) {
  if (c.intAttr("batch_dims") == 0 && !c.isMapped(1)) {
    return c.again({c.all(0), c.one(1), c.all(2)}, c.number("axis", c.intAttr("axis") + 1));
  }
  return c.again(c.allOperands(), walkedTogether(c));
}

// Numbers for all examples at once, in one row-major tensor, so that each example has a stretch of the stream.
Values batchDraw(BatchContext& c) {
  if (c.isMapped(0)) {
    return {};
  }
  return c.again({c.one(0), c.extendedShape(1, c.batch.size)});
}

Values batchGamma(BatchContext& c) {
  if (c.isMapped(0)) {
    return {};
  }
  return c.again({c.one(0), c.all(1)});
}

const BatchRow kRows[] = {
    {"gather", batchGather},          {"random_gamma", batchGamma},  {"random_integers", batchDraw},
    {"random_normal", batchDraw},     {"random_uniform", batchDraw}, {"scatter_add", batchScatter},
    {"scatter_slices", batchScatter},
};

}  // namespace

llvm::ArrayRef<BatchRow> indexingBatchRows() { return kRows; }

}  // namespace kiln::compiler
