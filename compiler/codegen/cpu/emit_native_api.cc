// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/emit_native_api.h"

#include <cstddef>
#include <memory>
#include <optional>

#include "compiler/codegen/cpu/optimize.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

constexpr uint64_t kAlignment = 64;

/// A module for a target, and what becomes of it.
class NativeModule {
 public:
  explicit NativeModule(const TargetInfo& target) : target_(target), module_("kiln", context_), builder_(context_) {
    initializeLlvmTargets();
    std::string error;
    const llvm::Triple triple(target.triple);
    if (const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, error)) {
      machine_.reset(found->createTargetMachine(triple, target.cpu, target.features, llvm::TargetOptions(),
                                                relocationOf(target), std::nullopt, llvm::CodeGenOptLevel::Less));
    }
    if (machine_ != nullptr) {
      module_.setTargetTriple(machine_->getTargetTriple());
      module_.setDataLayout(machine_->createDataLayout());
    }
  }

  bool isUsable() const { return machine_ != nullptr; }
  llvm::Module& module() { return module_; }
  llvm::IRBuilder<>& builder() { return builder_; }
  llvm::LLVMContext& context() { return context_; }

  /// A function with an empty block, where the builder then stands.
  llvm::Function* define(const std::string& name, llvm::Type* result, llvm::ArrayRef<llvm::Type*> arguments,
                         llvm::GlobalValue::LinkageTypes linkage) {
    llvm::Function* function =
        llvm::Function::Create(llvm::FunctionType::get(result, arguments, /*isVarArg=*/false), linkage, name, module_);
    function->addFnAttr(llvm::Attribute::NoUnwind);
    function->addFnAttr("target-cpu", target_.cpu);
    function->addFnAttr("target-features", target_.features);
    builder_.SetInsertPoint(llvm::BasicBlock::Create(context_, "", function));
    return function;
  }

  /// A function of another object.
  llvm::Function* declare(const std::string& name, llvm::Type* result, llvm::ArrayRef<llvm::Type*> arguments,
                          llvm::GlobalValue::VisibilityTypes visibility) {
    llvm::FunctionType* type = llvm::FunctionType::get(result, arguments, /*isVarArg=*/false);
    auto* function = llvm::cast<llvm::Function>(module_.getOrInsertFunction(name, type).getCallee());
    function->setVisibility(visibility);
    return function;
  }

  llvm::BasicBlock* newBlock(llvm::Function* function) { return llvm::BasicBlock::Create(context_, "", function); }

  StatusOr<std::vector<uint8_t>> toObject() {
    defineMemoryFunctions(module_, target_);
    std::string text;
    llvm::raw_string_ostream words(text);
    if (llvm::verifyModule(module_, &words)) {
      return makeError<ErrorId::kC0502>("LLVM's verifier: " + text);
    }
    llvm::SmallVector<char, 0> bytes;
    llvm::raw_svector_ostream out(bytes);
    llvm::legacy::PassManager passes;
    if (machine_->addPassesToEmitFile(passes, out, nullptr, llvm::CodeGenFileType::ObjectFile,
                                      /*DisableVerify=*/true)) {
      return makeError<ErrorId::kC0502>("no object files for " + target_.triple);
    }
    passes.run(module_);
    return std::vector<uint8_t>(bytes.begin(), bytes.end());
  }

 private:
  const TargetInfo& target_;
  llvm::LLVMContext context_;
  llvm::Module module_;
  llvm::IRBuilder<> builder_;
  std::unique_ptr<llvm::TargetMachine> machine_;
};

class ApiWriter {
 public:
  ApiWriter(NativeModule& code, const NativeApiOptions& options)
      : code_(code),
        options_(options),
        b_(code.builder()),
        pointer_(b_.getPtrTy()),
        i32_(b_.getInt32Ty()),
        i64_(b_.getInt64Ty()) {}

  void write() {
    if (options_.profile == NativeProfile::kBare) {
      writeSerialFor();
    } else {
      parallelFor_ = code_.declare("kiln_parallel_for", i32_, {pointer_, i64_, i64_, pointer_, pointer_},
                                   llvm::GlobalValue::DefaultVisibility);
      writeAllocate();
    }
    for (size_t i = 0; i < options_.entries.size(); ++i) {
      writeEntry(std::to_string(i), options_.prefix + "_" + toCName(options_.entries[i]));
    }
  }

 private:
  llvm::Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  llvm::Value* bytesAfter(llvm::Value* base, int64_t bytes) {
    return b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), base, static_cast<uint64_t>(bytes));
  }
  llvm::Value* loadNumber(llvm::Value* base, size_t offset) {
    return b_.CreateAlignedLoad(i64_, bytesAfter(base, static_cast<int64_t>(offset)), llvm::Align(8));
  }
  void storeNumber(llvm::Value* value, llvm::Value* base, size_t offset) {
    b_.CreateAlignedStore(value, bytesAfter(base, static_cast<int64_t>(offset)), llvm::Align(8));
  }
  /// Pointers take eight bytes on every machine.
  void storePointer(llvm::Value* value, llvm::Value* base, size_t offset) {
    storeNumber(b_.CreatePtrToInt(value, i64_), base, offset);
  }

  /// All pieces one after another, on the caller's thread: the first that fails is the one with the lowest bounds.
  void writeSerialFor() {
    llvm::Function* function = code_.define("kiln_serial_for", i32_, {pointer_, i64_, i64_, pointer_, pointer_},
                                            llvm::GlobalValue::InternalLinkage);
    parallelFor_ = function;
    llvm::Value *context = function->getArg(0), *count = function->getArg(1), *grain = function->getArg(2);
    llvm::BasicBlock *before = b_.GetInsertBlock(), *head = code_.newBlock(function), *body = code_.newBlock(function),
                     *next = code_.newBlock(function), *exit = code_.newBlock(function);
    b_.CreateBr(head);
    b_.SetInsertPoint(head);
    llvm::PHINode* begin = b_.CreatePHI(i64_, 2);
    llvm::PHINode* status = b_.CreatePHI(i32_, 2);
    begin->addIncoming(number(0), before);
    status->addIncoming(b_.getInt32(KILN_STATUS_OK), before);
    b_.CreateCondBr(b_.CreateICmpSLT(begin, count), body, exit);
    b_.SetInsertPoint(body);
    llvm::Value* far = b_.CreateAdd(begin, grain);
    llvm::Value* end = b_.CreateSelect(b_.CreateICmpSLT(far, count), far, count);
    llvm::FunctionType* task = llvm::FunctionType::get(i32_, {pointer_, pointer_, i64_, i64_}, false);
    llvm::Value* result = b_.CreateCall(task, function->getArg(3), {context, function->getArg(4), begin, end});
    b_.CreateCondBr(b_.CreateICmpEQ(result, b_.getInt32(KILN_STATUS_OK)), next, exit);
    b_.SetInsertPoint(next);
    begin->addIncoming(end, next);
    status->addIncoming(result, next);
    b_.CreateBr(head);
    b_.SetInsertPoint(exit);
    llvm::PHINode* last = b_.CreatePHI(i32_, 2);
    last->addIncoming(status, head);
    last->addIncoming(result, body);
    b_.CreateRet(last);
  }

  /// Memory of a run: a list that begins right behind the context, whose blocks each begin with the address of the
  /// next.
  void writeAllocate() {
    llvm::Function* alignedAlloc =
        code_.declare("aligned_alloc", pointer_, {i64_, i64_}, llvm::GlobalValue::DefaultVisibility);
    llvm::Function* function =
        code_.define("kiln_allocate", pointer_, {pointer_, i64_}, llvm::GlobalValue::InternalLinkage);
    allocate_ = function;
    llvm::Value *list = bytesAfter(function->getArg(0), sizeof(kiln_context_t)), *bytes = function->getArg(1);
    llvm::Value* size = b_.CreateAnd(b_.CreateAdd(bytes, number(2 * kAlignment - 1)), number(-int64_t{kAlignment}));
    llvm::Value* block = b_.CreateCall(alignedAlloc, {number(kAlignment), size});
    llvm::BasicBlock *found = code_.newBlock(function), *none = code_.newBlock(function);
    b_.CreateCondBr(b_.CreateIsNull(block), none, found);
    b_.SetInsertPoint(none);
    b_.CreateRet(block);
    b_.SetInsertPoint(found);
    storeNumber(loadNumber(list, 0), block, 0);
    storePointer(block, list, 0);
    b_.CreateRet(bytesAfter(block, kAlignment));
  }

  void writeFree(llvm::Function* function, llvm::Value* list) {
    llvm::Function* free = code_.declare("free", b_.getVoidTy(), {pointer_}, llvm::GlobalValue::DefaultVisibility);
    llvm::BasicBlock *before = b_.GetInsertBlock(), *head = code_.newBlock(function), *body = code_.newBlock(function),
                     *after = code_.newBlock(function);
    llvm::Value* first = loadNumber(list, 0);
    b_.CreateBr(head);
    b_.SetInsertPoint(head);
    llvm::PHINode* block = b_.CreatePHI(i64_, 2);
    block->addIncoming(first, before);
    b_.CreateCondBr(b_.CreateICmpNE(block, number(0)), body, after);
    b_.SetInsertPoint(body);
    llvm::Value* address = b_.CreateIntToPtr(block, pointer_);
    block->addIncoming(loadNumber(address, 0), body);
    b_.CreateCall(free, {address});
    b_.CreateBr(head);
    b_.SetInsertPoint(after);
  }

  void writeEntry(const std::string& index, const std::string& name) {
    llvm::Function* arenaSize =
        code_.declare("kiln_arena_size_" + index, i64_, {pointer_}, llvm::GlobalValue::HiddenVisibility);
    llvm::Function* sizeFunction =
        code_.define(name + "_arena_bytes", i64_, {pointer_}, llvm::GlobalValue::ExternalLinkage);
    b_.CreateRet(b_.CreateCall(arenaSize, {sizeFunction->getArg(0)}));

    llvm::Function* entry =
        code_.declare("kiln_entry_" + index, i32_, {pointer_, pointer_, pointer_}, llvm::GlobalValue::HiddenVisibility);
    llvm::Function* function =
        code_.define(name + "_run", i32_, {pointer_, pointer_, pointer_, pointer_}, llvm::GlobalValue::ExternalLinkage);
    constexpr uint64_t kContextBytes = sizeof(kiln_context_t) + sizeof(uint64_t);
    llvm::AllocaInst* context = b_.CreateAlloca(llvm::ArrayType::get(b_.getInt8Ty(), kContextBytes));
    context->setAlignment(llvm::Align(16));
    // Not a memset, which would be a call.
    for (uint64_t offset = 0; offset < kContextBytes; offset += sizeof(uint64_t)) {
      storeNumber(number(0), context, offset);
    }
    const uint64_t header = uint64_t{sizeof(kiln_context_t)} | uint64_t{KILN_ABI_VERSION} << 32;
    storeNumber(b_.getInt64(header), context, offsetof(kiln_context_t, size));
    storePointer(function->getArg(0), context, offsetof(kiln_context_t, arena));
    storePointer(parallelFor_, context, offsetof(kiln_context_t, parallel_for));
    if (options_.profile == NativeProfile::kHosted) {
      llvm::Function* library = code_.declare("kiln_host_library", pointer_, {}, llvm::GlobalValue::DefaultVisibility);
      storePointer(b_.CreateCall(library), context, offsetof(kiln_context_t, library));
      storePointer(allocate_, context, offsetof(kiln_context_t, allocate));
    }
    llvm::Value* status = b_.CreateCall(entry, {context, function->getArg(1), function->getArg(2)});
    if (options_.profile == NativeProfile::kHosted) {
      writeFree(function, bytesAfter(context, sizeof(kiln_context_t)));
    }
    llvm::BasicBlock *failed = code_.newBlock(function), *exit = code_.newBlock(function);
    llvm::Value* isTold =
        b_.CreateAnd(b_.CreateICmpNE(status, b_.getInt32(KILN_STATUS_OK)), b_.CreateIsNotNull(function->getArg(3)));
    b_.CreateCondBr(isTold, failed, exit);
    b_.SetInsertPoint(failed);
    constexpr size_t kError = offsetof(kiln_context_t, error);
    llvm::Value* node =
        b_.CreateAlignedLoad(i32_, bytesAfter(context, kError + offsetof(kiln_error_t, node_id)), llvm::Align(4));
    storeNumber(b_.CreateSExt(node, i64_), function->getArg(3), 0);
    for (size_t i = 0; i < 2; ++i) {
      storeNumber(loadNumber(context, kError + offsetof(kiln_error_t, values) + i * sizeof(int64_t)),
                  function->getArg(3), (i + 1) * sizeof(int64_t));
    }
    b_.CreateBr(exit);
    b_.SetInsertPoint(exit);
    b_.CreateRet(status);
  }

  NativeModule& code_;
  const NativeApiOptions& options_;
  llvm::IRBuilder<>& b_;
  llvm::Type *pointer_, *i32_, *i64_;
  llvm::Function* parallelFor_ = nullptr;
  llvm::Function* allocate_ = nullptr;
};

}  // namespace

std::string toCName(std::string_view name) {
  std::string result(name);
  for (char& c : result) {
    const bool isAllowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    c = isAllowed ? c : '_';
  }
  return result;
}

StatusOr<std::vector<uint8_t>> emitNativeApi(const NativeApiOptions& options, const TargetInfo& target) {
  NativeModule code(target);
  if (!code.isUsable()) {
    return makeError<ErrorId::kC0502>("no code generator for " + target.triple);
  }
  ApiWriter(code, options).write();
  return code.toObject();
}

StatusOr<std::vector<uint8_t>> emitData(const std::string& symbol, const std::string& bytes, const TargetInfo& target) {
  NativeModule code(target);
  if (!code.isUsable()) {
    return makeError<ErrorId::kC0502>("no code generator for " + target.triple);
  }
  // A variable of size 0 has no address of its own.
  llvm::Constant* data =
      llvm::ConstantDataArray::getString(code.context(), bytes.empty() ? std::string(1, '\0') : bytes,
                                         /*AddNull=*/false);
  auto* global = new llvm::GlobalVariable(code.module(), data->getType(), /*isConstant=*/true,
                                          llvm::GlobalValue::ExternalLinkage, data, symbol);
  global->setAlignment(llvm::Align(kAlignment));
  return code.toObject();
}

}  // namespace kiln::compiler
