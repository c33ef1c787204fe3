// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/manifest.h"

#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/types.h"
#include "ops/control/assert_that.h"

namespace kiln::compiler {
namespace {

TensorSpec specOf(llvm::StringRef name, mlir::Type type) {
  ValueType value = valueType(type);
  return {.name = name.str(), .dtype = value.dtype, .shape = value.shape};
}

std::string messageOf(mlir::Operation* op) {
  auto assertion = mlir::dyn_cast<AssertThatOp>(op);
  if (!assertion) {
    return "";
  }
  const std::string message = assertion.getMessage().str();
  return ops::assert_that::untakenValue(message).value_or(message);
}

}  // namespace

int NodeTable::idOf(mlir::Operation* op) {
  std::string name = nodeNameOf(op->getLoc());
  const std::string message = messageOf(op);
  auto [found, isNew] = byName_.try_emplace(name + '\n' + message, static_cast<int>(nodes_.size()));
  if (isNew) {
    nodes_.push_back({.name = name, .op = opNameOf(name, op), .location = sourceOf(op->getLoc()), .message = message});
  }
  return found->second;
}

// Ops of the compiler's own making carry the name of the user's node that they were made for.
std::string NodeTable::opNameOf(const std::string& name, mlir::Operation* op) const {
  const Node* node = graph_.findNode(name);
  return node != nullptr ? "kiln." + std::string(node->op->name) : op->getName().getStringRef().str();
}

std::string NodeTable::describe(mlir::Operation* op) const {
  const std::string name = nodeNameOf(op->getLoc());
  return opNameOf(name, op) + " '" + name + "'";
}

std::vector<std::string> symbolsOf(mlir::func::FuncOp entry) {
  std::vector<std::string> symbols;
  if (auto ranges = entry->getAttrOfType<mlir::DictionaryAttr>(kSymbolsAttr)) {
    for (mlir::NamedAttribute range : ranges) {
      symbols.push_back(range.getName().str());
    }
  }
  return symbols;
}

EntryManifest makeManifest(const Graph& graph, mlir::func::FuncOp entry, ConstantPool& pool) {
  EntryManifest manifest;
  std::map<std::string, int> variables;
  for (NodeId id : graph.variables()) {
    variables.emplace(graph.body().node(id).name, static_cast<int>(variables.size()));
  }
  std::map<std::string, size_t> uses;
  for (unsigned i = 0; i < entry.getNumArguments(); ++i) {
    if (auto variable = entry.getArgAttrOfType<mlir::StringAttr>(i, kVariableAttr)) {
      uses[variable.str()] = manifest.variables.size();
      manifest.variables.push_back({.variable = variables.at(variable.str())});
    } else {
      manifest.feeds.push_back(
          specOf(entry.getArgAttrOfType<mlir::StringAttr>(i, kFeedAttr).getValue(), entry.getArgumentTypes()[i]));
    }
  }
  for (unsigned i = 0; i < entry.getNumResults(); ++i) {
    if (auto variable = entry.getResultAttrOfType<mlir::StringAttr>(i, kAssignAttr)) {
      manifest.variables[uses.at(variable.str())].written = true;
    } else {
      manifest.fetches.push_back(
          specOf(entry.getResultAttrOfType<mlir::StringAttr>(i, kFetchAttr).getValue(), entry.getResultTypes()[i]));
    }
  }
  for (ConstantOp constant : entry.getOps<ConstantOp>()) {
    manifest.constants.push_back(pool.tensorOf(constant.getValue()));
  }
  if (auto ranges = entry->getAttrOfType<mlir::DictionaryAttr>(kSymbolsAttr)) {
    for (mlir::NamedAttribute range : ranges) {
      auto bounds = mlir::cast<mlir::ArrayAttr>(range.getValue());
      manifest.symbols.push_back({.name = range.getName().str(),
                                  .range = {.min = mlir::cast<mlir::IntegerAttr>(bounds[0]).getInt(),
                                            .max = mlir::cast<mlir::IntegerAttr>(bounds[1]).getInt()}});
    }
  }
  entry.walk([&](BindDimOp bind) { manifest.foundSymbols.push_back(bind.getSymbol().str()); });
  return manifest;
}

}  // namespace kiln::compiler
