// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/elementwise/scalars.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::cast {

Status inferShape(ShapeContext& context) {
  return setResult(context, context.attribute<DType>("to"), context.operands[0].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  Tensor& result = context.results[0];
  return withType(x.dtype(), [&]<class From>(From) {
    return withType(result.dtype(), [&]<class To>(To) {
      for (int64_t i = 0; i < x.numElements(); ++i) {
        result.mutableData<To>()[i] = scalars::Cast<To>()(x.data<From>()[i]);
      }
      return Status();
    });
  });
}

}  // namespace kiln::ops::cast
