// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// placeholder and variable: where values enter a graph.
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

Status inferFromAttributes(ShapeContext& context) {
  const Shape& shape = context.attribute<Shape>("shape");
  KILN_RETURN_IF_ERROR(checkNonNegative(shape, "shape"));
  return setResult(context, context.attribute<DType>("dtype"), shape);
}

}  // namespace

namespace placeholder {
Status inferShape(ShapeContext& context) { return inferFromAttributes(context); }
}  // namespace placeholder

namespace variable {
Status inferShape(ShapeContext& context) {
  const Shape& shape = context.attribute<Shape>("shape");
  if (!shape.isStatic()) {
    return makeError<ErrorId::kO0136>(shape.toString());
  }
  return inferFromAttributes(context);
}
}  // namespace variable

}  // namespace kiln::ops
