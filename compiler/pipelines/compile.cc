// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/compile.h"

#include <utility>

#include "compiler/codegen/cpu/emit_entry.h"
#include "compiler/codegen/cpu/lower.h"
#include "compiler/dialect/constant_pool.h"
#include "compiler/dialect/diagnostics.h"
#include "compiler/emit/link_image.h"
#include "compiler/import/export.h"
#include "compiler/import/import.h"
#include "compiler/pipelines/build_phase.h"
#include "compiler/pipelines/check_support.h"
#include "compiler/pipelines/manifest.h"
#include "compiler/pipelines/pass_runner.h"
#include "compiler/plan/memory_plan.h"
#include "mlir/IR/MLIRContext.h"

namespace kiln::compiler {
namespace {

mlir::DialectRegistry registry() {
  mlir::DialectRegistry registry;
  registerLoweringDialects(registry);
  return registry;
}

/// One compilation: its context, its module and what the phases share.
class Compilation {
 public:
  Compilation(const Graph& graph, const Entry& entry, const CompileOptions& options, CompileReport* report)
      // A compilation is one thread's work: entries compile side by side, and a pool of threads costs milliseconds to
      // start.
      : graph_(graph),
        entry_(entry),
        options_(options),
        report_(report),
        context_(registry(), mlir::MLIRContext::Threading::DISABLED),
        runner_(context_, options, report),
        nodes_(graph) {
    loadKilnDialects(context_);
  }

  /// Runs the phases up to `last`, at most to plan.
  Status lower(Phase last) {
    KILN_ASSIGN_OR_RETURN(target_, TargetInfo::parse(options_.target));
    KILN_RETURN_IF_ERROR(runner_.runStep(Phase::kImport, [&]() -> Status {
      KILN_ASSIGN_OR_RETURN(module_, importGraph(context_, graph_, {entry_}, pool_));
      return checkSupport(*module_, target_);
    }));
    KILN_RETURN_IF_ERROR(runner_.dump("000-import.mlir", text(*module_)));
    PhaseOptions phases{
        .target = target_, .memLimit = options_.memLimit, .planReport = report_ == nullptr ? nullptr : &report_->plan};
    for (const PhaseInfo& info : kPhases) {
      if (info.phase != Phase::kImport && info.phase <= last && info.phase < Phase::kCodegen) {
        KILN_RETURN_IF_ERROR(runner_.run(info.phase, *module_,
                                         [&](mlir::OpPassManager& passes) { buildPhase(info.phase, passes, phases); }));
      }
    }
    return runner_.checkNames();
  }

  /// The planned entry to a module of functions.
  Status emitFunctions() {
    auto entries = module_->getOps<mlir::func::FuncOp>();
    auto found = llvm::find_if(entries, [](mlir::func::FuncOp function) { return function->hasAttr(kEntryAttr); });
    if (found == entries.end() || !readPlan(*found)) {
      return makeError<ErrorId::kC0705>("codegen", "no entry was planned (kiln-plan-memory did not run)");
    }
    planned_ = *found;
    context_.loadAllAvailableDialects();
    DiagnosticCollector diagnostics(&context_);
    code_ = mlir::ModuleOp::create(planned_.getLoc());
    CodegenContext codegen{.target = target_, .symbols = symbolsOf(planned_), .nodeId = [this](mlir::Operation* op) {
                             return nodes_.idOf(op);
                           }};
    for (const std::string& symbol : codegen.symbols) {
      if (auto known = options_.dims.find(symbol); known != options_.dims.end()) {
        codegen.symbolValues.push_back(known->second);
      }
    }
    if (codegen.symbolValues.size() != codegen.symbols.size()) {
      codegen.symbolValues.clear();  // all or none
    }
    auto emitted = emitEntry(planned_, *code_, codegen, kQuerySymbol);
    if (mlir::failed(emitted)) {
      Status status = diagnostics.status();
      return status.ok() ? makeError<ErrorId::kC0705>("codegen", "a kernel failed without a reason") : status;
    }
    kernels_ = std::move(emitted->kernels);
    if (report_ != nullptr) {
      report_->numKernels = static_cast<int>(kernels_.size());
      report_->numFunctions = emitted->numFunctions;
    }
    return absl::OkStatus();
  }

  StatusOr<CompiledEntry> compile() {
    KILN_RETURN_IF_ERROR(lower(Phase::kPlan));
    std::vector<uint8_t> object;
    KILN_RETURN_IF_ERROR(runner_.runStep(Phase::kCodegen, [&]() -> Status {
      KILN_RETURN_IF_ERROR(runner_.runPart("emit-functions", [&] { return emitFunctions(); }));
      KILN_RETURN_IF_ERROR(runner_.dump("900-codegen.mlir", text(*code_)));
      std::string llvmIr, assembly;
      LowerOptions lowering{.optimize = options_.optimize, .verify = options_.verifyEach};
      if (!options_.dumpFolder.empty()) {
        lowering.llvmIr = &llvmIr;
        lowering.assembly = &assembly;
      }
      KILN_RETURN_IF_ERROR(runner_.runPart("lower-to-object", [&]() -> Status {
        KILN_ASSIGN_OR_RETURN(object, lowerToObject(*code_, target_, lowering));
        return absl::OkStatus();
      }));
      KILN_RETURN_IF_ERROR(runner_.dump("901-codegen.ll", llvmIr));
      return runner_.dump("902-codegen.s", assembly);
    }));
    CompiledEntry compiled;
    KILN_RETURN_IF_ERROR(runner_.runStep(Phase::kEmit, [&]() -> Status {
      KILN_ASSIGN_OR_RETURN(compiled.image, linkImage(object));
      return absl::OkStatus();
    }));
    compiled.manifest = makeManifest(graph_, planned_, pool_);
    compiled.manifest.nodes = nodes_.take();
    compiled.manifest.kernels = std::move(kernels_);
    if (report_ != nullptr) {
      report_->imageBytes = compiled.image.bytes.size();
    }
    return compiled;
  }

  StatusOr<Graph> exported() { return exportGraph(*module_, pool_, graph_.weights()); }
  std::string moduleText() { return text(code_ ? *code_ : *module_); }

 private:
  std::string text(mlir::ModuleOp module) {
    std::string out;
    llvm::raw_string_ostream stream(out);
    mlir::OpPrintingFlags flags;
    module.print(stream, flags.elideLargeElementsAttrs(64));
    return out;
  }

  const Graph& graph_;
  const Entry& entry_;
  const CompileOptions& options_;
  CompileReport* report_;
  mlir::MLIRContext context_;
  PassRunner runner_;
  ConstantPool pool_;
  NodeTable nodes_;
  TargetInfo target_;
  mlir::OwningOpRef<mlir::ModuleOp> module_, code_;
  mlir::func::FuncOp planned_;
  std::vector<std::string> kernels_;
};

}  // namespace

StatusOr<CompiledEntry> compileEntry(const Graph& graph, const Entry& entry, const CompileOptions& options,
                                     CompileReport* report) {
  return Compilation(graph, entry, options, report).compile();
}

StatusOr<Graph> lowerGraph(const Graph& graph, const Entry& entry, Phase phase, const CompileOptions& options,
                           CompileReport* report) {
  Compilation compilation(graph, entry, options, report);
  KILN_RETURN_IF_ERROR(compilation.lower(phase));
  return compilation.exported();
}

StatusOr<std::string> lowerToText(const Graph& graph, const Entry& entry, Phase phase, const CompileOptions& options,
                                  CompileReport* report) {
  Compilation compilation(graph, entry, options, report);
  KILN_RETURN_IF_ERROR(compilation.lower(phase));
  if (phase >= Phase::kCodegen) {
    KILN_RETURN_IF_ERROR(compilation.emitFunctions());
  }
  return compilation.moduleText();
}

}  // namespace kiln::compiler
