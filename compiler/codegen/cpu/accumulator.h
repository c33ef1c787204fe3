// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How one reduction joins its terms.
#pragma once

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// The steps of a reduction op: sums, products, extremes, any, all, argmax and argmin. All functions take scalars and
/// vectors alike.
///
/// The terms of an f32 sum are added up in f64, so that the sum is rounded once. An f64 sum carries the error of each
/// addition in a second number (Knuth's two-sum), which is added at the end. Sums of f16 and bf16 are added up in f32,
/// and of integers in their own type, where they wrap. Products likewise, without the error term.
class Accumulator {
 public:
  using Values = llvm::SmallVector<mlir::Value>;

  Accumulator(mlir::Operation* op, const CodegenContext& context);

  mlir::Operation* op() const { return op_; }
  /// How many numbers it carries.
  size_t count() const;
  /// What it carries before the first term, in vectors of `width`, or scalars for 1.
  Values init(mlir::OpBuilder& b, int64_t width) const;
  /// Takes one more term. Lanes outside `mask`, when there is one, add nothing. `index` is the position, for argmax.
  Values add(mlir::OpBuilder& b, llvm::ArrayRef<mlir::Value> carried, mlir::Value x, mlir::Value mask,
             mlir::Value index) const;
  /// Joins what two have carried; not for argmax.
  Values combine(mlir::OpBuilder& b, llvm::ArrayRef<mlir::Value> x, llvm::ArrayRef<mlir::Value> y) const;
  /// The result; `length` is the number of terms, an i64 scalar, for means.
  mlir::Value finish(mlir::OpBuilder& b, llvm::ArrayRef<mlir::Value> carried, mlir::Value length) const;

 private:
  mlir::Value literal(mlir::OpBuilder& b, mlir::TypedAttr value, int64_t width) const;
  /// What changes no other element: the result for none.
  mlir::TypedAttr neutral(mlir::OpBuilder& b, mlir::Type held) const;
  mlir::Value plus(mlir::OpBuilder& b, mlir::Value x, mlir::Value y) const;
  Values twoSum(mlir::OpBuilder& b, mlir::Value sum, mlir::Value error, mlir::Value term) const;

  mlir::Operation* op_;
  mlir::Type element_;
  const CodegenContext& context_;
  bool isArg_, isSum_;
  bool isWide_ = false;     // joins f32 elements in f64
  llvm::StringRef scalar_;  // the function that joins two elements, of all but sums
};

}  // namespace kiln::compiler
