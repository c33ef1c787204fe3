// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/wide_multiply.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Module.h"

namespace kiln::compiler {
namespace {

constexpr char kName[] = "__multi3";

bool multipliesWide(llvm::Module& module) {
  return llvm::any_of(module, [](llvm::Function& function) {
    return llvm::any_of(llvm::instructions(function), [](const llvm::Instruction& instruction) {
      return instruction.getOpcode() == llvm::Instruction::Mul && instruction.getType()->getScalarSizeInBits() > 64;
    });
  });
}

}  // namespace

void defineWideMultiply(llvm::Module& module, const TargetInfo& target) {
  if (target.architecture != Architecture::kWasm || module.getFunction(kName) != nullptr || !multipliesWide(module)) {
    return;
  }
  llvm::LLVMContext& context = module.getContext();
  llvm::IRBuilder<> b(context);
  llvm::Type* i64 = b.getInt64Ty();
  // The result goes to memory, its low half first; each operand is two halves.
  llvm::FunctionType* type = llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), i64, i64, i64, i64}, false);
  llvm::Function* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, kName, module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  function->addFnAttr("target-cpu", target.cpu);
  function->addFnAttr("target-features", target.features);
  b.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
  llvm::Value *x = function->getArg(1), *y = function->getArg(3);
  const auto low = [&](llvm::Value* value) { return b.CreateAnd(value, b.getInt64(0xffffffff)); };
  const auto high = [&](llvm::Value* value) { return b.CreateLShr(value, 32); };
  llvm::Value* first = b.CreateMul(low(x), low(y));
  llvm::Value* second = b.CreateAdd(b.CreateMul(high(x), low(y)), high(first));
  llvm::Value* third = b.CreateAdd(b.CreateMul(low(x), high(y)), low(second));
  llvm::Value* lowHalf = b.CreateOr(b.CreateShl(third, 32), low(first));
  llvm::Value* highHalf = b.CreateAdd(
      b.CreateAdd(b.CreateMul(high(x), high(y)), high(second)),
      b.CreateAdd(high(third), b.CreateAdd(b.CreateMul(x, function->getArg(4)), b.CreateMul(function->getArg(2), y))));
  b.CreateAlignedStore(lowHalf, function->getArg(0), llvm::Align(8));
  b.CreateAlignedStore(highHalf, b.CreateConstGEP1_32(i64, function->getArg(0), 1), llvm::Align(8));
  b.CreateRetVoid();
}

}  // namespace kiln::compiler
