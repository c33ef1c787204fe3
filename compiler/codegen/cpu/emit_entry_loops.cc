// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loops of an entry point: the steps of their bodies are written once, between phis that hold where the carries are.
#include <limits>

#include "compiler/codegen/cpu/emit_entry_steps.h"
#include "compiler/dialect/types.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
using Mode = PlannedCarry::Mode;
using Predicate = LLVM::ICmpPredicate;
using mlir::Value;

namespace {

constexpr int64_t kMostSteps = int64_t{1} << 40;

mlir::Type rowType(mlir::Type stacked) {
  Shape row;
  for (auto [axis, dim] : llvm::enumerate(shapeOf(stacked))) {
    if (axis > 0) {
      row.push_back(dim);
    }
  }
  return tensorType(stacked.getContext(), dtypeOf(stacked), row);
}

/// True when the loop runs through all rows, which are as many as a bind_dim said.
bool fillsRows(Value count, const Dim& length) {
  if (!count) {
    return true;
  }
  auto bind = count.getDefiningOp<BindDimOp>();
  return bind && length == Dim::symbol(bind.getSymbol().str());
}

}  // namespace

Value StepWriter::checkedCount(mlir::Operation* op, Value count, Value most) {
  most = most ? most : code_.constant(kMostSteps);
  failIf(code_.compare(Predicate::ugt, count, most), KILN_STATUS_TRIP_COUNT, op, count, most);
  return count;
}

Value StepWriter::tripCount(LoopOp loop) {
  Value length = loop.getLength() ? value(loop.getLength()->getShape()[0]) : Value();
  if (!loop.getCount()) {
    return length ? length : code_.constant(std::numeric_limits<int64_t>::max());
  }
  Value most =
      length ? LLVM::SMinOp::create(code_.b, code_.loc, length, code_.constant(kMostSteps)).getResult() : length;
  return checkedCount(loop, code_.load(code_.i64, pointer(loop.getCount())), most);
}

Value StepWriter::readCondition(Value value) {
  Value byte = code_.load(code_.b.getI8Type(), pointer(value));
  Value zero = LLVM::ConstantOp::create(code_.b, code_.loc, code_.b.getI8Type(), code_.b.getI8IntegerAttr(0));
  return code_.compare(Predicate::ne, byte, zero);
}

void StepWriter::clearRows(mlir::Operation* op, mlir::ValueRange stacked, const Values& bases) {
  Value zero = LLVM::ConstantOp::create(code_.b, code_.loc, code_.b.getI8Type(), code_.b.getI8IntegerAttr(0));
  for (auto [value, base] : llvm::zip_equal(stacked, bases)) {
    LLVM::MemsetOp::create(code_.b, code_.loc, base, zero, bytesOf(value.getType()), /*isVolatile=*/false);
  }
}

Value StepWriter::rowOf(Value base, mlir::Type row, Value index) {
  return code_.bytesAfter(base, code_.mul(bytesOf(row), index));
}

void StepWriter::bindRows(mlir::Block::BlockArgListType rows, const Values& scanned, mlir::TypeRange stacked,
                          const Values& stackedBases, Value index, Frame& frame) {
  for (auto [argument, base] : llvm::zip_equal(rows, scanned)) {
    pointers_[argument] = rowOf(base, argument.getType(), index);
  }
  for (auto [type, base] : llvm::zip_equal(stacked, stackedBases)) {
    frame.rows.push_back(rowOf(base, rowType(type), index));
  }
}

void StepWriter::copyYields(mlir::Operation* yield, const std::vector<PlannedCarry>& carries) {
  const Frame& frame = frames_.back();
  const size_t count = frame.carries.size();
  for (size_t i = 0; i < yield->getNumOperands(); ++i) {
    if (i >= count) {
      // What a carry of mode kAhead was is in its row already.
      const bool isThere = llvm::any_of(llvm::enumerate(carries), [&](auto carry) {
        return carry.value().mode == Mode::kAhead && carry.value().row == static_cast<int>(i - count);
      });
      if (!isThere) {
        copyUnlessThere(yield->getOperand(i), {Space::kRow, static_cast<int64_t>(i - count)}, frame.rows[i - count]);
      }
    } else if (i >= carries.size() || (carries[i].mode != Mode::kRow && carries[i].mode != Mode::kKeep)) {
      copyUnlessThere(yield->getOperand(i), {Space::kCarry, static_cast<int64_t>(i)}, frame.carries[i]);
    }
  }
}

void StepWriter::writeLoop(const PlannedStep& step) {
  auto loop = mlir::cast<LoopOp>(step.op);
  const size_t numCarries = loop.getNumCarries();
  mlir::Block& body = loop.getBodyBlock();
  Values inits, scanned, results, stacked;
  for (Value init : loop.getInits()) {
    inits.push_back(pointer(init));
  }
  for (Value value : loop.getScanned()) {
    scanned.push_back(pointer(value));
  }
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    (i < numCarries ? results : stacked).push_back(pointer(step.outputs[i]));
  }
  mlir::ResultRange outputs = loop.getOutputs();
  mlir::ValueRange stackedValues = mlir::ValueRange(outputs).drop_front(numCarries);
  Value trips = tripCount(loop), zero = code_.constant(0), one = code_.constant(1);
  if (!stackedValues.empty() && (loop.hasCondition() || !fillsRows(loop.getCount(), loop.getLength()->getShape()[0]))) {
    clearRows(loop, stackedValues, stacked);
  }
  auto numberOf = [&](Value round) { return loop.getReverse() ? code_.sub(code_.sub(trips, one), round) : round; };

  // The pointers that change from step to step, carry by carry.
  Values initial;
  std::vector<Turns> turns(numCarries);
  for (size_t i = 0; i < numCarries; ++i) {
    const PlannedCarry& carry = step.carries[i];
    turns[i] = {inits[i], {}, {}};
    switch (carry.mode) {
      case Mode::kKeep:
        break;
      case Mode::kInPlace:
        copyUnlessThere(loop.getInits()[i], step.outputs[i], results[i]);
        turns[i].current = results[i];
        break;
      case Mode::kSwap: {
        // The last of them goes to the result, when it is known which that is.
        Value spare = pointer(carry.spare), first = results[i], second = spare;
        if (!loop.hasCondition()) {
          Value isOdd = code_.compare(Predicate::ne, LLVM::AndOp::create(code_.b, code_.loc, trips, one), zero);
          first = code_.select(isOdd, results[i], spare);
          second = code_.select(isOdd, spare, results[i]);
        }
        initial.append({inits[i], first, second});
        break;
      }
      case Mode::kRow:
        initial.push_back(inits[i]);
        break;
      case Mode::kAhead: {
        mlir::Type type = outputs[i].getType();
        Value first = rowOf(stacked[carry.row], type, numberOf(zero)), any = code_.compare(Predicate::sgt, trips, zero);
        ifTrue(any, [&] { code_.copy(first, inits[i], bytesOf(type)); });
        initial.push_back(code_.select(any, first, inits[i]));
        break;
      }
    }
  }

  llvm::SmallVector<mlir::Type> types{code_.i64};
  types.append(initial.size(), code_.ptr);
  mlir::Block *header = newBlock(types), *bodyStart = newBlock(), *done = newBlock();
  Values arguments{zero};
  arguments.append(initial);
  jump(header, arguments);
  setInsertionPoint(header);
  Value round = header->getArgument(0);
  unsigned next = 1;
  for (size_t i = 0; i < numCarries; ++i) {
    const Mode mode = step.carries[i].mode;
    if (mode == Mode::kSwap) {
      turns[i] = {header->getArgument(next), header->getArgument(next + 1), header->getArgument(next + 2)};
      next += 3;
    } else if (mode == Mode::kRow || mode == Mode::kAhead) {
      turns[i].current = header->getArgument(next++);
    }
  }
  leaveIfCancelled();
  Value goesOn = code_.compare(Predicate::slt, round, trips);
  if (loop.hasCondition()) {
    mlir::Block* check = newBlock();
    jumpIf(goesOn, check, {}, done);
    setInsertionPoint(check);
    mlir::Block& condition = loop.getCondition().front();
    for (size_t i = 0; i < numCarries; ++i) {
      pointers_[condition.getArgument(i)] = turns[i].current;
    }
    writeAll(step.regions[0]);
    jumpIf(readCondition(condition.getTerminator()->getOperand(0)), bodyStart, {}, done);
  } else {
    jumpIf(goesOn, bodyStart, {}, done);
  }

  setInsertionPoint(bodyStart);
  Value number = numberOf(round);
  if (step.number) {
    pointers_[loop.getStep()] = pointer(*step.number);
    code_.store(number, pointers_[loop.getStep()]);
  }
  Frame frame;
  bindRows(loop.getRowArguments(), scanned, stackedValues.getTypes(), stacked, number, frame);
  Value nextRound = code_.add(round, one);
  for (size_t i = 0; i < numCarries; ++i) {
    const PlannedCarry& carry = step.carries[i];
    pointers_[loop.getCarryArguments()[i]] = turns[i].current;
    if (carry.mode == Mode::kRow) {
      turns[i].next = frame.rows[carry.row];
    } else if (carry.mode == Mode::kAhead) {
      Value row = rowOf(stacked[carry.row], outputs[i].getType(), numberOf(nextRound));
      turns[i].next = code_.select(code_.compare(Predicate::slt, nextRound, trips), row, results[i]);
    } else if (carry.mode != Mode::kSwap) {
      turns[i].next = turns[i].current;
    }
    frame.carries.push_back(turns[i].next);
  }
  frames_.push_back(std::move(frame));
  writeAll(step.regions[1]);
  copyYields(body.getTerminator(), step.carries);
  frames_.pop_back();
  arguments.assign({nextRound});
  for (size_t i = 0; i < numCarries; ++i) {
    const Mode mode = step.carries[i].mode;
    if (mode == Mode::kSwap) {
      arguments.append({turns[i].next, turns[i].other, turns[i].next});
    } else if (mode == Mode::kRow || mode == Mode::kAhead) {
      arguments.push_back(turns[i].next);
    }
  }
  jump(header, arguments);

  setInsertionPoint(done);
  for (size_t i = 0; i < numCarries; ++i) {
    if (outputs[i].use_empty() || step.carries[i].mode == Mode::kInPlace || turns[i].current == results[i]) {
      continue;
    }
    ifTrue(code_.compare(Predicate::ne, turns[i].current, results[i]),
           [&] { code_.copy(results[i], turns[i].current, bytesOf(outputs[i].getType())); });
  }
}

//===-- unwind
//-----------------------------------------------------------------------------------------------------------===//

// Binomial checkpointing (Griewank and Walther, "Algorithm 799: revolve", 2000): of `length` steps to go through in
// reverse with the kept one at their begin and room for `free` more, the next is kept so far on that no step is
// repeated more than r times, the least for which beta(s, r) = (s + r)! / (s! r!) reaches the length with s = free + 1.
Value StepWriter::nextKept(Value length, Value free, int64_t slots) {
  Value one = code_.constant(1);
  // Far more slots than this help nothing; products stay below 2^62.
  Value s = LLVM::SMinOp::create(code_.b, code_.loc, code_.add(free, one),
                                 code_.constant(std::min<int64_t>(slots, int64_t{1} << 30)));
  mlir::Block *header = newBlock({code_.i64, code_.i64}), *raise = newBlock(), *done = newBlock();
  jump(header, mlir::ValueRange{code_.constant(0), one});
  setInsertionPoint(header);
  Value r = header->getArgument(0), beta = header->getArgument(1);
  jumpIf(code_.compare(Predicate::slt, beta, length), raise, {}, done);
  setInsertionPoint(raise);
  Value next = code_.add(r, one);
  Value more = LLVM::SDivOp::create(code_.b, code_.loc, code_.mul(beta, code_.add(s, next)), next);
  jump(header, mlir::ValueRange{next, more});
  setInsertionPoint(done);
  // beta(s - 1, r): the steps after the kept one.
  Value after = LLVM::SDivOp::create(code_.b, code_.loc, code_.mul(beta, s), code_.add(s, r));
  return LLVM::SMaxOp::create(code_.b, code_.loc, code_.sub(length, after), one);
}

void StepWriter::writeUnwind(const PlannedStep& step) {
  auto unwind = mlir::cast<UnwindOp>(step.op);
  const size_t numStates = unwind.getInits().size(), numCotangents = unwind.getCotangents().size();
  const int64_t slots = static_cast<int64_t>(unwind.getSlots());
  mlir::Block &forward = unwind.getStep().front(), &adjoint = unwind.getAdjoint().front();
  Values scanned, results, stacked, kept, first, second;
  for (Value value : unwind.getScanned()) {
    scanned.push_back(pointer(value));
  }
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    (i < numCotangents ? results : stacked).push_back(pointer(step.outputs[i]));
  }
  mlir::ValueRange outputs = unwind.getOutputs(), stackedValues = outputs.drop_front(numCotangents);
  Value length = unwind.getLength() ? value(unwind.getLength()->getShape()[0]) : Value(), trips = length;
  if (unwind.getCount()) {
    trips = checkedCount(unwind, code_.load(code_.i64, pointer(unwind.getCount())), length);
  }
  if (!stackedValues.empty() && !fillsRows(unwind.getCount(), unwind.getLength()->getShape()[0])) {
    clearRows(unwind, stackedValues, stacked);
  }
  Value zero = code_.constant(0), one = code_.constant(1);
  Value keptNumbers = pointer(*step.scratch);
  auto keptNumber = [&](Value slot) { return code_.bytesAfter(keptNumbers, code_.mul(slot, code_.constant(8))); };
  auto keptState = [&](size_t i, Value slot) { return rowOf(kept[i], unwind.getInits()[i].getType(), slot); };
  code_.store(zero, keptNumbers);
  for (size_t i = 0; i < numStates; ++i) {
    kept.push_back(pointer(step.states[i].kept));
    first.push_back(pointer(step.states[i].first));
    second.push_back(pointer(step.states[i].second));
    code_.copy(kept[i], pointer(unwind.getInits()[i]), bytesOf(unwind.getInits()[i].getType()));
  }
  Value number = step.number ? pointer(*step.number) : Value();

  // Of the cotangents, as in a loop; see writeLoop().
  std::vector<Turns> turns(numCotangents);
  Values initial;
  for (size_t i = 0; i < numCotangents; ++i) {
    Value init = pointer(unwind.getCotangents()[i]);
    turns[i] = {init, {}, {}};
    if (step.carries[i].mode == Mode::kInPlace) {
      copyUnlessThere(unwind.getCotangents()[i], step.outputs[i], results[i]);
      turns[i].current = results[i];
    } else if (step.carries[i].mode == Mode::kSwap) {
      Value isOdd = code_.compare(Predicate::ne, LLVM::AndOp::create(code_.b, code_.loc, trips, one), zero);
      Value spare = pointer(step.carries[i].spare);
      initial.append({init, code_.select(isOdd, results[i], spare), code_.select(isOdd, spare, results[i])});
    } else if (step.carries[i].mode == Mode::kRow) {
      initial.push_back(init);
    }
  }

  // header(left, top kept, cotangents...): the step to go through is left - 1.
  llvm::SmallVector<mlir::Type> types{code_.i64, code_.i64};
  types.append(initial.size(), code_.ptr);
  mlir::Block *header = newBlock(types), *find = newBlock(), *done = newBlock();
  Values arguments{trips, zero};
  arguments.append(initial);
  jump(header, arguments);
  setInsertionPoint(header);
  Value left = header->getArgument(0), top = header->getArgument(1), target = code_.sub(left, one);
  unsigned next = 2;
  for (size_t i = 0; i < numCotangents; ++i) {
    if (step.carries[i].mode == Mode::kSwap) {
      turns[i] = {header->getArgument(next), header->getArgument(next + 1), header->getArgument(next + 2)};
      next += 3;
    } else if (step.carries[i].mode == Mode::kRow) {
      turns[i].current = header->getArgument(next++);
    }
  }
  leaveIfCancelled();
  jumpIf(code_.compare(Predicate::sgt, left, zero), find, {}, done);

  // reach(at, top, states...): the state before step `at` is known; goes on to `target`, keeping what there is room
  // for.
  setInsertionPoint(find);
  types.assign({code_.i64, code_.i64});
  types.append(3 * numStates, code_.ptr);
  mlir::Block *reach = newBlock(types), *choose = newBlock(), *keep = newBlock();
  mlir::Block *advance = newBlock({code_.i64}), *arrived = newBlock();
  arguments.assign({code_.load(code_.i64, keptNumber(top)), top});
  for (size_t i = 0; i < numStates; ++i) {
    arguments.append({keptState(i, top), first[i], second[i]});
  }
  jump(reach, arguments);
  setInsertionPoint(reach);
  Value at = reach->getArgument(0), reachTop = reach->getArgument(1);
  jumpIf(code_.compare(Predicate::slt, at, target), choose, {}, arrived);
  setInsertionPoint(choose);
  Value free = code_.sub(code_.constant(slots - 1), reachTop);
  jumpIf(code_.compare(Predicate::sgt, free, zero), keep, {}, advance, mlir::ValueRange{target});
  setInsertionPoint(keep);
  Value goal = code_.add(at, nextKept(code_.sub(left, at), free, slots));
  jump(advance, mlir::ValueRange{goal});

  // steps(at, states...): from `at` to the goal; the last step writes where the state is kept.
  setInsertionPoint(advance);
  goal = advance->getArgument(0);
  Value keeps = code_.compare(Predicate::sgt, free, zero), newTop = code_.add(reachTop, one);
  types.assign({code_.i64});
  types.append(3 * numStates, code_.ptr);
  mlir::Block *steps = newBlock(types), *stepStart = newBlock(), *stepsDone = newBlock();
  arguments.assign({at});
  arguments.append(reach->getArguments().begin() + 2, reach->getArguments().end());
  jump(steps, arguments);
  setInsertionPoint(steps);
  Value now = steps->getArgument(0);
  leaveIfCancelled();
  jumpIf(code_.compare(Predicate::slt, now, goal), stepStart, {}, stepsDone);
  setInsertionPoint(stepStart);
  Value after = code_.add(now, one);
  Value isKept = LLVM::AndOp::create(code_.b, code_.loc, keeps, code_.compare(Predicate::eq, after, goal));
  Frame frame;
  if (number) {
    code_.store(now, number);
    pointers_[forward.getArgument(0)] = number;
  }
  bindRows(forward.getArguments().drop_front(1 + numStates), scanned, {}, {}, now, frame);
  arguments.assign({after});
  for (size_t i = 0; i < numStates; ++i) {
    Value current = steps->getArgument(1 + 3 * i), spare = steps->getArgument(2 + 3 * i);
    Value other = steps->getArgument(3 + 3 * i);
    pointers_[forward.getArgument(1 + i)] = current;
    // A slot only where there is one more: the address is not used otherwise.
    Value written = code_.select(isKept, keptState(i, newTop), spare);
    frame.carries.push_back(written);
    arguments.append({written, code_.select(isKept, spare, other), code_.select(isKept, other, spare)});
  }
  frames_.push_back(std::move(frame));
  writeAll(step.regions[0]);
  copyYields(forward.getTerminator(), {});
  frames_.pop_back();
  jump(steps, arguments);

  setInsertionPoint(stepsDone);
  ifTrue(keeps, [&] { code_.store(goal, keptNumber(newTop)); });
  arguments.assign({goal, code_.select(keeps, newTop, reachTop)});
  arguments.append(steps->getArguments().begin() + 1, steps->getArguments().end());
  jump(reach, arguments);

  setInsertionPoint(arrived);
  if (number) {
    code_.store(target, number);
    pointers_[adjoint.getArgument(0)] = number;
  }
  frame = Frame();
  for (size_t i = 0; i < numStates; ++i) {
    pointers_[adjoint.getArgument(1 + i)] = reach->getArgument(2 + 3 * i);
  }
  bindRows(adjoint.getArguments().drop_front(1 + numStates + numCotangents), scanned, stackedValues.getTypes(), stacked,
           target, frame);
  for (size_t i = 0; i < numCotangents; ++i) {
    const PlannedCarry& carry = step.carries[i];
    pointers_[adjoint.getArgument(1 + numStates + i)] = turns[i].current;
    if (carry.mode != Mode::kSwap) {
      turns[i].next = carry.mode == Mode::kRow ? frame.rows[carry.row] : turns[i].current;
    }
    frame.carries.push_back(turns[i].next);
  }
  frames_.push_back(std::move(frame));
  writeAll(step.regions[1]);
  copyYields(adjoint.getTerminator(), step.carries);
  frames_.pop_back();
  // The state that was kept for this very step is not needed again, but for the first.
  Value isOwn = code_.compare(Predicate::eq, code_.load(code_.i64, keptNumber(reachTop)), target);
  Value drops = LLVM::AndOp::create(code_.b, code_.loc, isOwn, code_.compare(Predicate::sgt, reachTop, zero));
  arguments.assign({target, code_.select(drops, code_.sub(reachTop, one), reachTop)});
  for (size_t i = 0; i < numCotangents; ++i) {
    if (step.carries[i].mode == Mode::kSwap) {
      arguments.append({turns[i].next, turns[i].other, turns[i].next});
    } else if (step.carries[i].mode == Mode::kRow) {
      arguments.push_back(turns[i].next);
    }
  }
  jump(header, arguments);

  setInsertionPoint(done);
  for (size_t i = 0; i < numCotangents; ++i) {
    if (outputs[i].use_empty() || step.carries[i].mode == Mode::kInPlace || turns[i].current == results[i]) {
      continue;
    }
    ifTrue(code_.compare(Predicate::ne, turns[i].current, results[i]),
           [&] { code_.copy(results[i], turns[i].current, bytesOf(outputs[i].getType())); });
  }
}

}  // namespace kiln::compiler
