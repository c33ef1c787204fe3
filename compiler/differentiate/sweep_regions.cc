// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reverse mode of the ops with regions. The derivative of a body is written as a derivative region in what takes the
// body's place, and expanded next.
#include "compiler/dialect/op_factory.h"
#include "compiler/differentiate/expand.h"
#include "compiler/simplify/loop_editor.h"

namespace kiln::compiler {
namespace {

Value number(mlir::OpBuilder& b, mlir::Location loc, double value) { return splat(b, loc, value, {i64, {}}); }

/// A kiln.vjp of a copy of some ops at the end of a block.
class VjpOfCopy {
 public:
  /// `xs` are differentiated for; the copy reads a fresh argument in place of each of `originals`.
  VjpOfCopy(mlir::OpBuilder& b, mlir::Location loc, llvm::ArrayRef<Value> originals, llvm::ArrayRef<Value> xs,
            llvm::ArrayRef<Value> seeds, const mlir::IRMapping& outer)
      : loc_(loc), mapping_(outer) {
    llvm::SmallVector<mlir::Type> types;
    for (Value x : xs) {
      types.push_back(x.getType());
    }
    vjp_ = VjpOp::create(b, loc, types, xs, seeds);
    block_ = new mlir::Block();
    vjp_.getBody().push_back(block_);
    for (auto [original, type] : llvm::zip(originals, types)) {
      mapping_.map(original, block_->addArgument(type, loc));
    }
  }

  /// Copies a block and yields the copies of `ys`.
  VjpOp finish(Expander& expander, mlir::Block& from, llvm::ArrayRef<Value> ys) {
    mlir::OpBuilder inner = mlir::OpBuilder::atBlockEnd(block_);
    expander.cloneOps(inner, from, mapping_);
    llvm::SmallVector<Value> yields;
    for (Value y : ys) {
      yields.push_back(mapping_.lookupOrDefault(y));
    }
    YieldOp::create(inner, loc_, yields);
    expander.made.push_back(vjp_);
    return vjp_;
  }

 private:
  mlir::Location loc_;
  mlir::IRMapping mapping_;
  VjpOp vjp_;
  mlir::Block* block_;
};

/// How often the loop runs: a copy of it that counts.
Value countSteps(LoopOp loop, Expander& expander) {
  mlir::OpBuilder b(loop);
  const mlir::Location loc = loop.getLoc();
  llvm::SmallVector<Value> inits(loop.getInits());
  inits.push_back(number(b, loc, 0));
  llvm::SmallVector<mlir::Type> types(mlir::ValueRange(inits).getTypes());
  auto counter = LoopOp::create(b, loc, types, loop.getCount(), inits, mlir::ValueRange(), ShapeAttr(), false);
  auto copy = [&](mlir::Region& from, mlir::Region& to, bool isBody) {
    mlir::Block* block = new mlir::Block();
    to.push_back(block);
    mlir::IRMapping mapping;
    for (mlir::BlockArgument argument : from.getArguments()) {
      mapping.map(argument, block->addArgument(argument.getType(), loc));
    }
    block->addArgument(inits.back().getType(), loc);
    mlir::OpBuilder inner = mlir::OpBuilder::atBlockEnd(block);
    expander.cloneOps(inner, from.front(), mapping);
    llvm::SmallVector<Value> yields;
    for (Value y : from.front().getTerminator()->getOperands()) {
      yields.push_back(mapping.lookupOrDefault(y));
    }
    if (isBody) {
      yields.push_back(add(inner, loc, block->getArgument(0), number(inner, loc, 1)));
    }
    YieldOp::create(inner, loc, yields);
  };
  copy(loop.getCondition(), counter.getCondition(), false);
  copy(loop.getBody(), counter.getBody(), true);
  return counter.getResults().back();
}

/// A loop, made to stack the carries from before each step.
struct ForwardLoop {
  LoopOp loop;
  Value trips;                                        ///< Null: the length.
  llvm::SmallVector<std::pair<Value, Value>> stacks;  ///< Carry argument of the body, stack.
};

ForwardLoop makeForward(LoopOp loop, Expander& expander) {
  mlir::OpBuilder b(loop);
  const mlir::Location loc = loop.getLoc();
  const unsigned numCarries = loop.getNumCarries();
  ForwardLoop forward;
  forward.trips = loop.getCount();
  ShapeAttr length = loop.getLengthAttr();
  const bool countsItself = loop.hasCondition() && length;
  const auto known = loop.getCount() ? splatValueOf(loop.getCount()) : std::nullopt;
  if (!length && !loop.hasCondition() && known && *known >= 0 && *known <= static_cast<double>(DimRange::kUnbounded)) {
    length = ShapeAttr::get(b.getContext(), Shape{Dim(static_cast<int64_t>(*known))});
    forward.trips = Value();
  } else if (!length) {
    Value count = loop.hasCondition() ? countSteps(loop, expander) : loop.getCount();
    const std::string symbol = expander.freshSymbol();
    forward.trips = create(b, loc, "bind_dim", count, b.getNamedAttr("symbol", b.getStringAttr(symbol)));
    length = ShapeAttr::get(b.getContext(), Shape{Dim::symbol(symbol)});
  }
  mlir::Block& body = loop.getBodyBlock();
  mlir::Operation* yield = body.getTerminator();
  llvm::SmallVector<Value> inits(loop.getInits()), yields(yield->getOperands());
  llvm::SmallVector<mlir::Type> types(loop.getResultTypes());
  if (countsItself) {
    mlir::OpBuilder inner(yield);
    inits.push_back(number(b, loc, 0));
    types.insert(types.begin() + numCarries, inits.back().getType());
    yields.insert(yields.begin() + numCarries, add(inner, loc, loop.getStep(), number(inner, loc, 1)));
    body.insertArgument(1 + numCarries, inits.back().getType(), loc);
    loop.getCondition().addArgument(inits.back().getType(), loc);
  }
  const size_t firstStack = yields.size();
  llvm::SmallVector<Value> carries;
  for (unsigned i = 0; i < numCarries; ++i) {
    Value argument = body.getArgument(1 + i);
    if (!argument.use_empty()) {
      carries.push_back(argument);
      yields.push_back(argument);
      types.push_back(stackedType(argument.getType(), length));
    }
  }
  yield->setOperands(yields);
  LoopOp made = LoopOp::create(b, loc, types, countsItself ? loop.getCount() : forward.trips, inits, loop.getScanned(),
                               length, loop.getReverse());
  made->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  if (countsItself) {
    made.getCondition().takeBody(loop.getCondition());
    forward.trips = made.getResult(numCarries);
  }
  made.getBody().takeBody(loop.getBody());
  for (unsigned i = 0; i < loop.getNumResults(); ++i) {
    loop.getResult(i).replaceAllUsesWith(made.getResult(i + (countsItself && i >= numCarries ? 1 : 0)));
  }
  for (auto [k, carry] : llvm::enumerate(carries)) {
    forward.stacks.push_back({carry, made.getResult(static_cast<unsigned>(firstStack + k))});
  }
  forward.loop = made;
  return forward;
}

}  // namespace

void sweepLoop(LoopOp loop, Sweep& sweep) {
  const mlir::Location loc = loop.getLoc();
  const unsigned numCarries = loop.getNumCarries();
  mlir::Block& body = loop.getBodyBlock();
  const llvm::SmallVector<Value> yields(body.getTerminator()->getOperands());
  const llvm::SmallVector<Value> carryArguments(loop.getCarryArguments()), rowArguments(loop.getRowArguments());
  const llvm::SmallVector<Value> captures = capturesOf(loop);

  // What the cotangents of the results reach, around the carries to a fixed point.
  llvm::SmallVector<bool> isUseful(numCarries);
  llvm::SmallVector<Value> ends;
  llvm::SmallVector<unsigned> stackedYields;
  for (unsigned i = 0; i < yields.size(); ++i) {
    if (sweep.cotangents.contains(loop.getResult(i))) {
      ends.push_back(yields[i]);
      if (i < numCarries) {
        isUseful[i] = true;
      } else {
        stackedYields.push_back(i);
      }
    }
  }
  llvm::DenseSet<Value> reached;
  for (bool changed = true; changed;) {
    changed = false;
    reached = sweep.active.reachingFrom(ends);
    for (unsigned i = 0; i < numCarries; ++i) {
      if (!isUseful[i] && reached.contains(carryArguments[i])) {
        isUseful[i] = changed = true;
        ends.push_back(yields[i]);
      }
    }
  }
  llvm::SmallVector<unsigned> carries;
  for (unsigned i = 0; i < numCarries; ++i) {
    if (isUseful[i] && sweep.active.contains(carryArguments[i])) {
      carries.push_back(i);
    }
  }
  auto wanted = [&](Value value) { return sweep.active.contains(value) && reached.contains(value); };

  llvm::SmallVector<Value> cotangents;  // Of the carries that have one, then of the stacked values.
  for (unsigned i : carries) {
    cotangents.push_back(sweep.cotangentOf(loop.getResult(i), loc));
  }
  const size_t numCotangents = cotangents.size();
  for (unsigned i : stackedYields) {
    cotangents.push_back(sweep.cotangents.lookup(loop.getResult(i)));
  }
  const ForwardLoop forward = makeForward(loop, sweep.expander);
  LoopOp f = forward.loop;
  sweep.dead.push_back(loop);

  // The reverse loop: its carries are the cotangents and the sums for captured values.
  llvm::SmallVector<Value> inits(llvm::ArrayRef<Value>(cotangents).take_front(numCotangents)), summed, scanned;
  for (Value capture : captures) {
    if (wanted(capture)) {
      summed.push_back(capture);
      inits.push_back(splatLike(sweep.b, loc, 0.0, capture));
    }
  }
  llvm::SmallVector<mlir::Type> arguments{f.getStep().getType()}, types;
  for (Value init : inits) {
    arguments.push_back(init.getType());
    types.push_back(init.getType());
  }
  llvm::SmallVector<Value> rowOf;  // What the body reads for each scanned value, in order.
  for (auto [carry, stack] : forward.stacks) {
    scanned.push_back(stack);
    arguments.push_back(carry.getType());
    rowOf.push_back(carry);
  }
  llvm::SmallVector<unsigned> wantedRows;
  for (auto [i, row] : llvm::enumerate(rowArguments)) {
    scanned.push_back(f.getScanned()[i]);
    arguments.push_back(row.getType());
    rowOf.push_back(row);
    if (wanted(row)) {
      wantedRows.push_back(static_cast<unsigned>(i));
      types.push_back(f.getScanned()[i].getType());
    }
  }
  for (auto [i, cotangent] : llvm::zip(stackedYields, llvm::ArrayRef<Value>(cotangents).drop_front(numCotangents))) {
    scanned.push_back(cotangent);
    arguments.push_back(yields[i].getType());
  }
  auto reverse = LoopOp::create(sweep.b, loc, types, forward.trips, inits, scanned, f.getLengthAttr(), !f.getReverse());
  reverse->setAttr(kAdjointAttr, sweep.b.getUnitAttr());
  mlir::Block* block = new mlir::Block();
  reverse.getBody().push_back(block);
  for (mlir::Type type : arguments) {
    block->addArgument(type, loc);
  }
  mlir::OpBuilder inner = mlir::OpBuilder::atBlockEnd(block);
  mlir::IRMapping mapping;
  mapping.map(f.getStep(), block->getArgument(0));
  const unsigned firstRow = static_cast<unsigned>(1 + inits.size());
  for (auto [i, value] : llvm::enumerate(rowOf)) {
    mapping.map(value, block->getArgument(static_cast<unsigned>(firstRow + i)));
  }
  llvm::SmallVector<Value> originals, xs, seeds, ys;
  for (auto [k, i] : llvm::enumerate(carries)) {
    if (Value row = mapping.lookupOrNull(carryArguments[i])) {
      originals.push_back(carryArguments[i]);
      xs.push_back(row);
    }
    ys.push_back(yields[i]);
    seeds.push_back(block->getArgument(static_cast<unsigned>(1 + k)));
  }
  for (unsigned i : wantedRows) {
    originals.push_back(rowArguments[i]);
    xs.push_back(mapping.lookup(rowArguments[i]));
  }
  originals.append(summed);
  xs.append(summed);
  for (auto [k, i] : llvm::enumerate(stackedYields)) {
    ys.push_back(yields[i]);
    seeds.push_back(block->getArgument(static_cast<unsigned>(firstRow + rowOf.size() + k)));
  }
  VjpOp vjp = VjpOfCopy(inner, loc, originals, xs, seeds, mapping).finish(sweep.expander, f.getBodyBlock(), ys);

  llvm::SmallVector<Value> results;
  unsigned next = 0;
  for (unsigned i : carries) {
    // A carry that the body does not read has the cotangent zero before the step.
    results.push_back(mapping.lookupOrNull(carryArguments[i]) ? Value(vjp.getResult(next++))
                                                              : splatLike(inner, loc, 0.0, carryArguments[i]));
  }
  const unsigned firstRowGradient = next;
  next += static_cast<unsigned>(wantedRows.size());
  for (size_t k = 0; k < summed.size(); ++k) {
    Value sum = block->getArgument(static_cast<unsigned>(1 + carries.size() + k));
    results.push_back(add(inner, loc, sum, vjp.getResult(next++)));
  }
  for (size_t k = 0; k < wantedRows.size(); ++k) {
    results.push_back(vjp.getResult(static_cast<unsigned>(firstRowGradient + k)));
  }
  YieldOp::create(inner, loc, results);

  for (auto [k, i] : llvm::enumerate(carries)) {
    if (sweep.active.contains(f.getInits()[i])) {
      sweep.accumulate(f.getInits()[i], reverse.getResult(static_cast<unsigned>(k)), loc);
    }
  }
  for (auto [k, capture] : llvm::enumerate(summed)) {
    sweep.accumulate(capture, reverse.getResult(static_cast<unsigned>(carries.size() + k)), loc);
  }
  for (auto [k, i] : llvm::enumerate(wantedRows)) {
    sweep.accumulate(f.getScanned()[i], reverse.getResult(static_cast<unsigned>(inits.size() + k)), loc);
  }
}

void sweepBranch(BranchOp branch, Sweep& sweep) {
  const mlir::Location loc = branch.getLoc();
  llvm::SmallVector<Value> seeds, xs;
  llvm::SmallVector<unsigned> positions;
  for (mlir::OpResult result : branch.getResults()) {
    if (Value cotangent = sweep.cotangents.lookup(result)) {
      seeds.push_back(cotangent);
      positions.push_back(result.getResultNumber());
    }
  }
  llvm::SmallVector<mlir::Type> types;
  for (Value capture : capturesOf(branch)) {
    if (sweep.active.contains(capture)) {
      xs.push_back(capture);
      types.push_back(capture.getType());
    }
  }
  auto made =
      BranchOp::create(sweep.b, loc, types, branch.getSelector(), static_cast<unsigned>(branch.getBranches().size()));
  for (auto [from, to] : llvm::zip(branch.getBranches(), made.getBranches())) {
    mlir::Block* block = new mlir::Block();
    to.push_back(block);
    mlir::OpBuilder inner = mlir::OpBuilder::atBlockEnd(block);
    llvm::SmallVector<Value> ys;
    for (unsigned i : positions) {
      ys.push_back(from.front().getTerminator()->getOperand(i));
    }
    VjpOp vjp = VjpOfCopy(inner, loc, xs, xs, seeds, {}).finish(sweep.expander, from.front(), ys);
    YieldOp::create(inner, loc, vjp.getResults());
  }
  for (auto [x, gradient] : llvm::zip(xs, made.getResults())) {
    sweep.accumulate(x, gradient, loc);
  }
}

void sweepRecompute(RecomputeOp op, Sweep& sweep) {
  const mlir::Location loc = op.getLoc();
  mlir::Block& body = op.getBody().front();
  // Behind a barrier that waits for the cotangents, the inputs are new values: nothing merges the second computation
  // with the first, and it does not begin before its gradient is due.
  llvm::SmallVector<Value> originals(body.getArguments()), given(op.getInputs()), ys;
  llvm::SmallVector<bool> isX;
  for (Value argument : originals) {
    isX.push_back(sweep.active.contains(argument));
  }
  for (Value capture : capturesOf(op)) {
    if (sweep.active.contains(capture)) {
      originals.push_back(capture);
      given.push_back(capture);
      isX.push_back(true);
    }
  }
  llvm::SmallVector<Value> held = given;
  for (mlir::OpResult result : op.getResults()) {
    if (Value cotangent = sweep.cotangents.lookup(result)) {
      held.push_back(cotangent);
      ys.push_back(body.getTerminator()->getOperand(result.getResultNumber()));
    }
  }
  mlir::Operation* barrier = createOp(sweep.b, loc, "optimization_barrier", held);
  llvm::SmallVector<Value> xs, differentiated, targets, seeds(barrier->getResults().drop_front(given.size()));
  mlir::IRMapping mapping;
  for (auto [original, value, from, x] :
       llvm::zip(originals, barrier->getResults().take_front(given.size()), given, isX)) {
    if (x) {
      differentiated.push_back(original);
      xs.push_back(value);
      targets.push_back(from);
    } else {
      mapping.map(original, Value(value));
    }
  }
  VjpOp vjp = VjpOfCopy(sweep.b, loc, differentiated, xs, seeds, mapping).finish(sweep.expander, body, ys);
  for (auto [target, gradient] : llvm::zip(targets, vjp.getResults())) {
    sweep.accumulate(target, gradient, loc);
  }
}

void sweepCustomVjp(CustomVjpOp op, Sweep& sweep) {
  mlir::Block& backward = op.getBackward().front();
  llvm::SmallVector<Value> given(op.getInputs());
  llvm::append_range(given, op.getOutputs());
  for (Value result : op.getOutputs()) {
    if (isFloat(dtypeOf(result.getType()))) {
      given.push_back(sweep.cotangentOf(result, op.getLoc()));
    }
  }
  mlir::IRMapping mapping;
  mapping.map(mlir::ValueRange(backward.getArguments()), mlir::ValueRange(given));
  sweep.expander.cloneOps(sweep.b, backward, mapping);
  unsigned next = 0;
  for (Value input : op.getInputs()) {
    if (isFloat(dtypeOf(input.getType()))) {
      Value gradient = mapping.lookupOrDefault(backward.getTerminator()->getOperand(next++));
      if (sweep.active.contains(input)) {
        sweep.accumulate(input, gradient, op.getLoc());
      }
    }
  }
}

}  // namespace kiln::compiler
