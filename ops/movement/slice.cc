// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::slice {
Status inferShape(ShapeContext& context) {
  const Shape& x = context.operands[0].shape;
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> starts, shapeOperand(context, 1, "starts"));
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> ends, shapeOperand(context, 2, "ends"));
  const auto& steps = context.attribute<std::vector<int64_t>>("steps");
  KILN_RETURN_IF_ERROR(checkEntries(starts.size(), "starts", x));
  KILN_RETURN_IF_ERROR(checkEntries(ends.size(), "ends", x));
  KILN_RETURN_IF_ERROR(checkEntries(steps.size(), "steps", x));
  Shape result;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Dim length = ends[axis] - starts[axis];
    if (steps[axis] < 1) {
      return makeError<ErrorId::kO0133>("steps", steps[axis], "at least 1 for each axis");
    }
    // Proven for every value of the symbols, so that a run never reads outside.
    if (!isNonNegative(starts[axis]) || !isNonNegative(length) || !isNonNegative(x[axis] - ends[axis])) {
      return makeError<ErrorId::kO0120>(starts[axis].toString(), ends[axis].toString(), axis, x.toString());
    }
    result.push_back(Dim::ceilDiv(length, steps[axis]));
  }
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const std::vector<int64_t> starts = integersOf(*context.operands[1]);
  const auto& steps = context.attribute<std::vector<int64_t>>("steps");
  const std::vector<int64_t> strides = stridesOf(x.dims());
  forEachIndex(context.results[0].dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    int64_t from = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      from += (starts[axis] + index[axis] * steps[axis]) * strides[axis];
    }
    copyElement(x, from, context.results[0], position);
  });
  return {};
}

}  // namespace kiln::ops::slice
