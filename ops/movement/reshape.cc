// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstring>

#include "ops/spec/shape_checks.h"

namespace kiln::ops::reshape {

Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(Shape shape, resultShapeOperand(context, 1, "shape"));
  const Shape& x = context.operands[0].shape;
  if (!(x.numElements() == shape.numElements())) {
    return makeError<ErrorId::kO0118>(x.toString(), x.numElements().toString(), shape.toString(),
                                      shape.numElements().toString());
  }
  return setResult(context, context.operands[0].dtype, std::move(shape));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  if (x.numBytes() > 0) {
    std::memcpy(context.results[0].mutableData(), x.data(), static_cast<size_t>(x.numBytes()));
  }
  return {};
}

}  // namespace kiln::ops::reshape
