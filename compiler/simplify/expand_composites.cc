// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/expand_composites.h"

#include <algorithm>

#include "compiler/dialect/dag_builder.h"
#include "compiler/simplify/widen_halves.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_EXPANDCOMPOSITES
#include "compiler/simplify/passes.inc"

namespace {

struct ExpansionRow {
  llvm::StringRef op;
  Expansion expand;
};

// The formulas as functions, and kExpansions, sorted by name.
#include "compiler/simplify/expansions.inc"

// What only moves elements has nothing to round, and sums of what is scattered are widened by themselves.
bool roundsOften(mlir::Operation* op) {
  const std::string_view family = schemaOf(op)->family;
  return family != "movement" && family != "indexing";
}

class ExpandComposites : public impl::ExpandCompositesBase<ExpandComposites> {
  void runOnOperation() override {
    for (mlir::Region& region : getOperation()->getRegions()) {
      expandComposites(region, [](const OpSchema&) { return true; });
    }
  }
};

}  // namespace

Expansion expansionOf(mlir::Operation* op) {
  const OpSchema* schema = schemaOf(op);
  if (schema == nullptr || !schema->isComposite) {
    return nullptr;
  }
  const llvm::StringRef name(schema->name.data(), schema->name.size());
  const ExpansionRow* row = std::lower_bound(std::begin(kExpansions), std::end(kExpansions), name,
                                             [](const ExpansionRow& r, llvm::StringRef n) { return r.op < n; });
  return row->expand;
}

void expandComposites(mlir::Region& region, llvm::function_ref<bool(const OpSchema&)> wanted) {
  llvm::SmallVector<mlir::Operation*> work;
  const auto collect = [&](mlir::Operation* op) {
    const OpSchema* schema = schemaOf(op);
    if (schema != nullptr && schema->isComposite && wanted(*schema)) {
      work.push_back(op);
    }
  };
  region.walk(collect);
  while (!work.empty()) {
    mlir::Operation* op = work.pop_back_val();
    mlir::Operation* before = op->getPrevNode();
    mlir::Block* block = op->getBlock();
    mlir::OpBuilder b(op);
    op->replaceAllUsesWith(computesWithHalves(op) && roundsOften(op) ? widenHalves(b, op) : expansionOf(op)(b, op));
    for (auto made = before ? std::next(before->getIterator()) : block->begin(); &*made != op; ++made) {
      collect(&*made);
    }
    op->erase();
  }
}

}  // namespace kiln::compiler
