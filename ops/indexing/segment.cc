// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// segment_sum, segment_mean, segment_max and segment_min: the slices of data, each combined into the row of its id.
#include "ops/indexing/segment.h"

#include "ops/elementwise/scalars.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {

Tensor extremeOf(DType dtype, bool isHighest) {
  Tensor result(dtype, {});
  switch (dtype) {
    case f16:
      result.set(0, isHighest ? 65504.0 : -65504.0);
      return result;
    case bf16:
      result.set(0, isHighest ? 0x1.FEp127 : -0x1.FEp127);
      return result;
    default:
      break;
  }
  const Status done = withNumeric(dtype, [&]<class T>(T) -> Status {
    if constexpr (std::numeric_limits<T>::is_specialized) {
      *result.mutableData<T>() = isHighest ? std::numeric_limits<T>::max() : std::numeric_limits<T>::lowest();
    }
    return {};
  });
  KILN_CHECK(done.ok());
  return result;
}

namespace {

Status inferSegments(ShapeContext& context) {
  const Shape &data = context.operands[0].shape, &ids = context.operands[1].shape;
  const int64_t count = context.attribute<int64_t>("num_segments");
  if (count < 0) {
    return makeError<ErrorId::kO0133>("num_segments", count, "at least 0");
  }
  Shape beginning, result = {Dim(count)};
  for (int axis = 0; axis < data.rank(); ++axis) {
    (axis < ids.rank() ? beginning : result).push_back(data[axis]);
  }
  if (ids.rank() < 1 || !(beginning == ids)) {
    return makeError<ErrorId::kO0138>("segment_ids", context.operands[1].toString(),
                                      "the first dimensions, one at least, of data, which is " + data.toString());
  }
  return setResult(context, context.operands[0].dtype, std::move(result));
}

// Calls body(position in the result, position in data) for each element of data.
template <class F>
Status forEachOfSegments(ReferenceContext& context, F&& body) {
  const Tensor &data = *context.operands[0], &ids = *context.operands[1];
  const int64_t count = context.attribute<int64_t>("num_segments");
  const int64_t inner = productOf(data.dims(), ids.dims().size(), data.dims().size());
  for (int64_t i = 0; i < ids.numElements(); ++i) {
    const int64_t id = integerAt(ids, i);
    if (id < 0 || id >= count) {
      return makeError<ErrorId::kR0030>(id, count);
    }
    for (int64_t j = 0; j < inner; ++j) {
      body(id * inner + j, i * inner + j);
    }
  }
  return {};
}

Status sumSegments(ReferenceContext& context, bool isMean) {
  Tensor& result = context.results[0];
  return withNumeric(result.dtype(), [&]<class T>(T) -> Status {
    std::vector<Accumulator<T>> sums(static_cast<size_t>(result.numElements()));
    std::vector<int64_t> counts(sums.size());
    const T* data = context.operands[0]->data<T>();
    KILN_RETURN_IF_ERROR(forEachOfSegments(context, [&](int64_t to, int64_t from) {
      sums[to] += static_cast<Accumulator<T>>(data[from]);
      ++counts[to];
    }));
    for (int64_t i = 0; i < result.numElements(); ++i) {
      const auto divisor = static_cast<Accumulator<T>>(isMean && counts[i] > 0 ? counts[i] : 1);
      result.mutableData<T>()[i] = static_cast<T>(sums[i] / divisor);
    }
    return {};
  });
}

template <class Functor>
Status chooseOfSegments(ReferenceContext& context, const Tensor& start) {
  Tensor& result = context.results[0];
  for (int64_t i = 0; i < result.numElements(); ++i) {
    copyElement(start, 0, result, i);
  }
  return withNumeric(result.dtype(), [&]<class T>(T) -> Status {
    T* out = result.mutableData<T>();
    const T* data = context.operands[0]->data<T>();
    return forEachOfSegments(context, [&](int64_t to, int64_t from) { out[to] = Functor{}(out[to], data[from]); });
  });
}

}  // namespace

namespace segment_sum {
Status inferShape(ShapeContext& context) { return inferSegments(context); }
Status reference(ReferenceContext& context) { return sumSegments(context, false); }
}  // namespace segment_sum

namespace segment_mean {
Status inferShape(ShapeContext& context) { return inferSegments(context); }
Status reference(ReferenceContext& context) { return sumSegments(context, true); }
}  // namespace segment_mean

namespace segment_max {
Status inferShape(ShapeContext& context) { return inferSegments(context); }
Status reference(ReferenceContext& context) {
  return chooseOfSegments<scalars::Maximum>(context, extremeOf(context.results[0].dtype(), false));
}
}  // namespace segment_max

namespace segment_min {
Status inferShape(ShapeContext& context) { return inferSegments(context); }
Status reference(ReferenceContext& context) {
  return chooseOfSegments<scalars::Minimum>(context, extremeOf(context.results[0].dtype(), true));
}
}  // namespace segment_min
}  // namespace kiln::ops
