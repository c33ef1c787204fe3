// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::embedding {

Status inferShape(ShapeContext& context) {
  const ValueType& weights = context.operands[0];
  KILN_RETURN_IF_ERROR(checkRank(weights, "weights", 2));
  const int64_t padding = context.attribute<int64_t>("padding_idx");
  const Dim& rows = weights.shape[0];
  if (padding < -1 || (rows.isStatic() && padding >= rows.value())) {
    return makeError<ErrorId::kO0133>("padding_idx", padding,
                                      "-1 for none, or the number of a row of " + weights.toString());
  }
  Shape result = context.operands[1].shape;
  result.push_back(weights.shape[1]);
  return setResult(context, weights.dtype, std::move(result));
}

// The results are zero-filled.
Status reference(ReferenceContext& context) {
  const Tensor &weights = *context.operands[0], &ids = *context.operands[1];
  const int64_t rows = weights.dims()[0], width = weights.dims()[1];
  for (int64_t i = 0; i < ids.numElements(); ++i) {
    const int64_t id = integerAt(ids, i);
    if (id < 0 || id >= rows) {
      return makeError<ErrorId::kR0030>(id, rows);
    }
    for (int64_t j = 0; id != context.attribute<int64_t>("padding_idx") && j < width; ++j) {
      copyElement(weights, id * width + j, context.results[0], i * width + j);
    }
  }
  return {};
}

}  // namespace kiln::ops::embedding
