// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>

#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::diagonal {

Status inferShape(ShapeContext& context) {
  const Shape& x = context.operands[0].shape;
  const int64_t offset = context.attribute<int64_t>("offset");
  KILN_ASSIGN_OR_RETURN(int rows, resolveAxis(context.attribute<int64_t>("axis1"), x, "x"));
  KILN_ASSIGN_OR_RETURN(int columns, resolveAxis(context.attribute<int64_t>("axis2"), x, "x"));
  if (rows == columns) {
    return makeError<ErrorId::kO0112>(columns, "[axis1, axis2]");
  }
  Dim length = x[rows];
  if (x[rows].isStatic() && x[columns].isStatic()) {
    length = std::max<int64_t>(
        0, std::min(x[rows].value() + std::min<int64_t>(offset, 0), x[columns].value() - std::max<int64_t>(offset, 0)));
  } else if (!(x[rows] == x[columns])) {
    return makeError<ErrorId::kO0133>(
        "axis2", columns,
        "an axis as long as axis1: " + x[columns].toString() + " and " + x[rows].toString() + " may be any lengths");
  } else if (offset != 0) {
    return makeError<ErrorId::kO0133>("offset", offset,
                                      "0 for axes whose length " + length.toString() + " is not fixed");
  }
  Shape result;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis != rows && axis != columns) {
      result.push_back(x[axis]);
    }
  }
  result.push_back(length);
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const int64_t rank = static_cast<int64_t>(x.dims().size()), offset = context.attribute<int64_t>("offset");
  auto axisOf = [&](const char* name) {
    const int64_t axis = context.attribute<int64_t>(name);
    return static_cast<size_t>(axis < 0 ? axis + rank : axis);
  };
  const size_t rows = axisOf("axis1"), columns = axisOf("axis2");
  const std::vector<int64_t> strides = stridesOf(x.dims());
  forEachIndex(context.results[0].dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    const int64_t i = index.back();
    int64_t from =
        (i + std::max<int64_t>(-offset, 0)) * strides[rows] + (i + std::max<int64_t>(offset, 0)) * strides[columns];
    size_t next = 0;
    for (size_t axis = 0; axis < x.dims().size(); ++axis) {
      if (axis != rows && axis != columns) {
        from += index[next++] * strides[axis];
      }
    }
    copyElement(x, from, context.results[0], position);
  });
  return {};
}

}  // namespace kiln::ops::diagonal
