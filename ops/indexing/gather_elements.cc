// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// gather_elements and scatter: for each element of indices, one of x.
#include "ops/indexing/combine.h"

namespace kiln::ops {
namespace {

Status checkIndices(const ShapeContext& context) {
  const Shape &x = context.operands[0].shape, &indices = context.operands[1].shape;
  KILN_ASSIGN_OR_RETURN(int axis, resolveAxis(context.attribute<int64_t>("axis"), x, "x"));
  KILN_RETURN_IF_ERROR(checkRank(context.operands[1], "indices", x.rank()));
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis && !isNonNegative(x[i] - indices[i])) {
      return makeError<ErrorId::kO0138>(
          "indices", context.operands[1].toString(),
          "dimension " + std::to_string(i) + " to be at most " + x[i].toString() + ", that of x");
    }
  }
  return {};
}

// Calls body(position in x, position in indices) for each element of indices.
template <class F>
Status forEachElement(const Tensor& x, const Tensor& indices, int64_t axis, F&& body) {
  const size_t at = static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(x.dims().size()) : axis);
  const int64_t n = x.dims()[at];
  for (int64_t i = 0; i < indices.numElements(); ++i) {
    const int64_t index = integerAt(indices, i);
    if (index < -n || index >= n) {
      return makeError<ErrorId::kR0030>(index, n);
    }
  }
  const std::vector<int64_t> strides = stridesOf(x.dims());
  forEachIndex(indices.dims(), [&](const std::vector<int64_t>& place, int64_t position) {
    int64_t in = 0;
    for (size_t i = 0; i < place.size(); ++i) {
      const int64_t index = i == at ? integerAt(indices, position) : place[i];
      in += (index < 0 ? index + n : index) * strides[i];
    }
    body(in, position);
  });
  return {};
}

}  // namespace

namespace gather_elements {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkIndices(context));
  return setResult(context, context.operands[0].dtype, context.operands[1].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return forEachElement(x, *context.operands[1], context.attribute<int64_t>("axis"),
                        [&](int64_t from, int64_t to) { copyElement(x, from, context.results[0], to); });
}

}  // namespace gather_elements

namespace scatter {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "x", 2, "updates"));
  KILN_RETURN_IF_ERROR(checkReduction(context.attribute<std::string>("reduction"), context.operands[0].dtype));
  KILN_RETURN_IF_ERROR(checkIndices(context));
  KILN_RETURN_IF_ERROR(checkSameShape(context.operands[2].shape, "updates", context.operands[1].shape, "indices"));
  return setResult(context, context.operands[0].dtype, context.operands[0].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return combineInto(
      x, *context.operands[2], context.attribute<std::string>("reduction"), context.results[0],
      [&](auto&& pair) { return forEachElement(x, *context.operands[1], context.attribute<int64_t>("axis"), pair); });
}

}  // namespace scatter
}  // namespace kiln::ops
