// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "absl/strings/str_cat.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::concat {

Status inferShape(ShapeContext& context) {
  if (context.operands.empty()) {
    return makeError<ErrorId::kO0122>();
  }
  Shape result = context.operands[0].shape;
  const int64_t axis = context.attribute<int64_t>("axis");
  if (axis < 0 || axis >= result.rank()) {
    return makeError<ErrorId::kO0111>(axis, 0, result.rank(), "inputs[0]", result.toString());
  }
  for (size_t i = 1; i < context.operands.size(); ++i) {
    const std::string name = absl::StrCat("inputs[", i, "]");
    KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "inputs[0]", i, name.c_str()));
    const Shape& shape = context.operands[i].shape;
    // Equal but for the axis: compared with the first's length put there.
    Shape aligned = shape;
    if (axis < aligned.rank()) {
      aligned[static_cast<int>(axis)] = context.operands[0].shape[static_cast<int>(axis)];
    }
    if (!(aligned == context.operands[0].shape)) {
      return makeError<ErrorId::kO0121>(context.operands[0].shape.toString(), name, shape.toString(), axis);
    }
    result[static_cast<int>(axis)] = result[static_cast<int>(axis)] + shape[static_cast<int>(axis)];
  }
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  Tensor& result = context.results[0];
  const int64_t axis = context.attribute<int64_t>("axis");
  const AxisView whole(result.dims(), axis);
  int64_t start = 0;
  for (const Tensor* input : context.operands) {
    const AxisView part(input->dims(), axis);
    for (int64_t i = 0; i < input->numElements(); ++i) {
      const int64_t outer = i / (part.n * part.inner), within = i % (part.n * part.inner);
      copyElement(*input, i, result, outer * whole.n * whole.inner + start * whole.inner + within);
    }
    start += part.n;
  }
  return {};
}

}  // namespace kiln::ops::concat
