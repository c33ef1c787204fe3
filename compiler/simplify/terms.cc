// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/terms.h"

namespace kiln::compiler {

Term Term::apply(llvm::StringRef op, llvm::ArrayRef<mlir::NamedAttribute> attributes) const {
  return with(create(*b_, loc_, op, value_, attributes));
}

Term Term::sumOver(int64_t axis, bool keepDims) const {
  return with(reduceSum(*b_, loc_, value_, {axis < 0 ? axis + shape().rank() : axis}, keepDims));
}

Term Term::meanOver(int64_t axis) const {
  mlir::Builder& b = *b_;
  return apply("reduce_mean", b.getNamedAttr("axes", b.getDenseI64ArrayAttr({axis})));
}

Term Term::reduced(llvm::StringRef op) const {
  mlir::Builder& b = *b_;
  const auto axes = llvm::to_vector(llvm::seq<int64_t>(0, shape().rank()));
  return axes.empty() ? *this : apply(op, b.getNamedAttr("axes", b.getDenseI64ArrayAttr(axes)));
}

Term Term::sum() const { return reduced("reduce_sum"); }

Term Term::mean() const { return reduced("reduce_mean"); }

Term binary(llvm::StringRef op, const Term& x, const Term& y) {
  const Shape& shape = x.shape().rank() == 0 ? y.shape() : x.shape();
  return x.with(create(*x.b_, x.loc_, op, {x.spread(shape).value(), y.spread(shape).value()}));
}

Term choose(const Term& condition, const Term& x, const Term& y) {
  return x.with(select(*x.b_, x.loc_, condition.value(), x.value(), y.value()));
}

}  // namespace kiln::compiler
