// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the expansions of optimizer steps share.
#pragma once

#include "compiler/simplify/terms.h"

namespace kiln::compiler {

/// The operands of an optimizer op as terms. Operand 0 is the parameter, 1 its gradient.
class Step {
 public:
  Step(mlir::OpBuilder& b, mlir::Operation* op);
  /// Operand i in the type that the step computes in.
  Term operand(unsigned i) const;
  /// Operand i, a scalar, in f64; narrow() gives what is made of it the type of the step.
  Term wideScalar(unsigned i) const;
  Term narrow(const Term& x) const { return x.cast(working_); }
  double attribute(llvm::StringRef name) const;
  /// The gradient, with `weight_decay` times the parameter when that is not 0.
  Term gradient() const;
  /// What the op is replaced by: the terms in the parameter's dtype.
  llvm::SmallVector<Value> results(std::initializer_list<Term> terms) const;

 private:
  mlir::OpBuilder& b_;
  mlir::Operation* op_;
  DType dtype_, working_;
};

}  // namespace kiln::compiler
