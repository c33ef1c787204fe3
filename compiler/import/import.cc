// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/import/import.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "compiler/dialect/attributes.h"
#include "compiler/dialect/diagnostics.h"
#include "compiler/import/gradient_slices.h"
#include "graph/ir/inference.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {
namespace {

llvm::StringRef textOf(std::string_view text) { return {text.data(), text.size()}; }

// The values of one function or region; regions see those around them.
struct Scope {
  Scope* parent = nullptr;
  std::map<ValueRef, Value> values;

  Value find(ValueRef value) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent) {
      auto found = scope->values.find(value);
      if (found != scope->values.end()) {
        return found->second;
      }
    }
    return nullptr;
  }
};

class BodyImporter {
 public:
  BodyImporter(const Graph& graph, const Body& body, mlir::OpBuilder& builder, ConstantPool& pool,
               std::set<std::string>& callees)
      : graph_(graph), body_(body), b_(builder), pool_(pool), callees_(callees) {}

  mlir::Location locationOf(const Node& node) const {
    return nodeLocation(b_.getContext(), node.name, textOf(node.location.file), node.location.line);
  }

  Status importNode(const Node& node, Scope& scope) {
    const std::string_view op = node.op->name;
    if (op == "group") {
      return {};
    }
    if (op == "assign") {
      scope.values[{node.id, 0}] = scope.find(node.inputs[1]);
      return {};
    }
    if (op == "gradients") {
      return importGradients(node, scope);
    }
    if (op == "placeholder" || op == "variable") {
      return makeError<ErrorId::kC0101>(node.name, "it is not an argument of the entry or function");
    }
    mlir::OperationState state(locationOf(node), ("kiln." + std::string(op)));
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Value operand = scope.find(node.inputs[i]);
      if (i < node.op->operands.size() && node.op->operands[i].dtypeSummary.starts_with("shape")) {
        KILN_ASSIGN_OR_RETURN(operand, shapeOperand(node, i, operand));
      }
      if (!operand) {
        return makeError<ErrorId::kC0101>(node.name,
                                          "its input '" + endpointName(body_, node.inputs[i]) + "' has no value");
      }
      state.operands.push_back(operand);
    }
    for (const auto& [name, value] : node.attributes) {
      const bool isCallee = op == "call" && name == "callee";
      if (isCallee) {
        callees_.insert(std::get<std::string>(value));
      }
      state.addAttribute(name, toMlir(b_.getContext(), value, pool_, isCallee));
    }
    for (const ValueType& type : node.outputs) {
      if (llvm::isa<mlir::NoneType>(elementType(b_.getContext(), type.dtype))) {
        return makeError<ErrorId::kC0101>(node.name, "elements of type " + std::string(toString(type.dtype)));
      }
      state.types.push_back(tensorType(b_.getContext(), type));
    }
    mlir::Operation* made = b_.create(state);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      scope.values[{node.id, static_cast<int32_t>(i)}] = made->getResult(i);
    }
    return {};
  }

 private:
  // Arithmetic on shapes that the graph's inference folded becomes the shape value that it found.
  StatusOr<Value> shapeOperand(const Node& node, size_t i, Value imported) {
    const std::string_view maker = body_.node(node.inputs[i].node).op->name;
    if (maker == "shape_value" || maker == "constant") {
      return imported;
    }
    if (!inference_) {
      inferred_ = body_;
      inference_ = std::make_unique<BodyInference>(body_, graph_.functions());
      for (Node& each : inferred_.nodes) {
        KILN_RETURN_IF_ERROR(inference_->infer(each));
      }
    }
    std::optional<std::vector<Dim>> dims = inference_->shapeValue(node.inputs[i]);
    if (!dims) {
      return makeError<ErrorId::kC0101>(
          node.name, "operand '" + std::string(node.op->operands[i].name) + "' is not known before the run");
    }
    mlir::OperationState state(locationOf(node), "kiln.shape_value");
    state.addAttribute("shape", ShapeAttr::get(b_.getContext(), Shape(*dims)));
    state.addTypes(imported ? imported.getType()
                            : tensorType(b_.getContext(), i64, {static_cast<int64_t>(dims->size())}));
    return Value(b_.create(state)->getResult(0));
  }

  Status importGradients(const Node& node, Scope& scope) {
    const size_t numYs = static_cast<size_t>(node.attributes.get<int64_t>("num_ys"));
    const size_t numXs = static_cast<size_t>(node.attributes.get<int64_t>("num_xs"));
    std::span<const ValueRef> inputs = node.inputs;
    std::span<const ValueRef> ys = inputs.first(numYs), xs = inputs.subspan(numYs, numXs),
                              seeds = inputs.subspan(numYs + numXs);
    mlir::Location loc = locationOf(node);
    for (const GradientSlice& slice : gradientSlices(body_, ys, xs)) {
      llvm::SmallVector<Value> operands;
      llvm::SmallVector<Value> seedValues;
      llvm::SmallVector<mlir::Type> types;
      for (ValueRef x : slice.xs) {
        operands.push_back(scope.find(x));
        types.push_back(operands.back().getType());
      }
      for (ValueRef seed : seeds) {
        seedValues.push_back(scope.find(seed));
      }
      auto vjp =
          VjpOp::create(b_, loc, mlir::TypeRange(types), mlir::ValueRange(operands), mlir::ValueRange(seedValues));
      mlir::OpBuilder::InsertionGuard guard(b_);
      mlir::Block* block = b_.createBlock(&vjp.getBody());
      Scope inner{&scope, {}};
      for (ValueRef x : slice.xs) {
        inner.values[x] = block->addArgument(scope.find(x).getType(), locationOf(body_.node(x.node)));
      }
      for (NodeId id : slice.nodes) {
        // An x that is reached through another output of its node stays the argument.
        std::map<ValueRef, Value> arguments;
        for (ValueRef x : slice.xs) {
          if (x.node == id) {
            arguments[x] = inner.values[x];
          }
        }
        KILN_RETURN_IF_ERROR(importNode(body_.node(id), inner));
        for (const auto& [x, argument] : arguments) {
          inner.values[x] = argument;
        }
      }
      llvm::SmallVector<Value> yields;
      for (ValueRef y : ys) {
        yields.push_back(inner.find(y));
      }
      YieldOp::create(b_, loc, yields);
      for (size_t i = 0; i < slice.positions.size(); ++i) {
        if (slice.positions[i] >= 0) {
          scope.values[{node.id, static_cast<int32_t>(i)}] = vjp.getResult(static_cast<unsigned>(slice.positions[i]));
        }
      }
    }
    return {};
  }

  const Graph& graph_;
  const Body& body_;
  mlir::OpBuilder& b_;
  ConstantPool& pool_;
  std::set<std::string>& callees_;
  Body inferred_;
  std::unique_ptr<BodyInference> inference_;
};

class GraphImporter {
 public:
  GraphImporter(mlir::MLIRContext& context, const Graph& graph, ConstantPool& pool)
      : graph_(graph),
        pool_(pool),
        b_(&context),
        module_(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context), textOf(graph.name()))) {}

  Status importEntry(const Entry& entry) {
    const Body& body = graph_.body();
    std::vector<NodeId> roots = entry.targets;
    for (const Port& fetch : entry.fetches) {
      roots.push_back(fetch.value.node);
    }
    const std::vector<NodeId> slice = body.slice(roots);
    const std::set<NodeId> inSlice(slice.begin(), slice.end());
    std::map<NodeId, const Node*> assigns;  // by variable
    for (NodeId id : assignsOf(body, entry.targets)) {
      assigns[body.node(id).inputs[0].node] = &body.node(id);
    }
    std::vector<const Node*> variables;
    for (NodeId id : graph_.variables()) {
      if (inSlice.contains(id)) {
        variables.push_back(&body.node(id));
      }
    }

    auto function =
        startFunction(entry.name, graph_.functions().contains(entry.name) ? "entry/" + entry.name : entry.name);
    mlir::Block* block = function.addEntryBlock();
    b_.setInsertionPointToStart(block);
    BodyImporter importer(graph_, body, b_, pool_, callees_);
    Scope scope;
    llvm::SmallVector<mlir::DictionaryAttr> argumentAttrs, resultAttrs;
    auto named = [&](const char* attribute, const std::string& name) {
      return b_.getDictionaryAttr(b_.getNamedAttr(attribute, b_.getStringAttr(name)));
    };
    Status unsupported;
    auto addArgument = [&](ValueRef value, mlir::DictionaryAttr attrs) {
      const DType dtype = body.type(value).dtype;
      if (llvm::isa<mlir::NoneType>(elementType(b_.getContext(), dtype))) {
        unsupported =
            makeError<ErrorId::kC0101>(body.node(value.node).name, "elements of type " + std::string(toString(dtype)));
        return;
      }
      scope.values[value] =
          block->addArgument(tensorType(b_.getContext(), body.type(value)), importer.locationOf(body.node(value.node)));
      argumentAttrs.push_back(attrs);
    };
    std::set<std::string> symbols;
    for (const Port& feed : entry.feeds) {
      addArgument(feed.value, named(kFeedAttr, feed.name));
      for (const Dim& d : body.type(feed.value).shape) {
        for (std::string& symbol : d.symbols()) {
          symbols.insert(std::move(symbol));
        }
      }
    }
    for (const Node* variable : variables) {
      addArgument({variable->id, 0}, named(kVariableAttr, variable->name));
    }
    KILN_RETURN_IF_ERROR(unsupported);
    for (NodeId id : slice) {
      if (!scope.find({id, 0})) {
        KILN_RETURN_IF_ERROR(importer.importNode(body.node(id), scope));
      }
    }
    llvm::SmallVector<Value> results;
    for (const Port& fetch : entry.fetches) {
      results.push_back(scope.find(fetch.value));
      resultAttrs.push_back(named(kFetchAttr, fetch.name));
    }
    for (const Node* variable : variables) {
      if (auto assign = assigns.find(variable->id); assign != assigns.end()) {
        results.push_back(scope.find(assign->second->inputs[1]));
        resultAttrs.push_back(
            b_.getDictionaryAttr({b_.getNamedAttr(kAssignAttr, b_.getStringAttr(variable->name)),
                                  b_.getNamedAttr(kNodeAttr, b_.getStringAttr(assign->second->name))}));
      }
    }
    finishFunction(function, block, results);
    function.setAllArgAttrs(argumentAttrs);
    function.setAllResultAttrs(resultAttrs);
    if (function.getName() == llvm::StringRef(entry.name)) {
      function->setAttr(kEntryAttr, b_.getUnitAttr());
    } else {
      function->setAttr(kEntryAttr, b_.getStringAttr(entry.name));
    }
    llvm::SmallVector<mlir::NamedAttribute> ranges;
    for (const std::string& symbol : symbols) {
      auto found = graph_.symbols().find(symbol);
      const DimRange range = found == graph_.symbols().end() ? DimRange{} : found->second;
      ranges.push_back(b_.getNamedAttr(symbol, b_.getI64ArrayAttr({range.min, range.max})));
    }
    function->setAttr(kSymbolsAttr, b_.getDictionaryAttr(ranges));
    return {};
  }

  // The functions that were called, and those that they call.
  Status importFunctions() {
    std::set<std::string> done;
    while (true) {
      auto next =
          std::find_if(callees_.begin(), callees_.end(), [&](const std::string& name) { return !done.contains(name); });
      if (next == callees_.end()) {
        return {};
      }
      const std::string name = *next;
      done.insert(name);
      KILN_RETURN_IF_ERROR(importFunction(graph_.functions().at(name)));
    }
  }

  mlir::OwningOpRef<mlir::ModuleOp> take() { return std::move(module_); }

 private:
  Status importFunction(const Function& source) {
    auto function = startFunction(source.name, source.name);
    function.setPrivate();
    mlir::Block* block = function.addEntryBlock();
    b_.setInsertionPointToStart(block);
    BodyImporter importer(graph_, source.body, b_, pool_, callees_);
    Scope scope;
    std::vector<NodeId> roots;
    for (ValueRef parameter : source.parameters) {
      scope.values[parameter] = block->addArgument(tensorType(b_.getContext(), source.body.type(parameter)),
                                                   importer.locationOf(source.body.node(parameter.node)));
    }
    for (ValueRef result : source.results) {
      roots.push_back(result.node);
    }
    for (NodeId id : source.body.slice(roots)) {
      if (!scope.find({id, 0})) {
        KILN_RETURN_IF_ERROR(importer.importNode(source.body.node(id), scope));
      }
    }
    llvm::SmallVector<Value> results;
    for (ValueRef result : source.results) {
      results.push_back(scope.find(result));
    }
    finishFunction(function, block, results);
    return {};
  }

  mlir::func::FuncOp startFunction(const std::string& name, const std::string& symbol) {
    b_.setInsertionPointToEnd(module_->getBody());
    return mlir::func::FuncOp::create(b_, nodeLocation(b_.getContext(), name, "", 0), symbol,
                                      b_.getFunctionType({}, {}));
  }

  void finishFunction(mlir::func::FuncOp function, mlir::Block* block, mlir::ValueRange results) {
    b_.setInsertionPointToEnd(block);
    mlir::func::ReturnOp::create(b_, function.getLoc(), results);
    function.setType(b_.getFunctionType(block->getArgumentTypes(), results.getTypes()));
  }

  const Graph& graph_;
  ConstantPool& pool_;
  mlir::OpBuilder b_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  std::set<std::string> callees_;
};

}  // namespace

StatusOr<mlir::OwningOpRef<mlir::ModuleOp>> importGraph(mlir::MLIRContext& context, const Graph& graph,
                                                        const std::vector<Entry>& entries, ConstantPool& pool) {
  loadKilnDialects(context);
  GraphImporter importer(context, graph, pool);
  for (const Entry& entry : entries) {
    KILN_RETURN_IF_ERROR(importer.importEntry(entry));
  }
  KILN_RETURN_IF_ERROR(importer.importFunctions());
  return importer.take();
}

}  // namespace kiln::compiler
