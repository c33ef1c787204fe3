// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Ops from the dags of the op entries: formulas and partial derivatives. The functions that tools/gen writes
/// call this.
#pragma once

#include <initializer_list>

#include "compiler/dialect/op_factory.h"

namespace kiln::compiler {

/// Makes what a dag over the operands, the result and the attributes of one op says. Thread-compatible, as the builder.
class DagBuilder {
 public:
  DagBuilder(mlir::OpBuilder& b, mlir::Location loc, mlir::Operation* op) : b_(b), loc_(loc), op_(op) {}
  Value operand(unsigned i) const { return op_->getOperand(i); }
  Value result() const { return op_->getResult(0); }
  /// The number everywhere, in the result's type.
  Value number(double value) { return splatLike(b_, loc_, value, result()); }
  /// A float attribute, or its default, everywhere.
  Value attribute(llvm::StringRef name);
  Value make(llvm::StringRef op, std::initializer_list<Value> operands) {
    return create(b_, loc_, op, llvm::ArrayRef<Value>(operands.begin(), operands.end()));
  }

 private:
  mlir::OpBuilder& b_;
  mlir::Location loc_;
  mlir::Operation* op_;
};

/// The value of a float attribute of `op`, or the default that its schema gives.
double floatAttributeOf(mlir::Operation* op, llvm::StringRef name);

}  // namespace kiln::compiler
