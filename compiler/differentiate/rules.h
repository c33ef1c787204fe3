// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Derivative rules: what each op does with tangents and cotangents.
#pragma once

#include <string>

#include "compiler/dialect/dag_builder.h"
#include "compiler/dialect/dialect.h"
#include "compiler/dialect/op_factory.h"

namespace kiln::compiler {

/// One op under a rule. Rules make ops at the builder's insertion point, with the op's own location.
struct RuleContext {
  mlir::OpBuilder& b;
  mlir::Location loc;
  mlir::Operation* op;

  Value operand(unsigned i) const { return op->getOperand(i); }
  Value result() const { return op->getResult(0); }
  Shape shapeOfOperand(unsigned i) const { return shapeOf(op->getOperand(i).getType()); }
  /// The attribute, or the value that the schema gives when it is absent.
  int64_t intAttr(llvm::StringRef name) const;
  bool boolAttr(llvm::StringRef name) const;
  llvm::ArrayRef<int64_t> intsAttr(llvm::StringRef name) const;
};

/// Forward mode: from a tangent for each operand, null where it is zero (at least one is not), the result's tangent, or
/// null. Rules concern the op's first float result; one with more fills `resultTangents` instead.
struct JvpContext : RuleContext {
  llvm::ArrayRef<Value> tangents;
  llvm::SmallVector<Value> resultTangents = {};
};
using JvpFn = StatusOr<Value> (*)(JvpContext&);

/// Reverse mode: from the result's cotangent, what each wanted operand gets.
struct VjpContext : RuleContext {
  Value cotangent;                          ///< Of the first result that has one.
  llvm::ArrayRef<Value> cotangents;         ///< Of every result, null where it is zero.
  llvm::ArrayRef<bool> wanted;              ///< For each operand: it is a float that depends on an x.
  llvm::SmallVectorImpl<Value>& gradients;  ///< For each operand, null at first; null stays zero.
};
using VjpFn = Status (*)(VjpContext&);

/// The two modes of one op. `why` says why there is none.
struct Rule {
  JvpFn jvp = nullptr;
  VjpFn vjp = nullptr;
  std::string why;
  explicit operator bool() const { return jvp != nullptr && vjp != nullptr; }
};

/// The rule of an op: from its partial derivatives, its transpose, or its own file in this folder.
Rule ruleOf(mlir::Operation* op);

/// Partial derivatives of an op, multiplied with t; null for zero.
using PartialFn = Value (*)(DagBuilder&, Value);
/// Null when the op's derivative is not given by partials. As many as operands (at most three).
const PartialFn* partialsOf(llvm::StringRef op);
/// The operands in which an op is linear; empty when it is not given as linear. A variadic operand stands for all.
llvm::ArrayRef<unsigned> linearOperandsOf(llvm::StringRef op);
/// The transpose of a linear op, or null.
VjpFn transposeOf(llvm::StringRef op);

// The rules written by hand, one file each, are declared from the entries that say RuleInCpp: jvp<Op>() and vjp<Op>().
#include "compiler/differentiate/hand_rules.inc"

}  // namespace kiln::compiler
