// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/optimizer/checks.h"
#include "ops/spec/loops.h"

namespace kiln::ops::momentum {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkOptimizer(context, {"parameter", "gradient", "velocity"}, 3, 3));
  context.results.assign(2, context.operands[0]);
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor& parameter = *context.operands[0];
  const double rate = context.operands[3]->at(0), momentum = context.attribute<double>("momentum");
  const double decay = context.attribute<double>("weight_decay");
  const bool nesterov = context.attribute<bool>("nesterov");
  for (int64_t i = 0; i < parameter.numElements(); ++i) {
    const double p = parameter.at(i), g = context.operands[1]->at(i) + decay * p;
    const double velocity = momentum * context.operands[2]->at(i) + g;
    context.results[0].set(i, p - rate * (nesterov ? g + momentum * velocity : velocity));
    context.results[1].set(i, velocity);
  }
  return {};
}

}  // namespace kiln::ops::momentum
