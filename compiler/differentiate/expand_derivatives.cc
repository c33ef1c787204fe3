// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/op_factory.h"
#include "compiler/differentiate/expand.h"
#include "compiler/differentiate/rules.h"
#include "compiler/differentiate/vectorize.h"
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/inline_calls.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AttrTypeSubElements.h"

namespace kiln::compiler {

#define GEN_PASS_DEF_EXPANDDERIVATIVES
#include "compiler/differentiate/passes.inc"

namespace {

bool isFloatTensor(Value value) { return isFloat(dtypeOf(value.getType())); }

std::string nameOf(mlir::Operation* op) {
  std::string name = nodeNameOf(op->getLoc());
  return name.empty() ? op->getName().getStringRef().str() : name;
}

llvm::LogicalResult refuse(mlir::Operation* op, const std::string& why) {
  return emitStatus(op, makeError<ErrorId::kC0201>(nameOf(op), op->getName().stripDialect().str(), why));
}

/// Replaces the ops whose derivative is that of their expansion.
void expandBeforeRules(mlir::Region& body) {
  expandComposites(body, [](const OpSchema& op) { return op.gradient == GradientKind::kExpansion; });
}

llvm::LogicalResult sweepOp(mlir::Operation* op, Sweep& sweep) {
  const Rule rule = ruleOf(op);
  if (!rule) {
    return refuse(op, rule.why);
  }
  llvm::SmallVector<bool> wanted;
  for (Value operand : op->getOperands()) {
    wanted.push_back(sweep.active.contains(operand));
  }
  llvm::SmallVector<Value> gradients(op->getNumOperands()), cotangents;
  Value first;
  for (Value result : op->getResults()) {
    cotangents.push_back(sweep.cotangents.lookup(result));
    first = first ? first : cotangents.back();
  }
  VjpContext context{{sweep.b, op->getLoc(), op}, first, cotangents, wanted, gradients};
  if (Status status = rule.vjp(context); !status.ok()) {
    return refuse(op, std::string(status.message()));
  }
  for (auto [operand, gradient] : llvm::zip(op->getOperands(), gradients)) {
    if (gradient && sweep.active.contains(operand)) {
      sweep.accumulate(operand, gradient, op->getLoc());
    }
  }
  return llvm::success();
}

}  // namespace

void inlineBlock(mlir::Operation* op, mlir::Block& block, mlir::ValueRange arguments, mlir::ValueRange results) {
  for (auto [argument, value] : llvm::zip(block.getArguments(), arguments)) {
    argument.replaceAllUsesWith(value);
  }
  // An argument that is a result itself has just been replaced.
  llvm::SmallVector<Value> replacements;
  for (Value result : results) {
    auto argument = llvm::dyn_cast<mlir::BlockArgument>(result);
    replacements.push_back(argument && argument.getOwner() == &block ? arguments[argument.getArgNumber()] : result);
  }
  block.getTerminator()->erase();
  op->getBlock()->getOperations().splice(op->getIterator(), block.getOperations());
  op->replaceAllUsesWith(replacements);
  op->erase();
}

void Sweep::accumulate(Value value, Value cotangent, mlir::Location loc) {
  Value& sum = cotangents[value];
  sum = sum ? add(b, loc, sum, cotangent) : cotangent;
}

Value Sweep::cotangentOf(Value value, mlir::Location loc) {
  Value cotangent = cotangents.lookup(value);
  return cotangent ? cotangent : splatLike(b, loc, 0.0, value);
}

Expander::Expander(mlir::ModuleOp module) : context_(module.getContext()) {
  module.walk([&](mlir::Operation* op) {
    if (auto bind = llvm::dyn_cast<BindDimOp>(op)) {
      symbols_.insert(bind.getSymbolAttr());
    } else if (auto known = op->getAttrOfType<mlir::DictionaryAttr>(kSymbolsAttr)) {
      for (mlir::NamedAttribute symbol : known) {
        symbols_.insert(symbol.getName());
      }
    }
  });
}

std::string Expander::freshSymbol() {
  while (true) {
    std::string name = "steps." + std::to_string(numSymbols_++);
    if (symbols_.insert(mlir::StringAttr::get(context_, name)).second) {
      return name;
    }
  }
}

void Expander::cloneOps(mlir::OpBuilder& b, mlir::Block& from, mlir::IRMapping& mapping) {
  llvm::SmallVector<mlir::Operation*> copies, unwanted;
  std::map<std::string, Dim> renamed;
  auto isWatching = [](mlir::Operation* op) { return llvm::isa<PrintOp, AssertThatOp>(op); };
  for (mlir::Operation& op : from.without_terminator()) {
    if (isWatching(&op)) {
      mapping.map(op.getResult(0), mapping.lookupOrDefault(op.getOperand(0)));
      continue;
    }
    mlir::Operation* copy = b.clone(op, mapping);
    copies.push_back(copy);
    copy->walk([&](mlir::Operation* nested) {
      if (isWatching(nested)) {
        unwanted.push_back(nested);
      } else if (auto bind = llvm::dyn_cast<BindDimOp>(nested)) {
        const std::string fresh = freshSymbol();
        renamed.emplace(bind.getSymbol().str(), Dim::symbol(fresh));
        bind.setSymbol(fresh);
      }
    });
  }
  for (mlir::Operation* op : unwanted) {
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    op->erase();
  }
  if (renamed.empty()) {
    return;
  }
  auto rename = [&](const Shape& shape) {
    Shape result;
    for (const Dim& dim : shape) {
      result.push_back(dim.substitute([&](std::string_view symbol) -> std::optional<Dim> {
        auto found = renamed.find(std::string(symbol));
        return found == renamed.end() ? std::nullopt : std::optional(found->second);
      }));
    }
    return result;
  };
  mlir::AttrTypeReplacer replacer;
  replacer.addReplacement([&](mlir::RankedTensorType type) -> std::optional<mlir::Type> {
    return tensorType(context_, dtypeOf(type), rename(shapeOf(type)));
  });
  replacer.addReplacement([&](ShapeAttr shape) -> std::optional<mlir::Attribute> {
    return ShapeAttr::get(context_, rename(shape.getShape()));
  });
  for (mlir::Operation* copy : copies) {
    replacer.recursivelyReplaceElementsIn(copy, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
  }
}

llvm::LogicalResult Expander::expandVjp(VjpOp vjp) {
  expandBeforeRules(vjp.getBody());
  mlir::Block& block = vjp.getBody().front();
  mlir::Operation* yield = block.getTerminator();
  // Taken while arguments and values from outside are still told apart: they may become the same value.
  const ActiveValues active(block);
  mlir::OpBuilder b(yield);
  Sweep sweep{b, active, *this};
  for (auto [i, y] : llvm::enumerate(yield->getOperands())) {
    if (active.contains(y)) {
      sweep.accumulate(y, vjp.getSeeds().empty() ? splatLike(b, vjp.getLoc(), 1.0, y) : vjp.getSeeds()[i],
                       vjp.getLoc());
    }
  }
  for (mlir::Operation* op : llvm::reverse(active.ops())) {
    if (llvm::none_of(op->getResults(), [&](Value result) { return sweep.cotangents.contains(result); })) {
      continue;
    }
    if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      sweepLoop(loop, sweep);
    } else if (auto branch = llvm::dyn_cast<BranchOp>(op)) {
      sweepBranch(branch, sweep);
    } else if (auto recompute = llvm::dyn_cast<RecomputeOp>(op)) {
      sweepRecompute(recompute, sweep);
    } else if (auto custom = llvm::dyn_cast<CustomVjpOp>(op)) {
      sweepCustomVjp(custom, sweep);
    } else if (llvm::failed(sweepOp(op, sweep))) {
      return llvm::failure();
    }
  }
  llvm::SmallVector<Value> results;
  for (mlir::BlockArgument argument : block.getArguments()) {
    results.push_back(sweep.cotangentOf(argument, vjp.getLoc()));
  }
  for (mlir::Operation* op : sweep.dead) {
    op->erase();
  }
  inlineBlock(vjp, block, vjp.getXs(), results);
  return llvm::success();
}

llvm::LogicalResult Expander::expandJvp(JvpOp jvp) {
  expandBeforeRules(jvp.getBody());
  mlir::Block& block = jvp.getBody().front();
  const ActiveValues active(block);
  llvm::DenseMap<Value, Value> tangents;
  for (auto [argument, tangent] : llvm::zip(block.getArguments(), jvp.getTangents())) {
    if (active.contains(argument)) {
      tangents[argument] = tangent;
    }
  }
  if (llvm::failed(emitTangents(block, active, tangents))) {
    return llvm::failure();
  }
  mlir::Operation* yield = block.getTerminator();
  mlir::OpBuilder b(yield);
  llvm::SmallVector<Value> results;
  for (Value y : yield->getOperands()) {
    Value tangent = tangents.lookup(y);
    results.push_back(tangent ? tangent : splatLike(b, jvp.getLoc(), 0.0, y));
  }
  for (mlir::Operation* op : dead_) {
    op->erase();
  }
  dead_.clear();
  inlineBlock(jvp, block, jvp.getXs(), results);
  return llvm::success();
}

llvm::LogicalResult Expander::emitTangents(mlir::Block& block, const ActiveValues& active,
                                           llvm::DenseMap<Value, Value>& tangents) {
  llvm::SmallVector<mlir::Operation*> ops;
  for (mlir::Operation& op : block.without_terminator()) {
    ops.push_back(&op);
  }
  for (mlir::Operation* op : ops) {
    if (llvm::none_of(op->getResults(), [&](Value result) { return active.contains(result); })) {
      continue;
    }
    if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      if (llvm::failed(jvpLoop(loop, active, tangents))) {
        return llvm::failure();
      }
      continue;
    }
    if (auto branch = llvm::dyn_cast<BranchOp>(op)) {
      if (llvm::failed(jvpBranch(branch, active, tangents))) {
        return llvm::failure();
      }
      continue;
    }
    if (auto recompute = llvm::dyn_cast<RecomputeOp>(op)) {
      if (llvm::failed(jvpRecompute(recompute, active, tangents))) {
        return llvm::failure();
      }
      continue;
    }
    llvm::SmallVector<Value> given;
    for (Value operand : op->getOperands()) {
      given.push_back(tangents.lookup(operand));
    }
    if (llvm::none_of(given, [](Value tangent) { return static_cast<bool>(tangent); })) {
      continue;
    }
    if (llvm::isa<CustomVjpOp>(op)) {
      return emitStatus(op, makeError<ErrorId::kC0202>(nameOf(op), "custom_gradient",
                                                       "it has a gradient of its own, which is for reverse mode"));
    }
    const Rule rule = ruleOf(op);
    if (!rule) {
      return refuse(op, rule.why);
    }
    mlir::OpBuilder b(op->getContext());
    b.setInsertionPointAfter(op);
    JvpContext context{{b, op->getLoc(), op}, given};
    auto tangent = rule.jvp(context);
    if (!tangent.ok()) {
      return refuse(op, std::string(tangent.status().message()));
    }
    if (*tangent) {
      auto result = llvm::find_if(op->getResults(), isFloatTensor);
      tangents[*result] = *tangent;
    }
    for (auto [result, each] : llvm::zip(op->getResults(), context.resultTangents)) {
      if (each) {
        tangents[result] = each;
      }
    }
  }
  return llvm::success();
}

llvm::LogicalResult Expander::jvpLoop(LoopOp loop, const ActiveValues& active, llvm::DenseMap<Value, Value>& tangents) {
  const mlir::Location loc = loop.getLoc();
  mlir::OpBuilder b(loop);
  const unsigned numCarries = loop.getNumCarries();
  llvm::SmallVector<Value> inits(loop.getInits()), scanned(loop.getScanned());
  llvm::SmallVector<unsigned> carries, rows;
  for (auto [i, argument] : llvm::enumerate(loop.getCarryArguments())) {
    if (active.contains(argument)) {
      Value tangent = tangents.lookup(loop.getInits()[i]);
      inits.push_back(tangent ? tangent : splatLike(b, loc, 0.0, argument));
      carries.push_back(static_cast<unsigned>(i));
    }
  }
  for (auto [i, value] : llvm::enumerate(loop.getScanned())) {
    if (Value tangent = tangents.lookup(value)) {
      scanned.push_back(tangent);
      rows.push_back(static_cast<unsigned>(i));
    }
  }
  mlir::Block& body = loop.getBodyBlock();
  for (auto [k, i] : llvm::enumerate(carries)) {
    Value argument = body.getArgument(1 + i);
    tangents[argument] = body.insertArgument(static_cast<unsigned>(1 + numCarries + k), argument.getType(), loc);
  }
  const unsigned firstRow = 1 + static_cast<unsigned>(inits.size());
  for (unsigned i : rows) {
    Value argument = body.getArgument(firstRow + i);
    tangents[argument] = body.addArgument(argument.getType(), loc);
  }
  if (loop.hasCondition()) {
    for (unsigned i : carries) {
      loop.getCondition().addArgument(loop.getInits()[i].getType(), loc);
    }
  }
  if (llvm::failed(emitTangents(body, active, tangents))) {
    return llvm::failure();
  }
  mlir::Operation* yield = body.getTerminator();
  mlir::OpBuilder inner(yield);
  mlir::OperandRange yielded = yield->getOperands();
  llvm::SmallVector<Value> yields(yielded.take_front(numCarries));
  llvm::SmallVector<mlir::Type> types(loop.getResults().take_front(numCarries).getTypes());
  for (unsigned i : carries) {
    Value tangent = tangents.lookup(yielded[i]);
    yields.push_back(tangent ? tangent : splatLike(inner, loc, 0.0, yielded[i]));
    types.push_back(yields.back().getType());
  }
  const size_t numAllCarries = yields.size();
  llvm::append_range(yields, yielded.drop_front(numCarries));
  llvm::append_range(types, loop.getResults().drop_front(numCarries).getTypes());
  llvm::SmallVector<unsigned> stacked;
  for (unsigned i = numCarries; i < yielded.size(); ++i) {
    if (Value tangent = tangents.lookup(yielded[i])) {
      yields.push_back(tangent);
      types.push_back(loop.getResult(i).getType());
      stacked.push_back(i);
    }
  }
  yield->setOperands(yields);
  auto made = LoopOp::create(b, loc, types, loop.getCount(), inits, scanned, loop.getLengthAttr(), loop.getReverse());
  made->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  made.getBody().takeBody(loop.getBody());
  made.getCondition().takeBody(loop.getCondition());
  auto replace = [&](unsigned from, size_t to) {
    loop.getResult(from).replaceAllUsesWith(made.getResult(static_cast<unsigned>(to)));
    return made.getResult(static_cast<unsigned>(to));
  };
  for (unsigned i = 0; i < loop.getNumResults(); ++i) {
    replace(i, i < numCarries ? i : numAllCarries + (i - numCarries));
  }
  for (auto [k, i] : llvm::enumerate(carries)) {
    tangents[made.getResult(i)] = made.getResult(static_cast<unsigned>(numCarries + k));
  }
  const size_t firstTangent = made.getNumResults() - stacked.size();
  for (auto [k, i] : llvm::enumerate(stacked)) {
    tangents[made.getResult(static_cast<unsigned>(numAllCarries + i - numCarries))] =
        made.getResult(static_cast<unsigned>(firstTangent + k));
  }
  dead_.push_back(loop);
  return llvm::success();
}

namespace {

// Appends the tangents of active results to what a region yields.
void yieldTangents(mlir::Block& block, llvm::ArrayRef<unsigned> positions, llvm::DenseMap<Value, Value>& tangents) {
  mlir::Operation* yield = block.getTerminator();
  mlir::OpBuilder b(yield);
  llvm::SmallVector<Value> yields(yield->getOperands());
  for (unsigned i : positions) {
    Value tangent = tangents.lookup(yields[i]);
    yields.push_back(tangent ? tangent : splatLike(b, yield->getLoc(), 0.0, yields[i]));
  }
  yield->setOperands(yields);
}

llvm::SmallVector<unsigned> activeResultsOf(mlir::Operation* op, const ActiveValues& active) {
  llvm::SmallVector<unsigned> positions;
  for (mlir::OpResult result : op->getResults()) {
    if (active.contains(result)) {
      positions.push_back(result.getResultNumber());
    }
  }
  return positions;
}

llvm::SmallVector<mlir::Type> withTangents(mlir::Operation* op, llvm::ArrayRef<unsigned> positions) {
  llvm::SmallVector<mlir::Type> types(op->getResultTypes());
  for (unsigned i : positions) {
    types.push_back(op->getResult(i).getType());
  }
  return types;
}

void replaceWithTangents(mlir::Operation* op, mlir::Operation* made, llvm::ArrayRef<unsigned> positions,
                         llvm::DenseMap<Value, Value>& tangents) {
  op->replaceAllUsesWith(made->getResults().take_front(op->getNumResults()));
  for (auto [k, i] : llvm::enumerate(positions)) {
    tangents[made->getResult(i)] = made->getResult(static_cast<unsigned>(op->getNumResults() + k));
  }
}

}  // namespace

llvm::LogicalResult Expander::jvpBranch(BranchOp branch, const ActiveValues& active,
                                        llvm::DenseMap<Value, Value>& tangents) {
  const llvm::SmallVector<unsigned> positions = activeResultsOf(branch, active);
  for (mlir::Region& region : branch.getBranches()) {
    if (llvm::failed(emitTangents(region.front(), active, tangents))) {
      return llvm::failure();
    }
    yieldTangents(region.front(), positions, tangents);
  }
  mlir::OpBuilder b(branch);
  auto made = BranchOp::create(b, branch.getLoc(), withTangents(branch, positions), branch.getSelector(),
                               static_cast<unsigned>(branch.getBranches().size()));
  for (auto [to, from] : llvm::zip(made.getBranches(), branch.getBranches())) {
    to.takeBody(from);
  }
  replaceWithTangents(branch, made, positions, tangents);
  dead_.push_back(branch);
  return llvm::success();
}

llvm::LogicalResult Expander::jvpRecompute(RecomputeOp op, const ActiveValues& active,
                                           llvm::DenseMap<Value, Value>& tangents) {
  const llvm::SmallVector<unsigned> positions = activeResultsOf(op, active);
  mlir::Block& block = op.getBody().front();
  llvm::SmallVector<Value> inputs(op.getInputs());
  for (auto [i, input] : llvm::enumerate(op.getInputs())) {
    if (Value tangent = tangents.lookup(input)) {
      tangents[block.getArgument(static_cast<unsigned>(i))] = block.addArgument(tangent.getType(), op.getLoc());
      inputs.push_back(tangent);
    }
  }
  if (llvm::failed(emitTangents(block, active, tangents))) {
    return llvm::failure();
  }
  yieldTangents(block, positions, tangents);
  mlir::OpBuilder b(op);
  auto made = RecomputeOp::create(b, op.getLoc(), withTangents(op, positions), inputs);
  made.getBody().takeBody(op.getBody());
  replaceWithTangents(op, made, positions, tangents);
  dead_.push_back(op);
  return llvm::success();
}

namespace {

struct ExpandDerivatives : impl::ExpandDerivativesBase<ExpandDerivatives> {
  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    // Calls first, since a callee may hold regions of its own.
    inlineCalls(module, derivatives(module));
    Expander expander(module);
    // Innermost first; what an expansion makes lies within what is left.
    llvm::SmallVector<mlir::Operation*> work = derivatives(module);
    std::reverse(work.begin(), work.end());
    while (!work.empty()) {
      if (llvm::failed(expand(work.pop_back_val(), expander))) {
        return signalPassFailure();
      }
      llvm::append_range(work, llvm::reverse(expander.made));
      expander.made.clear();
    }
    inlineRest(module);
  }

  static llvm::LogicalResult expand(mlir::Operation* op, Expander& expander) {
    if (auto vjp = llvm::dyn_cast<VjpOp>(op)) {
      return expander.expandVjp(vjp);
    }
    if (auto jvp = llvm::dyn_cast<JvpOp>(op)) {
      return expander.expandJvp(jvp);
    }
    return expandVmap(llvm::cast<VmapOp>(op));
  }

  static llvm::SmallVector<mlir::Operation*> derivatives(mlir::ModuleOp module) {
    llvm::SmallVector<mlir::Operation*> found;
    module.walk<mlir::WalkOrder::PostOrder>([&](mlir::Operation* op) {
      if (llvm::isa<VjpOp, JvpOp, VmapOp>(op)) {
        found.push_back(op);
      }
    });
    return found;
  }

  // No derivative is left that would ask what to compute again, or what a gradient is.
  static void inlineRest(mlir::ModuleOp module) {
    module.walk<mlir::WalkOrder::PostOrder>([](mlir::Operation* op) {
      if (auto recompute = llvm::dyn_cast<RecomputeOp>(op)) {
        mlir::Block& block = recompute.getBody().front();
        inlineBlock(op, block, recompute.getInputs(), block.getTerminator()->getOperands());
      } else if (auto custom = llvm::dyn_cast<CustomVjpOp>(op)) {
        mlir::Block& block = custom.getForward().front();
        inlineBlock(op, block, custom.getInputs(), block.getTerminator()->getOperands());
      }
    });
  }
};

}  // namespace
}  // namespace kiln::compiler
