// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cumsum, cumprod, cummax, cummin and linear_recurrence.
#include <limits>

#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

Status inferScan(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_ASSIGN_OR_RETURN([[maybe_unused]] int axis, resolveAxis(context.attribute<int64_t>("axis"), x.shape, "x"));
  context.results = {x};
  return {};
}

// Calls body(position of the first element in scan order, step to the next) for each line along the axis.
template <class F>
void forEachLine(const AxisView& view, bool reverse, F&& body) {
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t i = 0; i < view.inner; ++i) {
      const int64_t front = o * view.n * view.inner + i;
      body(reverse ? front + (view.n - 1) * view.inner : front, reverse ? -view.inner : view.inner);
    }
  }
}

// What has been joined so far by `join`, from `initial`.
template <class F>
Status referenceScan(ReferenceContext& context, int initial, F&& join) {
  const Tensor& x = *context.operands[0];
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  const bool exclusive = context.attribute<bool>("exclusive");
  return withNumeric(x.dtype(), [&]<class T>(T) {
    T* result = context.results[0].mutableData<T>();
    forEachLine(view, context.attribute<bool>("reverse"), [&](int64_t start, int64_t step) {
      Accumulator<T> before = static_cast<Accumulator<T>>(initial);
      for (int64_t k = 0; k < view.n; ++k) {
        const Accumulator<T> after = join(before, static_cast<Accumulator<T>>(x.data<T>()[start + k * step]));
        result[start + k * step] = static_cast<T>(exclusive ? before : after);
        before = after;
      }
    });
    return Status();
  });
}

Status inferExtremeScan(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(inferScan(context));
  context.results.push_back({i64, context.operands[0].shape});
  return {};
}

// The best so far; isAsGood(x, y): x replaces y, neither of which is NaN.
template <class F>
Status referenceExtremeScan(ReferenceContext& context, bool isLargest, F&& isAsGood) {
  const Tensor& x = *context.operands[0];
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  const bool exclusive = context.attribute<bool>("exclusive"), reverse = context.attribute<bool>("reverse");
  return withNumeric(x.dtype(), [&]<class T>(T) {
    using Limits = std::numeric_limits<T>;
    T worst = isLargest ? Limits::lowest() : Limits::max();
    if constexpr (Limits::has_infinity) {
      worst = isLargest ? -Limits::infinity() : Limits::infinity();
    }
    forEachLine(view, reverse, [&](int64_t start, int64_t step) {
      T best = worst;
      int64_t at = -1;
      for (int64_t k = 0; k < view.n; ++k) {
        const int64_t position = start + k * step;
        const T bestBefore = best, value = x.data<T>()[position];
        const int64_t atBefore = at;
        if (at < 0 || value != value || (best == best && isAsGood(value, best))) {
          best = value;
          at = reverse ? view.n - 1 - k : k;
        }
        context.results[0].mutableData<T>()[position] = exclusive ? bestBefore : best;
        context.results[1].mutableData<int64_t>()[position] = exclusive ? atBefore : at;
      }
    });
    return Status();
  });
}

}  // namespace

namespace cumsum {

Status inferShape(ShapeContext& context) { return inferScan(context); }
Status reference(ReferenceContext& context) {
  return referenceScan(context, 0, [](auto x, auto y) { return x + y; });
}

}  // namespace cumsum

namespace cumprod {

Status inferShape(ShapeContext& context) { return inferScan(context); }
Status reference(ReferenceContext& context) {
  return referenceScan(context, 1, [](auto x, auto y) { return x * y; });
}

}  // namespace cumprod

namespace cummax {

Status inferShape(ShapeContext& context) { return inferExtremeScan(context); }
Status reference(ReferenceContext& context) {
  return referenceExtremeScan(context, true, [](auto x, auto y) { return x >= y; });
}

}  // namespace cummax

namespace cummin {

Status inferShape(ShapeContext& context) { return inferExtremeScan(context); }
Status reference(ReferenceContext& context) {
  return referenceExtremeScan(context, false, [](auto x, auto y) { return x <= y; });
}

}  // namespace cummin

namespace linear_recurrence {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameType(context, 0, "a", 1, "b"));
  const ValueType& a = context.operands[0];
  KILN_ASSIGN_OR_RETURN([[maybe_unused]] int axis, resolveAxis(context.attribute<int64_t>("axis"), a.shape, "a"));
  context.results = {a};
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor &a = *context.operands[0], &b = *context.operands[1];
  const AxisView view(a.dims(), context.attribute<int64_t>("axis"));
  return withFloat(a.dtype(), [&]<class T>(T) {
    forEachLine(view, context.attribute<bool>("reverse"), [&](int64_t start, int64_t step) {
      double last = 0;
      for (int64_t k = 0; k < view.n; ++k) {
        const int64_t at = start + k * step;
        const double term = static_cast<double>(b.data<T>()[at]);
        last = k == 0 ? term : static_cast<double>(a.data<T>()[at]) * last + term;
        context.results[0].mutableData<T>()[at] = static_cast<T>(last);
      }
    });
    return Status();
  });
}

}  // namespace linear_recurrence
}  // namespace kiln::ops
