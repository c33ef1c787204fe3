// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// reverse and roll: each axis by itself is permuted.
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

// Calls `source(axis, entry of axes, index, length)` for the position on each named axis; other axes stay.
template <class F>
Status permuteAxes(ReferenceContext& context, F&& source) {
  const Tensor& x = *context.operands[0];
  const int64_t rank = static_cast<int64_t>(x.dims().size());
  const auto& axes = context.attribute<std::vector<int64_t>>("axes");
  const std::vector<int64_t> strides = stridesOf(x.dims());
  forEachIndex(x.dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    std::vector<int64_t> from = index;
    for (size_t i = 0; i < axes.size(); ++i) {
      const size_t axis = static_cast<size_t>(axes[i] < 0 ? axes[i] + rank : axes[i]);
      from[axis] = source(i, index[axis], x.dims()[axis]);
    }
    int64_t at = 0;
    for (size_t axis = 0; axis < from.size(); ++axis) {
      at += from[axis] * strides[axis];
    }
    copyElement(x, at, context.results[0], position);
  });
  return {};
}

Status inferPermuted(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_RETURN_IF_ERROR(resolveAxes(context.attribute<std::vector<int64_t>>("axes"), x.shape, "x").status());
  return setResult(context, x.dtype, x.shape);
}

}  // namespace

namespace reverse {

Status inferShape(ShapeContext& context) { return inferPermuted(context); }

Status reference(ReferenceContext& context) {
  return permuteAxes(context, [](size_t, int64_t i, int64_t n) { return n - 1 - i; });
}

}  // namespace reverse

namespace roll {

Status inferShape(ShapeContext& context) {
  const auto& shifts = context.attribute<std::vector<int64_t>>("shifts");
  const size_t numAxes = context.attribute<std::vector<int64_t>>("axes").size();
  if (shifts.size() != numAxes) {
    return makeError<ErrorId::kO0133>("shifts", toString(Attribute(shifts)),
                                      "an entry for each of the " + std::to_string(numAxes) + " axes");
  }
  return inferPermuted(context);
}

Status reference(ReferenceContext& context) {
  const auto& shifts = context.attribute<std::vector<int64_t>>("shifts");
  return permuteAxes(context, [&](size_t entry, int64_t i, int64_t n) {
    const int64_t from = (i - shifts[entry] % n) % n;
    return from < 0 ? from + n : from;
  });
}

}  // namespace roll
}  // namespace kiln::ops
