// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The derivatives of linear algebra: Giles, "An extended collection of matrix derivative results for forward and
// reverse mode algorithmic differentiation" (2008); for cholesky Murray, "Differentiation of the Cholesky
// decomposition" (2016). Transposes of inverses are never formed where a triangular matrix can be solved with.
#include "compiler/differentiate/rules.h"

namespace kiln::compiler {
namespace {

// Matrices are the last two axes of values.
class Algebra {
 public:
  explicit Algebra(RuleContext& c) : b_(c.b), loc_(c.loc) {}

  Value transposed(Value x) const {
    const int64_t rank = shapeOf(x.getType()).rank();
    llvm::SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    std::swap(permutation[rank - 2], permutation[rank - 1]);
    return transposeBy(b_, loc_, x, permutation);
  }
  Value matmul(Value x, Value y, bool transposeX = false, bool transposeY = false) const {
    return create(b_, loc_, "matmul", {x, y}, {flag("transpose_a", transposeX), flag("transpose_b", transposeY)});
  }
  // op(a)^-1 b
  Value solve(Value a, Value b, bool lower, bool transposeA, bool unitDiagonal) const {
    return create(b_, loc_, "triangular_solve", {a, b},
                  {flag("lower", lower), flag("transpose_a", transposeA), flag("unit_diagonal", unitDiagonal)});
  }
  // b op(a)^-1
  Value solveRight(Value a, Value b, bool lower, bool transposeA, bool unitDiagonal) const {
    return transposed(solve(a, transposed(b), lower, !transposeA, unitDiagonal));
  }
  // The triangle of x, without the diagonal when `strict`; zero elsewhere.
  Value triangle(Value x, bool lower, bool strict) const {
    const char* compare = lower ? (strict ? "greater" : "greater_equal") : (strict ? "less" : "less_equal");
    return select(b_, loc_, create(b_, loc_, compare, {position(x, 2), position(x, 1)}), x,
                  splatLike(b_, loc_, 0.0, x));
  }
  Value onDiagonal(Value x, double value) const {
    return select(b_, loc_, create(b_, loc_, "equal", {position(x, 2), position(x, 1)}), splatLike(b_, loc_, value, x),
                  x);
  }
  // The lower triangle with half the diagonal.
  Value lowerHalf(Value x) const {
    Value half = mul(b_, loc_, x, splatLike(b_, loc_, 0.5, x));
    Value isDiagonal = create(b_, loc_, "equal", {position(x, 2), position(x, 1)});
    return triangle(select(b_, loc_, isDiagonal, half, x), /*lower=*/true, /*strict=*/false);
  }
  // (x + x^T) / 2
  Value symmetric(Value x) const { return mul(b_, loc_, add(b_, loc_, x, transposed(x)), splatLike(b_, loc_, 0.5, x)); }
  Value plus(Value x, Value y) const { return x && y ? add(b_, loc_, x, y) : x ? x : y; }
  Value negative(Value x) const { return neg(b_, loc_, x); }

 private:
  mlir::NamedAttribute flag(llvm::StringRef name, bool value) const {
    return b_.getNamedAttr(name, b_.getBoolAttr(value));
  }
  // The position on the axis that is `fromEnd` from the end.
  Value position(Value x, int fromEnd) const {
    const Shape shape = shapeOf(x.getType());
    return create(b_, loc_, "iota", compiler::shapeValue(b_, loc_, shape),
                  {b_.getNamedAttr("axis", b_.getI64IntegerAttr(shape.rank() - fromEnd)),
                   b_.getNamedAttr("dtype", mlir::TypeAttr::get(elementType(b_.getContext(), i64)))});
  }

  mlir::OpBuilder& b_;
  mlir::Location loc_;
};

// The factors of an LU decomposition apart.
struct Factors {
  Value packed, l, u;
};

Factors factorsOf(RuleContext& c, const Algebra& algebra) {
  Value packed = c.result();
  return {packed, algebra.onDiagonal(algebra.triangle(packed, true, true), 1.0),
          algebra.triangle(packed, false, false)};
}

llvm::SmallVector<mlir::NamedAttribute> rowsAttributes(RuleContext& c) {
  const int64_t batch = c.shapeOfOperand(0).rank() - 2;
  return {c.b.getNamedAttr("axis", c.b.getI64IntegerAttr(batch)),
          c.b.getNamedAttr("batch_dims", c.b.getI64IntegerAttr(batch))};
}

mlir::NamedAttribute allowSingular(RuleContext& c, bool isAllowed) {
  return c.b.getNamedAttr("allow_singular", c.b.getBoolAttr(isAllowed));
}

// det(a) as a matrix of the shape of a, times inverse(a)^T.
Value cofactors(RuleContext& c, const Algebra& algebra, Value scale) {
  const Shape shape = c.shapeOfOperand(0);
  Value inverse = create(c.b, c.loc, "inverse", c.operand(0), allowSingular(c, true));
  return mul(c.b, c.loc, broadcastOverAxes(c.b, c.loc, scale, {-2, -1}, false, shape), algebra.transposed(inverse));
}

}  // namespace

// dL = L phi(L^-1 dA L^-T), where phi takes the lower triangle with half the diagonal.
StatusOr<Value> jvpCholesky(JvpContext& c) {
  const Algebra m(c);
  Value l = c.result();
  Value inner = m.solveRight(l, m.solve(l, m.symmetric(c.tangents[0]), true, false, false), true, true, false);
  return m.matmul(l, m.lowerHalf(inner));
}

Status vjpCholesky(VjpContext& c) {
  const Algebra m(c);
  Value l = c.result();
  Value inner = m.lowerHalf(m.matmul(l, m.triangle(c.cotangent, true, false), true));
  c.gradients[0] = m.symmetric(m.solveRight(l, m.solve(l, inner, true, true, false), true, false, false));
  return {};
}

// dx = op(a)^-1 (db - op(da) x)
StatusOr<Value> jvpTriangularSolve(JvpContext& c) {
  const Algebra m(c);
  const bool lower = c.boolAttr("lower"), transposeA = c.boolAttr("transpose_a"), unit = c.boolAttr("unit_diagonal");
  Value right = c.tangents[1];
  if (c.tangents[0]) {
    Value change = m.matmul(m.triangle(c.tangents[0], lower, unit), c.result(), transposeA);
    right = m.plus(right, m.negative(change));
  }
  return m.solve(c.operand(0), right, lower, transposeA, unit);
}

Status vjpTriangularSolve(VjpContext& c) {
  const Algebra m(c);
  const bool lower = c.boolAttr("lower"), transposeA = c.boolAttr("transpose_a"), unit = c.boolAttr("unit_diagonal");
  Value right = m.solve(c.operand(0), c.cotangent, lower, !transposeA, unit);
  if (c.wanted[0]) {
    Value product = transposeA ? m.matmul(c.result(), right, false, true) : m.matmul(right, c.result(), false, true);
    c.gradients[0] = m.negative(m.triangle(product, lower, unit));
  }
  if (c.wanted[1]) {
    c.gradients[1] = right;
  }
  return {};
}

// With the rows permuted, da = dL U + L dU: so L^-1 da U^-1 has L^-1 dL below the diagonal and dU U^-1 above.
StatusOr<Value> jvpLu(JvpContext& c) {
  const Algebra m(c);
  const Factors f = factorsOf(c, m);
  Value permuted = create(c.b, c.loc, "gather", {c.tangents[0], c.op->getResult(2)}, rowsAttributes(c));
  Value inner = m.solveRight(f.packed, m.solve(f.packed, permuted, true, false, true), false, false, false);
  return m.plus(m.matmul(f.l, m.triangle(inner, true, true)), m.matmul(m.triangle(inner, false, false), f.u));
}

Status vjpLu(VjpContext& c) {
  const Algebra m(c);
  const Factors f = factorsOf(c, m);
  Value ofL = m.triangle(m.matmul(f.l, m.triangle(c.cotangent, true, true), true, false), true, true);
  Value ofU = m.triangle(m.matmul(m.triangle(c.cotangent, false, false), f.u, false, true), false, false);
  Value permuted = m.solveRight(f.packed, m.solve(f.packed, m.plus(ofL, ofU), true, true, true), false, true, false);
  Value zeros = splatLike(c.b, c.loc, 0.0, c.operand(0));
  c.gradients[0] = create(c.b, c.loc, "scatter_add", {zeros, c.op->getResult(2), permuted}, rowsAttributes(c));
  return {};
}

// d(a^-1) = -a^-1 da a^-1
StatusOr<Value> jvpInverse(JvpContext& c) {
  const Algebra m(c);
  return m.negative(m.matmul(m.matmul(c.result(), c.tangents[0]), c.result()));
}

Status vjpInverse(VjpContext& c) {
  const Algebra m(c);
  c.gradients[0] = m.negative(m.matmul(m.matmul(c.result(), c.cotangent, true), c.result(), false, true));
  return {};
}

// dx = a^-1 (db - da x)
StatusOr<Value> jvpSolve(JvpContext& c) {
  const Algebra m(c);
  Value right = c.tangents[1];
  if (c.tangents[0]) {
    right = m.plus(right, m.negative(m.matmul(c.tangents[0], c.result())));
  }
  return create(c.b, c.loc, "solve", {c.operand(0), right}, allowSingular(c, c.boolAttr("allow_singular")));
}

Status vjpSolve(VjpContext& c) {
  const Algebra m(c);
  Value right = create(c.b, c.loc, "solve", {m.transposed(c.operand(0)), c.cotangent},
                       allowSingular(c, c.boolAttr("allow_singular")));
  if (c.wanted[0]) {
    c.gradients[0] = m.negative(m.matmul(right, c.result(), false, true));
  }
  if (c.wanted[1]) {
    c.gradients[1] = right;
  }
  return {};
}

// d det(a) = det(a) trace(a^-1 da)
StatusOr<Value> jvpDet(JvpContext& c) {
  const Algebra m(c);
  return reduceSum(c.b, c.loc, mul(c.b, c.loc, cofactors(c, m, c.result()), c.tangents[0]), {-2, -1}, false);
}

Status vjpDet(VjpContext& c) {
  c.gradients[0] = cofactors(c, Algebra(c), mul(c.b, c.loc, c.cotangent, c.result()));
  return {};
}

}  // namespace kiln::compiler
