// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/make_units.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "compiler/codegen/common/library_call.h"
#include "compiler/codegen/cpu/code_unit.h"
#include "compiler/codegen/cpu/gemm.h"
#include "compiler/codegen/cpu/kernel_codegen.h"
#include "compiler/codegen/cpu/lower.h"
#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/module_text.h"

namespace kiln::compiler {
namespace {

/// From so many kernels on, an entry point takes longer to compile with care than the care can save in its runs: it
/// calls them one after another, some nanoseconds apart. Below are steps of small nets, above whole models.
constexpr size_t kManyKernels = 64;

/// What is made by itself. Exactly one of entry, use and part is set.
struct Unit {
  EntryModule* entry = nullptr;
  const KernelUse* use = nullptr;
  const CodegenContext* codegen = nullptr;  // Of the use.
  std::optional<GemmPart> part;
  mlir::Type element;  // Of the part.

  std::optional<Sha256> key;  // When it may be kept.
  std::string title;
  size_t weight = 0;  // About how long it takes, to begin with the longest.

  Status status;
  UnitCode code;
  std::string mlir, llvmIr, assembly;
  bool isHit = false;
};

mlir::MLIRContext* contextOf(const Unit& unit) {
  return unit.entry != nullptr ? (*unit.entry->code)->getContext()
         : unit.use != nullptr ? KernelOp(unit.use->kernel)->getContext()
                               : unit.element.getContext();
}

mlir::Operation* opAt(KernelOp kernel, int32_t index) {
  mlir::Operation* found = nullptr;
  kernel.getBody().walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    found = op;
    return index-- == 0 ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
  });
  return found;
}

/// Which op of the kernel the code's first call of the host was written for; the marks of such calls go.
int32_t takeHostUse(KernelOp kernel, mlir::ModuleOp code) {
  std::optional<std::string> node;
  code.walk([&](mlir::Operation* op) {
    if (op->removeAttr(kHostUseAttr)) {
      node = node ? node : nodeNameOf(op->getLoc());
    }
  });
  if (!node) {
    return -1;
  }
  int32_t index = 0, found = -1;
  kernel.getBody().walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    found = found < 0 && nodeNameOf(op->getLoc()) == *node ? index : found;
    ++index;
  });
  return std::max(found, 0);
}

mlir::OwningOpRef<mlir::ModuleOp> emitKernelUnit(Unit& unit) {
  KernelOp kernel = unit.use->kernel;
  mlir::MLIRContext* context = kernel->getContext();
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(mlir::UnknownLoc::get(context));
  mlir::OpBuilder b = mlir::OpBuilder::atBlockEnd(module->getBody());
  bool isKnown = true;
  CodegenContext codegen = *unit.codegen;
  codegen.nodeId = [&](mlir::Operation* op) {
    auto found = unit.use->text.numbers.find(op);
    isKnown &= found != unit.use->text.numbers.end();
    return found == unit.use->text.numbers.end() ? -1 : found->second;
  };
  auto function =
      mlir::func::FuncOp::create(b, kernel.getLoc(), unit.use->symbol, unitFunctionType(kernel, unit.use->hasScratch));
  function.setPrivate();
  if (mlir::failed(emitKernel(kernel, function, codegen))) {
    return {};
  }
  if (!isKnown) {
    // The code would depend on what the unit's key does not tell.
    kernel.emitError("an op reports faults that describeKernel() does not know of");
    return {};
  }
  function.setPublic();
  releaseGemmFunctions(*module);
  unit.code.hostUse = takeHostUse(kernel, *module);
  return module;
}

/// A thread's tools.
class Worker {
 public:
  explicit Worker(const UnitOptions& options) : options_(options) {}

  void run(Unit& unit) {
    const bool wantsText = options_.wantsMlir || options_.wantsLlvmIr || options_.wantsAssembly;
    KernelCache* cache = unit.key && !wantsText ? options_.cache : nullptr;
    if (cache != nullptr) {
      if (auto bytes = cache->find(*unit.key)) {
        if (auto found = readUnit(*unit.key, *bytes)) {
          unit.code = std::move(*found);
          unit.isHit = true;
          return;
        }
      }
    }
    unit.status = make(unit);
    if (cache != nullptr && unit.status.ok()) {
      cache->store(*unit.key, writeUnit(*unit.key, unit.code));
    }
  }

 private:
  Status make(Unit& unit) {
    mlir::OwningOpRef<mlir::ModuleOp> module;
    if (unit.entry != nullptr) {
      module = std::move(unit.entry->code);
    } else if (unit.use != nullptr) {
      module = emitKernelUnit(unit);
    } else {
      module = mlir::ModuleOp::create(mlir::UnknownLoc::get(unit.element.getContext()));
      defineGemmPart(*module, unit.element, options_.target, *unit.part);
    }
    if (!module) {
      return makeError<ErrorId::kC0705>("codegen", "a kernel failed without a reason");
    }
    if (options_.wantsMlir) {
      unit.mlir = readableText(*module);
    }
    if (!options_.wantsObjects) {
      return absl::OkStatus();
    }
    std::unique_ptr<Lowering>& lowering = lowerings_[module->getContext()];
    if (lowering == nullptr) {
      lowering = std::make_unique<Lowering>(
          module->getContext(), options_.target,
          LowerOptions{.optimize = options_.optimize, .verify = options_.verify, .isUnit = true});
    }
    LowerTexts texts;
    texts.llvmIr = options_.wantsLlvmIr ? &unit.llvmIr : nullptr;
    texts.assembly = options_.wantsAssembly ? &unit.assembly : nullptr;
    const bool isLong = unit.entry != nullptr && unit.entry->emitted.kernels.size() >= kManyKernels;
    KILN_ASSIGN_OR_RETURN(unit.code.object,
                          lowering->lower(*module, texts, isLong ? CodeEffort::kLittle : CodeEffort::kUsual));
    return absl::OkStatus();
  }

  const UnitOptions& options_;
  std::map<mlir::MLIRContext*, std::unique_ptr<Lowering>> lowerings_;
};

/// Every unit of the entries: what they are made from, and their keys.
std::vector<Unit> listUnits(std::span<EntryModule> entries, const UnitOptions& options) {
  std::vector<Unit> units;
  for (EntryModule& entry : entries) {
    Unit& unit = units.emplace_back();
    unit.entry = &entry;
    unit.title = "entry point";
    unit.weight = size_t{1} << 29;
    if (options.cache != nullptr) {
      unit.key = unitKey(options.target, options.optimize, "entry " + wholeText(*entry.code));
    }
  }
  std::set<Sha256> known;
  std::map<std::string, GemmUse> products;
  for (EntryModule& entry : entries) {
    for (const KernelUse& use : entry.emitted.uses) {
      if (use.gemm) {
        auto [product, isNew] = products.try_emplace(gemmSymbol(use.gemm->element, kGemmProduct), *use.gemm);
        product->second.needs |= use.gemm->needs;
      }
      if (!known.insert(use.key).second) {
        continue;
      }
      Unit& unit = units.emplace_back();
      unit.use = &use;
      unit.codegen = &entry.emitted.context;
      unit.weight = use.text.text.size();
      if (use.isCacheable()) {
        unit.key = use.key;
      }
      for (const std::string& node : use.nodes) {
        unit.title += (unit.title.empty() ? "kernel " : ", ") + node;
      }
    }
  }
  for (const auto& [symbol, product] : products) {
    for (GemmPart& part : gemmParts(product.element, options.target, product.needs)) {
      Unit& unit = units.emplace_back();
      unit.element = product.element;
      unit.title = gemmSymbol(product.element, part.name);
      unit.weight = size_t{1} << 30;
      unit.key = unitKey(options.target, options.optimize, unit.title + " " + std::to_string(part.needs));
      unit.part = std::move(part);
    }
  }
  return units;
}

/// The cores that this process may use: fewer than the machine has when it is pinned.
size_t usableCores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const int count = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
  return static_cast<size_t>(std::max(count, 1));
}

void runAll(std::vector<Unit>& units, const UnitOptions& options) {
  std::vector<size_t> order(units.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return units[a].weight != units[b].weight ? units[a].weight > units[b].weight : a < b;
  });
  const size_t threads = std::min(options.threads > 0 ? static_cast<size_t>(options.threads) : usableCores(),
                                  std::max<size_t>(units.size(), 1));
  std::set<mlir::MLIRContext*> contexts;
  for (const Unit& unit : units) {
    contexts.insert(contextOf(unit));
  }
  for (mlir::MLIRContext* context : contexts) {
    if (threads > 1) {
      context->enableMultithreading();
    }
  }
  std::atomic<size_t> next = 0;
  std::mutex telling;
  size_t numDone = 0;  // guarded by telling
  const auto work = [&] {
    Worker worker(options);
    for (size_t at; (at = next.fetch_add(1)) < order.size();) {
      worker.run(units[order[at]]);
      if (options.onUnit) {
        std::lock_guard<std::mutex> lock(telling);
        options.onUnit(++numDone, units.size());
      }
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) {
    others.emplace_back(work);
  }
  work();
  for (std::thread& thread : others) {
    thread.join();
  }
  for (mlir::MLIRContext* context : contexts) {
    context->disableMultithreading();
  }
}

void appendText(std::string& all, const char* comment, const std::string& title, const std::string& text) {
  if (!text.empty()) {
    all += std::string(comment) + " " + title + "\n" + text + (text.back() == '\n' ? "\n" : "\n\n");
  }
}

}  // namespace

StatusOr<MadeUnits> makeUnits(std::span<EntryModule> entries, const UnitOptions& options) {
  std::vector<Unit> units = listUnits(entries, options);
  {
    std::vector<std::unique_ptr<DiagnosticCollector>> diagnostics;
    for (EntryModule& entry : entries) {
      diagnostics.push_back(std::make_unique<DiagnosticCollector>((*entry.code)->getContext()));
    }
    runAll(units, options);
    for (const auto& collected : diagnostics) {
      KILN_RETURN_IF_ERROR(collected->status());
    }
  }
  MadeUnits made;
  std::map<Sha256, const Unit*> kernels;
  const char* comment = options.target.architecture == Architecture::kAarch64 ? "//" : "#";
  for (Unit& unit : units) {
    KILN_RETURN_IF_ERROR(unit.status);
    made.hits += unit.isHit ? 1 : 0;
    made.misses += unit.isHit || !unit.key ? 0 : 1;
    if (unit.use != nullptr) {
      ++made.numKernels;
      kernels.emplace(unit.use->key, &unit);
    }
    if (options.wantsObjects) {
      made.objects.push_back(std::move(unit.code.object));
    }
  }
  // A reader wants the kernels first, as they run.
  for (const bool isEntry : {false, true}) {
    for (const Unit& unit : units) {
      if ((unit.entry != nullptr) == isEntry) {
        appendText(made.mlir, "//", unit.title, unit.mlir);
        appendText(made.llvmIr, ";", unit.title, unit.llvmIr);
        appendText(made.assembly, comment, unit.title, unit.assembly);
      }
    }
  }
  for (const EntryModule& entry : entries) {
    mlir::Operation* op = nullptr;
    for (const KernelUse& use : entry.emitted.uses) {
      const int32_t hostUse = kernels.at(use.key)->code.hostUse;
      if (hostUse >= 0 && op == nullptr) {
        op = opAt(use.kernel, hostUse);
      }
    }
    made.hostUses.push_back(op != nullptr ? op : entry.emitted.allocates);
  }
  return made;
}

}  // namespace kiln::compiler
