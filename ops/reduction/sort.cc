// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// sort and top_k.
#include <algorithm>
#include <numeric>

#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

// NaN comes after every number, and no NaN before another.
template <class T>
bool isBefore(T x, T y) {
  return x < y || (x == x && y != y);
}

// Writes the first elements of each line along the axis, sorted, as many as the results have.
Status writeSorted(ReferenceContext& context, bool descending) {
  const Tensor& x = *context.operands[0];
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  const int64_t count = AxisView(context.results[0].dims(), context.attribute<int64_t>("axis")).n;
  return withNumeric(x.dtype(), [&]<class T>(T) {
    for (int64_t o = 0; o < view.outer; ++o) {
      for (int64_t i = 0; i < view.inner; ++i) {
        const T* line = x.data<T>() + o * view.n * view.inner + i;
        std::vector<int64_t> order(view.n);
        std::iota(order.begin(), order.end(), 0);
        std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
          const T first = line[a * view.inner], second = line[b * view.inner];
          const bool isLess = isBefore(first, second), isMore = isBefore(second, first);
          return isLess == isMore ? a < b : descending ? isMore : isLess;
        });
        for (int64_t k = 0; k < count; ++k) {
          const int64_t to = (o * count + k) * view.inner + i;
          context.results[0].mutableData<T>()[to] = line[order[k] * view.inner];
          context.results[1].mutableData<int64_t>()[to] = order[k];
        }
      }
    }
    return Status();
  });
}

}  // namespace

namespace sort {

Status inferShape(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_ASSIGN_OR_RETURN([[maybe_unused]] int axis, resolveAxis(context.attribute<int64_t>("axis"), x.shape, "x"));
  context.results = {x, {i64, x.shape}};
  return {};
}

Status reference(ReferenceContext& context) { return writeSorted(context, context.attribute<bool>("descending")); }

}  // namespace sort

namespace top_k {

Status inferShape(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(int axis, resolveAxis(context.attribute<int64_t>("axis"), x.shape, "x"));
  const int64_t k = context.attribute<int64_t>("k");
  const Dim& length = x.shape[axis];
  if (k < 0 || (length.isStatic() && k > length.value())) {
    return makeError<ErrorId::kO0133>("k", k,
                                      "0 to " + length.toString() + ", the length of axis " + std::to_string(axis));
  }
  std::vector<Dim> dims(x.shape.begin(), x.shape.end());
  dims[axis] = k;
  context.results = {{x.dtype, Shape(dims)}, {i64, Shape(dims)}};
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const int64_t k = context.attribute<int64_t>("k");
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  if (k > view.n) {
    return makeError<ErrorId::kR0030>(k - 1, view.n);
  }
  return writeSorted(context, context.attribute<bool>("largest"));
}

}  // namespace top_k
}  // namespace kiln::ops
