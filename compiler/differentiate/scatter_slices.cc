// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// scatter_slices. With `none` it is linear: what an update replaces gets nothing, and neither does an update that a
// later one replaces. With `mul` each element gets the product of the others; with `min` and `max` all that hold the
// result share it equally.
#include "compiler/differentiate/rules.h"

namespace kiln::compiler {
namespace {

// The op under a rule, and what is made with its indices.
struct Scatter {
  explicit Scatter(RuleContext& context)
      : c(context), reduction(c.op->getAttrOfType<mlir::StringAttr>("reduction")), places(c.op->getAttrs()) {
    llvm::erase_if(places, [](mlir::NamedAttribute a) { return a.getName() == "reduction"; });
  }

  RuleContext& c;
  mlir::StringAttr reduction;                      // null: none
  llvm::SmallVector<mlir::NamedAttribute> places;  // axis, batch_dims and allow_negative

  Value x() const { return c.operand(0); }
  Value updates() const { return c.operand(2); }
  llvm::StringRef kind() const { return reduction ? reduction.getValue() : "none"; }
  Value number(double value, Value like) const { return splatLike(c.b, c.loc, value, like); }
  Value gather(Value from) const { return create(c.b, c.loc, "gather", {from, c.operand(1)}, places); }
  Value scatterAdd(Value to, Value values) const {
    return create(c.b, c.loc, "scatter_add", {to, c.operand(1), values}, places);
  }
  Value scatter(Value to, Value values, llvm::StringRef how) const {
    llvm::SmallVector<mlir::NamedAttribute> attributes = places;
    attributes.push_back(c.b.getNamedAttr("reduction", c.b.getStringAttr(how)));
    return create(c.b, c.loc, "scatter_slices", {to, c.operand(1), values}, attributes);
  }
  Value equal(Value a, Value b) const { return create(c.b, c.loc, "equal", {a, b}); }
  Value keep(Value condition, Value value) const { return select(c.b, c.loc, condition, value, number(0, value)); }

  // The updates that the result holds, zeros for the others. Which these are is found by scattering numbers of updates,
  // or of whole slices where these lie along the first axis.
  Value keepLast(Value values) const {
    const Shape indices = c.shapeOfOperand(1), shape = shapeOf(updates().getType());
    const int batchDims = static_cast<int>(c.intAttr("batch_dims"));
    Dim slices(1);
    for (int axis = batchDims; axis < indices.rank(); ++axis) {
      slices = slices * indices[axis];
    }
    if (slices == Dim(1)) {
      return values;  // There is no other.
    }
    const bool isWhole = batchDims == 0 && c.intAttr("axis") == 0;
    const Shape numbered = isWhole ? indices : shape;
    Value count = shapeValue(c.b, c.loc, {numbered.numElements()});
    Value line = create(c.b, c.loc, "iota", count,
                        {c.b.getNamedAttr("axis", c.b.getI64IntegerAttr(0)),
                         c.b.getNamedAttr("dtype", mlir::TypeAttr::get(c.b.getI64Type()))});
    Value numbers = reshapeTo(c.b, c.loc, line, numbered);
    Value nobody = splat(c.b, c.loc, -1.0, {i64, isWhole ? Shape{c.shapeOfOperand(0)[0]} : c.shapeOfOperand(0)});
    Value isLast = equal(gather(scatter(nobody, numbers, "none")), numbers);
    if (isWhole) {
      Shape column = indices;
      while (column.rank() < shape.rank()) {
        column.push_back(Dim(1));
      }
      isLast = broadcastTo(c.b, c.loc, reshapeTo(c.b, c.loc, isLast, column), shape);
    }
    return keep(isLast, values);
  }
};

// The derivatives of a product with respect to its factors: the product of the others. Zeros are counted, not divided
// by.
struct Products {
  Value ofX, ofUpdates;
  explicit Products(const Scatter& s) {
    mlir::OpBuilder& b = s.c.b;
    const mlir::Location loc = s.c.loc;
    auto isZero = [&](Value v) { return s.equal(v, s.number(0, v)); };
    auto orOne = [&](Value v) { return select(b, loc, isZero(v), s.number(1, v), v); };
    auto asNumber = [&](Value v) { return castTo(b, loc, isZero(v), dtypeOf(v.getType())); };
    Value product = s.scatter(orOne(s.x()), orOne(s.updates()), "mul");
    Value zeros = s.scatterAdd(asNumber(s.x()), asNumber(s.updates()));
    auto others = [&](Value factor, Value all, Value count) {
      Value hasOther = create(b, loc, "greater", {sub(b, loc, count, asNumber(factor)), s.number(0, factor)});
      return select(b, loc, hasOther, s.number(0, factor), div(b, loc, all, orOne(factor)));
    };
    ofX = others(s.x(), product, zeros);
    ofUpdates = others(s.updates(), s.gather(product), s.gather(zeros));
  }
};

// Those of x and of updates that are the result, and how many for each element.
struct Extremes {
  Value ofX, ofUpdates, count;
  explicit Extremes(const Scatter& s) {
    mlir::OpBuilder& b = s.c.b;
    const DType dtype = dtypeOf(s.x().getType());
    ofX = s.equal(s.x(), s.c.result());
    ofUpdates = s.equal(s.updates(), s.gather(s.c.result()));
    count = s.scatterAdd(castTo(b, s.c.loc, ofX, dtype), castTo(b, s.c.loc, ofUpdates, dtype));
  }
};

}  // namespace

StatusOr<Value> jvpScatterSlices(JvpContext& c) {
  const Scatter s(c);
  Value dx = c.tangents[0] ? c.tangents[0] : s.number(0, s.x());
  Value du = c.tangents[2] ? c.tangents[2] : s.number(0, s.updates());
  if (s.kind() == "none") {
    return s.scatter(dx, du, "none");
  }
  if (s.kind() == "mul") {
    const Products others(s);
    return s.scatterAdd(mul(c.b, c.loc, dx, others.ofX), mul(c.b, c.loc, du, others.ofUpdates));
  }
  const Extremes extremes(s);
  return div(c.b, c.loc, s.scatterAdd(s.keep(extremes.ofX, dx), s.keep(extremes.ofUpdates, du)), extremes.count);
}

Status vjpScatterSlices(VjpContext& c) {
  const Scatter s(c);
  Value dy = c.cotangent;
  if (s.kind() == "none") {
    if (c.wanted[0]) {
      c.gradients[0] = s.scatter(dy, s.number(0, s.updates()), "none");
    }
    if (c.wanted[2]) {
      c.gradients[2] = s.keepLast(s.gather(dy));
    }
    return {};
  }
  if (s.kind() == "mul") {
    const Products others(s);
    c.gradients[0] = c.wanted[0] ? mul(c.b, c.loc, dy, others.ofX) : Value();
    c.gradients[2] = c.wanted[2] ? mul(c.b, c.loc, s.gather(dy), others.ofUpdates) : Value();
    return {};
  }
  const Extremes extremes(s);
  Value share = div(c.b, c.loc, dy, extremes.count);
  c.gradients[0] = c.wanted[0] ? s.keep(extremes.ofX, share) : Value();
  c.gradients[2] = c.wanted[2] ? s.keep(extremes.ofUpdates, s.gather(share)) : Value();
  return {};
}

}  // namespace kiln::compiler
