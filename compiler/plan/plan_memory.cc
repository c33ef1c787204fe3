// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/plan/arena_bounds.h"
#include "compiler/plan/pipeline.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_PLANMEMORY
#include "compiler/plan/passes.inc"

namespace {

class PlanMemory : public impl::PlanMemoryBase<PlanMemory> {
 public:
  PlanMemory() = default;
  explicit PlanMemory(PlanOptions options) : options_(std::move(options)) {}
  PlanMemory(const PlanMemory& other) : PlanMemoryBase(other), options_(other.options_) {}

  void runOnOperation() override {
    mlir::func::FuncOp entry = getOperation();
    if (!entry->hasAttr(kEntryAttr)) {
      return;
    }
    MemoryPlan plan = planMemory(entry, options_);
    if (options_.report != nullptr) {
      std::map<std::string, DimRange> ranges;
      if (auto symbols = entry->getAttrOfType<mlir::DictionaryAttr>(kSymbolsAttr)) {
        for (mlir::NamedAttribute symbol : symbols) {
          auto ends = llvm::cast<mlir::ArrayAttr>(symbol.getValue());
          ranges[symbol.getName().str()] = {.min = llvm::cast<mlir::IntegerAttr>(ends[0]).getInt(),
                                            .max = llvm::cast<mlir::IntegerAttr>(ends[1]).getInt()};
        }
      }
      *options_.report += plan.toString(entry.getName().str()) + largestArena(plan, ranges);
    }
    numInPlace += plan.numInPlaceVariables;
    numCopied += plan.numCopiedVariables;
    recordPlan(entry, plan);
  }

 private:
  PlanOptions options_;
};

}  // namespace

std::unique_ptr<mlir::Pass> createPlanMemory(PlanOptions options) {
  return std::make_unique<PlanMemory>(std::move(options));
}

}  // namespace kiln::compiler
