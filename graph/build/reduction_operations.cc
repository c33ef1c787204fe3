// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/reduction_operations.h"

#include <numeric>

#include "graph/build/operations.h"

namespace kiln {
namespace {

Value reduce(const char* op, const Operand& x, std::vector<int64_t> axes, bool keepDims, Attributes more = {}) {
  more.set("axes", std::move(axes));
  more.set("keep_dims", keepDims);
  return detail::makeOperation(op, {x}, std::move(more));
}

std::vector<int64_t> allAxes(const Operand& x) {
  std::vector<int64_t> axes(x.value.rank());
  std::iota(axes.begin(), axes.end(), int64_t{0});
  return axes;
}

}  // namespace

Value reduceProd(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return reduce("reduce_prod", x, std::move(axes), keepDims);
}
Value reduceProd(Operand x) { return reduceProd(x, allAxes(x)); }

Value reduceMin(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return reduce("reduce_min", x, std::move(axes), keepDims);
}
Value reduceMin(Operand x) { return reduceMin(x, allAxes(x)); }

Value reduceAny(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return reduce("reduce_any", x, std::move(axes), keepDims);
}
Value reduceAny(Operand x) { return reduceAny(x, allAxes(x)); }

Value reduceAll(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return reduce("reduce_all", x, std::move(axes), keepDims);
}
Value reduceAll(Operand x) { return reduceAll(x, allAxes(x)); }

Value reduceL1(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return reduce("reduce_l1", x, std::move(axes), keepDims);
}
Value reduceL1(Operand x) { return reduceL1(x, allAxes(x)); }

Value reduceL2(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return reduce("reduce_l2", x, std::move(axes), keepDims);
}
Value reduceL2(Operand x) { return reduceL2(x, allAxes(x)); }

Value reduceLogSumExp(Operand x, std::vector<int64_t> axes, bool keepDims) {
  return reduce("reduce_log_sum_exp", x, std::move(axes), keepDims);
}
Value reduceLogSumExp(Operand x) { return reduceLogSumExp(x, allAxes(x)); }

Value reduceVariance(Operand x, std::vector<int64_t> axes, bool keepDims, int64_t correction) {
  return reduce("reduce_variance", x, std::move(axes), keepDims, {{"correction", correction}});
}
Value reduceVariance(Operand x) { return reduceVariance(x, allAxes(x)); }

Value argmin(Operand x, int64_t axis, bool keepDims) {
  return detail::makeOperation("argmin", {x}, {{"axis", axis}, {"keep_dims", keepDims}});
}

}  // namespace kiln
