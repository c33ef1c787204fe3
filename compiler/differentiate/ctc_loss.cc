// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The derivative of the CTC loss of an element of the batch is an op, ctc_loss_gradient, which reads what ctc_loss
// found of prefixes of paths.
#include "compiler/differentiate/rules.h"

namespace kiln::compiler {
namespace {

// d loss[n] / d log_probabilities[t, n, c]
Value derivative(RuleContext& c) {
  llvm::SmallVector<Value> operands(c.op->getOperands());
  operands.push_back(c.op->getResult(1));
  return create(c.b, c.loc, "ctc_loss_gradient", operands,
                {c.b.getNamedAttr("blank", c.b.getI64IntegerAttr(c.intAttr("blank"))),
                 c.b.getNamedAttr("zero_infinity", c.b.getBoolAttr(c.boolAttr("zero_infinity")))});
}

}  // namespace

StatusOr<Value> jvpCtcLoss(JvpContext& c) {
  return reduceSum(c.b, c.loc, mul(c.b, c.loc, derivative(c), c.tangents[0]), {0, 2}, /*keepDims=*/false);
}

Status vjpCtcLoss(VjpContext& c) {
  Value along = broadcastOverAxes(c.b, c.loc, c.cotangent, {0, 2}, /*keptDims=*/false, c.shapeOfOperand(0));
  c.gradients[0] = mul(c.b, c.loc, derivative(c), along);
  return {};
}

}  // namespace kiln::compiler
