// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The derivatives of cumprod, linear_recurrence, cummax and cummin. That of a running product is a linear recurrence
// with the factors as coefficients, which divides by nothing and so is right where factors are zero; the derivative of
// a recurrence is a recurrence again.
#include "compiler/differentiate/rules.h"

namespace kiln::compiler {
namespace {

// One scan: `reverse` goes from the last element to the first.
class Scan {
 public:
  explicit Scan(RuleContext& c) : c_(c), axis_(c.intAttr("axis")), isReverse_(c.boolAttr("reverse")) {
    const int64_t rank = c.shapeOfOperand(0).rank();
    axis_ += axis_ < 0 ? rank : 0;
  }

  int64_t axis() const { return axis_; }
  // Each element takes the value of the one before it in the order of the scan, the first 0.
  Value fromBefore(Value x) const { return shifted(x, isReverse_ ? 0 : 1); }
  Value fromAfter(Value x) const { return shifted(x, isReverse_ ? 1 : 0); }
  // result[i] = a[i] * result[i - 1] + b[i], in the order of the scan or the opposite one.
  Value recur(Value a, Value b) const { return recurrence(a, b, isReverse_); }
  Value recurBack(Value a, Value b) const { return recurrence(a, b, !isReverse_); }
  Value productBefore(Value x) const {
    return create(c_.b, c_.loc, "cumprod", x,
                  {axisAttr(), c_.b.getNamedAttr("exclusive", c_.b.getBoolAttr(true)), reverseAttr(isReverse_)});
  }

 private:
  mlir::NamedAttribute axisAttr() const { return c_.b.getNamedAttr("axis", c_.b.getI64IntegerAttr(axis_)); }
  mlir::NamedAttribute reverseAttr(bool reverse) const {
    return c_.b.getNamedAttr("reverse", c_.b.getBoolAttr(reverse));
  }
  Value recurrence(Value a, Value b, bool reverse) const {
    return create(c_.b, c_.loc, "linear_recurrence", {a, b}, {axisAttr(), reverseAttr(reverse)});
  }
  // Moves elements `by` = 1 up or, when it is 0, down: a zero comes in on one side, and the last falls off the other.
  Value shifted(Value x, int64_t by) const {
    const Shape shape = shapeOf(x.getType());
    const auto axis = static_cast<int>(axis_);
    Shape none;
    for (int i = 0; i < shape.rank(); ++i) {
      none.push_back(Dim(0));
    }
    Shape low = none, high = none, starts = none, ends = shape;
    (by == 1 ? low : high)[axis] = Dim(1);
    starts[axis] = Dim(1 - by);
    ends[axis] = shape[axis] + Dim(1 - by);
    Value zero = splat(c_.b, c_.loc, 0.0, {dtypeOf(x.getType()), Shape()});
    const llvm::SmallVector<int64_t> interior(shape.rank(), 0);
    Value padded = create(c_.b, c_.loc, "pad", {x, zero, shapeValue(c_.b, c_.loc, low), shapeValue(c_.b, c_.loc, high)},
                          c_.b.getNamedAttr("interior", c_.b.getDenseI64ArrayAttr(interior)));
    return sliceOf(c_.b, c_.loc, padded, starts, ends, llvm::SmallVector<int64_t>(shape.rank(), 1));
  }

  RuleContext& c_;
  int64_t axis_;
  bool isReverse_;
};

mlir::NamedAttribute axisOf(RuleContext& c) {
  return c.b.getNamedAttr("axis", c.b.getI64IntegerAttr(c.intAttr("axis")));
}

// Where an extreme value came from; index -1 says from nowhere.
struct Origin {
  Value exists, index;
};

Origin originOf(RuleContext& c) {
  Value index = c.op->getResult(1), zero = splatLike(c.b, c.loc, 0.0, index);
  return {create(c.b, c.loc, "greater_equal", {index, zero}), create(c.b, c.loc, "maximum", {index, zero})};
}

Value jvpExtremeScan(JvpContext& c) {
  const Origin origin = originOf(c);
  Value moved = create(c.b, c.loc, "gather_elements", {c.tangents[0], origin.index}, axisOf(c));
  return select(c.b, c.loc, origin.exists, moved, splatLike(c.b, c.loc, 0.0, moved));
}

void vjpExtremeScan(VjpContext& c) {
  const Origin origin = originOf(c);
  Value zeros = splatLike(c.b, c.loc, 0.0, c.operand(0));
  Value updates = select(c.b, c.loc, origin.exists, c.cotangent, zeros);
  c.gradients[0] = create(c.b, c.loc, "scatter", {zeros, origin.index, updates},
                          {axisOf(c), c.b.getNamedAttr("reduction", c.b.getStringAttr("add"))});
}

}  // namespace

StatusOr<Value> jvpCumprod(JvpContext& c) {
  const Scan scan(c);
  Value x = c.operand(0);
  Value inclusive = scan.recur(x, mul(c.b, c.loc, c.tangents[0], scan.productBefore(x)));
  return c.boolAttr("exclusive") ? scan.fromBefore(inclusive) : inclusive;
}

Status vjpCumprod(VjpContext& c) {
  const Scan scan(c);
  Value x = c.operand(0);
  Value cotangent = c.boolAttr("exclusive") ? scan.fromAfter(c.cotangent) : c.cotangent;
  c.gradients[0] = mul(c.b, c.loc, scan.productBefore(x), scan.recurBack(scan.fromAfter(x), cotangent));
  return {};
}

StatusOr<Value> jvpLinearRecurrence(JvpContext& c) {
  const Scan scan(c);
  Value term = c.tangents[1];
  if (c.tangents[0]) {
    Value product = mul(c.b, c.loc, c.tangents[0], scan.fromBefore(c.result()));
    term = term ? add(c.b, c.loc, product, term) : product;
  }
  return scan.recur(c.operand(0), term);
}

Status vjpLinearRecurrence(VjpContext& c) {
  const Scan scan(c);
  Value carried = scan.recurBack(scan.fromAfter(c.operand(0)), c.cotangent);
  if (c.wanted[0]) {
    c.gradients[0] = mul(c.b, c.loc, carried, scan.fromBefore(c.result()));
  }
  if (c.wanted[1]) {
    c.gradients[1] = carried;
  }
  return {};
}

StatusOr<Value> jvpCummax(JvpContext& c) { return jvpExtremeScan(c); }
StatusOr<Value> jvpCummin(JvpContext& c) { return jvpExtremeScan(c); }

Status vjpCummax(VjpContext& c) {
  vjpExtremeScan(c);
  return {};
}

Status vjpCummin(VjpContext& c) {
  vjpExtremeScan(c);
  return {};
}

}  // namespace kiln::compiler
