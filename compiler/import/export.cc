// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/import/export.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

#include "compiler/dialect/attributes.h"
#include "compiler/dialect/diagnostics.h"
#include "graph/ir/inference.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

namespace kiln::compiler {
namespace {

// Builds one body. Equal nodes of equal names are made once.
class BodyExporter {
 public:
  BodyExporter(Body& body, const std::map<std::string, Function>& functions, ConstantPool& pool)
      : body_(body), pool_(pool), inference_(std::make_unique<BodyInference>(body, functions)) {}

  /// The node `name`, made unless it is there with the same op, inputs and attributes.
  StatusOr<NodeId> addNode(const OpSchema& op, std::string name, std::vector<ValueRef> inputs, Attributes attributes,
                           mlir::Location location, const std::vector<ValueType>* types = nullptr) {
    if (name.empty()) {
      name = std::string(op.name);
    }
    Node node;
    node.id = static_cast<NodeId>(body_.nodes.size());
    node.op = &op;
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    node.location = sourceLocation(location);
    Status inferred = inference_->infer(node);
    if (!inferred.ok()) {
      return annotate(inferred, "'" + name + "'");
    }
    if (types != nullptr && !std::equal(types->begin(), types->end(), node.outputs.begin(), node.outputs.end())) {
      return makeError<ErrorId::kC0102>("the results of '" + name + "' have other types than its operands give");
    }
    for (NodeId id : byBaseName_[name]) {
      if (isSame(body_.node(id), node)) {
        return id;
      }
    }
    byBaseName_[name].push_back(node.id);
    node.name = name;
    for (int i = 1; !names_.insert(node.name).second; ++i) {
      node.name = name + "_" + std::to_string(i);
    }
    body_.nodes.push_back(std::move(node));
    return body_.nodes.back().id;
  }

  Status exportBlock(mlir::Block& block) {
    for (mlir::Operation& op : block.without_terminator()) {
      KILN_RETURN_IF_ERROR(exportOp(&op));
    }
    return {};
  }

  void bind(Value value, ValueRef ref) { values_[value] = ref; }
  ValueRef find(Value value) const { return values_.lookup(value); }

 private:
  static SourceLocation sourceLocation(mlir::Location location) {
    std::string text = sourceOf(location);
    size_t colon = text.rfind(':');
    if (text.empty() || colon == std::string::npos) {
      return {};
    }
    return {internString(text.substr(0, colon)), std::atoi(text.c_str() + colon + 1)};
  }

  static bool isSame(const Node& a, const Node& b) {
    if (a.op != b.op || a.inputs != b.inputs || a.outputs != b.outputs || a.attributes.size() != b.attributes.size()) {
      return false;
    }
    return std::equal(a.attributes.begin(), a.attributes.end(), b.attributes.begin(), [](const auto& x, const auto& y) {
      return x.first == y.first && equalAttributes(x.second, y.second);
    });
  }

  Status exportOp(mlir::Operation* op) {
    if (auto vjp = llvm::dyn_cast<VjpOp>(op)) {
      return exportVjp(vjp);
    }
    const OpSchema* schema = schemaOf(op);
    if (schema == nullptr) {
      return makeError<ErrorId::kC0102>("it has " + op->getName().getStringRef().str());
    }
    std::vector<ValueRef> inputs;
    for (Value operand : op->getOperands()) {
      inputs.push_back(find(operand));
    }
    std::vector<ValueType> types;
    for (mlir::Type type : op->getResultTypes()) {
      types.push_back(valueType(type));
    }
    KILN_ASSIGN_OR_RETURN(NodeId id, addNode(*schema, nodeNameOf(op->getLoc()), std::move(inputs),
                                             attributesOf(op, &pool_), op->getLoc(), &types));
    for (unsigned i = 0; i < op->getNumResults(); ++i) {
      bind(op->getResult(i), {id, static_cast<int32_t>(i)});
    }
    return {};
  }

  Status exportVjp(VjpOp vjp) {
    mlir::Block& block = vjp.getBody().front();
    std::vector<ValueRef> inputs, xs;
    for (auto [argument, x] : llvm::zip(block.getArguments(), vjp.getXs())) {
      bind(argument, find(x));
      xs.push_back(find(x));
    }
    KILN_RETURN_IF_ERROR(exportBlock(block));
    for (Value y : block.getTerminator()->getOperands()) {
      inputs.push_back(find(y));
    }
    const int64_t numYs = static_cast<int64_t>(inputs.size()), numXs = static_cast<int64_t>(xs.size());
    inputs.insert(inputs.end(), xs.begin(), xs.end());
    for (Value seed : vjp.getSeeds()) {
      inputs.push_back(find(seed));
    }
    KILN_ASSIGN_OR_RETURN(NodeId id, addNode(*findOp("gradients"), nodeNameOf(vjp.getLoc()), std::move(inputs),
                                             {{"num_ys", numYs}, {"num_xs", numXs}}, vjp.getLoc()));
    for (unsigned i = 0; i < vjp->getNumResults(); ++i) {
      bind(vjp->getResult(i), {id, static_cast<int32_t>(i)});
    }
    return {};
  }

  Body& body_;
  ConstantPool& pool_;
  std::unique_ptr<BodyInference> inference_;
  llvm::DenseMap<Value, ValueRef> values_;
  std::unordered_map<std::string, std::vector<NodeId>> byBaseName_;
  std::set<std::string> names_;
};

Attributes placeholderAttributes(mlir::Type type) {
  ValueType t = valueType(type);
  return {{"dtype", t.dtype}, {"shape", t.shape}};
}

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
    function.walk([&](CallOp call) {
      auto callee = mlir::SymbolTable::lookupNearestSymbolFrom<mlir::func::FuncOp>(call, call.getCalleeAttr());
      if (status.ok() && callee) {
        status = exportFunction(callee);
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
    for (Value value : function.front().getTerminator()->getOperands()) {
      result.results.push_back(exporter.find(value));
    }
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
      if (std::string fetch = textOf(function.getResultAttr(at, kFetchAttr)); !fetch.empty()) {
        entry.fetches.push_back({fetch, main_.find(value)});
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
                                                     {{found->second, 0}, main_.find(value)}, {}, function.getLoc()));
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
  return GraphExporter(module, pool).run(std::move(weights));
}

}  // namespace kiln::compiler
