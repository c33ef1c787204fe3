// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/lower.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "compiler/codegen/cpu/gemm.h"
#include "compiler/codegen/cpu/optimize.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
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

/// Collects MLIR's error diagnostics of a context while it lives, so that a failure can say what was wrong.
class DiagnosticCollector {
 public:
  explicit DiagnosticCollector(mlir::MLIRContext* context)
      : handler_(context, [this](mlir::Diagnostic& diagnostic) {
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

// All dialects but scf in one conversion: one walk over the module instead of seven.
mlir::LogicalResult convertToLlvmDialect(mlir::ModuleOp module) {
  mlir::MLIRContext* context = module.getContext();
  {
    mlir::RewritePatternSet patterns(context);
    mlir::populateSCFToControlFlowConversionPatterns(patterns);
    mlir::ConversionTarget target(*context);
    target.addIllegalDialect<mlir::scf::SCFDialect>();
    target.markUnknownOpDynamicallyLegal([](mlir::Operation*) { return true; });
    if (mlir::failed(mlir::applyPartialConversion(module, target, std::move(patterns)))) {
      return mlir::failure();
    }
  }
  mlir::LowerToLLVMOptions options(context);
  options.useBarePtrCallConv = true;
  mlir::LLVMTypeConverter converter(context, options);
  mlir::RewritePatternSet patterns(context);
  mlir::arith::populateArithToLLVMConversionPatterns(converter, patterns);
  mlir::populateMathToLLVMConversionPatterns(converter, patterns);
  mlir::index::populateIndexToLLVMConversionPatterns(converter, patterns);
  mlir::ub::populateUBToLLVMConversionPatterns(converter, patterns);
  mlir::populateVectorToLLVMConversionPatterns(converter, patterns);
  mlir::cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  mlir::populateFuncToLLVMConversionPatterns(converter, patterns);
  mlir::LLVMConversionTarget target(*context);
  target.addLegalOp<mlir::ModuleOp, mlir::UnrealizedConversionCastOp>();
  if (mlir::failed(mlir::applyFullConversion(module, target, std::move(patterns)))) {
    return mlir::failure();
  }
  // Function addresses taken as pointers are casts until functions have become pointers.
  llvm::SmallVector<mlir::UnrealizedConversionCastOp> casts;
  module.walk([&](mlir::UnrealizedConversionCastOp cast) { casts.push_back(cast); });
  mlir::reconcileUnrealizedCasts(casts);
  return mlir::success();
}

std::unique_ptr<llvm::TargetMachine> makeMachine(const TargetInfo& target) {
  initializeLlvmTarget();
  std::string error;
  const llvm::Triple triple(target.triple);
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (found == nullptr) {
    return nullptr;
  }
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // an fma is one that was written as such
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(
      triple, target.cpu, target.features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Less));
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

// Nothing will resolve symbols when the code is loaded.
Status checkNoUndefinedSymbols(const std::vector<uint8_t>& object) {
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
    if (undefined && !text.empty()) {
      return makeError<ErrorId::kC0502>("it refers to '" + text + "', which is not defined");
    }
  }
  return Status();
}

}  // namespace

void registerLoweringDialects(mlir::DialectRegistry& registry) {
  registry.insert<mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::index::IndexDialect, mlir::LLVM::LLVMDialect, mlir::math::MathDialect, mlir::scf::SCFDialect,
                  mlir::ub::UBDialect, mlir::vector::VectorDialect>();
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
}

StatusOr<std::vector<uint8_t>> lowerToObject(mlir::ModuleOp module, const TargetInfo& target,
                                             const LowerOptions& options) {
  const DiagnosticCollector diagnostics(module.getContext());
  defineGemmFunctions(module, target);
  llvm::StringSet<> internalNames;
  module.walk([&](mlir::func::FuncOp function) {
    if (function.isPrivate() && !function.isExternal()) {
      internalNames.insert(function.getSymName());
    }
  });
  if (mlir::failed(convertToLlvmDialect(module))) {
    return diagnostics.error("lowering to LLVM's dialect failed");
  }
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = mlir::translateModuleToLLVMIR(module, context, "kiln", !options.verify);
  if (code == nullptr) {
    return diagnostics.error("translation to LLVM IR failed");
  }
  std::unique_ptr<llvm::TargetMachine> machine = makeMachine(target);
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
  if (options.optimize) {
    optimizeModule(*code, *machine);
  }
  defineMemoryFunctions(*code, target);
  if (options.verify) {
    std::string text;
    llvm::raw_string_ostream out(text);
    if (llvm::verifyModule(*code, &out)) {
      return makeError<ErrorId::kC0502>("LLVM's verifier: " + text);
    }
  }
  if (options.llvmIr != nullptr) {
    llvm::raw_string_ostream(*options.llvmIr) << *code;
  }
  if (options.assembly != nullptr) {
    // Code generation consumes its module.
    const std::vector<uint8_t> text =
        emitFile(*machine, *llvm::CloneModule(*code), llvm::CodeGenFileType::AssemblyFile);
    options.assembly->assign(text.begin(), text.end());
  }
  std::vector<uint8_t> object = emitFile(*machine, *code, llvm::CodeGenFileType::ObjectFile);
  KILN_RETURN_IF_ERROR(checkNoUndefinedSymbols(object));
  return object;
}

}  // namespace kiln::compiler
