// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/import/import.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "compiler/dialect/attributes.h"
#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/op_factory.h"
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

bool isFunctionAttribute(const OpSchema& op, std::string_view name) {
  return std::any_of(op.attributes.begin(), op.attributes.end(), [&](const AttributeSpec& spec) {
    return spec.name == name && spec.kind == AttributeKind::kFunction;
  });
}

// The inputs of a gradients or tangents node: what is differentiated, for what, and seeds or tangents.
struct DerivativeInputs {
  std::span<const ValueRef> ys, xs, directions;
};
DerivativeInputs derivativeInputs(const Node& node) {
  const size_t numYs = static_cast<size_t>(node.attributes.get<int64_t>("num_ys"));
  const size_t numXs = static_cast<size_t>(node.attributes.get<int64_t>("num_xs"));
  const std::span<const ValueRef> inputs = node.inputs;
  return {inputs.first(numYs), inputs.subspan(numYs, numXs), inputs.subspan(numYs + numXs)};
}

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
    if (op == "tangents") {
      return importTangents(node, scope);
    }
    if (op == "jacobian") {
      return importJacobian(node, scope);
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
    for (std::string& callee : calleesOf(*node.op, node.attributes)) {
      callees_.insert(std::move(callee));
    }
    for (const auto& [name, value] : node.attributes) {
      const bool isCallee = isFunctionAttribute(*node.op, name);
      state.addAttribute(name, toMlir(b_.getContext(), value, pool_, isCallee));
    }
    if (op == "print") {
      state.addAttribute("kiln.node", b_.getStringAttr(node.name));  // Two prints of one value are not one.
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

  // Makes the body of a derivative region: the slice's nodes between its xs, which the block's arguments stand for, and
  // the ys, which it yields.
  Status importSlice(const GradientSlice& slice, std::span<const ValueRef> ys, mlir::Region& region, mlir::Location loc,
                     Scope& scope) {
    mlir::OpBuilder::InsertionGuard guard(b_);
    mlir::Block* block = b_.createBlock(&region);
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
    return {};
  }

  llvm::SmallVector<Value> valuesOf(std::span<const ValueRef> refs, const Scope& scope) {
    llvm::SmallVector<Value> values;
    for (ValueRef ref : refs) {
      values.push_back(scope.find(ref));
    }
    return values;
  }

  // kiln.vjp of one slice.
  StatusOr<VjpOp> importVjp(const GradientSlice& slice, std::span<const ValueRef> ys, mlir::ValueRange seeds,
                            mlir::Location loc, Scope& scope) {
    const llvm::SmallVector<Value> xs = valuesOf(slice.xs, scope);
    auto vjp = VjpOp::create(b_, loc, mlir::ValueRange(xs).getTypes(), xs, seeds);
    KILN_RETURN_IF_ERROR(importSlice(slice, ys, vjp.getBody(), loc, scope));
    return vjp;
  }

  // kiln.jvp of one slice; `tangents` has one for each of its xs.
  StatusOr<JvpOp> importJvp(const GradientSlice& slice, std::span<const ValueRef> ys, mlir::ValueRange tangents,
                            mlir::Location loc, Scope& scope) {
    const llvm::SmallVector<Value> xs = valuesOf(slice.xs, scope), values = valuesOf(ys, scope);
    auto jvp = JvpOp::create(b_, loc, mlir::ValueRange(values).getTypes(), xs, tangents);
    KILN_RETURN_IF_ERROR(importSlice(slice, ys, jvp.getBody(), loc, scope));
    return jvp;
  }

  Status importGradients(const Node& node, Scope& scope) {
    const auto [ys, xs, directions] = derivativeInputs(node);
    const llvm::SmallVector<Value> seeds = valuesOf(directions, scope);
    for (const GradientSlice& slice : gradientSlices(body_, ys, xs)) {
      KILN_ASSIGN_OR_RETURN(VjpOp vjp, importVjp(slice, ys, seeds, locationOf(node), scope));
      for (size_t i = 0; i < slice.positions.size(); ++i) {
        if (slice.positions[i] >= 0) {
          scope.values[{node.id, static_cast<int32_t>(i)}] = vjp.getResult(static_cast<unsigned>(slice.positions[i]));
        }
      }
    }
    return {};
  }

  // Moving xs that lie one behind the other is the sum of moving those of each level.
  Status importTangents(const Node& node, Scope& scope) {
    const auto [ys, xs, directions] = derivativeInputs(node);
    const llvm::SmallVector<Value> given = valuesOf(directions, scope);
    const mlir::Location loc = locationOf(node);
    for (const GradientSlice& slice : gradientSlices(body_, ys, xs)) {
      llvm::SmallVector<Value> tangents(slice.xs.size());
      for (size_t i = 0; i < slice.positions.size(); ++i) {
        if (slice.positions[i] >= 0) {
          Value& tangent = tangents[static_cast<size_t>(slice.positions[i])];
          tangent = tangent ? add(b_, loc, tangent, given[i]) : given[i];
        }
      }
      KILN_ASSIGN_OR_RETURN(JvpOp jvp, importJvp(slice, ys, tangents, loc, scope));
      for (size_t i = 0; i < ys.size(); ++i) {
        Value& sum = scope.values[{node.id, static_cast<int32_t>(i)}];
        sum =
            sum ? add(b_, loc, sum, jvp.getResult(static_cast<unsigned>(i))) : jvp.getResult(static_cast<unsigned>(i));
      }
    }
    return {};
  }

  // One derivative for each row of an identity matrix, all together.
  Status importJacobian(const Node& node, Scope& scope) {
    const bool isForward = node.attributes.get<bool>("forward");
    const mlir::Location loc = locationOf(node);
    const std::array<ValueRef, 1> ys{node.inputs[0]}, xs{node.inputs[1]};
    const Value y = scope.find(ys[0]), x = scope.find(xs[0]);
    const ValueType yType = valueType(y.getType()), xType = valueType(x.getType());
    const ValueType& moved = isForward ? xType : yType;
    const ValueType& found = isForward ? yType : xType;
    const Dim count = moved.shape.numElements();
    const Value numbers = create(b_, loc, "iota", {shapeValue(b_, loc, Shape{count})},
                                 {b_.getNamedAttr("dtype", mlir::TypeAttr::get(b_.getI64Type())),
                                  b_.getNamedAttr("axis", b_.getI64IntegerAttr(0))});
    const Value rows = broadcastTo(b_, loc, reshapeTo(b_, loc, numbers, Shape{count, 1}), Shape{count, count});
    const Value columns = broadcastTo(b_, loc, reshapeTo(b_, loc, numbers, Shape{1, count}), Shape{count, count});
    const Value identity = castTo(b_, loc, create(b_, loc, "equal", {rows, columns}), moved.dtype);
    Shape basisShape{count};
    for (const Dim& dim : moved.shape) {
      basisShape.push_back(dim);
    }
    const int64_t outAxis = isForward ? found.shape.rank() : 0;
    std::vector<Dim> dims = found.shape.dims();
    dims.insert(dims.begin() + outAxis, count);
    const Value basis = reshapeTo(b_, loc, identity, basisShape);
    auto vmap = VmapOp::create(b_, loc, mlir::TypeRange{tensorType(b_.getContext(), found.dtype, Shape(dims))},
                               mlir::ValueRange{basis}, llvm::ArrayRef<int64_t>{0}, llvm::ArrayRef<int64_t>{outAxis},
                               ShapeAttr::get(b_.getContext(), Shape{count}));
    vmap->setAttr("kiln.shared_draws", b_.getUnitAttr());  // The directions are of one computation, with its draws.
    {
      mlir::OpBuilder::InsertionGuard guard(b_);
      mlir::Block* block = b_.createBlock(&vmap.getBody());
      const Value direction = block->addArgument(tensorType(b_.getContext(), moved), loc);
      const GradientSlice slice = gradientSlices(body_, ys, xs).front();
      Value derivative;
      if (isForward) {
        KILN_ASSIGN_OR_RETURN(JvpOp jvp, importJvp(slice, ys, direction, loc, scope));
        derivative = jvp.getResult(0);
      } else {
        KILN_ASSIGN_OR_RETURN(VjpOp vjp, importVjp(slice, ys, direction, loc, scope));
        derivative = vjp.getResult(0);
      }
      YieldOp::create(b_, loc, derivative);
    }
    scope.values[{node.id, 0}] = reshapeTo(b_, loc, vmap.getResult(0), node.outputs[0].shape);
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
