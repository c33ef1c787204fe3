// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The derivatives of reduce_l2, x / result, and of reduce_log_sum_exp, exp(x - result).
#include <limits>

#include "compiler/differentiate/rules.h"

namespace kiln::compiler {
namespace {

Value spread(RuleContext& c, Value y) {
  return broadcastOverAxes(c.b, c.loc, y, c.intsAttr("axes"), c.boolAttr("keep_dims"), c.shapeOfOperand(0));
}

Value sum(RuleContext& c, Value x) { return reduceSum(c.b, c.loc, x, c.intsAttr("axes"), c.boolAttr("keep_dims")); }

// Where the norm is 0, so are all elements: any divisor but 0 gives the derivative 0.
Value divisorOf(RuleContext& c) {
  Value isZero = create(c.b, c.loc, "equal", {c.result(), splatLike(c.b, c.loc, 0.0, c.result())});
  return select(c.b, c.loc, isZero, splatLike(c.b, c.loc, 1.0, c.result()), c.result());
}

// exp(x - result); where the result is -inf, so are all elements, and their weights are 0.
Value weightsOf(RuleContext& c) {
  Value bound = splatLike(c.b, c.loc, std::numeric_limits<double>::infinity(), c.result());
  Value isFinite = create(c.b, c.loc, "less", {create(c.b, c.loc, "abs", c.result()), bound});
  Value shift = select(c.b, c.loc, isFinite, c.result(), splatLike(c.b, c.loc, 0.0, c.result()));
  return create(c.b, c.loc, "exp", sub(c.b, c.loc, c.operand(0), spread(c, shift)));
}

}  // namespace

StatusOr<Value> jvpReduceL2(JvpContext& c) {
  return div(c.b, c.loc, sum(c, mul(c.b, c.loc, c.operand(0), c.tangents[0])), divisorOf(c));
}

Status vjpReduceL2(VjpContext& c) {
  c.gradients[0] = mul(c.b, c.loc, c.operand(0), spread(c, div(c.b, c.loc, c.cotangent, divisorOf(c))));
  return {};
}

StatusOr<Value> jvpReduceLogSumExp(JvpContext& c) { return sum(c, mul(c.b, c.loc, weightsOf(c), c.tangents[0])); }

Status vjpReduceLogSumExp(VjpContext& c) {
  c.gradients[0] = mul(c.b, c.loc, weightsOf(c), spread(c, c.cotangent));
  return {};
}

}  // namespace kiln::compiler
