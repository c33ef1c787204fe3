// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The native emitter for loops and branches: blocks whose arguments are the pieces of what they carry.
#include "compiler/codegen/common/conversions.h"
#include "compiler/codegen/cpu/emit_native.h"
#include "compiler/codegen/cpu/native_emitter.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/TypeUtilities.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using arith::CmpIPredicate;
using mlir::Operation;
using mlir::Type;

namespace {

constexpr int64_t kMaxTrips = int64_t{1} << 40;
// A loop of no more steps than this need not look at the cancel flag: those around it do.
constexpr int64_t kShortLoop = 64;

// How the states that an unwind keeps lie in scratch memory: the step's number, then each carry at a multiple of 8.
struct StateLayout {
  llvm::SmallVector<int64_t> offsets;
  int64_t bytes = 8;

  explicit StateLayout(UnwindOp op) {
    for (Type type : op.getInits().getTypes()) {
      offsets.push_back(bytes);
      const int64_t element = memoryType(mlir::getElementTypeOrSelf(type)).getIntOrFloatBitWidth() / 8;
      bytes += (shapeOf(type).numElements().value() * element + 7) / 8 * 8;
    }
  }
};

int64_t stateBytes(UnwindOp op) { return (StateLayout(op).bytes * static_cast<int64_t>(op.getSlots()) + 63) / 64 * 64; }

bool isShort(std::optional<ShapeAttr> length) {
  return length && length->getShape()[0].isStatic() && length->getShape()[0].value() <= kShortLoop;
}

}  // namespace

int64_t nativeScratchBytes(KernelOp kernel) {
  int64_t bytes = 0;
  if (kernel.getKind() == "native") {
    kernel.getBody().walk([&](UnwindOp op) { bytes += stateBytes(op); });
  }
  return bytes;
}

llvm::SmallVector<Registers*> NativeEmitter::yielded(mlir::Block& block) {
  llvm::SmallVector<Registers*> values;
  for (Value value : block.getTerminator()->getOperands()) {
    values.push_back(get(value));
  }
  return values;
}

//===-- branches
//---------------------------------------------------------------------------------------------------------===//

mlir::LogicalResult NativeEmitter::emitBranch(BranchOp op) {
  const auto regions = op.getBranches();
  llvm::SmallVector<Type> types;
  for (Type type : op.getResultTypes()) {
    types.append(pieceTypes(type));
  }
  mlir::Block* done = newBlock(types);
  llvm::SmallVector<mlir::Block*> blocks;
  for (size_t i = 0; i < regions.size(); ++i) {
    blocks.push_back(newBlock());
  }
  Registers* selector = get(op.getSelector());
  if (selector->element.isInteger(1)) {
    branch(selector->pieces[0], blocks[0], blocks[1]);
  } else {
    Value index = cast(selector, b_.getI64Type())->pieces[0];
    Value count = number(static_cast<int64_t>(blocks.size()));
    faultIf(op, compare(CmpIPredicate::uge, index, count), KILN_STATUS_INDEX_RANGE,
            [&] { return std::make_pair(index, count); });
    for (size_t i = 0; i + 1 < blocks.size(); ++i) {
      mlir::Block* next = i + 2 < blocks.size() ? newBlock() : blocks.back();
      branch(compare(CmpIPredicate::eq, index, number(static_cast<int64_t>(i))), blocks[i], next);
      startBlock(next);
    }
    if (blocks.size() == 1) {
      jump(blocks[0]);
    }
  }
  for (auto [region, block] : llvm::zip(regions, blocks)) {
    startBlock(block);
    if (mlir::failed(emitBlock(region.front()))) {
      return mlir::failure();
    }
    jump(done, piecesOf(yielded(region.front())));
  }
  startBlock(done);
  setPieces(op.getResults(), done->getArguments());
  return mlir::success();
}

//===-- rows
//-------------------------------------------------------------------------------------------------------------===//

NativeEmitter::Rows NativeEmitter::openRows(mlir::OperandRange scanned, mlir::ResultRange stacked) {
  const auto rowElements = [](Value value) {
    const Shape shape = shapeOf(value.getType());
    int64_t count = 1;
    for (int axis = 1; axis < shape.rank(); ++axis) {
      count *= shape[axis].value();
    }
    return count;
  };
  Rows rows;
  for (Value value : scanned) {
    rows.slots.push_back(isInMemory(value) ? -1 : takeSlot());
    rows.scanned.emplace_back(memoryOf(value, rows.slots.back()), rowElements(value));
  }
  for (Value value : stacked) {
    Memory memory{outputOf_.lookup(value), mlir::getElementTypeOrSelf(value)};
    rows.slots.push_back(memory.address || value.use_empty() ? -1 : takeSlot());
    if (rows.slots.back() >= 0) {
      memory.address = slots_[rows.slots.back()];
    }
    rows.stacked.emplace_back(memory, rowElements(value));
  }
  return rows;
}

void NativeEmitter::setRows(const Rows& rows, mlir::ValueRange arguments, Value step) {
  for (auto [row, argument] : llvm::zip_equal(rows.scanned, arguments)) {
    set(argument, load(row.first, mulI(step, number(row.second)), row.second));
  }
}

void NativeEmitter::storeRows(const Rows& rows, llvm::ArrayRef<Registers*> values, Value step) {
  for (auto [row, value] : llvm::zip_equal(rows.stacked, values)) {
    if (row.first.address) {
      store(value, row.first, mulI(step, number(row.second)));
    }
  }
}

void NativeEmitter::closeRows(Rows& rows, mlir::ResultRange stacked, Value length, Value done) {
  for (auto [value, row] : llvm::zip_equal(stacked, rows.stacked)) {
    if (!row.first.address) {
      continue;
    }
    if (done) {
      zeroFrom(row.first, mulI(done, number(row.second)), mulI(length, number(row.second)));
    }
    const bool isRead = llvm::any_of(value.getUsers(), [](Operation* user) {
      return !user->hasTrait<mlir::OpTrait::IsTerminator>() || !llvm::isa<KernelOp>(user->getParentOp());
    });
    if (isRead) {
      set(value, load(row.first, number(0), shapeOf(value.getType()).numElements().value()));
    }
  }
  for (int slot : rows.slots) {
    if (slot >= 0) {
      releaseSlot(slot);
    }
  }
}

//===-- loops
//------------------------------------------------------------------------------------------------------------===//

Value NativeEmitter::tripCount(Operation* op, Value count, std::optional<ShapeAttr> length) {
  Value limit = length ? dim(length->getShape()[0]) : Value();
  if (!count) {
    return limit ? limit : number(INT64_MAX);
  }
  Value wanted = get(count)->pieces[0], most = number(kMaxTrips);
  faultIf(op, compare(CmpIPredicate::ugt, wanted, most), KILN_STATUS_TRIP_COUNT,
          [&] { return std::make_pair(wanted, most); });
  return limit ? arith::MinSIOp::create(b_, loc_, wanted, limit).getResult() : wanted;
}

mlir::LogicalResult NativeEmitter::emitLoop(LoopOp op) {
  const unsigned numCarries = op.getNumCarries();
  const mlir::ResultRange carried = op.getResults().take_front(numCarries);
  const mlir::ResultRange stacked = op.getResults().drop_front(numCarries);
  Value trips = tripCount(op, op.getCount(), op.getLength());
  llvm::SmallVector<Type> types{b_.getI64Type()};
  Values start{number(0)};
  for (Value init : op.getInits()) {
    types.append(pieceTypes(init.getType()));
    start.append(get(init)->pieces);
  }
  Rows rows = openRows(op.getScanned(), stacked);

  mlir::Block *head = newBlock(types), *body = newBlock(), *done = newBlock();
  jump(head, start);
  startBlock(head);
  Value passed = head->getArgument(0);
  const mlir::ValueRange carries = head->getArguments().drop_front();
  Value isGoing = compare(CmpIPredicate::slt, passed, trips);
  if (op.hasCondition()) {
    mlir::Block* condition = newBlock();
    branch(isGoing, condition, done);
    startBlock(condition);
    mlir::Block& region = op.getCondition().front();
    setPieces(mlir::ValueRange(region.getArguments()), carries);
    if (mlir::failed(emitBlock(region))) {
      return mlir::failure();
    }
    isGoing = yielded(region)[0]->pieces[0];
  }
  branch(isGoing, body, done);

  startBlock(body);
  if (!isShort(op.getLength())) {
    leaveIfCancelled(passed);
  }
  Value step = op.getReverse() ? subI(subI(trips, number(1)), passed) : passed;
  set(op.getStep(), make(b_.getI64Type(), 1, step));
  setPieces(mlir::ValueRange(op.getCarryArguments()), carries);
  setRows(rows, mlir::ValueRange(op.getRowArguments()), step);
  if (mlir::failed(emitBlock(op.getBodyBlock()))) {
    return mlir::failure();
  }
  const llvm::SmallVector<Registers*> values = yielded(op.getBodyBlock());
  storeRows(rows, llvm::ArrayRef(values).drop_front(numCarries), step);
  Values next{addI(passed, number(1))};
  next.append(piecesOf(llvm::ArrayRef(values).take_front(numCarries)));
  jump(head, next);

  startBlock(done);
  setPieces(carried, carries);
  const bool mayStopEarly = op.hasCondition() || op.getCount();
  closeRows(rows, stacked, op.getLength() ? dim(op.getLength()->getShape()[0]) : Value(),
            mayStopEarly ? passed : Value());
  return mlir::success();
}

//===-- unwind
//-----------------------------------------------------------------------------------------------------------===//

// Binomial checkpointing (Griewank and Walther, Algorithm 799: revolve, ACM TOMS 26, 2000) as a stack of kept states,
// of which the topmost is the last one at or before the step that is wanted. From it the loop is run on, and while
// there are free slots more states are kept on the way, at distances that make the number of steps run again smallest.
mlir::LogicalResult NativeEmitter::emitUnwind(UnwindOp op) {
  const size_t numCotangents = op.getCotangents().size();
  const mlir::ResultRange stacked = op.getResults().drop_front(numCotangents);
  const StateLayout layout(op);
  Type byte = b_.getI8Type(), i64 = b_.getI64Type();
  Value stack = hoisted([&]() -> Value { return address(Memory{scratch_, byte}, number(scratchUsed_)); });
  scratchUsed_ += stateBytes(op);
  Value slots = number(static_cast<int64_t>(op.getSlots())), one = number(1), zero = number(0);
  Value trips = tripCount(op, op.getCount(), op.getLength());

  llvm::SmallVector<Type> stateTypes, cotangentTypes;
  Values inits, cotangents;
  for (Value init : op.getInits()) {
    stateTypes.append(pieceTypes(init.getType()));
    inits.append(get(init)->pieces);
  }
  for (Value cotangent : op.getCotangents()) {
    cotangentTypes.append(pieceTypes(cotangent.getType()));
    cotangents.append(get(cotangent)->pieces);
  }
  Rows rows = openRows(op.getScanned(), stacked);

  const auto slotOf = [&](Value place) { return address(Memory{stack, byte}, mulI(place, number(layout.bytes))); };
  const auto fieldOf = [&](Value slot, size_t carry) {
    return Memory{address(Memory{slot, byte}, number(layout.offsets[carry])),
                  mlir::getElementTypeOrSelf(op.getInits()[carry])};
  };
  const auto keep = [&](Value place, Value step, mlir::ValueRange pieces) {
    Value slot = slotOf(place);
    mlir::LLVM::StoreOp::create(b_, loc_, step, slot, 8);
    for (auto [i, init] : llvm::enumerate(op.getInits())) {
      Registers* x = make(mlir::getElementTypeOrSelf(init), shapeOf(init.getType()).numElements().value(), {});
      const size_t numPieces = layoutOf(x->count).size();
      x->pieces.append(pieces.begin(), pieces.begin() + numPieces);
      pieces = pieces.drop_front(numPieces);
      store(x, fieldOf(slot, i), zero);
    }
  };
  const auto stepAt = [&](Value place) -> Value { return mlir::LLVM::LoadOp::create(b_, loc_, i64, slotOf(place), 8); };
  const auto stateAt = [&](Value place) {
    Values pieces;
    Value slot = slotOf(place);
    for (auto [i, init] : llvm::enumerate(op.getInits())) {
      pieces.append(load(fieldOf(slot, i), zero, shapeOf(init.getType()).numElements().value())->pieces);
    }
    return pieces;
  };
  const auto joined = [](mlir::ValueRange first, mlir::ValueRange second) {
    Values all(first);
    all.append(second.begin(), second.end());
    return all;
  };
  // The arguments that step and adjoint have in common: the step's number, the state, and after what lies between
  // them the rows.
  const auto setArguments = [&](mlir::Region& region, Value step, mlir::ValueRange state, mlir::ValueRange others) {
    mlir::ValueRange arguments(region.getArguments());
    set(arguments[0], make(i64, 1, step));
    arguments = arguments.drop_front();
    setPieces(arguments.take_front(op.getInits().size()), state);
    arguments = arguments.drop_front(op.getInits().size());
    const size_t numOthers = arguments.size() - rows.scanned.size();
    setPieces(arguments.take_front(numOthers), others);
    setRows(rows, arguments.drop_front(numOthers), step);
  };

  // head(wanted + 1, top, cotangents): the sweep. seek(from, top, state): a state is at hand, at or before the wanted
  // one.
  llvm::SmallVector<Type> headTypes{i64, i64}, seekTypes{i64, i64}, runTypes{i64};
  headTypes.append(cotangentTypes);
  seekTypes.append(stateTypes);
  runTypes.append(stateTypes);
  mlir::Block *head = newBlock(headTypes), *find = newBlock(), *done = newBlock(), *seek = newBlock(seekTypes),
              *go = newBlock(), *adjoint = newBlock();
  keep(zero, zero, inits);
  jump(head, joined({trips, zero}, cotangents));

  startBlock(head);
  Value rest = head->getArgument(0);
  const mlir::ValueRange carried = head->getArguments().drop_front(2);
  branch(compare(CmpIPredicate::sgt, rest, zero), find, done);

  startBlock(find);
  leaveIfCancelled(subI(trips, rest));
  Value wanted = subI(rest, one);
  // The step before was one higher: at most the topmost state is past what is wanted now.
  Value last = head->getArgument(1);
  Value isPast = compare(CmpIPredicate::sgt, stepAt(last), wanted);
  Value top = arith::SelectOp::create(b_, loc_, isPast, subI(last, one), last);
  jump(seek, joined({stepAt(top), top}, stateAt(top)));

  startBlock(seek);
  Value from = seek->getArgument(0), place = seek->getArgument(1);
  const mlir::ValueRange state = seek->getArguments().drop_front(2);
  branch(compare(CmpIPredicate::slt, from, wanted), go, adjoint);

  // Where to run to: what is wanted, or the next state to keep.
  startBlock(go);
  Value free = subI(subI(slots, place), one);
  Value length = addI(subI(wanted, from), one);
  Value hasFree = compare(CmpIPredicate::sgt, free, zero);
  mlir::Block *choose = newBlock(), *toWanted = newBlock(), *toNext = newBlock(), *decided = newBlock({i64});
  branch(hasFree, choose, toWanted);
  startBlock(toWanted);
  jump(decided, wanted);
  // With room for every state on the way the next one is kept; else covered = beta(free, round) grows with the round
  // until it is the length.
  startBlock(choose);
  mlir::Block *count = newBlock(), *covering = newBlock({i64, i64}), *more = newBlock(), *covers = newBlock();
  branch(compare(CmpIPredicate::sle, length, free), toNext, count);
  startBlock(toNext);
  jump(decided, addI(from, one));
  startBlock(count);
  jump(covering, {one, addI(free, one)});
  startBlock(covering);
  Value round = covering->getArgument(0), covered = covering->getArgument(1);
  branch(compare(CmpIPredicate::sge, covered, length), covers, more);
  startBlock(more);
  Value nextRound = addI(round, one);
  Value product = mulI(covered, addI(free, nextRound));
  jump(covering, {nextRound, arith::DivUIOp::create(b_, loc_, product, nextRound).getResult()});
  startBlock(covers);
  Value fewer = arith::DivUIOp::create(b_, loc_, mulI(covered, free), addI(free, round));  // beta(free - 1, round)
  Value distance = arith::MaxSIOp::create(b_, loc_, one, subI(length, fewer));
  jump(decided, addI(from, distance));

  startBlock(decided);
  Value target = decided->getArgument(0);
  mlir::Block *run = newBlock(runTypes), *runBody = newBlock(), *arrived = newBlock();
  jump(run, joined({from}, state));
  startBlock(run);
  Value at = run->getArgument(0);
  const mlir::ValueRange running = run->getArguments().drop_front();
  branch(compare(CmpIPredicate::slt, at, target), runBody, arrived);
  startBlock(runBody);
  leaveIfCancelled(subI(at, from));
  setArguments(op.getStep(), at, running, {});
  if (mlir::failed(emitBlock(op.getStep().front()))) {
    return mlir::failure();
  }
  jump(run, joined({addI(at, one)}, piecesOf(yielded(op.getStep().front()))));
  startBlock(arrived);
  mlir::Block *push = newBlock(), *noPush = newBlock(), *again = newBlock({i64});
  branch(hasFree, push, noPush);
  startBlock(noPush);
  jump(again, place);
  startBlock(push);
  Value above = addI(place, one);
  keep(above, at, running);
  jump(again, above);
  startBlock(again);
  jump(seek, joined({at, again->getArgument(0)}, running));

  startBlock(adjoint);
  setArguments(op.getAdjoint(), wanted, state, carried);
  if (mlir::failed(emitBlock(op.getAdjoint().front()))) {
    return mlir::failure();
  }
  const llvm::SmallVector<Registers*> values = yielded(op.getAdjoint().front());
  storeRows(rows, llvm::ArrayRef(values).drop_front(numCotangents), wanted);
  jump(head, joined({wanted, place}, piecesOf(llvm::ArrayRef(values).take_front(numCotangents))));

  startBlock(done);
  setPieces(op.getResults().take_front(numCotangents), carried);
  closeRows(rows, stacked, op.getLength() ? dim(op.getLength()->getShape()[0]) : Value(),
            op.getCount() ? trips : Value());
  return mlir::success();
}

}  // namespace kiln::compiler
