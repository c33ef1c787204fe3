// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::one_hot {

Status inferShape(ShapeContext& context) {
  const int64_t depth = context.attribute<int64_t>("depth");
  if (depth < 1) {
    return makeError<ErrorId::kO0133>("depth", depth, "at least 1");
  }
  Shape shape = context.operands[0].shape;
  shape.push_back(Dim(depth));
  return setResult(context, context.attribute<DType>("dtype"), std::move(shape));
}

Status reference(ReferenceContext& context) {
  const Tensor& indices = *context.operands[0];
  const int64_t depth = context.attribute<int64_t>("depth");
  return withType(context.results[0].dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < indices.numElements(); ++i) {
      int64_t index = integerAt(indices, i);
      index = index < 0 ? index + depth : index;
      if (index >= 0 && index < depth) {
        context.results[0].mutableData<T>()[i * depth + index] = T(1);
      }
    }
    return Status();
  });
}

}  // namespace kiln::ops::one_hot
