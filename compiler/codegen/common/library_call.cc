// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/library_call.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace LLVM = mlir::LLVM;
using mlir::Value;

Value emitLibraryCall(mlir::OpBuilder& b, mlir::Location location, Value host, size_t field,
                      mlir::ValueRange operands) {
  const mlir::Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  const auto load = [&](Value base, size_t offset) -> Value {
    const Value address = LLVM::GEPOp::create(b, location, pointer, b.getI8Type(), base,
                                              llvm::ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
    return LLVM::LoadOp::create(b, location, pointer, address, /*alignment=*/8);
  };
  const Value function = load(load(host, offsetof(kiln_context_t, library)), field);
  const llvm::SmallVector<mlir::Type> arguments(operands.size(), b.getF64Type());
  const auto type = LLVM::LLVMFunctionType::get(b.getF64Type(), arguments);
  const auto call = [&](mlir::ValueRange lane) -> Value {
    llvm::SmallVector<Value> callee{function};
    callee.append(lane.begin(), lane.end());
    auto op = LLVM::CallOp::create(b, location, type, callee);
    op->setAttr(kHostUseAttr, b.getUnitAttr());
    return op.getResult();
  };
  const auto vector = mlir::dyn_cast<mlir::VectorType>(operands[0].getType());
  if (!vector) {
    return call(operands);
  }
  Value result = mlir::arith::ConstantOp::create(b, location, b.getZeroAttr(vector));
  for (int64_t lane = 0; lane < vector.getNumElements(); ++lane) {
    llvm::SmallVector<Value> scalars;
    for (const Value operand : operands) {
      scalars.push_back(mlir::vector::ExtractOp::create(b, location, operand, lane));
    }
    result = mlir::vector::InsertOp::create(b, location, call(scalars), result, lane);
  }
  return result;
}

Value emitWhereRare(mlir::OpBuilder& b, mlir::Location location, Value isRare, Value usual,
                    llvm::function_ref<Value(mlir::OpBuilder&)> rare) {
  Value any = isRare;
  if (mlir::isa<mlir::VectorType>(isRare.getType())) {
    any = mlir::vector::ReductionOp::create(b, location, mlir::vector::CombiningKind::OR, isRare);
  }
  auto branch = mlir::scf::IfOp::create(b, location, mlir::TypeRange{usual.getType()}, any, /*withElseRegion=*/true);
  mlir::OpBuilder then = mlir::OpBuilder::atBlockEnd(branch.thenBlock());
  const Value replaced = mlir::arith::SelectOp::create(then, location, isRare, rare(then), usual);
  mlir::scf::YieldOp::create(then, location, mlir::ValueRange{replaced});
  mlir::OpBuilder otherwise = mlir::OpBuilder::atBlockEnd(branch.elseBlock());
  mlir::scf::YieldOp::create(otherwise, location, mlir::ValueRange{usual});
  return branch.getResult(0);
}

}  // namespace kiln::compiler
