// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The derivative of a product for one factor is the product of the others, which is not the product divided by the
// factor where factors are zero. It is the product of those before it times that of those after it, two running
// products.
#include "compiler/differentiate/rules.h"

namespace kiln::compiler {
namespace {

Value runningProduct(RuleContext& c, Value x, int64_t axis, bool reverse) {
  return create(
      c.b, c.loc, "cumprod", x,
      {c.b.getNamedAttr("axis", c.b.getI64IntegerAttr(axis)), c.b.getNamedAttr("exclusive", c.b.getBoolAttr(true)),
       c.b.getNamedAttr("reverse", c.b.getBoolAttr(reverse))});
}

// For each element of x the product of the others that are reduced with it.
Value productOfOthers(RuleContext& c) {
  const Shape shape = c.shapeOfOperand(0);
  const llvm::SmallVector<int64_t> axes = normalizedAxes(c.intsAttr("axes"), shape.rank());
  if (axes.empty()) {
    return splatLike(c.b, c.loc, 1.0, c.operand(0));
  }
  // The reduced axes become one, the last.
  llvm::SmallVector<int64_t> permutation;
  Shape flat;
  Dim count(1);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!llvm::is_contained(axes, axis)) {
      permutation.push_back(axis);
      flat.push_back(shape[axis]);
    }
  }
  for (int64_t axis : axes) {
    permutation.push_back(axis);
    count = count * shape[static_cast<int>(axis)];
  }
  flat.push_back(count);
  llvm::SmallVector<int64_t> inverse(permutation.size());
  for (auto [i, axis] : llvm::enumerate(permutation)) {
    inverse[static_cast<size_t>(axis)] = static_cast<int64_t>(i);
  }
  Value moved = transposeBy(c.b, c.loc, c.operand(0), permutation);
  const Shape movedShape = shapeOf(moved.getType());
  Value lines = reshapeTo(c.b, c.loc, moved, flat);
  const int64_t last = flat.rank() - 1;
  Value others = mul(c.b, c.loc, runningProduct(c, lines, last, false), runningProduct(c, lines, last, true));
  return transposeBy(c.b, c.loc, reshapeTo(c.b, c.loc, others, movedShape), inverse);
}

}  // namespace

StatusOr<Value> jvpReduceProd(JvpContext& c) {
  Value terms = mul(c.b, c.loc, c.tangents[0], productOfOthers(c));
  return reduceSum(c.b, c.loc, terms, c.intsAttr("axes"), c.boolAttr("keep_dims"));
}

Status vjpReduceProd(VjpContext& c) {
  Value each =
      broadcastOverAxes(c.b, c.loc, c.cotangent, c.intsAttr("axes"), c.boolAttr("keep_dims"), c.shapeOfOperand(0));
  c.gradients[0] = mul(c.b, c.loc, each, productOfOthers(c));
  return {};
}

}  // namespace kiln::compiler
