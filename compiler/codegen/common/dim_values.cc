// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/dim_values.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace kiln::compiler {
namespace {

namespace LLVM = mlir::LLVM;
using mlir::Value;

Value constant(mlir::OpBuilder& b, mlir::Location loc, int64_t value) {
  return LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(value));
}

}  // namespace

Value emitDimFunction(mlir::OpBuilder& b, mlir::Location loc, const Dim::Function& function, Value x, Value y) {
  switch (function.kind) {
    case Dim::Function::Kind::kMax:
      return LLVM::SMaxOp::create(b, loc, x, y);
    case Dim::Function::Kind::kMin:
      return LLVM::SMinOp::create(b, loc, x, y);
    case Dim::Function::Kind::kFloorDiv:
      break;
  }
  const Value zero = constant(b, loc, 0);
  const bool isNumber = function.b.isStatic() && function.b.value() > 0;
  const Value divisor = isNumber ? y : LLVM::SMaxOp::create(b, loc, y, constant(b, loc, 1)).getResult();
  const Value quotient = LLVM::SDivOp::create(b, loc, x, divisor);
  const Value rest = LLVM::SRemOp::create(b, loc, x, divisor);
  const Value isBelow = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::slt, rest, zero);
  const Value floor = LLVM::AddOp::create(b, loc, quotient, LLVM::SExtOp::create(b, loc, b.getI64Type(), isBelow));
  if (isNumber) {
    return floor;
  }
  const Value isPositive = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::sgt, y, zero);
  return LLVM::SelectOp::create(b, loc, isPositive, floor, zero);
}

Value emitDim(mlir::OpBuilder& b, mlir::Location loc, const Dim& dim,
              llvm::function_ref<Value(const std::string&)> symbolValue) {
  if (dim.isStatic()) {
    return constant(b, loc, dim.value());
  }
  Value sum;
  for (const Dim::Term& term : dim.terms()) {
    Value product;
    for (const std::string& factor : term.symbols) {
      Value value;
      if (auto function = Dim::functionOf(factor)) {
        const Value x = emitDim(b, loc, function->a, symbolValue);
        value = emitDimFunction(b, loc, *function, x, emitDim(b, loc, function->b, symbolValue));
      } else {
        value = symbolValue(factor);
      }
      product = product ? LLVM::MulOp::create(b, loc, product, value).getResult() : value;
    }
    if (!product) {
      product = constant(b, loc, term.coefficient);
    } else if (term.coefficient != 1) {
      product = LLVM::MulOp::create(b, loc, product, constant(b, loc, term.coefficient));
    }
    sum = sum ? LLVM::AddOp::create(b, loc, sum, product).getResult() : product;
  }
  return sum;
}

}  // namespace kiln::compiler
