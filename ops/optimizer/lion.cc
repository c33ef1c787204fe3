// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/optimizer/checks.h"
#include "ops/spec/loops.h"

namespace kiln::ops::lion {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkOptimizer(context, {"parameter", "gradient", "momentum"}, 3, 3));
  context.results.assign(2, context.operands[0]);
  return {};
}

Status reference(ReferenceContext& context) {
  const double rate = context.operands[3]->at(0), decay = context.attribute<double>("weight_decay");
  const double beta1 = context.attribute<double>("beta1"), beta2 = context.attribute<double>("beta2");
  for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
    const double p = context.operands[0]->at(i), g = context.operands[1]->at(i), m = context.operands[2]->at(i);
    const double mixed = beta1 * m + (1 - beta1) * g;
    // The sign of NaN is NaN.
    const double sign = mixed > 0 ? 1 : mixed < 0 ? -1 : mixed;
    context.results[0].set(i, p - rate * (sign + decay * p));
    context.results[1].set(i, beta2 * m + (1 - beta2) * g);
  }
  return {};
}

}  // namespace kiln::ops::lion
