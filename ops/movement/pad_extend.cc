// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "absl/strings/str_cat.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::pad_extend {
namespace {

// The position in [0, n) whose element is shown at `i`, which may lie outside.
int64_t sourceOf(const std::string& mode, int64_t i, int64_t n) {
  if (mode == "edge") {
    return std::min(std::max<int64_t>(i, 0), n - 1);
  }
  if (mode == "wrap") {
    return i < 0 ? i + n : (i >= n ? i - n : i);
  }
  return i < 0 ? -i : (i >= n ? 2 * (n - 1) - i : i);
}

}  // namespace

Status inferShape(ShapeContext& context) {
  const Shape& x = context.operands[0].shape;
  const auto& low = context.attribute<std::vector<int64_t>>("low");
  const auto& high = context.attribute<std::vector<int64_t>>("high");
  const auto& mode = context.attribute<std::string>("mode");
  KILN_RETURN_IF_ERROR(checkEntries(low.size(), "low", x));
  KILN_RETURN_IF_ERROR(checkEntries(high.size(), "high", x));
  if (mode != "reflect" && mode != "edge" && mode != "wrap") {
    return makeError<ErrorId::kO0133>("mode", mode, "reflect, edge or wrap");
  }
  Shape result = x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t before = low[static_cast<size_t>(axis)], after = high[static_cast<size_t>(axis)];
    result[axis] = x[axis] + Dim(before) + Dim(after);
    if (before == 0 && after == 0) {
      continue;
    }
    const char* name = before < 0 || after == 0 ? "low" : "high";
    const int64_t amount = before < 0 || after == 0 ? before : after;
    if (before < 0 || after < 0) {
      return makeError<ErrorId::kO0133>(name, before < 0 ? before : after, "at least 0 for each axis");
    }
    if (!x[axis].isStatic()) {
      return makeError<ErrorId::kO0133>(
          name, amount, absl::StrCat("0 for axis ", axis, ", whose length ", x[axis].toString(), " is not fixed"));
    }
    const int64_t n = x[axis].value(), most = mode == "reflect" ? n - 1 : n;
    if (mode == "edge" ? n == 0 : std::max(before, after) > most) {
      const std::string wanted = mode == "edge" ? "0" : absl::StrCat("at most ", std::max<int64_t>(most, 0));
      return makeError<ErrorId::kO0133>(before >= after ? "low" : "high", std::max(before, after),
                                        absl::StrCat(wanted, " for axis ", axis, " of length ", n, " in mode ", mode));
    }
  }
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const auto& low = context.attribute<std::vector<int64_t>>("low");
  const auto& mode = context.attribute<std::string>("mode");
  const std::vector<int64_t> strides = stridesOf(x.dims());
  forEachIndex(context.results[0].dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    int64_t from = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      from += sourceOf(mode, index[axis] - low[axis], x.dims()[axis]) * strides[axis];
    }
    copyElement(x, from, context.results[0], position);
  });
  return {};
}

}  // namespace kiln::ops::pad_extend
