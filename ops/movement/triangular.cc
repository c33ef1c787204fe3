// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::triangular {

Status inferShape(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  if (x.shape.rank() < 2) {
    return makeError<ErrorId::kO0138>("x", x.toString(), "a tensor of rank 2 or more");
  }
  return setResult(context, x.dtype, x.shape);
}

// The results are zero-filled.
Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const bool isUpper = context.attribute<bool>("upper");
  const int64_t k = context.attribute<int64_t>("k");
  forEachIndex(x.dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    const int64_t row = index[index.size() - 2], column = index.back();
    if (isUpper ? column - row >= k : column - row <= k) {
      copyElement(x, position, context.results[0], position);
    }
  });
  return {};
}

}  // namespace kiln::ops::triangular
