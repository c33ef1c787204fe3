// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/scalar_calls.h"

#include "compiler/codegen/common/scalar_functions.h"
#include "compiler/codegen/common/special_functions.h"
#include "compiler/dialect/reductions.h"
#include "llvm/ADT/StringExtras.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "ops/control/assert_that.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
using mlir::Operation;

std::string scalarNameOf(Operation* op) {
  llvm::StringRef name = op->getName().stripDialect();
  name.consume_front("logical_");
  return llvm::convertToCamelFromSnakeCase(name, /*capitalizeFirst=*/true);
}

bool needsNoRounding(Operation* op) {
  const OpSchema* schema = schemaOf(op);
  return llvm::isa<ConstantOp, CastOp, BitcastOp, SelectOp, NegOp, AbsOp, SignOp, StepOp, ReluOp, MaximumOp, MinimumOp>(
             op) ||
         (schema && (schema->family == "movement" || schema->family == "random")) ||
         llvm::isa<GatherOp, OneHotOp, IotaOp, UnfoldOp, AssertThatOp>(op) || isReductionOp(op);
}

bool isLongFunction(llvm::StringRef scalar) {
  return scalar == "Exp" || scalar == "Log" || scalar == "Tanh" || scalar == "Sigmoid" || scalar == "Pow" ||
         isLongSpecialFunction(scalar);
}

int countLongFunctions(mlir::Region& region) {
  int count = 0;
  region.walk([&](Operation* op) { count += isLongFunction(scalarNameOf(op)) ? 1 : 0; });
  return count;
}

namespace {

mlir::func::FuncOp mathFunction(mlir::func::FuncOp caller, llvm::StringRef scalar, mlir::ValueRange operands,
                                const CodegenContext& context, mlir::Type hostType) {
  auto module = caller->getParentOfType<mlir::ModuleOp>();
  std::string name = "kiln_" + scalar.lower();
  llvm::raw_string_ostream(name) << "_" << mlir::getElementTypeOrSelf(operands[0].getType());
  if (auto vector = llvm::dyn_cast<mlir::VectorType>(operands[0].getType())) {
    name += "x" + std::to_string(vector.getNumElements());
  }
  if (auto known = module.lookupSymbol<mlir::func::FuncOp>(name)) {
    return known;
  }
  mlir::OpBuilder b(module.getContext());
  b.setInsertionPoint(caller);
  llvm::SmallVector<mlir::Type> arguments{hostType};
  arguments.append(operands.getTypes().begin(), operands.getTypes().end());
  auto function =
      mlir::func::FuncOp::create(b, caller.getLoc(), name, b.getFunctionType(arguments, {operands[0].getType()}));
  function.setPrivate();
  mlir::Block* entry = function.addEntryBlock();
  b.setInsertionPointToEnd(entry);
  mlir::Value result = emitScalarFunction(b, caller.getLoc(), scalar, entry->getArguments().drop_front(), context,
                                          /*isUnsigned=*/false, entry->getArgument(0));
  mlir::func::ReturnOp::create(b, caller.getLoc(), result);
  return function;
}

}  // namespace

mlir::Value emitScalarCall(mlir::OpBuilder& builder, mlir::Location location, llvm::StringRef scalar,
                           mlir::ValueRange operands, const CodegenContext& context, bool isUnsigned, mlir::Value host,
                           bool callsLong) {
  const bool isFloat = llvm::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(operands[0].getType()));
  if (!callsLong || !isFloat || !isLongFunction(scalar)) {
    return emitScalarFunction(builder, location, scalar, operands, context, isUnsigned, host);
  }
  auto caller = builder.getInsertionBlock()->getParent()->getParentOfType<mlir::func::FuncOp>();
  llvm::SmallVector<mlir::Value> arguments{host};
  arguments.append(operands.begin(), operands.end());
  return mlir::func::CallOp::create(builder, location, mathFunction(caller, scalar, operands, context, host.getType()),
                                    arguments)
      .getResult(0);
}

int32_t assertStatus(AssertThatOp op) {
  return ops::assert_that::untakenValue(op.getMessage()) ? KILN_STATUS_NOT_TAKEN : KILN_STATUS_ASSERT;
}

}  // namespace kiln::compiler
