// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/shape_checks.h"

namespace kiln::ops::constant {

Status inferShape(ShapeContext& context) {
  const Tensor& value = *context.attribute<TensorPtr>("value");
  return setResult(context, value.dtype(), Shape::of(value.dims()));
}

Status reference(ReferenceContext& context) {
  context.results[0] = *context.attribute<TensorPtr>("value");
  return {};
}

}  // namespace kiln::ops::constant
