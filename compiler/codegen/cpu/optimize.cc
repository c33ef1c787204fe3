// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/optimize.h"

#include <array>
#include <utility>

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/IndVarSimplify.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

namespace kiln::compiler {

void optimizeModule(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/false));
  passes.addPass(llvm::InstCombinePass());
  // Rotation makes the preheaders that hoisting needs; without it every invariant load stays in its loop.
  llvm::LoopPassManager loopPasses;
  loopPasses.addPass(llvm::LoopRotatePass());
  loopPasses.addPass(llvm::LICMPass(llvm::LICMOptions()));
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(std::move(loopPasses), /*UseMemorySSA=*/true));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/false));
  passes.addPass(llvm::SimplifyCFGPass());

  llvm::ModulePassManager pipeline;
  pipeline.addPass(llvm::GlobalDCEPass());
  pipeline.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(passes)));
  pipeline.run(module, modules);
}

namespace {

struct StringInstruction {
  const char* name;
  const char* text;
};
constexpr StringInstruction kCopy = {"memcpy", "rep movsb"};
constexpr StringInstruction kFill = {"memset", "rep stosb"};
// Overlapping upwards: from the last byte down. rdi and rsi are advanced past the end first.
constexpr StringInstruction kMove = {
    "memmove",
    "movq %rdi, %rax\n\tsubq %rsi, %rax\n\tcmpq %rcx, %rax\n\tjae 1f\n\t"
    "leaq -1(%rdi,%rcx), %rdi\n\tleaq -1(%rsi,%rcx), %rsi\n\tstd\n\trep movsb\n\tcld\n\tjmp 2f\n1:\trep movsb\n2:"};

// The function, without a body, with C's signature and local linkage: references that code generation makes by name
// resolve to it within the object. Null when there is one already.
llvm::Function* declareLocal(llvm::Module& module, const TargetInfo& target, const char* name, bool fill) {
  if (llvm::Function* existing = module.getFunction(name); existing != nullptr && !existing->isDeclaration()) {
    return nullptr;
  }
  llvm::LLVMContext& context = module.getContext();
  llvm::Type* pointer = llvm::PointerType::getUnqual(context);
  llvm::Type* number = module.getDataLayout().getIntPtrType(context);
  llvm::Type* second = fill ? static_cast<llvm::Type*>(llvm::Type::getInt32Ty(context)) : pointer;
  llvm::FunctionType* type = llvm::FunctionType::get(pointer, {pointer, second, number}, false);
  llvm::Function* function = llvm::cast<llvm::Function>(module.getOrInsertFunction(name, type).getCallee());
  function->setLinkage(llvm::GlobalValue::InternalLinkage);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  function->addFnAttr(llvm::Attribute::NoBuiltin);
  function->addFnAttr("no-builtins");
  function->addFnAttr("target-cpu", target.cpu);
  function->addFnAttr("target-features", target.features);
  return function;
}

void defineStringFunction(llvm::Module& module, const TargetInfo& target, const StringInstruction& what, bool fill) {
  llvm::Function* function = declareLocal(module, target, what.name, fill);
  if (function == nullptr) {
    return;
  }
  llvm::LLVMContext& context = module.getContext();
  llvm::IRBuilder<> builder(context);
  llvm::Type* pointer = builder.getPtrTy();
  llvm::Type* number = builder.getInt64Ty();
  builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
  llvm::Value* to = function->getArg(0);
  llvm::Value* count = function->getArg(2);
  llvm::Value* value = function->getArg(1);
  if (fill) {
    value = builder.CreateTrunc(value, builder.getInt8Ty());
  }
  llvm::Type* moved = fill ? llvm::StructType::get(context, {pointer, number})
                           : llvm::StructType::get(context, {pointer, pointer, number});
  const char* constraints = fill ? "={di},={cx},0,1,{al},~{memory},~{dirflag},~{fpsr},~{flags}"
                                 : "={di},={si},={cx},0,1,2,~{rax},~{memory},~{dirflag},~{fpsr},~{flags}";
  llvm::SmallVector<llvm::Value*, 3> operands = fill ? llvm::SmallVector<llvm::Value*, 3>{to, count, value}
                                                     : llvm::SmallVector<llvm::Value*, 3>{to, value, count};
  llvm::SmallVector<llvm::Type*, 3> operandTypes;
  for (llvm::Value* operand : operands) {
    operandTypes.push_back(operand->getType());
  }
  llvm::InlineAsm* code =
      llvm::InlineAsm::get(llvm::FunctionType::get(moved, operandTypes, false), what.text, constraints,
                           /*hasSideEffects=*/true);
  builder.CreateCall(code, operands);
  builder.CreateRet(to);
}

// Where there are no instructions for it: loops over 16 bytes, then over bytes.
class LoopFunction {
 public:
  LoopFunction(llvm::Function* function)
      : function_(function),
        builder_(function->getContext()),
        number_(function->getArg(2)->getType()),
        byte_(builder_.getInt8Ty()),
        wide_(llvm::FixedVectorType::get(byte_, kWideBytes)) {
    builder_.SetInsertPoint(newBlock());
  }

  void copy() {
    upwards(function_->getArg(1), nullptr);
    builder_.CreateRet(function_->getArg(0));
  }

  void fill() {
    upwards(nullptr, builder_.CreateTrunc(function_->getArg(1), byte_));
    builder_.CreateRet(function_->getArg(0));
  }

  void move() {
    // Going up never overwrites what is still to be read unless the target begins within the source.
    llvm::Value* to = builder_.CreatePtrToInt(function_->getArg(0), number_);
    llvm::Value* from = builder_.CreatePtrToInt(function_->getArg(1), number_);
    llvm::Value* isUpwards = builder_.CreateICmpUGE(builder_.CreateSub(to, from), function_->getArg(2));
    llvm::BasicBlock *up = newBlock(), *down = newBlock();
    builder_.CreateCondBr(isUpwards, up, down);
    builder_.SetInsertPoint(up);
    copy();
    builder_.SetInsertPoint(down);
    llvm::Value* rest = stepsDown(function_->getArg(2), wide_, kWideBytes);
    stepsDown(rest, byte_, 1);
    builder_.CreateRet(function_->getArg(0));
  }

 private:
  static constexpr int kWideBytes = 16;

  llvm::BasicBlock* newBlock() { return llvm::BasicBlock::Create(function_->getContext(), "", function_); }
  llvm::Value* constant(uint64_t value) { return llvm::ConstantInt::get(number_, value); }
  llvm::Value* at(llvm::Value* base, llvm::Value* index) { return builder_.CreateGEP(byte_, base, index); }

  void upwards(llvm::Value* from, llvm::Value* value) {
    llvm::Value* count = function_->getArg(2);
    llvm::Value* wideCount = builder_.CreateAnd(count, constant(~uint64_t{kWideBytes - 1}));
    llvm::Value* wideValue = value == nullptr ? nullptr : builder_.CreateVectorSplat(kWideBytes, value);
    steps(constant(0), wideCount, wide_, kWideBytes, from, wideValue);
    steps(wideCount, count, byte_, 1, from, value);
  }

  // for (i = begin; i < end; i += bytes)
  void steps(llvm::Value* begin, llvm::Value* end, llvm::Type* type, int bytes, llvm::Value* from, llvm::Value* value) {
    llvm::BasicBlock *before = builder_.GetInsertBlock(), *head = newBlock(), *body = newBlock(), *after = newBlock();
    builder_.CreateBr(head);
    builder_.SetInsertPoint(head);
    llvm::PHINode* index = builder_.CreatePHI(number_, 2);
    index->addIncoming(begin, before);
    builder_.CreateCondBr(builder_.CreateICmpULT(index, end), body, after);
    builder_.SetInsertPoint(body);
    llvm::Value* stored = value;
    if (stored == nullptr) {
      stored = builder_.CreateAlignedLoad(type, at(from, index), llvm::Align(1));
    }
    builder_.CreateAlignedStore(stored, at(function_->getArg(0), index), llvm::Align(1));
    index->addIncoming(builder_.CreateAdd(index, constant(bytes)), body);
    builder_.CreateBr(head);
    builder_.SetInsertPoint(after);
  }

  // for (i = end; i >= bytes;) i -= bytes; gives what is left of i.
  llvm::Value* stepsDown(llvm::Value* end, llvm::Type* type, int bytes) {
    llvm::BasicBlock *before = builder_.GetInsertBlock(), *head = newBlock(), *body = newBlock(), *after = newBlock();
    builder_.CreateBr(head);
    builder_.SetInsertPoint(head);
    llvm::PHINode* index = builder_.CreatePHI(number_, 2);
    index->addIncoming(end, before);
    builder_.CreateCondBr(builder_.CreateICmpUGE(index, constant(bytes)), body, after);
    builder_.SetInsertPoint(body);
    llvm::Value* next = builder_.CreateSub(index, constant(bytes));
    llvm::Value* loaded = builder_.CreateAlignedLoad(type, at(function_->getArg(1), next), llvm::Align(1));
    builder_.CreateAlignedStore(loaded, at(function_->getArg(0), next), llvm::Align(1));
    index->addIncoming(next, body);
    builder_.CreateBr(head);
    builder_.SetInsertPoint(after);
    return index;
  }

  llvm::Function* function_;
  llvm::IRBuilder<> builder_;
  llvm::Type *number_, *byte_, *wide_;
};

void defineCopy(llvm::Module& module, const TargetInfo& target) {
  if (target.architecture == Architecture::kX86) {
    defineStringFunction(module, target, kCopy, /*fill=*/false);
  } else if (llvm::Function* function = declareLocal(module, target, kCopy.name, /*fill=*/false)) {
    LoopFunction(function).copy();
  }
}

void defineMove(llvm::Module& module, const TargetInfo& target) {
  if (target.architecture == Architecture::kX86) {
    defineStringFunction(module, target, kMove, /*fill=*/false);
  } else if (llvm::Function* function = declareLocal(module, target, kMove.name, /*fill=*/false)) {
    LoopFunction(function).move();
  }
}

void defineFill(llvm::Module& module, const TargetInfo& target) {
  if (target.architecture == Architecture::kX86) {
    defineStringFunction(module, target, kFill, /*fill=*/true);
  } else if (llvm::Function* function = declareLocal(module, target, kFill.name, /*fill=*/true)) {
    LoopFunction(function).fill();
  }
}

}  // namespace

void defineMemoryFunctions(llvm::Module& module, const TargetInfo& target) {
  bool copies = false;
  bool moves = false;
  bool fills = false;
  for (llvm::Function& function : module) {
    copies |= function.getIntrinsicID() == llvm::Intrinsic::memcpy || function.getName() == "memcpy";
    moves |= function.getIntrinsicID() == llvm::Intrinsic::memmove || function.getName() == "memmove";
    fills |= function.getIntrinsicID() == llvm::Intrinsic::memset || function.getName() == "memset";
  }
  if (copies) {
    defineCopy(module, target);
  }
  if (moves) {
    defineMove(module, target);
  }
  if (fills) {
    defineFill(module, target);
  }
}

}  // namespace kiln::compiler
