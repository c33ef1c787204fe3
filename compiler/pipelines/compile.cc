// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/compile.h"

#include <deque>
#include <memory>
#include <utility>

#include "compiler/codegen/cpu/emit_entry.h"
#include "compiler/codegen/cpu/lower.h"
#include "compiler/codegen/cpu/make_units.h"
#include "compiler/dialect/constant_pool.h"
#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/module_text.h"
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
    KILN_RETURN_IF_ERROR(runner_.dump("000-import.mlir", readableText(*module_)));
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

  /// The planned entry to its entry point.
  Status emitFunctions(int index, int count) {
    auto entries = module_->getOps<mlir::func::FuncOp>();
    auto found = llvm::find_if(entries, [](mlir::func::FuncOp function) { return function->hasAttr(kEntryAttr); });
    if (found == entries.end() || !readPlan(*found)) {
      return makeError<ErrorId::kC0705>("codegen", "no entry was planned (kiln-plan-memory did not run)");
    }
    planned_ = *found;
    context_.loadAllAvailableDialects();
    DiagnosticCollector diagnostics(&context_);
    made_.code = mlir::ModuleOp::create(planned_.getLoc());
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
    auto emitted =
        emitEntry(planned_, *made_.code, codegen,
                  {.index = index, .count = count, .querySymbol = kQuerySymbol, .optimize = options_.optimize});
    if (mlir::failed(emitted)) {
      Status status = diagnostics.status();
      return status.ok() ? makeError<ErrorId::kC0705>("codegen", "an entry failed without a reason") : status;
    }
    made_.emitted = std::move(*emitted);
    return absl::OkStatus();
  }

  /// What emitFunctions() made, to be used up.
  EntryModule takeModule() { return std::move(made_); }
  /// After the units have been made.
  EntryManifest takeManifest() {
    EntryManifest manifest = makeManifest(graph_, planned_, pool_);
    manifest.nodes = nodes_.take();
    return manifest;
  }
  std::string describe(mlir::Operation* op) const { return op == nullptr ? "" : nodes_.describe(op); }

  StatusOr<Graph> exported() { return exportGraph(*module_, pool_, graph_.weights()); }
  std::string moduleText() { return readableText(*module_); }
  const TargetInfo& target() const { return target_; }
  PassRunner& runner() { return runner_; }

 private:
  const Graph& graph_;
  const Entry& entry_;
  const CompileOptions& options_;
  CompileReport* report_;
  mlir::MLIRContext context_;
  PassRunner runner_;
  ConstantPool pool_;
  NodeTable nodes_;
  TargetInfo target_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  EntryModule made_;
  mlir::func::FuncOp planned_;
};

/// Entries that become one image.
class Program {
 public:
  Program(const Graph& graph, std::span<const Entry* const> entries, const CompileOptions& options,
          CompileReport* report)
      : options_(options), report_(report) {
    // Passes of several entries are dumped side by side.
    for (const Entry* entry : entries) {
      CompileOptions& own = entryOptions_.emplace_back(options);
      if (entries.size() > 1 && !options.dumpFolder.empty()) {
        own.dumpFolder += "/" + std::to_string(entryOptions_.size() - 1);
      }
      parts_.push_back(std::make_unique<Compilation>(graph, *entry, own, report));
    }
  }

  PassRunner& runner() { return parts_.front()->runner(); }

  /// Lowers the entries and makes their units, with the texts that are asked for beside.
  StatusOr<MadeUnits> make(UnitOptions wanted) {
    if (parts_.empty()) {
      return makeError<ErrorId::kC0705>("codegen", "no entry is to be compiled");
    }
    for (auto& part : parts_) {
      KILN_RETURN_IF_ERROR(part->lower(Phase::kPlan));
    }
    MadeUnits made;
    KILN_RETURN_IF_ERROR(runner().runStep(Phase::kCodegen, [&]() -> Status {
      std::vector<EntryModule> modules;
      KILN_RETURN_IF_ERROR(runner().runPart("emit-functions", [&]() -> Status {
        for (size_t i = 0; i < parts_.size(); ++i) {
          KILN_RETURN_IF_ERROR(parts_[i]->emitFunctions(static_cast<int>(i), static_cast<int>(parts_.size())));
          modules.push_back(parts_[i]->takeModule());
        }
        return absl::OkStatus();
      }));
      const bool dumps = !options_.dumpFolder.empty();
      wanted.target = parts_.front()->target();
      wanted.optimize = options_.optimize;
      wanted.verify = options_.verifyEach;
      wanted.cache = options_.cache.get();
      wanted.threads = options_.codegenThreads;
      if (options_.progress) {
        wanted.onUnit = [this](size_t done, size_t total) {
          options_.progress(toString(Phase::kCodegen), done, total);
        };
      }
      wanted.wantsMlir |= dumps;
      wanted.wantsLlvmIr |= dumps;
      wanted.wantsAssembly |= dumps;
      KILN_RETURN_IF_ERROR(runner().runPart("make-units", [&]() -> Status {
        KILN_ASSIGN_OR_RETURN(made, makeUnits(modules, wanted));
        return absl::OkStatus();
      }));
      for (EntryModule& module : modules) {
        kernels_.push_back(std::move(module.emitted.kernels));
        arenas_.push_back({.staticBytes = module.emitted.staticBytes, .slots = std::move(module.emitted.slots)});
      }
      KILN_RETURN_IF_ERROR(writeDump(options_.dumpFolder, "900-codegen.mlir", made.mlir));
      KILN_RETURN_IF_ERROR(writeDump(options_.dumpFolder, "901-codegen.ll", made.llvmIr));
      return writeDump(options_.dumpFolder, "902-codegen.s", made.assembly);
    }));
    if (report_ != nullptr) {
      for (const std::vector<std::string>& kernels : kernels_) {
        report_->numKernels += static_cast<int>(kernels.size());
      }
      report_->numFunctions = made.numKernels;
      report_->numUnits = static_cast<int>(made.objects.size());
      report_->cacheHits = made.hits;
      report_->cacheMisses = made.misses;
    }
    return made;
  }

  StatusOr<CompiledCode> compile() {
    KILN_ASSIGN_OR_RETURN(MadeUnits made, make({}));
    const TargetInfo& target = parts_.front()->target();
    CompiledCode code;
    code.target = {.name = target.name,
                   .triple = target.triple,
                   .features = target.requiredFeatures(),
                   .vectorBits = target.vectorBits};
    code.objects = std::move(made.objects);
    for (size_t i = 0; i < parts_.size(); ++i) {
      code.hostUses.push_back(parts_[i]->describe(made.hostUses[i]));
      code.entries.push_back(parts_[i]->takeManifest());
      code.entries.back().kernels = std::move(kernels_[i]);
    }
    code.arenas = std::move(arenas_);
    return code;
  }

 private:
  const CompileOptions& options_;
  CompileReport* report_;
  std::deque<CompileOptions> entryOptions_;  // Referred to by the parts.
  std::vector<std::unique_ptr<Compilation>> parts_;
  std::vector<std::vector<std::string>> kernels_;
  std::vector<ArenaPlan> arenas_;
};

}  // namespace

StatusOr<CompiledCode> compileCode(const Graph& graph, std::span<const Entry* const> entries,
                                   const CompileOptions& options, CompileReport* report) {
  return Program(graph, entries, options, report).compile();
}

StatusOr<CompiledEntry> compileEntry(const Graph& graph, const Entry& entry, const CompileOptions& options,
                                     CompileReport* report) {
  const Entry* const entries[] = {&entry};
  Program program(graph, entries, options, report);
  KILN_ASSIGN_OR_RETURN(CompiledCode code, program.compile());
  CompiledEntry compiled;
  KILN_RETURN_IF_ERROR(program.runner().runStep(Phase::kEmit, [&]() -> Status {
    KILN_ASSIGN_OR_RETURN(compiled.image, linkImage(code.objects));
    return absl::OkStatus();
  }));
  compiled.manifest = std::move(code.entries.front());
  if (report != nullptr) {
    report->imageBytes = compiled.image.bytes.size();
  }
  return compiled;
}

StatusOr<Graph> lowerGraph(const Graph& graph, const Entry& entry, Phase phase, const CompileOptions& options,
                           CompileReport* report) {
  Compilation compilation(graph, entry, options, report);
  KILN_RETURN_IF_ERROR(compilation.lower(phase));
  return compilation.exported();
}

StatusOr<std::string> lowerToText(const Graph& graph, const Entry& entry, Phase phase, const CompileOptions& options,
                                  CompileReport* report) {
  if (phase >= Phase::kCodegen) {
    const Entry* const entries[] = {&entry};
    KILN_ASSIGN_OR_RETURN(MadeUnits made,
                          Program(graph, entries, options, report).make({.wantsObjects = false, .wantsMlir = true}));
    return std::move(made.mlir);
  }
  Compilation compilation(graph, entry, options, report);
  KILN_RETURN_IF_ERROR(compilation.lower(phase));
  return compilation.moduleText();
}

StatusOr<std::string> lowerToCode(const Graph& graph, const Entry& entry, CodeText text, const CompileOptions& options,
                                  CompileReport* report) {
  const Entry* const entries[] = {&entry};
  const bool isLlvm = text == CodeText::kLlvm;
  KILN_ASSIGN_OR_RETURN(
      MadeUnits made, Program(graph, entries, options, report).make({.wantsLlvmIr = isLlvm, .wantsAssembly = !isLlvm}));
  return std::move(isLlvm ? made.llvmIr : made.assembly);
}

}  // namespace kiln::compiler
