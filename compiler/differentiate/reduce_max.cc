// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The derivatives of the largest and the smallest value, shared equally by all places that hold it.
#include "compiler/differentiate/rules.h"

namespace kiln::compiler {
namespace {

struct Share {
  Value isExtreme;  // bool, shape of x
  Value count;      // shape of the result
};

Share shareOf(RuleContext& c) {
  const Shape x = c.shapeOfOperand(0);
  const bool keepDims = c.boolAttr("keep_dims");
  Value extreme = broadcastOverAxes(c.b, c.loc, c.result(), c.intsAttr("axes"), keepDims, x);
  Share share;
  share.isExtreme = create(c.b, c.loc, "equal", {c.operand(0), extreme});
  share.count = reduceSum(c.b, c.loc, castTo(c.b, c.loc, share.isExtreme, dtypeOf(c.operand(0).getType())),
                          c.intsAttr("axes"), keepDims);
  return share;
}

Value jvpExtreme(JvpContext& c) {
  Share share = shareOf(c);
  Value picked = select(c.b, c.loc, share.isExtreme, c.tangents[0], splatLike(c.b, c.loc, 0.0, c.tangents[0]));
  return div(c.b, c.loc, reduceSum(c.b, c.loc, picked, c.intsAttr("axes"), c.boolAttr("keep_dims")), share.count);
}

void vjpExtreme(VjpContext& c) {
  Share share = shareOf(c);
  Value each = broadcastOverAxes(c.b, c.loc, div(c.b, c.loc, c.cotangent, share.count), c.intsAttr("axes"),
                                 c.boolAttr("keep_dims"), c.shapeOfOperand(0));
  c.gradients[0] = select(c.b, c.loc, share.isExtreme, each, splatLike(c.b, c.loc, 0.0, each));
}

}  // namespace

StatusOr<Value> jvpReduceMax(JvpContext& c) { return jvpExtreme(c); }
StatusOr<Value> jvpReduceMin(JvpContext& c) { return jvpExtreme(c); }

Status vjpReduceMax(VjpContext& c) {
  vjpExtreme(c);
  return {};
}

Status vjpReduceMin(VjpContext& c) {
  vjpExtreme(c);
  return {};
}

}  // namespace kiln::compiler
