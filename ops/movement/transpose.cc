// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::transpose {

Status inferShape(ShapeContext& context) {
  const Shape& x = context.operands[0].shape;
  const auto& permutation = context.attribute<std::vector<int64_t>>("permutation");
  std::vector<bool> seen(x.rank());
  Shape result;
  bool valid = permutation.size() == seen.size();
  for (size_t i = 0; valid && i < permutation.size(); ++i) {
    const int64_t axis = permutation[i];
    valid = axis >= 0 && axis < x.rank() && !seen[axis];
    if (valid) {
      seen[axis] = true;
      result.push_back(x[static_cast<int>(axis)]);
    }
  }
  if (!valid) {
    return makeError<ErrorId::kO0137>(toString(Attribute(permutation)), x.toString());
  }
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const auto& permutation = context.attribute<std::vector<int64_t>>("permutation");
  const std::vector<int64_t> strides = stridesOf(x.dims());
  forEachIndex(context.results[0].dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    int64_t from = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      from += index[axis] * strides[permutation[axis]];
    }
    copyElement(x, from, context.results[0], position);
  });
  return {};
}

}  // namespace kiln::ops::transpose
