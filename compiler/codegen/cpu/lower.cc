// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/lower.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "compiler/codegen/cpu/gemm.h"
#include "compiler/codegen/cpu/optimize.h"
#include "compiler/codegen/cpu/wide_multiply.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/Threading.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/DialectConversion.h"

namespace kiln::compiler {
namespace {

/// Collects this thread's error diagnostics in a context while it lives, so that a failure can say what was wrong.
class ThreadDiagnostics {
 public:
  explicit ThreadDiagnostics(mlir::MLIRContext* context)
      : handler_(context, [this, thread = llvm::get_threadid()](mlir::Diagnostic& diagnostic) {
          if (llvm::get_threadid() != thread) {
            return mlir::failure();
          }
          if (text_.empty()) {
            llvm::raw_string_ostream(text_) << diagnostic.getLocation() << ": " << diagnostic;
          }
          return mlir::success();
        }) {}

  Status error(std::string_view step) const {
    return makeError<ErrorId::kC0502>(std::string(step) + (text_.empty() ? "" : ": " + text_));
  }

 private:
  std::string text_;
  mlir::ScopedDiagnosticHandler handler_;
};

/// The conversions to LLVM's dialect. All dialects but scf are one: one walk over a module instead of seven.
class DialectConversion {
 public:
  explicit DialectConversion(mlir::MLIRContext* context)
      : converter_(context, optionsFor(context)), control_(*context), target_(*context) {
    mlir::RewritePatternSet control(context);
    mlir::populateSCFToControlFlowConversionPatterns(control);
    controlPatterns_ = std::move(control);
    control_.addIllegalDialect<mlir::scf::SCFDialect>();
    control_.markUnknownOpDynamicallyLegal([](mlir::Operation*) { return true; });
    mlir::RewritePatternSet patterns(context);
    mlir::arith::populateArithToLLVMConversionPatterns(converter_, patterns);
    mlir::populateMathToLLVMConversionPatterns(converter_, patterns);
    mlir::index::populateIndexToLLVMConversionPatterns(converter_, patterns);
    mlir::ub::populateUBToLLVMConversionPatterns(converter_, patterns);
    mlir::populateVectorToLLVMConversionPatterns(converter_, patterns);
    mlir::cf::populateControlFlowToLLVMConversionPatterns(converter_, patterns);
    mlir::populateFuncToLLVMConversionPatterns(converter_, patterns);
    patterns_ = std::move(patterns);
    target_.addLegalOp<mlir::ModuleOp, mlir::UnrealizedConversionCastOp>();
  }

  mlir::LogicalResult convert(mlir::ModuleOp module) {
    if (mlir::failed(mlir::applyPartialConversion(module, control_, controlPatterns_)) ||
        mlir::failed(mlir::applyFullConversion(module, target_, patterns_))) {
      return mlir::failure();
    }
    // Function addresses taken as pointers are casts until functions have become pointers.
    llvm::SmallVector<mlir::UnrealizedConversionCastOp> casts;
    module.walk([&](mlir::UnrealizedConversionCastOp cast) { casts.push_back(cast); });
    mlir::reconcileUnrealizedCasts(casts);
    return mlir::success();
  }

 private:
  static mlir::LowerToLLVMOptions optionsFor(mlir::MLIRContext* context) {
    mlir::LowerToLLVMOptions options(context);
    options.useBarePtrCallConv = true;
    return options;
  }

  mlir::LLVMTypeConverter converter_;
  mlir::ConversionTarget control_;
  mlir::LLVMConversionTarget target_;
  mlir::FrozenRewritePatternSet controlPatterns_, patterns_;
};

constexpr llvm::CodeGenOptLevel kUsualLevel = llvm::CodeGenOptLevel::Less;

std::unique_ptr<llvm::TargetMachine> makeMachine(const TargetInfo& target) {
  initializeLlvmTargets();
  std::string error;
  const llvm::Triple triple(target.triple);
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (found == nullptr) {
    return nullptr;
  }
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // an fma is one that was written as such
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, target.cpu, target.features, options, relocationOf(target), std::nullopt, kUsualLevel));
}

std::vector<uint8_t> emitFile(llvm::TargetMachine& machine, llvm::Module& module, llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, out, nullptr, type, /*DisableVerify=*/true)) {
    return {};
  }
  passes.run(module);
  return std::vector<uint8_t>(bytes.begin(), bytes.end());
}

// Nothing but the other units will resolve symbols: of these, the functions in `declared`.
Status checkUndefinedSymbols(const std::vector<uint8_t>& object, const llvm::StringSet<>& declared) {
  const llvm::StringRef bytes(reinterpret_cast<const char*>(object.data()), object.size());
  auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(bytes, "object"));
  if (!file) {
    return makeError<ErrorId::kC0502>(llvm::toString(file.takeError()));
  }
  for (const llvm::object::SymbolRef& symbol : (*file)->symbols()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    const bool undefined = !flags || (*flags & llvm::object::SymbolRef::SF_Undefined) != 0;
    const std::string text = name ? name->str() : llvm::toString(name.takeError());
    if (!flags) {
      llvm::consumeError(flags.takeError());
    }
    // The linker makes the stack and the table of a WebAssembly module.
    const bool isLinkers = (*file)->isWasm() && text.starts_with("__");
    if (undefined && !text.empty() && !declared.contains(text) && !isLinkers) {
      return makeError<ErrorId::kC0502>("it refers to '" + text + "', which is not defined");
    }
  }
  return Status();
}

// In a unit, the names of functions that others define; calls of them need no table of addresses.
llvm::StringSet<> hideSymbols(llvm::Module& code) {
  llvm::StringSet<> declared;
  const auto hide = [](llvm::GlobalValue& value) {
    if (!value.hasLocalLinkage()) {
      value.setVisibility(llvm::GlobalValue::HiddenVisibility);
      value.setDSOLocal(true);
    }
  };
  for (llvm::Function& function : code) {
    if (!function.isIntrinsic()) {
      hide(function);
      if (function.isDeclaration()) {
        declared.insert(function.getName());
      }
    }
  }
  for (llvm::GlobalVariable& global : code.globals()) {
    hide(global);
  }
  return declared;
}

}  // namespace

void registerLoweringDialects(mlir::DialectRegistry& registry) {
  registry.insert<mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::index::IndexDialect, mlir::LLVM::LLVMDialect, mlir::math::MathDialect, mlir::scf::SCFDialect,
                  mlir::ub::UBDialect, mlir::vector::VectorDialect>();
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
}

struct Lowering::Parts {
  mlir::MLIRContext* context;
  TargetInfo target;
  LowerOptions options;
  DialectConversion conversion;
  std::unique_ptr<llvm::TargetMachine> machine;  // Null: LLVM has none.
};

Lowering::Lowering(mlir::MLIRContext* context, const TargetInfo& target, const LowerOptions& options)
    : parts_(new Parts{context, target, options, DialectConversion(context), makeMachine(target)}) {}

Lowering::~Lowering() = default;

StatusOr<std::vector<uint8_t>> Lowering::lower(mlir::ModuleOp module, const LowerTexts& texts, CodeEffort effort) {
  const auto& [mlirContext, target, options, unused, machine] = *parts_;
  const ThreadDiagnostics diagnostics(mlirContext);
  llvm::StringSet<> internalNames;
  module.walk([&](mlir::func::FuncOp function) {
    if (function.isPrivate() && !function.isExternal()) {
      internalNames.insert(function.getSymName());
    }
  });
  if (mlir::failed(parts_->conversion.convert(module))) {
    return diagnostics.error("lowering to LLVM's dialect failed");
  }
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = mlir::translateModuleToLLVMIR(module, context, "kiln", !options.verify);
  if (code == nullptr) {
    return diagnostics.error("translation to LLVM IR failed");
  }
  if (machine == nullptr) {
    return makeError<ErrorId::kC0502>("no code generator for " + target.triple);
  }
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  for (llvm::Function& function : *code) {
    if (function.isDeclaration()) {
      continue;
    }
    if (internalNames.contains(function.getName())) {
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
    }
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("target-features", target.features);
    function.addFnAttr(llvm::Attribute::NoUnwind);
    // Vectors of the target's full width are meant, whatever the processor's tuning prefers.
    function.addFnAttr("min-legal-vector-width", std::to_string(target.vectorBits));
    function.addFnAttr("prefer-vector-width", std::to_string(target.vectorBits));
  }
  const llvm::StringSet<> declared = options.isUnit ? hideSymbols(*code) : llvm::StringSet<>();
  if (options.optimize) {
    optimizeModule(*code, *machine);
  }
  defineMemoryFunctions(*code, target);
  defineWideMultiply(*code, target);
  if (options.verify) {
    std::string text;
    llvm::raw_string_ostream out(text);
    if (llvm::verifyModule(*code, &out)) {
      return makeError<ErrorId::kC0502>("LLVM's verifier: " + text);
    }
  }
  if (texts.llvmIr != nullptr) {
    llvm::raw_string_ostream(*texts.llvmIr) << *code;
  }
  // A machine of its own: selecting instructions quickly is a setting that would stay with the other.
  std::unique_ptr<llvm::TargetMachine> quick;
  if (effort == CodeEffort::kLittle) {
    quick = makeMachine(target);
    quick->setOptLevel(llvm::CodeGenOptLevel::None);
  }
  llvm::TargetMachine& emitter = quick != nullptr ? *quick : *machine;
  if (texts.assembly != nullptr) {
    // Code generation consumes its module.
    const std::vector<uint8_t> text = emitFile(emitter, *llvm::CloneModule(*code), llvm::CodeGenFileType::AssemblyFile);
    texts.assembly->assign(text.begin(), text.end());
  }
  std::vector<uint8_t> object = emitFile(emitter, *code, llvm::CodeGenFileType::ObjectFile);
  KILN_RETURN_IF_ERROR(checkUndefinedSymbols(object, declared));
  return object;
}

StatusOr<std::vector<uint8_t>> lowerToObject(mlir::ModuleOp module, const TargetInfo& target,
                                             const LowerOptions& options, const LowerTexts& texts) {
  defineGemmFunctions(module, target);
  return Lowering(module.getContext(), target, options).lower(module, texts);
}

}  // namespace kiln::compiler
