// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/optimizer/checks.h"
#include "ops/spec/loops.h"

namespace kiln::ops::sgd {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkOptimizer(context, {"parameter", "gradient"}, 2, 2));
  return setResult(context, context.operands[0].dtype, context.operands[0].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor& parameter = *context.operands[0];
  const double rate = context.operands[2]->at(0), decay = context.attribute<double>("weight_decay");
  for (int64_t i = 0; i < parameter.numElements(); ++i) {
    const double p = parameter.at(i), g = context.operands[1]->at(i) + decay * p;
    context.results[0].set(i, p - rate * g);
  }
  return {};
}

}  // namespace kiln::ops::sgd
