// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The derivatives of sort and top_k: elements only move, to where the result `indices` says that they came from.
#include "compiler/differentiate/rules.h"

namespace kiln::compiler {
namespace {

Value pick(JvpContext& c) {
  return create(c.b, c.loc, "gather_elements", {c.tangents[0], c.op->getResult(1)},
                c.b.getNamedAttr("axis", c.b.getI64IntegerAttr(c.intAttr("axis"))));
}

Status putBack(VjpContext& c) {
  Value zeros = splatLike(c.b, c.loc, 0.0, c.operand(0));
  c.gradients[0] = create(c.b, c.loc, "scatter", {zeros, c.op->getResult(1), c.cotangent},
                          {c.b.getNamedAttr("axis", c.b.getI64IntegerAttr(c.intAttr("axis"))),
                           c.b.getNamedAttr("reduction", c.b.getStringAttr("add"))});
  return {};
}

}  // namespace

StatusOr<Value> jvpSort(JvpContext& c) { return pick(c); }
StatusOr<Value> jvpTopK(JvpContext& c) { return pick(c); }
Status vjpSort(VjpContext& c) { return putBack(c); }
Status vjpTopK(VjpContext& c) { return putBack(c); }

}  // namespace kiln::compiler
