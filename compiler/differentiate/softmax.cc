// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// softmax and log_softmax. With y the softmax of x: J t = y * (t - sum(y * t)), which is its own transpose; for the
// logarithm J t = t - sum(y * t), J^T d = d - y * sum(d). Written with the ops' results, so that they can be
// differentiated again.
#include "compiler/differentiate/rules.h"

namespace kiln::compiler {
namespace {

// The sum over the op's axis, repeated along it.
Value sumAlong(RuleContext& c, Value x) {
  const Shape shape = shapeOf(x.getType());
  return broadcastTo(c.b, c.loc, reduceSum(c.b, c.loc, x, normalizedAxes({c.intAttr("axis")}, shape.rank()), true),
                     shape);
}

Value softmaxProduct(RuleContext& c, Value t) {
  Value y = c.result();
  return mul(c.b, c.loc, sub(c.b, c.loc, t, sumAlong(c, mul(c.b, c.loc, t, y))), y);
}

}  // namespace

StatusOr<Value> jvpSoftmax(JvpContext& c) { return softmaxProduct(c, c.tangents[0]); }

Status vjpSoftmax(VjpContext& c) {
  c.gradients[0] = softmaxProduct(c, c.cotangent);
  return {};
}

StatusOr<Value> jvpLogSoftmax(JvpContext& c) {
  Value y = create(c.b, c.loc, "exp", c.result());
  return sub(c.b, c.loc, c.tangents[0], sumAlong(c, mul(c.b, c.loc, y, c.tangents[0])));
}

Status vjpLogSoftmax(VjpContext& c) {
  Value y = create(c.b, c.loc, "exp", c.result());
  c.gradients[0] = sub(c.b, c.loc, c.cotangent, mul(c.b, c.loc, y, sumAlong(c, c.cotangent)));
  return {};
}

}  // namespace kiln::compiler
