// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/loss/reduction.h"

#include <limits>

namespace kiln::ops {

Status inferReduced(ShapeContext& context, DType dtype, const Shape& shape, bool hasBatchMean) {
  const auto& reduction = context.attribute<std::string>("reduction");
  if (reduction == "none") {
    return setResult(context, dtype, shape);
  }
  if (reduction == "batchmean" && hasBatchMean) {
    if (shape.rank() == 0) {
      return makeError<ErrorId::kO0133>("reduction", "\"batchmean\"", "another one: a scalar has no batch axis");
    }
    return setResult(context, dtype, Shape());
  }
  if (reduction == "mean" || reduction == "sum") {
    return setResult(context, dtype, Shape());
  }
  return makeError<ErrorId::kO0133>("reduction", "\"" + reduction + "\"",
                                    hasBatchMean ? "none, mean, batchmean or sum" : "none, mean or sum");
}

Status writeReduced(ReferenceContext& context, const std::vector<double>& losses, double count) {
  const auto& reduction = context.attribute<std::string>("reduction");
  if (reduction == "none") {
    for (size_t i = 0; i < losses.size(); ++i) {
      context.results[0].set(static_cast<int64_t>(i), losses[i]);
    }
    return {};
  }
  // Wider than f64, so that the order of a long sum does not show in its digits.
  long double sum = 0;
  for (double loss : losses) {
    sum += loss;
  }
  if (reduction != "sum") {
    sum = count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / count;
  }
  context.results[0].set(0, static_cast<double>(sum));
  return {};
}

Status writeReduced(ReferenceContext& context, const std::vector<double>& losses) {
  return writeReduced(context, losses, static_cast<double>(losses.size()));
}

Status checkWithoutLastAxis(const ShapeContext& context, size_t of, const char* nameOf, size_t index,
                            const char* name) {
  const Shape& shape = context.operands[of].shape;
  if (shape.rank() == 0) {
    return makeError<ErrorId::kO0111>(-1, 0, 0, nameOf, shape.toString());
  }
  return checkSameShape(context.operands[index].shape, name, Shape(std::vector<Dim>(shape.begin(), shape.end() - 1)),
                        std::string(nameOf) + " without its last axis");
}

}  // namespace kiln::ops
