// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>

#include "ops/optimizer/checks.h"
#include "ops/spec/loops.h"

namespace kiln::ops::adam {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkOptimizer(context, {"parameter", "gradient", "first_moment", "second_moment"}, 4, 5));
  const ValueType& step = context.operands[4];
  if (!(step == ValueType{i64, Shape()})) {
    return makeError<ErrorId::kO0138>("step", step.toString(), "i64[]");
  }
  context.results.assign(3, context.operands[0]);
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor& parameter = *context.operands[0];
  const double step = static_cast<double>(integerAt(*context.operands[4], 0)), rate = context.operands[5]->at(0);
  const double beta1 = context.attribute<double>("beta1"), beta2 = context.attribute<double>("beta2");
  const double epsilon = context.attribute<double>("epsilon"), decay = context.attribute<double>("weight_decay");
  const double correction1 = 1 - std::pow(beta1, step), correction2 = 1 - std::pow(beta2, step);
  for (int64_t i = 0; i < parameter.numElements(); ++i) {
    const double p = parameter.at(i), g = context.operands[1]->at(i) + decay * p;
    const double m = beta1 * context.operands[2]->at(i) + (1 - beta1) * g;
    const double v = beta2 * context.operands[3]->at(i) + (1 - beta2) * g * g;
    context.results[0].set(i, p - rate / correction1 * m / (std::sqrt(v) / std::sqrt(correction2) + epsilon));
    context.results[1].set(i, m);
    context.results[2].set(i, v);
  }
  return {};
}

}  // namespace kiln::ops::adam
