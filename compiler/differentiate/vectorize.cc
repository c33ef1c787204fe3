// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/differentiate/vectorize.h"

#include "compiler/dialect/diagnostics.h"
#include "compiler/differentiate/vectorize_batch.h"
#include "compiler/simplify/expand_composites.h"

namespace kiln::compiler {
namespace {

llvm::LogicalResult refuse(mlir::Operation* op, const std::string& why) {
  std::string name = nodeNameOf(op->getLoc());
  if (name.empty()) {
    name = op->getName().getStringRef().str();
  }
  return emitStatus(op, makeError<ErrorId::kC0204>(name, op->getName().stripDialect().str(), why));
}

llvm::SmallVector<int64_t> movedTo(int rank, int64_t from, int64_t to) {
  llvm::SmallVector<int64_t> permutation;
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (axis != from) {
      permutation.push_back(axis);
    }
  }
  permutation.insert(permutation.begin() + to, from);
  return permutation;
}

}  // namespace

Shape Batch::batched(const Shape& example) const {
  Shape shape{size};
  for (const Dim& dim : example) {
    shape.push_back(dim);
  }
  return shape;
}

mlir::Type Batch::batched(mlir::Type example) const {
  return tensorType(example.getContext(), dtypeOf(example), batched(shapeOf(example)));
}

Value Batch::one(Value value) const { return copies_.lookupOrDefault(value); }

Value Batch::get(Value value) const { return isMapped(value) ? mapped_.lookup(value) : one(value); }

Value Batch::all(mlir::Location loc, Value value) {
  return isMapped(value) ? mapped_.lookup(value) : broadcastTo(b, loc, one(value), batched(shapeOf(value.getType())));
}

void Batch::set(Value value, Value made) {
  if (isMapped(value)) {
    mapped_[value] = broadcastTo(b, value.getLoc(), made, batched(shapeOf(value.getType())));
  } else {
    copies_.map(value, made);
  }
}

Value Batch::choose(mlir::Location loc, Value mask, Value x, Value y) {
  const Shape shape = shapeOf(x.getType());
  Shape column{size};
  while (column.rank() < shape.rank()) {
    column.push_back(Dim(1));
  }
  return select(b, loc, broadcastTo(b, loc, reshapeTo(b, loc, mask, column), shape), x, y);
}

Value Batch::chooseOr(mlir::Location loc, Value mask, Value x, double otherwise) {
  return choose(loc, mask, x, splatLike(b, loc, otherwise, x));
}

Value Batch::any(mlir::Location loc, Value mask) {
  return create(b, loc, "reduce_any", mask, b.getNamedAttr("axes", b.getDenseI64ArrayAttr({0})));
}

llvm::SmallVector<Value> BatchContext::allOperands() {
  llvm::SmallVector<Value> values;
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    values.push_back(all(i));
  }
  return values;
}

Value BatchContext::extendedShape(unsigned i, const Dim& front) {
  if (const auto dims = shapeValueOf(operand(i))) {
    Shape shape{front};
    for (const Dim& dim : *dims) {
      shape.push_back(dim);
    }
    return shapeValue(b, loc, shape);
  }
  return create(b, loc, "concat", {shapeValue(b, loc, {front}), one(i)}, number("axis", 0));
}

llvm::SmallVector<Value> BatchContext::again(mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> changes) {
  mlir::NamedAttrList attributes(op->getAttrs());
  for (mlir::NamedAttribute change : changes) {
    attributes.set(change.getName(), change.getValue());
  }
  mlir::OperationState state(loc, op->getName());
  state.addOperands(operands);
  state.addAttributes(attributes);
  for (mlir::Type type : op->getResultTypes()) {
    state.addTypes(batch.batched(type));
  }
  return llvm::SmallVector<Value>(b.create(state)->getResults());
}

mlir::NamedAttribute BatchContext::ints(llvm::StringRef name, llvm::ArrayRef<int64_t> values) {
  return b.getNamedAttr(name, b.getDenseI64ArrayAttr(values));
}
mlir::NamedAttribute BatchContext::number(llvm::StringRef name, int64_t value) {
  return b.getNamedAttr(name, b.getI64IntegerAttr(value));
}
mlir::NamedAttribute BatchContext::flag(llvm::StringRef name, bool value) {
  return b.getNamedAttr(name, b.getBoolAttr(value));
}

BatchFn batchRuleOf(const OpSchema& op) {
  static const llvm::StringMap<BatchFn> kRules = [] {
    llvm::StringMap<BatchFn> rules;
    for (llvm::ArrayRef<BatchRow> rows : {movementBatchRows(), indexingBatchRows(), structuredBatchRows()}) {
      for (const BatchRow& row : rows) {
        rules[row.op] = row.rule;
      }
    }
    return rules;
  }();
  if (op.isElementwise) {
    return [](BatchContext& c) { return c.again(c.allOperands()); };
  }
  return kRules.lookup(llvm::StringRef(op.name.data(), op.name.size()));
}

// The one form that is right for every op.
void Batch::copyOneByOne(mlir::Operation* op) {
  const mlir::Location loc = op->getLoc();
  llvm::SmallVector<Value> rows, scanned;
  llvm::SmallVector<mlir::Type> types;
  for (Value operand : op->getOperands()) {
    if (isMapped(operand) && !llvm::is_contained(rows, operand)) {
      rows.push_back(operand);
      scanned.push_back(get(operand));
    }
  }
  for (mlir::Type type : op->getResultTypes()) {
    types.push_back(batched(type));
  }
  auto loop = LoopOp::create(b, loc, types, Value(), mlir::ValueRange(), scanned,
                             ShapeAttr::get(b.getContext(), {size}), false);
  mlir::OpBuilder::InsertionGuard guard(b);
  mlir::Block* body = b.createBlock(&loop.getBody());
  body->addArgument(tensorType(b.getContext(), i64, {}), loc);
  mlir::IRMapping mapping = copies_;
  for (Value row : rows) {
    mapping.map(row, body->addArgument(row.getType(), loc));
  }
  YieldOp::create(b, loc, b.clone(*op, mapping)->getResults());
  for (auto [result, stacked] : llvm::zip(op->getResults(), loop.getResults())) {
    set(result, stacked);
  }
}

llvm::LogicalResult Batch::copy(mlir::Operation* op) {
  if (!marks.concern(op)) {
    b.clone(*op, copies_);
    return llvm::success();
  }
  if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
    return copyLoop(loop);
  }
  if (auto branch = llvm::dyn_cast<BranchOp>(op)) {
    return isMapped(branch.getSelector()) ? copyBranch(branch) : copyUniformBranch(branch);
  }
  if (auto recompute = llvm::dyn_cast<RecomputeOp>(op)) {
    return copyRecompute(recompute);
  }
  if (auto custom = llvm::dyn_cast<CustomVjpOp>(op)) {
    return copyCustomVjp(custom);
  }
  if (schemaOf(op) == nullptr) {
    return refuse(op, "it is no op of a graph");
  }
  if (auto bind = llvm::dyn_cast<BindDimOp>(op)) {
    copyBindDim(bind);
    return llvm::success();
  }
  if (schemaOf(op)->family == "state") {
    return refuse(op, "it concerns the whole run");
  }
  // Examples that do not need the op are given an operand that it is at peace with.
  const MaskedOperand* masked = active ? maskedOperandOf(op) : nullptr;
  const Value guarded = masked != nullptr ? op->getOperand(masked->operand) : Value();
  const Value before = guarded && isMapped(guarded) ? get(guarded) : Value();
  if (before) {
    const bool isInteger = !isFloat(dtypeOf(before.getType())) && masked->fill != 0;
    mapped_[guarded] = chooseOr(op->getLoc(), active, before, isInteger ? 1 : masked->fill);
  }
  llvm::SmallVector<Value> results;
  if (BatchFn rule = batchRuleOf(*schemaOf(op))) {
    BatchContext context{{b, op->getLoc(), op}, *this};
    results = rule(context);
  }
  if (results.empty()) {
    copyOneByOne(op);
  } else {
    for (auto [result, made] : llvm::zip_equal(op->getResults(), results)) {
      set(result, made);
    }
  }
  if (before) {
    mapped_[guarded] = before;
  }
  return llvm::success();
}

llvm::LogicalResult Batch::copy(mlir::Block& block) {
  for (mlir::Operation& op : block.without_terminator()) {
    if (llvm::failed(copy(&op))) {
      return llvm::failure();
    }
  }
  return llvm::success();
}

llvm::LogicalResult expandVmap(VmapOp vmap) {
  expandComposites(vmap.getBody(), [](const OpSchema& schema) { return batchRuleOf(schema) == nullptr; });
  const mlir::Location loc = vmap.getLoc();
  const MappedValues marks(vmap);
  mlir::OpBuilder b(vmap);
  Batch batch(b, vmap.getSize().getShape()[0], marks);
  mlir::Block& body = vmap.getBody().front();
  for (auto [argument, x, axis] : llvm::zip(body.getArguments(), vmap.getXs(), vmap.getInAxes())) {
    batch.set(argument, transposeBy(b, loc, x, movedTo(shapeOf(x.getType()).rank(), axis, 0)));
  }
  if (llvm::failed(batch.copy(body))) {
    return llvm::failure();
  }
  llvm::SmallVector<Value> results;
  for (auto [yielded, axis] : llvm::zip(body.getTerminator()->getOperands(), vmap.getOutAxes())) {
    Value all = batch.all(loc, yielded);
    results.push_back(transposeBy(b, loc, all, movedTo(shapeOf(all.getType()).rank(), 0, axis)));
  }
  vmap->replaceAllUsesWith(results);
  vmap->erase();
  return llvm::success();
}

}  // namespace kiln::compiler
