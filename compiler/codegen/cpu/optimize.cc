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

// The function, with C's signature and local linkage: references that code generation makes by name resolve to it
// within the object.
void defineStringFunction(llvm::Module& module, const TargetInfo& target, const StringInstruction& what, bool fill) {
  if (llvm::Function* existing = module.getFunction(what.name); existing != nullptr && !existing->isDeclaration()) {
    return;
  }
  llvm::LLVMContext& context = module.getContext();
  llvm::IRBuilder<> builder(context);
  llvm::Type* pointer = builder.getPtrTy();
  llvm::Type* number = builder.getInt64Ty();
  llvm::Type* second = fill ? static_cast<llvm::Type*>(builder.getInt32Ty()) : pointer;
  llvm::FunctionType* type = llvm::FunctionType::get(pointer, {pointer, second, number}, false);
  llvm::Function* function = llvm::cast<llvm::Function>(module.getOrInsertFunction(what.name, type).getCallee());
  function->setLinkage(llvm::GlobalValue::InternalLinkage);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  function->addFnAttr(llvm::Attribute::NoBuiltin);
  function->addFnAttr("target-cpu", target.cpu);
  function->addFnAttr("target-features", target.features);
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
    defineStringFunction(module, target, kCopy, /*fill=*/false);
  }
  if (moves) {
    defineStringFunction(module, target, kMove, /*fill=*/false);
  }
  if (fills) {
    defineStringFunction(module, target, kFill, /*fill=*/true);
  }
}

}  // namespace kiln::compiler
