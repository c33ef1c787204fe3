// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/import/body_exporter.h"

#include <algorithm>
#include <cstdlib>

#include "compiler/dialect/attributes.h"
#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/op_factory.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "mlir/Transforms/RegionUtils.h"

namespace kiln::compiler {
namespace {

SourceLocation sourceLocation(mlir::Location location) {
  std::string text = sourceOf(location);
  size_t colon = text.rfind(':');
  if (text.empty() || colon == std::string::npos) {
    return {};
  }
  return {internString(text.substr(0, colon)), std::atoi(text.c_str() + colon + 1)};
}

// A node inside a region is known by a path with "//", which no name of a graph has.
std::string graphName(std::string name) {
  for (size_t at = name.find("//"); at != std::string::npos; at = name.find("//", at)) {
    name.erase(at, 1);
  }
  return name;
}

// Functions cannot see what a shape operand outside holds, so these are made again inside.
bool isMadeAgain(Value value) { return llvm::isa_and_nonnull<ShapeValueOp, ConstantOp>(value.getDefiningOp()); }

llvm::SmallVector<Value> capturedBy(llvm::MutableArrayRef<mlir::Region> regions) {
  llvm::SetVector<Value> used;
  mlir::getUsedValuesDefinedAbove(regions, used);
  llvm::SmallVector<Value> captured;
  llvm::copy_if(used, std::back_inserter(captured), [](Value value) { return !isMadeAgain(value); });
  return captured;
}

std::vector<ValueRef> joined(std::vector<ValueRef> first, const std::vector<ValueRef>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

Attributes placeholderAttributes(mlir::Type type) {
  ValueType t = valueType(type);
  return {{"dtype", t.dtype}, {"shape", t.shape}};
}

StatusOr<NodeId> BodyExporter::addNode(const OpSchema& op, std::string name, std::vector<ValueRef> inputs,
                                       Attributes attributes, mlir::Location location,
                                       const std::vector<ValueType>* types) {
  name = name.empty() ? std::string(op.name) : graphName(std::move(name));
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

Status BodyExporter::exportBlock(mlir::Block& block) {
  for (mlir::Operation& op : block.without_terminator()) {
    KILN_RETURN_IF_ERROR(exportOp(&op));
  }
  return {};
}

StatusOr<ValueRef> BodyExporter::find(Value value) {
  auto found = values_.find(value);
  if (found == values_.end() && isMadeAgain(value)) {
    KILN_RETURN_IF_ERROR(exportOp(value.getDefiningOp()));
    found = values_.find(value);
  }
  if (found == values_.end()) {
    return makeError<ErrorId::kC0102>("a value of '" + nodeNameOf(value.getLoc()) + "' is used where it is not known");
  }
  return found->second;
}

StatusOr<std::vector<ValueRef>> BodyExporter::find(mlir::ValueRange values) {
  std::vector<ValueRef> refs;
  for (Value value : values) {
    KILN_ASSIGN_OR_RETURN(ValueRef ref, find(value));
    refs.push_back(ref);
  }
  return refs;
}

bool BodyExporter::isSame(const Node& a, const Node& b) {
  if (a.op != b.op || a.inputs != b.inputs || a.outputs != b.outputs || a.attributes.size() != b.attributes.size()) {
    return false;
  }
  return std::equal(a.attributes.begin(), a.attributes.end(), b.attributes.begin(), [](const auto& x, const auto& y) {
    return x.first == y.first && equalAttributes(x.second, y.second);
  });
}

Status BodyExporter::exportOp(mlir::Operation* op) {
  if (auto vjp = llvm::dyn_cast<VjpOp>(op)) {
    return exportDerivative(op, vjp.getBody(), vjp.getXs(), vjp.getSeeds(), "gradients");
  }
  if (auto jvp = llvm::dyn_cast<JvpOp>(op)) {
    return exportDerivative(op, jvp.getBody(), jvp.getXs(), jvp.getTangents(), "tangents");
  }
  if (op->getNumRegions() != 0) {
    return llvm::TypeSwitch<mlir::Operation*, Status>(op)
        .Case([&](BranchOp branch) { return exportBranch(branch); })
        .Case([&](LoopOp loop) { return exportLoop(loop); })
        .Case([&](VmapOp vmap) { return exportVmap(vmap); })
        .Case([&](RecomputeOp recompute) { return exportRecompute(recompute); })
        .Case([&](CustomVjpOp custom) { return exportCustomVjp(custom); })
        .Default([](mlir::Operation* other) {
          return makeError<ErrorId::kC0102>("it has " + other->getName().getStringRef().str());
        });
  }
  const OpSchema* schema = schemaOf(op);
  if (schema == nullptr) {
    return makeError<ErrorId::kC0102>("it has " + op->getName().getStringRef().str());
  }
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> inputs, find(op->getOperands()));
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

Status BodyExporter::addRegionNode(mlir::Operation* op, const char* name, std::vector<ValueRef> inputs,
                                   Attributes attributes) {
  KILN_ASSIGN_OR_RETURN(NodeId id, addNode(*findOp(name), nodeNameOf(op->getLoc()), std::move(inputs),
                                           std::move(attributes), op->getLoc()));
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    bind(op->getResult(i), {id, static_cast<int32_t>(i)});
  }
  return {};
}

std::string BodyExporter::freshFunction(mlir::Location location, const std::string& part) const {
  std::string first = nodeNameOf(location);
  first = (first.empty() ? std::string("region") : graphName(std::move(first))) + "/" + part;
  std::string name = first;
  for (int i = 1; functions_.contains(name); ++i) {
    name = first + "_" + std::to_string(i);
  }
  return name;
}

StatusOr<std::string> BodyExporter::exportRegion(mlir::Region& region, mlir::ValueRange captured,
                                                 mlir::Location location, const std::string& part) {
  const std::string name = freshFunction(location, part);
  functions_[name].name = name;  // taken, so that functions inside get other names
  Function function;
  function.name = name;
  BodyExporter inner(function.body, functions_, pool_);
  auto addParameter = [&](Value value, mlir::Location where) -> Status {
    std::string parameter = nodeNameOf(where);
    KILN_ASSIGN_OR_RETURN(NodeId id, inner.addNode(*findOp("placeholder"), parameter.empty() ? "arg" : parameter, {},
                                                   placeholderAttributes(value.getType()), where));
    // Parameters are told apart even when they have a name and a type in common.
    inner.byBaseName_.clear();
    inner.bind(value, {id, 0});
    function.parameters.push_back({id, 0});
    return {};
  };
  mlir::Block& block = region.front();
  for (mlir::BlockArgument argument : block.getArguments()) {
    KILN_RETURN_IF_ERROR(addParameter(argument, argument.getLoc()));
  }
  for (Value value : captured) {
    KILN_RETURN_IF_ERROR(addParameter(value, value.getLoc()));
  }
  KILN_RETURN_IF_ERROR(inner.exportBlock(block));
  KILN_ASSIGN_OR_RETURN(function.results, inner.find(block.getTerminator()->getOperands()));
  functions_[name] = std::move(function);
  return name;
}

Status BodyExporter::exportDerivative(mlir::Operation* op, mlir::Region& region, mlir::ValueRange xs,
                                      mlir::ValueRange directions, const char* name) {
  mlir::Block& block = region.front();
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> given, find(xs));
  for (auto [argument, x] : llvm::zip(block.getArguments(), given)) {
    bind(argument, x);
  }
  KILN_RETURN_IF_ERROR(exportBlock(block));
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> inputs, find(block.getTerminator()->getOperands()));
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> along, find(directions));
  const int64_t numYs = static_cast<int64_t>(inputs.size()), numXs = static_cast<int64_t>(given.size());
  return addRegionNode(op, name, joined(joined(std::move(inputs), given), along),
                       {{"num_ys", numYs}, {"num_xs", numXs}});
}

Status BodyExporter::exportBranch(BranchOp branch) {
  const llvm::SmallVector<Value> captured = capturedBy(branch->getRegions());
  KILN_ASSIGN_OR_RETURN(ValueRef selector, find(branch.getSelector()));
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> inputs, find(captured));
  const bool isBool = dtypeOf(branch.getSelector().getType()) == boolean;
  std::vector<std::string> functions;
  for (auto [i, region] : llvm::enumerate(branch.getBranches())) {
    const std::string part = !isBool ? "branch" + std::to_string(i) : i == 0 ? "then" : "else";
    KILN_ASSIGN_OR_RETURN(std::string function, exportRegion(region, captured, branch.getLoc(), part));
    functions.push_back(std::move(function));
  }
  inputs.insert(inputs.begin(), selector);
  if (isBool) {
    return addRegionNode(branch, "if_else", std::move(inputs),
                         {{"then_branch", functions[0]}, {"else_branch", functions[1]}});
  }
  return addRegionNode(branch, "switch_case", std::move(inputs), {{"branches", functions}});
}

Status BodyExporter::exportLoop(LoopOp loop) {
  const llvm::SmallVector<Value> captured = capturedBy(loop->getRegions());
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> inputs, find(loop.getInits()));
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> scanned, find(loop.getScanned()));
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> outside, find(captured));
  KILN_ASSIGN_OR_RETURN(std::string body, exportRegion(loop.getBody(), captured, loop.getLoc(), "body"));
  const int64_t numCarries = loop.getNumCarries(), numScanned = static_cast<int64_t>(scanned.size());
  inputs = joined(joined(std::move(inputs), scanned), outside);
  if (loop.hasCondition()) {
    const Dim length = loop.getLength() ? loop.getLength()->getShape()[0] : Dim(-1);
    if (numScanned != 0 || loop.getCount() || !length.isStatic()) {
      return makeError<ErrorId::kC0102>("the loop '" + nodeNameOf(loop.getLoc()) + "' ends in more than one way");
    }
    KILN_ASSIGN_OR_RETURN(std::string condition,
                          exportRegion(loop.getCondition(), captured, loop.getLoc(), "condition"));
    return addRegionNode(
        loop, "while_loop", std::move(inputs),
        {{"condition", condition}, {"body", body}, {"num_carries", numCarries}, {"max_steps", length.value()}});
  }
  if (!loop.getLength()) {
    KILN_ASSIGN_OR_RETURN(ValueRef count, find(loop.getCount()));
    inputs.insert(inputs.begin(), count);
    return addRegionNode(loop, "for_range", std::move(inputs), {{"body", body}, {"num_carries", numCarries}});
  }
  if (loop.getCount()) {
    KILN_ASSIGN_OR_RETURN(ValueRef count, find(loop.getCount()));
    KILN_ASSIGN_OR_RETURN(body, exportGuarded(loop, captured, body));
    inputs.push_back(count);
  }
  return addRegionNode(loop, "scan", std::move(inputs),
                       {{"body", body},
                        {"num_carries", numCarries},
                        {"num_scanned", numScanned},
                        {"length", loop.getLength()->getShape()},
                        {"reverse", static_cast<bool>(loop.getReverse())}});
}

// A loop of at most `length` steps, of which only `count` run: a scan whose body does nothing in the others. The
// function takes the body's parameters and the count.
StatusOr<std::string> BodyExporter::exportGuarded(LoopOp loop, mlir::ValueRange captured, const std::string& body) {
  const mlir::Location where = loop.getLoc();
  const std::string skipName = freshFunction(where, "skip");
  Function& skip = functions_[skipName];
  skip.name = skipName;
  BodyExporter skipped(skip.body, functions_, pool_);
  const std::string name = freshFunction(where, "guarded");
  Function& guarded = functions_[name];
  guarded.name = name;
  BodyExporter outer(guarded.body, functions_, pool_);
  llvm::SmallVector<mlir::Type> types(loop.getBodyBlock().getArgumentTypes());
  llvm::append_range(types, captured.getTypes());
  std::vector<ValueRef> parameters;
  for (mlir::Type type : types) {
    for (BodyExporter* exporter : {&skipped, &outer}) {
      const std::string parameter = "arg" + std::to_string(exporter->body_.nodes.size());
      KILN_ASSIGN_OR_RETURN(
          NodeId id, exporter->addNode(*findOp("placeholder"), parameter, {}, placeholderAttributes(type), where));
      (exporter == &skipped ? skip : guarded).parameters.push_back({id, 0});
    }
  }
  parameters = guarded.parameters;
  for (unsigned i = 0; i < loop.getNumCarries(); ++i) {
    skip.results.push_back(skip.parameters[1 + i]);
  }
  for (Value yielded : loop.getBodyBlock().getTerminator()->getOperands().drop_front(loop.getNumCarries())) {
    const ValueType row = valueType(yielded.getType());
    Tensor zero(row.dtype, {});
    KILN_ASSIGN_OR_RETURN(
        NodeId constant,
        skipped.addNode(*findOp("constant"), "zero", {},
                        {{"value", TensorPtr(std::make_shared<const Tensor>(std::move(zero)))}}, where));
    KILN_ASSIGN_OR_RETURN(NodeId shape,
                          skipped.addNode(*findOp("shape_value"), "shape", {}, {{"shape", row.shape}}, where));
    KILN_ASSIGN_OR_RETURN(NodeId zeros,
                          skipped.addNode(*findOp("broadcast"), "zeros", {{constant, 0}, {shape, 0}}, {}, where));
    skip.results.push_back({zeros, 0});
  }
  const mlir::Type step = loop.getStep().getType();
  KILN_ASSIGN_OR_RETURN(NodeId count,
                        outer.addNode(*findOp("placeholder"), "count", {}, placeholderAttributes(step), where));
  guarded.parameters.push_back({count, 0});
  KILN_ASSIGN_OR_RETURN(NodeId runs, outer.addNode(*findOp("less"), "runs", {parameters[0], {count, 0}}, {}, where));
  std::vector<ValueRef> inputs{{runs, 0}};
  KILN_ASSIGN_OR_RETURN(NodeId chosen,
                        outer.addNode(*findOp("if_else"), "chosen", joined(std::move(inputs), parameters),
                                      {{"then_branch", body}, {"else_branch", skipName}}, where));
  for (unsigned i = 0; i < loop.getNumResults(); ++i) {
    guarded.results.push_back({chosen, static_cast<int32_t>(i)});
  }
  return name;
}

Status BodyExporter::exportVmap(VmapOp vmap) {
  const llvm::SmallVector<Value> captured = capturedBy(vmap->getRegions());
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> inputs, find(vmap.getXs()));
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> outside, find(captured));
  KILN_ASSIGN_OR_RETURN(std::string callee, exportRegion(vmap.getBody(), captured, vmap.getLoc(), "example"));
  return addRegionNode(vmap, "vectorize", joined(std::move(inputs), outside),
                       {{"callee", callee},
                        {"in_axes", vmap.getInAxes().vec()},
                        {"out_axes", vmap.getOutAxes().vec()},
                        {"size", vmap.getSize().getShape()}});
}

Status BodyExporter::exportRecompute(RecomputeOp recompute) {
  const llvm::SmallVector<Value> captured = capturedBy(recompute->getRegions());
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> inputs, find(recompute.getInputs()));
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> outside, find(captured));
  KILN_ASSIGN_OR_RETURN(std::string callee,
                        exportRegion(recompute.getBody(), captured, recompute.getLoc(), "recomputed"));
  return addRegionNode(recompute, "checkpoint", joined(std::move(inputs), outside), {{"callee", callee}});
}

Status BodyExporter::exportCustomVjp(CustomVjpOp custom) {
  if (!capturedBy(custom->getRegions()).empty()) {
    return makeError<ErrorId::kC0102>("the custom gradient '" + nodeNameOf(custom.getLoc()) +
                                      "' reads a value from outside");
  }
  KILN_ASSIGN_OR_RETURN(std::vector<ValueRef> inputs, find(custom.getInputs()));
  KILN_ASSIGN_OR_RETURN(std::string forward, exportRegion(custom.getForward(), {}, custom.getLoc(), "forward"));
  KILN_ASSIGN_OR_RETURN(std::string backward, exportRegion(custom.getBackward(), {}, custom.getLoc(), "backward"));
  return addRegionNode(custom, "custom_gradient", std::move(inputs), {{"forward", forward}, {"backward", backward}});
}

}  // namespace kiln::compiler
