// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::broadcast {

Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(Shape shape, resultShapeOperand(context, 1, "shape"));
  const Shape& x = context.operands[0].shape;
  if (x.rank() > shape.rank()) {
    return makeError<ErrorId::kO0119>(x.toString(), shape.toString(), "the result has fewer axes");
  }
  const int added = shape.rank() - x.rank();
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!(x[axis] == Dim(1)) && !(x[axis] == shape[axis + added])) {
      return makeError<ErrorId::kO0119>(x.toString(), shape.toString(),
                                        absl::Substitute("dimension $0 is $1, wanted 1 or $2", axis, x[axis].toString(),
                                                         shape[axis + added].toString()));
    }
  }
  return setResult(context, context.operands[0].dtype, std::move(shape));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const std::vector<int64_t> strides = stridesOf(x.dims());
  const size_t added = context.results[0].dims().size() - x.dims().size();
  forEachIndex(context.results[0].dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    int64_t from = 0;
    for (size_t axis = 0; axis < x.dims().size(); ++axis) {
      from += x.dims()[axis] == 1 ? 0 : index[axis + added] * strides[axis];
    }
    copyElement(x, from, context.results[0], position);
  });
  return {};
}

}  // namespace kiln::ops::broadcast
