// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Cross entropy of logits. The derivative for the logits is softmax(logits) - labels; for class numbers, the labels are
// rows with a single one. one_hot is an index map that fuses into the loop around it, so no such matrix is stored.
#include "compiler/differentiate/rules.h"
#include "compiler/simplify/index_terms.h"

namespace kiln::compiler {
namespace {

Value softmaxOf(RuleContext& c) { return create(c.b, c.loc, "softmax", c.operand(0)); }

// A value without the last axis, repeated along it.
Value alongClasses(RuleContext& c, Value x) {
  return broadcastOverAxes(c.b, c.loc, x, {-1}, false, c.shapeOfOperand(0));
}

Value sumOverClasses(RuleContext& c, Value x) {
  return reduceSum(c.b, c.loc, x, {static_cast<int64_t>(c.shapeOfOperand(0).rank()) - 1}, false);
}

// The labels, read through a table of all classes: one that is no class ends the run, also where the loss itself is not
// computed.
Value checkedLabels(RuleContext& c, const Dim& classes) {
  const IndexBuilder index{c.b, c.loc};
  return index.gather(index.iota(Shape({classes}), 0), c.operand(1), 0, 0, /*allowNegative=*/false);
}

StatusOr<Value> difference(RuleContext& c) {
  const Shape logits = c.shapeOfOperand(0);
  const Dim classes = logits[logits.rank() - 1];
  const DType dtype = dtypeOf(c.operand(0).getType());
  Value labels = checkedLabels(c, classes);
  Value hot;
  if (classes.isStatic()) {
    hot = create(c.b, c.loc, "one_hot", labels,
                 {c.b.getNamedAttr("depth", c.b.getI64IntegerAttr(classes.value())),
                  c.b.getNamedAttr("dtype", mlir::TypeAttr::get(elementType(c.b.getContext(), dtype)))});
  } else {
    const DType index = dtypeOf(labels.getType());
    Value positions = create(c.b, c.loc, "iota", shapeValue(c.b, c.loc, logits),
                             {c.b.getNamedAttr("axis", c.b.getI64IntegerAttr(logits.rank() - 1)),
                              c.b.getNamedAttr("dtype", mlir::TypeAttr::get(elementType(c.b.getContext(), index)))});
    hot = castTo(c.b, c.loc, create(c.b, c.loc, "equal", {positions, alongClasses(c, labels)}), dtype);
  }
  return sub(c.b, c.loc, softmaxOf(c), hot);
}

}  // namespace

StatusOr<Value> jvpSoftmaxCrossEntropy(JvpContext& c) {
  KILN_ASSIGN_OR_RETURN(Value d, difference(c));
  return sumOverClasses(c, mul(c.b, c.loc, d, c.tangents[0]));
}

Status vjpSoftmaxCrossEntropy(VjpContext& c) {
  KILN_ASSIGN_OR_RETURN(Value d, difference(c));
  c.gradients[0] = mul(c.b, c.loc, d, alongClasses(c, c.cotangent));
  return {};
}

// result = sum(labels * (logsum - logits)): d logits = softmax * sum(labels) - labels, d labels = -log_softmax.
StatusOr<Value> jvpSoftmaxCrossEntropyDense(JvpContext& c) {
  Value sum;
  auto accumulate = [&](Value term) { sum = sum ? add(c.b, c.loc, sum, term) : term; };
  if (Value t = c.tangents[0]) {
    Value scaled = mul(c.b, c.loc, softmaxOf(c), alongClasses(c, sumOverClasses(c, c.operand(1))));
    accumulate(sumOverClasses(c, mul(c.b, c.loc, sub(c.b, c.loc, scaled, c.operand(1)), t)));
  }
  if (Value t = c.tangents[1]) {
    accumulate(neg(c.b, c.loc, sumOverClasses(c, mul(c.b, c.loc, create(c.b, c.loc, "log_softmax", c.operand(0)), t))));
  }
  return sum;
}

Status vjpSoftmaxCrossEntropyDense(VjpContext& c) {
  Value dy = alongClasses(c, c.cotangent);
  if (c.wanted[0]) {
    Value scaled = mul(c.b, c.loc, softmaxOf(c), alongClasses(c, sumOverClasses(c, c.operand(1))));
    c.gradients[0] = mul(c.b, c.loc, sub(c.b, c.loc, scaled, c.operand(1)), dy);
  }
  if (c.wanted[1]) {
    c.gradients[1] = neg(c.b, c.loc, mul(c.b, c.loc, create(c.b, c.loc, "log_softmax", c.operand(0)), dy));
  }
  return {};
}

}  // namespace kiln::compiler
