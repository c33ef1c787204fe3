// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A short notation for loops over memory, from which hand-scheduled kernels are written.
#pragma once

#include <utility>

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// Emits i64 arithmetic, typed memory access and loops at a builder's place. Thread-compatible, as the builder it
/// holds.
class CodeBuilder {
 public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  using Compare = mlir::arith::CmpIPredicate;

  CodeBuilder(mlir::OpBuilder& builder, mlir::Location location) : b(builder), loc(location) {}

  mlir::Type pointerType() const { return mlir::LLVM::LLVMPointerType::get(b.getContext()); }

  Value number(int64_t value) { return mlir::arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value)); }
  Value add(Value x, Value y) { return mlir::arith::AddIOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return mlir::arith::SubIOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return mlir::arith::MulIOp::create(b, loc, x, y); }
  Value mul(Value x, int64_t y) { return mul(x, number(y)); }
  Value div(Value x, Value y) { return mlir::arith::DivUIOp::create(b, loc, x, y); }
  Value rem(Value x, Value y) { return mlir::arith::RemUIOp::create(b, loc, x, y); }
  Value ceilDiv(Value x, int64_t y) { return div(add(x, number(y - 1)), number(y)); }
  Value smaller(Value x, Value y) { return mlir::arith::MinSIOp::create(b, loc, x, y); }
  Value larger(Value x, Value y) { return mlir::arith::MaxSIOp::create(b, loc, x, y); }
  Value compare(Compare predicate, Value x, Value y) { return mlir::arith::CmpIOp::create(b, loc, predicate, x, y); }
  Value both(Value x, Value y) { return mlir::arith::AndIOp::create(b, loc, x, y); }
  Value either(Value x, Value y) { return mlir::arith::OrIOp::create(b, loc, x, y); }
  Value select(Value condition, Value x, Value y) { return mlir::arith::SelectOp::create(b, loc, condition, x, y); }

  /// The address of element `index` of an array of `element`.
  Value at(mlir::Type element, Value base, Value index) {
    return mlir::LLVM::GEPOp::create(b, loc, pointerType(), element, base, mlir::ValueRange{index});
  }
  Value at(mlir::Type element, Value base, int64_t index) {
    return mlir::LLVM::GEPOp::create(b, loc, pointerType(), element, base,
                                     llvm::ArrayRef<mlir::LLVM::GEPArg>{static_cast<int32_t>(index)});
  }
  /// Memory is aligned to its elements only.
  Value load(mlir::Type type, Value address) {
    return mlir::LLVM::LoadOp::create(b, loc, type, address, elementBytes(type));
  }
  void store(Value value, Value address) {
    mlir::LLVM::StoreOp::create(b, loc, value, address, elementBytes(value.getType()));
  }

  /// for (i = from; i < to; i += step) body(i)
  void loop(Value from, Value to, Value step, llvm::function_ref<void(Value)> body) {
    auto op = mlir::scf::ForOp::create(b, loc, from, to, step);
    const mlir::OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.getBody());
    body(op.getInductionVar());
  }
  /// The same with values that each round hands to the next; gives the last.
  Values loop(Value from, Value to, Value step, const Values& initial,
              llvm::function_ref<Values(Value, mlir::ValueRange)> body) {
    auto op = mlir::scf::ForOp::create(b, loc, from, to, step, initial);
    const mlir::OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.getBody());
    const Values next = body(op.getInductionVar(), op.getRegionIterArgs());
    mlir::scf::YieldOp::create(b, loc, next);
    return Values(op.getResults());
  }
  void ifTrue(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise = nullptr) {
    auto op = mlir::scf::IfOp::create(b, loc, condition, /*withElseRegion=*/static_cast<bool>(otherwise));
    const mlir::OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.thenBlock());
    then();
    if (otherwise) {
      b.setInsertionPointToStart(op.elseBlock());
      otherwise();
    }
  }
  /// One of two lists of values.
  Values choose(Value condition, mlir::TypeRange types, llvm::function_ref<Values()> then,
                llvm::function_ref<Values()> otherwise) {
    auto op = mlir::scf::IfOp::create(b, loc, types, condition, /*withElseRegion=*/true);
    const mlir::OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(op.thenBlock());
    mlir::scf::YieldOp::create(b, loc, then());
    b.setInsertionPointToStart(op.elseBlock());
    mlir::scf::YieldOp::create(b, loc, otherwise());
    return Values(op.getResults());
  }

  static unsigned elementBytes(mlir::Type type) {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(type)) {
      type = vector.getElementType();
    }
    return mlir::isa<mlir::LLVM::LLVMPointerType>(type) ? 8 : type.getIntOrFloatBitWidth() / 8;
  }

  mlir::OpBuilder& b;
  mlir::Location loc;
};

}  // namespace kiln::compiler
