// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::tile {

Status inferShape(ShapeContext& context) {
  Shape result = context.operands[0].shape;
  const auto& repeats = context.attribute<std::vector<int64_t>>("repeats");
  KILN_RETURN_IF_ERROR(checkEntries(repeats.size(), "repeats", result));
  for (size_t axis = 0; axis < repeats.size(); ++axis) {
    if (repeats[axis] < 0) {
      return makeError<ErrorId::kO0133>("repeats", repeats[axis], "at least 0 for each axis");
    }
    result[static_cast<int>(axis)] = result[static_cast<int>(axis)] * Dim(repeats[axis]);
  }
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const std::vector<int64_t> strides = stridesOf(x.dims());
  forEachIndex(context.results[0].dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    int64_t from = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      from += index[axis] % x.dims()[axis] * strides[axis];
    }
    copyElement(x, from, context.results[0], position);
  });
  return {};
}

}  // namespace kiln::ops::tile
