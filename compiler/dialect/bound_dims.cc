// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/bound_dims.h"

#include "compiler/dialect/types.h"

namespace kiln::compiler {
namespace {

// Calls f(symbol) for every symbol that is mentioned, as often as it is.
void forEachSymbol(mlir::Operation* root, llvm::function_ref<void(const std::string&)> f) {
  const auto visit = [&](const Shape& shape) {
    for (const Dim& dim : shape) {
      if (!dim.isStatic()) {
        llvm::for_each(dim.symbols(), f);
      }
    }
  };
  root->walk([&](mlir::Operation* op) {
    for (mlir::Type type : op->getResultTypes()) {
      if (llvm::isa<mlir::RankedTensorType>(type)) {
        visit(shapeOf(type));
      }
    }
    for (mlir::NamedAttribute attribute : op->getAttrs()) {
      if (auto shape = llvm::dyn_cast<ShapeAttr>(attribute.getValue())) {
        visit(shape.getShape());
      }
    }
  });
}

}  // namespace

std::set<std::string> symbolsBoundIn(mlir::Operation* root) {
  std::set<std::string> symbols;
  root->walk([&](BindDimOp bind) { symbols.insert(bind.getSymbol().str()); });
  return symbols;
}

std::set<std::string> symbolsMentionedIn(mlir::Operation* root) {
  std::set<std::string> symbols;
  forEachSymbol(root, [&](const std::string& symbol) { symbols.insert(symbol); });
  return symbols;
}

bool mentionsAny(mlir::Operation* root, const std::set<std::string>& symbols) {
  bool found = false;
  if (!symbols.empty()) {
    forEachSymbol(root, [&](const std::string& symbol) { found |= symbols.contains(symbol); });
  }
  return found;
}

}  // namespace kiln::compiler
