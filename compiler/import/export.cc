// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/import/export.h"

#include <map>
#include <set>

#include "compiler/dialect/attributes.h"
#include "compiler/dialect/diagnostics.h"
#include "compiler/import/body_exporter.h"
#include "compiler/import/unwind_loops.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

namespace kiln::compiler {
namespace {

std::string textOf(mlir::Attribute attribute) {
  auto text = llvm::dyn_cast_or_null<mlir::StringAttr>(attribute);
  return text ? text.getValue().str() : "";
}

class GraphExporter {
 public:
  GraphExporter(mlir::ModuleOp module, ConstantPool& pool)
      : module_(module), pool_(pool), main_(data_.body, data_.functions, pool) {}

  StatusOr<Graph> run(std::map<std::string, TensorPtr> weights) {
    data_.name = module_.getName().value_or("").str();
    for (auto function : module_.getOps<mlir::func::FuncOp>()) {
      if (!function->hasAttr(kEntryAttr)) {
        KILN_RETURN_IF_ERROR(exportFunction(function));
      }
    }
    for (auto function : module_.getOps<mlir::func::FuncOp>()) {
      if (function->hasAttr(kEntryAttr)) {
        KILN_RETURN_IF_ERROR(exportEntry(function));
      }
    }
    for (auto& [name, tensor] : weights) {
      if (variables_.contains(name)) {
        data_.weights[name] = tensor;
      }
    }
    return Graph::create(std::move(data_));
  }

 private:
  // Callees first, since a call's types follow from its callee.
  Status exportFunction(mlir::func::FuncOp function) {
    const std::string name = function.getName().str();
    if (!started_.insert(name).second) {
      return {};
    }
    Status status;
    function.walk([&](mlir::Operation* op) {
      const OpSchema* schema = schemaOf(op);
      for (const std::string& name :
           schema ? calleesOf(*schema, attributesOf(op, nullptr)) : std::vector<std::string>()) {
        auto callee = mlir::SymbolTable::lookupNearestSymbolFrom<mlir::func::FuncOp>(
            op, mlir::StringAttr::get(op->getContext(), name));
        if (status.ok() && callee) {
          status = exportFunction(callee);
        }
      }
    });
    KILN_RETURN_IF_ERROR(status);
    Function result;
    result.name = name;
    BodyExporter exporter(result.body, data_.functions, pool_);
    for (mlir::BlockArgument argument : function.getArguments()) {
      KILN_ASSIGN_OR_RETURN(NodeId id, exporter.addNode(*findOp("placeholder"), nodeNameOf(argument.getLoc()), {},
                                                        placeholderAttributes(argument.getType()), argument.getLoc()));
      exporter.bind(argument, {id, 0});
      result.parameters.push_back({id, 0});
    }
    KILN_RETURN_IF_ERROR(exporter.exportBlock(function.front()));
    KILN_ASSIGN_OR_RETURN(result.results, exporter.find(function.front().getTerminator()->getOperands()));
    data_.functions[name] = std::move(result);
    return {};
  }

  Status exportEntry(mlir::func::FuncOp function) {
    Entry entry;
    entry.name = textOf(function->getAttr(kEntryAttr));
    if (entry.name.empty()) {
      entry.name = function.getName().str();
    }
    for (mlir::BlockArgument argument : function.getArguments()) {
      const unsigned i = argument.getArgNumber();
      const std::string feed = textOf(function.getArgAttr(i, kFeedAttr)),
                        variable = textOf(function.getArgAttr(i, kVariableAttr));
      const bool isFeed = !feed.empty();
      std::string name = isFeed ? nodeNameOf(argument.getLoc()) : variable;
      KILN_ASSIGN_OR_RETURN(NodeId id,
                            main_.addNode(*findOp(isFeed ? "placeholder" : "variable"), name.empty() ? feed : name, {},
                                          placeholderAttributes(argument.getType()), argument.getLoc()));
      main_.bind(argument, {id, 0});
      if (isFeed) {
        entry.feeds.push_back({feed, {id, 0}});
      } else {
        variables_[variable] = id;
      }
    }
    KILN_RETURN_IF_ERROR(main_.exportBlock(function.front()));
    for (auto [i, value] : llvm::enumerate(function.front().getTerminator()->getOperands())) {
      const unsigned at = static_cast<unsigned>(i);
      KILN_ASSIGN_OR_RETURN(ValueRef ref, main_.find(value));
      if (std::string fetch = textOf(function.getResultAttr(at, kFetchAttr)); !fetch.empty()) {
        entry.fetches.push_back({fetch, ref});
        continue;
      }
      const std::string variable = textOf(function.getResultAttr(at, kAssignAttr));
      auto found = variables_.find(variable);
      if (found == variables_.end()) {
        return makeError<ErrorId::kC0102>("result " + std::to_string(i) + " of '" + entry.name +
                                          "' is neither fetched nor assigned");
      }
      std::string name = textOf(function.getResultAttr(at, kNodeAttr));
      KILN_ASSIGN_OR_RETURN(NodeId id, main_.addNode(*findOp("assign"), name.empty() ? variable + "/assign" : name,
                                                     {{found->second, 0}, ref}, {}, function.getLoc()));
      entry.targets.push_back(id);
    }
    if (auto symbols = function->getAttrOfType<mlir::DictionaryAttr>(kSymbolsAttr)) {
      for (mlir::NamedAttribute symbol : symbols) {
        auto range = llvm::dyn_cast<mlir::ArrayAttr>(symbol.getValue());
        if (range && range.size() == 2) {
          DimRange read{llvm::cast<mlir::IntegerAttr>(range[0]).getInt(),
                        llvm::cast<mlir::IntegerAttr>(range[1]).getInt()};
          if (read != DimRange{}) {
            data_.symbols[symbol.getName().str()] = read;
          }
        }
      }
    }
    data_.entries.push_back(std::move(entry));
    return {};
  }

  mlir::ModuleOp module_;
  ConstantPool& pool_;
  GraphData data_;
  BodyExporter main_;
  std::set<std::string> started_;
  std::map<std::string, NodeId> variables_;
};

}  // namespace

StatusOr<Graph> exportGraph(mlir::ModuleOp module, ConstantPool& pool, std::map<std::string, TensorPtr> weights) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
  unwindToLoops(*copy);
  return GraphExporter(*copy, pool).run(std::move(weights));
}

}  // namespace kiln::compiler
