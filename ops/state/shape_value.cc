// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/shape_checks.h"

namespace kiln::ops::shape_value {

// Lengths may be negative here: a shape_value may also hold differences of dims, and its users check what they need.
Status inferShape(ShapeContext& context) {
  return setResult(context, i64, Shape{Dim(context.attribute<Shape>("shape").rank())});
}

Status reference(ReferenceContext& context) {
  const Shape& shape = context.attribute<Shape>("shape");
  for (int axis = 0; axis < shape.rank(); ++axis) {
    context.results[0].mutableData<int64_t>()[axis] = shape[axis].evaluate(*context.symbolValue);
  }
  return {};
}

}  // namespace kiln::ops::shape_value
