// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::iota {

Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(Shape shape, resultShapeOperand(context, 0, "shape"));
  KILN_RETURN_IF_ERROR(resolveAxis(context.attribute<int64_t>("axis"), shape, "the result").status());
  return setResult(context, context.attribute<DType>("dtype"), std::move(shape));
}

Status reference(ReferenceContext& context) {
  Tensor& result = context.results[0];
  const AxisView view(result.dims(), context.attribute<int64_t>("axis"));
  return withNumeric(result.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < result.numElements(); ++i) {
      result.mutableData<T>()[i] = static_cast<T>(i / view.inner % view.n);
    }
    return Status();
  });
}

}  // namespace kiln::ops::iota
