// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/kernel_codegen.h"
#include "compiler/dialect/faults.h"

#include <cstddef>

#include "compiler/codegen/cpu/emit_library.h"
#include "compiler/codegen/cpu/emit_matmul.h"
#include "compiler/codegen/cpu/emit_native.h"
#include "compiler/codegen/cpu/expression_emitter.h"
#include "compiler/codegen/cpu/parallel.h"
#include "compiler/codegen/cpu/schedule.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
namespace func = mlir::func;
using mlir::OpBuilder;
using mlir::Type;

namespace {

KernelPointers pointersOf(KernelOp kernel, Value context, mlir::ValueRange rest) {
  KernelPointers pointers;
  pointers.context = context;
  const size_t inputs = kernel.getInputs().size(), outputs = kernel.getOutputs().size();
  pointers.inputs.append(rest.begin(), rest.begin() + inputs);
  pointers.outputs.append(rest.begin() + inputs, rest.begin() + inputs + outputs);
  pointers.dims = rest[inputs + outputs];
  return pointers;
}

// What a kernel function returns: the code in the error slot when the kernel can fault, else that all is well.
Value emitStatus(OpBuilder& b, KernelOp kernel, Value context) {
  if (!mayFault(kernel)) {
    return arith::ConstantOp::create(b, kernel.getLoc(), b.getI32IntegerAttr(KILN_STATUS_OK));
  }
  const int32_t offset = offsetof(kiln_context_t, error) + offsetof(kiln_error_t, code);
  Value field = mlir::LLVM::GEPOp::create(b, kernel.getLoc(), mlir::LLVM::LLVMPointerType::get(b.getContext()),
                                          b.getI8Type(), context, llvm::ArrayRef<mlir::LLVM::GEPArg>{offset});
  return mlir::LLVM::LoadOp::create(b, kernel.getLoc(), b.getI32Type(), field, 4);
}

ExpressionEmitter::Retry emitOnce(KernelOp kernel, func::FuncOp into, const CodegenContext& context, Schedule schedule,
                                  ExpressionEmitter::Options options) {
  mlir::Block* entry = into.addEntryBlock();
  OpBuilder b = OpBuilder::atBlockEnd(entry);
  const KernelPointers pointers = pointersOf(kernel, entry->getArgument(0), entry->getArguments().drop_front());
  ExpressionEmitter emitter(kernel, entry, pointers, context, options);
  auto yield = kernel.getBody().front().getTerminator();
  if (schedule.sort == Schedule::Sort::kRows &&
      llvm::all_of(yield->getOperands(), [&](Value value) { return emitter.isFlatCapable(value); })) {
    schedule.sort = Schedule::Sort::kElements;
    schedule.isFlat = true;
    schedule.outer = {shapeOf(yield->getOperand(0)).numElements()};
  }

  const Dim count = schedule.count();
  const bool isParallel = schedule.sort != Schedule::Sort::kScatter && !(count == Dim(1)) &&
                          !(schedule.work.isStatic() && schedule.work.value() <= kChunkWork);
  if (!isParallel) {
    emitItems(emitter, schedule, emitter.constant(0), emitter.dimValue(count));
    b.setInsertionPointToEnd(entry);
    func::ReturnOp::create(b, kernel.getLoc(), emitStatus(b, kernel, pointers.context));
    return emitter.retry();
  }
  // Chunks of equal work: whole items, and for elements whole cache lines.
  Value items = emitter.dimValue(count), work = emitter.dimValue(schedule.work);
  Value grain = emitter.divI(emitter.mulI(items, emitter.constant(kChunkWork)), work);
  if (schedule.sort == Schedule::Sort::kElements || schedule.sort == Schedule::Sort::kScalars) {
    grain = emitter.mulI(emitter.divI(emitter.addI(grain, emitter.constant(63)), emitter.constant(64)),
                         emitter.constant(64));
  }
  Value one = emitter.constant(1);
  b.setInsertionPointToEnd(entry);
  grain = arith::MaxSIOp::create(b, kernel.getLoc(), grain, one);
  ExpressionEmitter::Retry retry = ExpressionEmitter::Retry::kNone;
  Value status = emitParallelFor(
      b, kernel.getLoc(), (into.getName() + "_chunk").str(), pointers.context, items, grain,
      entry->getArguments().drop_front(),
      [&](OpBuilder& inner, Value chunkContext, mlir::ValueRange captured, Value begin, Value end) {
        mlir::Block* block = inner.getInsertionBlock();
        ExpressionEmitter chunk(kernel, block, pointersOf(kernel, chunkContext, captured), context, options);
        emitItems(chunk, schedule, begin, end);
        retry = chunk.retry();
        inner.setInsertionPointToEnd(block);
        return emitStatus(inner, kernel, chunkContext);
      });
  func::ReturnOp::create(b, kernel.getLoc(), status);
  return retry;
}

}  // namespace

mlir::FunctionType kernelFunctionType(KernelOp kernel) {
  mlir::MLIRContext* context = kernel.getContext();
  llvm::SmallVector<Type> types(2 + kernel.getInputs().size() + kernel.getOutputs().size(),
                                mlir::LLVM::LLVMPointerType::get(context));
  return mlir::FunctionType::get(context, types, {mlir::IntegerType::get(context, 32)});
}

mlir::LogicalResult emitKernel(KernelOp kernel, func::FuncOp into, const CodegenContext& context) {
  if (kernel.getKind() == "matmul") {
    return emitMatmul(kernel, into, context);
  }
  if (kernel.getKind() == "native") {
    return emitNative(kernel, into, context);
  }
  if (kernel.getKind() == "library") {
    return emitLibraryCall(kernel, into, context);
  }
  const Schedule schedule = chooseSchedule(kernel);
  ExpressionEmitter::Options options;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const ExpressionEmitter::Retry retry = emitOnce(kernel, into, context, schedule, options);
    if (retry == ExpressionEmitter::Retry::kNone) {
      return mlir::success();
    }
    into.eraseBody();
    if (mlir::Operation* chunk = mlir::SymbolTable::lookupNearestSymbolFrom(
            into, mlir::StringAttr::get(into.getContext(), into.getName() + "_chunk"))) {
      chunk->erase();
    }
    options.useMasks = false;
    options.useVectors = retry != ExpressionEmitter::Retry::kScalar;
  }
  return kernel.emitError("this kernel has an op that code generation does not cover");
}

}  // namespace kiln::compiler
