// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// reduce_sum, reduce_mean and reduce_max.
#include <limits>

#include "ops/elementwise/scalars.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

Status inferReduction(ShapeContext& context) {
  const Shape& x = context.operands[0].shape;
  KILN_ASSIGN_OR_RETURN(std::vector<bool> reduced,
                        resolveAxes(context.attribute<std::vector<int64_t>>("axes"), x, "x"));
  return setResult(context, context.operands[0].dtype, reducedShape(x, reduced, context.attribute<bool>("keep_dims")));
}

// Calls body(position in x, position in the result) for each element of x, in row-major order.
template <class F>
void forEachReduced(const Tensor& x, const std::vector<int64_t>& axes, F&& body) {
  std::vector<bool> reduced(x.dims().size());
  for (int64_t axis : axes) {
    reduced[axis < 0 ? axis + x.rank() : axis] = true;
  }
  std::vector<int64_t> kept = x.dims();
  for (size_t axis = 0; axis < kept.size(); ++axis) {
    kept[axis] = reduced[axis] ? 1 : kept[axis];
  }
  const std::vector<int64_t> strides = stridesOf(kept);
  forEachIndex(x.dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    int64_t to = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      to += reduced[axis] ? 0 : index[axis] * strides[axis];
    }
    body(position, to);
  });
}

template <class T>
std::vector<Accumulator<T>> sumsOf(const ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  std::vector<Accumulator<T>> sums(context.results[0].numElements());
  forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"),
                 [&](int64_t from, int64_t to) { sums[to] += static_cast<Accumulator<T>>(x.data<T>()[from]); });
  return sums;
}

}  // namespace

namespace reduce_sum {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  return withNumeric(context.operands[0]->dtype(), [&]<class T>(T) {
    const auto sums = sumsOf<T>(context);
    for (size_t i = 0; i < sums.size(); ++i) {
      context.results[0].mutableData<T>()[i] = static_cast<T>(sums[i]);
    }
    return Status();
  });
}

}  // namespace reduce_sum

namespace reduce_mean {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  double count = 1;
  for (int64_t axis : context.attribute<std::vector<int64_t>>("axes")) {
    count *= static_cast<double>(x.dims()[axis < 0 ? axis + x.rank() : axis]);
  }
  return withFloat(x.dtype(), [&]<class T>(T) {
    const auto sums = sumsOf<T>(context);
    for (size_t i = 0; i < sums.size(); ++i) {
      const double mean = count == 0 ? std::numeric_limits<double>::quiet_NaN() : sums[i] / count;
      context.results[0].mutableData<T>()[i] = static_cast<T>(mean);
    }
    return Status();
  });
}

}  // namespace reduce_mean

namespace reduce_max {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return withNumeric(x.dtype(), [&]<class T>(T) {
    using Limits = std::numeric_limits<T>;
    T* result = context.results[0].mutableData<T>();
    std::fill_n(result, context.results[0].numElements(),
                Limits::has_infinity ? -Limits::infinity() : Limits::lowest());
    forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"),
                   [&](int64_t from, int64_t to) { result[to] = scalars::Maximum()(result[to], x.data<T>()[from]); });
    return Status();
  });
}

}  // namespace reduce_max
}  // namespace kiln::ops
