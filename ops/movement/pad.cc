// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::pad {

Status inferShape(ShapeContext& context) {
  const Shape& x = context.operands[0].shape;
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "x", 1, "value"));
  KILN_RETURN_IF_ERROR(checkRank(context.operands[1], "value", 0));
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> low, shapeOperand(context, 2, "low"));
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> high, shapeOperand(context, 3, "high"));
  const auto& interior = context.attribute<std::vector<int64_t>>("interior");
  KILN_RETURN_IF_ERROR(checkEntries(low.size(), "low", x));
  KILN_RETURN_IF_ERROR(checkEntries(high.size(), "high", x));
  KILN_RETURN_IF_ERROR(checkEntries(interior.size(), "interior", x));
  Shape result;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!isNonNegative(low[axis]) || !isNonNegative(high[axis]) || interior[axis] < 0) {
      return makeError<ErrorId::kO0124>(axis, low[axis].toString(), high[axis].toString(), interior[axis]);
    }
    Dim length = x[axis];
    if (interior[axis] > 0 && !(length == Dim(0))) {
      // n + (n - 1) * interior does not hold for n = 0, so n must be known to be more.
      if (!isNonNegative(length - Dim(1))) {
        return makeError<ErrorId::kO0123>(axis, x.toString());
      }
      length = length + (length - Dim(1)) * Dim(interior[axis]);
    }
    result.push_back(low[axis] + high[axis] + length);
  }
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &value = *context.operands[1];
  Tensor& result = context.results[0];
  for (int64_t i = 0; i < result.numElements(); ++i) {
    copyElement(value, 0, result, i);
  }
  const std::vector<int64_t> low = integersOf(*context.operands[2]);
  const auto& interior = context.attribute<std::vector<int64_t>>("interior");
  const std::vector<int64_t> strides = stridesOf(result.dims());
  forEachIndex(x.dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    int64_t to = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      to += (low[axis] + index[axis] * (interior[axis] + 1)) * strides[axis];
    }
    copyElement(x, position, result, to);
  });
  return {};
}

}  // namespace kiln::ops::pad
