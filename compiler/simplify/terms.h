// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Expansions written as formulas: values with operators.
#pragma once

#include "compiler/dialect/op_factory.h"

namespace kiln::compiler {

/// A value under an expansion, with the arithmetic that makes ops. Two terms have one dtype and one shape, or one of
/// them is of rank 0 and is broadcast; a number is the constant of that dtype.
class Term {
 public:
  Term(mlir::OpBuilder& b, mlir::Location loc, Value value) : b_(&b), loc_(loc), value_(value) {}
  Value value() const { return value_; }
  DType dtype() const { return dtypeOf(value_.getType()); }
  Shape shape() const { return shapeOf(value_.getType()); }

  /// Another value, or a number in this one's type.
  Term with(Value value) const { return Term(*b_, loc_, value); }
  Term with(double number) const { return with(splatLike(*b_, loc_, number, value_)); }
  /// An op of this term alone, of two, of three; no broadcasting.
  Term apply(llvm::StringRef op, llvm::ArrayRef<mlir::NamedAttribute> attributes = {}) const;
  Term cast(DType to) const { return with(castTo(*b_, loc_, value_, to)); }
  /// Broadcast to a shape.
  Term spread(const Shape& shape) const { return with(broadcastTo(*b_, loc_, value_, shape)); }
  /// The same value in f32 when it is of 16 bits.
  Term wide() const { return cast(bitWidth(dtype()) < 32 ? f32 : dtype()); }
  /// Sums over an axis, counted from either end, and over all.
  Term sumOver(int64_t axis, bool keepDims = false) const;
  Term sum() const;
  Term meanOver(int64_t axis) const;
  Term mean() const;

  friend Term binary(llvm::StringRef op, const Term& x, const Term& y);
  friend Term choose(const Term& condition, const Term& x, const Term& y);

 private:
  Term reduced(llvm::StringRef op) const;

  mlir::OpBuilder* b_;
  mlir::Location loc_;
  Value value_;
};

/// x op y, where the one of rank 0 is broadcast.
Term binary(llvm::StringRef op, const Term& x, const Term& y);
/// x where the condition holds, else y; all of one shape.
Term choose(const Term& condition, const Term& x, const Term& y);

inline Term operator+(const Term& x, const Term& y) { return binary("add", x, y); }
inline Term operator-(const Term& x, const Term& y) { return binary("sub", x, y); }
inline Term operator*(const Term& x, const Term& y) { return binary("mul", x, y); }
inline Term operator/(const Term& x, const Term& y) { return binary("div", x, y); }
inline Term operator+(const Term& x, double y) { return x + x.with(y); }
inline Term operator-(const Term& x, double y) { return x - x.with(y); }
inline Term operator*(const Term& x, double y) { return x * x.with(y); }
inline Term operator/(const Term& x, double y) { return x / x.with(y); }
inline Term operator+(double x, const Term& y) { return y.with(x) + y; }
inline Term operator-(double x, const Term& y) { return y.with(x) - y; }
inline Term operator*(double x, const Term& y) { return y.with(x) * y; }
inline Term operator/(double x, const Term& y) { return y.with(x) / y; }
inline Term operator-(const Term& x) { return x.apply("neg"); }
/// Bool terms.
inline Term operator<(const Term& x, double y) { return binary("less", x, x.with(y)); }
inline Term operator<=(const Term& x, double y) { return binary("less_equal", x, x.with(y)); }
inline Term operator>(const Term& x, double y) { return binary("greater", x, x.with(y)); }
inline Term operator==(const Term& x, double y) { return binary("equal", x, x.with(y)); }

inline Term sqrt(const Term& x) { return x.apply("sqrt"); }
inline Term exp(const Term& x) { return x.apply("exp"); }
inline Term log(const Term& x) { return x.apply("log"); }
inline Term abs(const Term& x) { return x.apply("abs"); }
inline Term square(const Term& x) { return x * x; }
inline Term pow(const Term& x, double y) { return binary("pow", x, x.with(y)); }
inline Term pow(double x, const Term& y) { return binary("pow", y.with(x), y); }
inline Term maximum(const Term& x, const Term& y) { return binary("maximum", x, y); }
inline Term maximum(const Term& x, double y) { return maximum(x, x.with(y)); }
inline Term minimum(const Term& x, const Term& y) { return binary("minimum", x, y); }

}  // namespace kiln::compiler
