// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "absl/strings/str_cat.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::gradients {

Status inferShape(ShapeContext& context) {
  const int64_t numYs = context.attribute<int64_t>("num_ys"), numXs = context.attribute<int64_t>("num_xs");
  const int64_t numInputs = static_cast<int64_t>(context.operands.size());
  const bool inRange = numYs >= 1 && numXs >= 1 && numYs <= numInputs && numXs <= numInputs;
  if (!inRange || (numInputs != numYs + numXs && numInputs != 2 * numYs + numXs)) {
    return makeError<ErrorId::kO0128>(numYs, numXs, numInputs);
  }
  for (int64_t i = 0; i < numYs + numXs; ++i) {
    if (!isFloat(context.operands[i].dtype)) {
      const bool isY = i < numYs;
      return makeError<ErrorId::kO0129>(isY ? absl::StrCat("y ", i) : absl::StrCat("x ", i - numYs),
                                        context.operands[i].toString());
    }
  }
  const bool hasSeeds = numInputs > numYs + numXs;
  for (int64_t i = 0; i < numYs; ++i) {
    const ValueType& y = context.operands[i];
    if (!hasSeeds && y.shape.rank() != 0) {
      return makeError<ErrorId::kO0130>(i, y.toString());
    }
    if (hasSeeds && !(context.operands[numYs + numXs + i] == y)) {
      return makeError<ErrorId::kO0131>(i, context.operands[numYs + numXs + i].toString(), y.toString());
    }
  }
  for (int64_t i = 0; i < numXs; ++i) {
    context.results.push_back(context.operands[numYs + i]);
  }
  return {};
}

}  // namespace kiln::ops::gradients
