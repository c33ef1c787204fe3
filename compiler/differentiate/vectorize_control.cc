// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loops and branches whose examples go different ways.
#include "compiler/differentiate/vectorize_batch.h"
#include "mlir/Transforms/RegionUtils.h"

namespace kiln::compiler {
namespace {

mlir::Operation::operand_range yieldsOf(mlir::Block& block) { return block.getTerminator()->getOperands(); }

}  // namespace

Batch::Impersonation::Impersonation(Batch& batch, mlir::Location loc, mlir::Region& region, Value active,
                                    mlir::ValueRange others)
    : batch_(batch), active_(batch.active) {
  mlir::OpBuilder& b = batch.b;
  llvm::SetVector<Value> read;
  mlir::getUsedValuesDefinedAbove(region, region, read);
  read.insert(others.begin(), others.end());
  // The first example that needs the region. No derivative goes to it for what others do in its name.
  Value model = create(b, loc, "argmax", castTo(b, loc, active, i32), b.getNamedAttr("axis", b.getI64IntegerAttr(0)));
  for (Value value : read) {
    if (!batch.isMapped(value)) {
      continue;
    }
    Value all = batch.get(value);
    before_.emplace_back(value, all);
    Value its = create(b, loc, "stop_gradient", create(b, loc, "gather", {all, model}));
    batch.mapped_[value] = batch.choose(loc, active, all, broadcastTo(b, loc, its, shapeOf(all.getType())));
  }
  batch.active = Value();
}

Batch::Impersonation::~Impersonation() {
  for (auto [value, all] : before_) {
    batch_.mapped_[value] = all;
  }
  batch_.active = active_;
}

Value Batch::boundOf(mlir::Location loc, Value counts) {
  const auto axes = b.getNamedAttr("axes", b.getDenseI64ArrayAttr({0}));
  Value zero = splat(b, loc, 0, {dtypeOf(counts.getType()), {}});
  Value least = create(b, loc, "reduce_min", counts, axes), most = create(b, loc, "reduce_max", counts, axes);
  return select(b, loc, create(b, loc, "less", {least, zero}), least, create(b, loc, "maximum", {most, zero}));
}

Value Batch::isBelow(mlir::Location loc, Value step, Value counts) {
  return create(b, loc, "less", {broadcastTo(b, loc, step, {size}), counts});
}

void Batch::copyBindDim(BindDimOp bind) {
  // As long as the longest needs; the loops that have this length end each example at its own.
  const mlir::Location loc = bind.getLoc();
  Value lengths = all(loc, bind.getLength());
  if (active) {
    lengths = chooseOr(loc, active, lengths, 0);
  }
  longest_[bind.getResult()] = create(b, loc, "bind_dim", boundOf(loc, lengths), bind->getAttrs());
  set(bind.getResult(), lengths);
}

llvm::LogicalResult Batch::copyLoop(LoopOp loop) {
  const mlir::Location loc = loop.getLoc();
  const bool haveOwnTrips = marks.haveOwnTrips(loop);
  const unsigned numCarries = loop.getNumCarries();
  const Value outside = active;

  Value count, counts;  // How many steps the loop takes, and each example of it.
  if (loop.getCount() && isMapped(loop.getCount())) {
    counts = get(loop.getCount());
    counts = active ? chooseOr(loc, active, counts, 0) : counts;
    // Where the length is bound, the count is what binds it.
    count = longest_.lookup(loop.getCount());
    count = count ? count : boundOf(loc, counts);
  } else if (loop.getCount()) {
    count = one(loop.getCount());
  } else if (Value length = marks.boundLength(loop)) {
    counts = get(length);
  }
  // A condition sees no step, so it is given one as a carry.
  const bool carriesStep = loop.hasCondition() && counts;

  llvm::SmallVector<Value> inits, scanned;
  llvm::SmallVector<mlir::Type> carryTypes, rowTypes, types;
  for (auto [argument, init] : llvm::zip(loop.getCarryArguments(), loop.getInits())) {
    inits.push_back(isMapped(argument) ? all(loc, init) : one(init));
    carryTypes.push_back(inits.back().getType());
  }
  const mlir::Type stepType = loop.getStep().getType();
  if (carriesStep) {
    inits.push_back(splat(b, loc, 0, valueType(stepType)));
    carryTypes.push_back(stepType);
  }
  for (auto [argument, values] : llvm::zip(loop.getRowArguments(), loop.getScanned())) {
    Value rows = get(values);
    if (isMapped(argument)) {
      llvm::SmallVector<int64_t> permutation = {1, 0};
      for (int64_t axis = 2; axis < shapeOf(rows.getType()).rank(); ++axis) {
        permutation.push_back(axis);
      }
      rows = transposeBy(b, loc, rows, permutation);
    }
    scanned.push_back(rows);
    rowTypes.push_back(isMapped(argument) ? batched(argument.getType()) : argument.getType());
  }
  types = carryTypes;
  for (unsigned i = numCarries; i < loop.getNumResults(); ++i) {
    const mlir::Type type = loop.getResult(i).getType();
    Shape shape = shapeOf(type);
    if (isMapped(loop.getResult(i))) {
      std::vector<Dim> dims = shape.dims();
      dims.insert(dims.begin() + 1, size);
      shape = Shape(std::move(dims));
    }
    types.push_back(tensorType(b.getContext(), dtypeOf(type), shape));
  }
  auto made = LoopOp::create(b, loc, types, count, inits, scanned, loop.getLengthAttr(), loop.getReverseAttr());
  made->setDiscardableAttrs(loop->getDiscardableAttrDictionary());

  // Which examples take the step, from the carries before it.
  auto whichTake = [&](mlir::ValueRange carries, Value step) -> llvm::FailureOr<Value> {
    Value which = outside;
    auto alsoIf = [&](Value mask) { which = which ? create(b, loc, "logical_and", {which, mask}) : mask; };
    if (loop.hasCondition()) {
      mlir::Block& condition = loop.getCondition().front();
      for (auto [argument, carry] : llvm::zip(condition.getArguments(), carries)) {
        set(argument, carry);
      }
      if (llvm::failed(copy(condition))) {
        return llvm::failure();
      }
      alsoIf(all(loc, yieldsOf(condition)[0]));
    }
    if (counts) {
      alsoIf(isBelow(loc, step, counts));
    }
    return which;
  };
  mlir::OpBuilder::InsertionGuard guard(b);
  const llvm::SmallVector<mlir::Location> places(carryTypes.size(), loc);
  if (loop.hasCondition()) {
    mlir::Block* block = b.createBlock(&made.getCondition(), {}, carryTypes, places);
    mlir::Block& condition = loop.getCondition().front();
    if (haveOwnTrips) {
      auto which = whichTake(block->getArguments(), carriesStep ? block->getArguments().back() : Value());
      if (llvm::failed(which)) {
        return llvm::failure();
      }
      YieldOp::create(b, loc, any(loc, *which));
    } else {
      for (auto [argument, carry] : llvm::zip(condition.getArguments(), block->getArguments())) {
        set(argument, carry);
      }
      if (llvm::failed(copy(condition))) {
        return llvm::failure();
      }
      YieldOp::create(b, loc, one(yieldsOf(condition)[0]));
    }
  }

  mlir::Block* block = b.createBlock(&made.getBody(), {}, stepType, loc);
  block->addArguments(carryTypes, places);
  block->addArguments(rowTypes, llvm::SmallVector<mlir::Location>(rowTypes.size(), loc));
  auto arguments = block->getArguments();
  Value which;
  if (haveOwnTrips) {
    auto found = whichTake(arguments.slice(1, numCarries), arguments[0]);
    if (llvm::failed(found)) {
      return llvm::failure();
    }
    which = *found;
  }
  set(loop.getStep(), arguments[0]);
  for (unsigned i = 0; i < numCarries; ++i) {
    set(loop.getCarryArguments()[i], arguments[1 + i]);
  }
  for (auto [argument, row] : llvm::zip(loop.getRowArguments(), arguments.drop_front(1 + carryTypes.size()))) {
    set(argument, row);
  }
  mlir::Block& body = loop.getBodyBlock();
  if (!haveOwnTrips || marks.canBeMasked(loop.getBody(), /*isGuarded=*/true)) {
    active = haveOwnTrips ? which : outside;
    const llvm::LogicalResult copied = copy(body);
    active = outside;
    if (llvm::failed(copied)) {
      return llvm::failure();
    }
  } else {
    const Impersonation impersonation(*this, loc, loop.getBody(), which, mlir::ValueRange(body.getArguments()));
    if (llvm::failed(copy(body))) {
      return llvm::failure();
    }
  }
  llvm::SmallVector<Value> yields;
  for (unsigned i = 0; i < loop.getNumResults(); ++i) {
    const Value yielded = yieldsOf(body)[i];
    const bool isCarry = i < numCarries;
    const bool isAll = isMapped(isCarry ? Value(loop.getCarryArguments()[i]) : Value(loop.getResult(i)));
    Value next = isAll ? all(loc, yielded) : one(yielded);
    if (which && isAll) {
      next = isCarry ? choose(loc, which, next, arguments[1 + i]) : chooseOr(loc, which, next, 0);
    }
    yields.push_back(next);
    if (i + 1 == numCarries && carriesStep) {
      Value step = arguments[1 + numCarries];
      yields.push_back(add(b, loc, step, splatLike(b, loc, 1, step)));
    }
  }
  if (numCarries == 0 && carriesStep) {
    yields.insert(yields.begin(), add(b, loc, arguments[1], splatLike(b, loc, 1, arguments[1])));
  }
  YieldOp::create(b, loc, yields);

  b.setInsertionPointAfter(made);
  for (unsigned i = 0; i < loop.getNumResults(); ++i) {
    Value result = made.getResult(i < numCarries || !carriesStep ? i : i + 1);
    if (i >= numCarries && isMapped(loop.getResult(i))) {
      llvm::SmallVector<int64_t> permutation = {1, 0};
      for (int64_t axis = 2; axis < shapeOf(result.getType()).rank(); ++axis) {
        permutation.push_back(axis);
      }
      result = transposeBy(b, loc, result, permutation);
    }
    set(loop.getResult(i), result);
  }
  return llvm::success();
}

llvm::LogicalResult Batch::copyUniformBranch(BranchOp branch) {
  const mlir::Location loc = branch.getLoc();
  llvm::SmallVector<mlir::Type> types;
  for (Value result : branch.getResults()) {
    types.push_back(isMapped(result) ? batched(result.getType()) : result.getType());
  }
  auto made = BranchOp::create(b, loc, types, one(branch.getSelector()), branch->getNumRegions());
  mlir::OpBuilder::InsertionGuard guard(b);
  for (auto [from, to] : llvm::zip(branch.getBranches(), made.getBranches())) {
    b.createBlock(&to);
    if (llvm::failed(copy(from.front()))) {
      return llvm::failure();
    }
    llvm::SmallVector<Value> yields;
    for (auto [result, yielded] : llvm::zip(branch.getResults(), yieldsOf(from.front()))) {
      yields.push_back(isMapped(result) ? all(loc, yielded) : one(yielded));
    }
    YieldOp::create(b, loc, yields);
  }
  for (auto [result, value] : llvm::zip(branch.getResults(), made.getResults())) {
    set(result, value);
  }
  return llvm::success();
}

// Every region for the whole batch, and of each example the results of its own.
llvm::LogicalResult Batch::copyBranch(BranchOp branch) {
  const mlir::Location loc = branch.getLoc();
  const Value outside = active;
  const auto numRegions = static_cast<int64_t>(branch->getNumRegions());
  Value selector = get(branch.getSelector());
  const DType dtype = dtypeOf(selector.getType());
  const bool isBool = dtype == boolean;
  if (!isBool) {
    // Looked up among the numbers that there are, which faults where the branch would.
    selector = outside ? chooseOr(loc, outside, selector, 0) : selector;
    Value numbers = create(b, loc, "iota", shapeValue(b, loc, {Dim(numRegions)}),
                           {b.getNamedAttr("axis", b.getI64IntegerAttr(0)),
                            b.getNamedAttr("dtype", mlir::TypeAttr::get(elementType(b.getContext(), dtype)))});
    selector = create(b, loc, "gather", {numbers, selector}, b.getNamedAttr("allow_negative", b.getBoolAttr(false)));
  }
  llvm::SmallVector<Value> results;
  for (int64_t number = 0; number < numRegions; ++number) {
    mlir::Region& region = branch.getBranches()[static_cast<size_t>(number)];
    const Value chosen =
        !isBool       ? create(b, loc, "equal", {selector, splatLike(b, loc, static_cast<double>(number), selector)})
        : number == 0 ? selector
                      : create(b, loc, "logical_not", selector);
    const Value which = outside ? create(b, loc, "logical_and", {outside, chosen}) : chosen;
    llvm::SmallVector<Value> values;
    auto copyRegion = [&] {
      if (llvm::failed(copy(region.front()))) {
        return llvm::failure();
      }
      for (Value yielded : yieldsOf(region.front())) {
        values.push_back(all(loc, yielded));
      }
      return llvm::success();
    };
    if (marks.canBeMasked(region, /*isGuarded=*/false)) {
      active = which;
      const llvm::LogicalResult copied = copyRegion();
      active = outside;
      if (llvm::failed(copied)) {
        return llvm::failure();
      }
    } else {
      // Run when an example takes it, and for those that do not in the name of one that does.
      llvm::SmallVector<mlir::Type> types;
      for (mlir::Type type : branch.getResultTypes()) {
        types.push_back(batched(type));
      }
      auto guarded = BranchOp::create(b, loc, types, any(loc, which), 2);
      mlir::OpBuilder::InsertionGuard guard(b);
      b.createBlock(&guarded.getBranches()[0]);
      {
        const Impersonation impersonation(*this, loc, region, which, {});
        if (llvm::failed(copyRegion())) {
          return llvm::failure();
        }
      }
      YieldOp::create(b, loc, values);
      b.createBlock(&guarded.getBranches()[1]);
      llvm::SmallVector<Value> zeros;
      for (mlir::Type type : types) {
        zeros.push_back(splat(b, loc, 0, valueType(type)));
      }
      YieldOp::create(b, loc, zeros);
      values.assign(guarded.result_begin(), guarded.result_end());
    }
    for (auto [i, value] : llvm::enumerate(values)) {
      if (number == 0) {
        results.push_back(value);
      } else {
        results[i] = choose(loc, chosen, value, results[i]);
      }
    }
  }
  for (auto [result, value] : llvm::zip(branch.getResults(), results)) {
    set(result, value);
  }
  return llvm::success();
}

llvm::LogicalResult Batch::copyRecompute(RecomputeOp recompute) {
  const mlir::Location loc = recompute.getLoc();
  mlir::Block& body = recompute.getBody().front();
  llvm::SmallVector<Value> inputs;
  llvm::SmallVector<mlir::Type> types;
  for (Value input : recompute.getInputs()) {
    inputs.push_back(get(input));
  }
  for (Value result : recompute.getResults()) {
    types.push_back(isMapped(result) ? batched(result.getType()) : result.getType());
  }
  auto made = RecomputeOp::create(b, loc, types, inputs);
  mlir::OpBuilder::InsertionGuard guard(b);
  mlir::Block* block = b.createBlock(&made.getBody());
  for (auto [argument, input] : llvm::zip(body.getArguments(), inputs)) {
    set(argument, block->addArgument(input.getType(), loc));
  }
  if (llvm::failed(copy(body))) {
    return llvm::failure();
  }
  llvm::SmallVector<Value> yields;
  for (Value yielded : yieldsOf(body)) {
    yields.push_back(get(yielded));
  }
  YieldOp::create(b, loc, yields);
  for (auto [result, value] : llvm::zip(recompute.getResults(), made.getResults())) {
    set(result, value);
  }
  return llvm::success();
}

llvm::LogicalResult Batch::copyCustomVjp(CustomVjpOp custom) {
  const mlir::Location loc = custom.getLoc();
  llvm::SmallVector<Value> inputs;
  llvm::SmallVector<mlir::Type> types;
  for (Value input : custom.getInputs()) {
    inputs.push_back(all(loc, input));
  }
  for (mlir::Type type : custom.getResultTypes()) {
    types.push_back(batched(type));
  }
  auto made = CustomVjpOp::create(b, loc, types, inputs);
  mlir::OpBuilder::InsertionGuard guard(b);
  const std::pair<mlir::Region*, mlir::Region*> regions[] = {{&custom.getForward(), &made.getForward()},
                                                             {&custom.getBackward(), &made.getBackward()}};
  for (auto [from, to] : regions) {
    mlir::Block* block = b.createBlock(to);
    for (mlir::BlockArgument argument : from->getArguments()) {
      set(argument, block->addArgument(batched(argument.getType()), loc));
    }
    if (llvm::failed(copy(from->front()))) {
      return llvm::failure();
    }
    llvm::SmallVector<Value> yields;
    for (Value yielded : yieldsOf(from->front())) {
      yields.push_back(all(loc, yielded));
    }
    YieldOp::create(b, loc, yields);
  }
  for (auto [result, value] : llvm::zip(custom.getResults(), made.getResults())) {
    set(result, value);
  }
  return llvm::success();
}

}  // namespace kiln::compiler
