// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/elementwise/scalars.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::select {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameType(context, 1, "x", 2, "y"));
  KILN_RETURN_IF_ERROR(checkSameShape(context.operands[0].shape, "condition", context.operands[1].shape, "x"));
  return setResult(context, context.operands[1].dtype, context.operands[1].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor &condition = *context.operands[0], &x = *context.operands[1], &y = *context.operands[2];
  return withType(x.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < x.numElements(); ++i) {
      context.results[0].mutableData<T>()[i] =
          scalars::Select()(condition.data<bool>()[i], x.data<T>()[i], y.data<T>()[i]);
    }
    return Status();
  });
}

}  // namespace kiln::ops::select
