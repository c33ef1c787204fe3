// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/parallel.h"

#include <cstddef>

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
namespace func = mlir::func;
namespace LLVM = mlir::LLVM;
using mlir::OpBuilder;
using mlir::Type;
using mlir::Value;

Value emitParallelFor(OpBuilder& b, mlir::Location loc, llvm::StringRef name, Value context, Value count, Value grain,
                      mlir::ValueRange captured, ParallelBody body) {
  const Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i64 = b.getI64Type(), i32 = b.getI32Type();
  auto caller = b.getInsertionBlock()->getParentOp()->getParentOfType<func::FuncOp>();
  if (!caller) {
    caller = llvm::cast<func::FuncOp>(b.getInsertionBlock()->getParentOp());
  }
  auto slot = [&](OpBuilder& inner, Value task, size_t index) -> Value {
    return LLVM::GEPOp::create(inner, loc, pointer, i64, task,
                               llvm::ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  };

  // The body, with what it captured read back from the task.
  func::FuncOp chunk;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(caller);
    chunk = func::FuncOp::create(b, loc, name, b.getFunctionType({pointer, pointer, i64, i64}, {i32}));
    chunk.setPrivate();
    mlir::Block* entry = chunk.addEntryBlock();
    OpBuilder inner = OpBuilder::atBlockBegin(entry);
    llvm::SmallVector<Value> values;
    for (auto [index, value] : llvm::enumerate(captured)) {
      values.push_back(LLVM::LoadOp::create(inner, loc, value.getType(), slot(inner, entry->getArgument(1), index), 8));
    }
    Value status = body(inner, entry->getArgument(0), values, entry->getArgument(2), entry->getArgument(3));
    inner.setInsertionPointToEnd(entry);
    func::ReturnOp::create(inner, loc, status);
  }

  Value task;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&caller.getBody().front());
    Value slots = arith::ConstantOp::create(
        b, loc, b.getI32IntegerAttr(static_cast<int32_t>(std::max<size_t>(captured.size(), 1))));
    task = LLVM::AllocaOp::create(b, loc, pointer, i64, slots, 8);
  }
  for (auto [index, value] : llvm::enumerate(captured)) {
    LLVM::StoreOp::create(b, loc, value, slot(b, task, index), 8);
  }
  Value isOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, count, grain);
  auto branch = mlir::scf::IfOp::create(b, loc, mlir::TypeRange{i32}, isOne, /*withElseRegion=*/true);
  {
    OpBuilder inner(branch.thenBlock(), branch.thenBlock()->begin());
    Value zero = arith::ConstantOp::create(inner, loc, inner.getI64IntegerAttr(0));
    auto call = func::CallOp::create(inner, loc, chunk, mlir::ValueRange{context, task, zero, count});
    mlir::scf::YieldOp::create(inner, loc, call.getResults());
  }
  {
    OpBuilder inner(branch.elseBlock(), branch.elseBlock()->begin());
    Value field =
        LLVM::GEPOp::create(inner, loc, pointer, inner.getI8Type(), context,
                            llvm::ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offsetof(kiln_context_t, parallel_for))});
    Value host = LLVM::LoadOp::create(inner, loc, pointer, field, 8);
    Value address = func::ConstantOp::create(inner, loc, chunk.getFunctionType(), mlir::FlatSymbolRefAttr::get(chunk));
    address = mlir::UnrealizedConversionCastOp::create(inner, loc, pointer, address).getResult(0);
    auto type = LLVM::LLVMFunctionType::get(i32, {pointer, i64, i64, pointer, pointer});
    auto call = LLVM::CallOp::create(inner, loc, type, mlir::ValueRange{host, context, count, grain, address, task});
    mlir::scf::YieldOp::create(inner, loc, call.getResults());
  }
  return branch.getResult(0);
}

}  // namespace kiln::compiler
