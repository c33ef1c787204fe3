// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/emit_native.h"

#include <cstddef>

#include "compiler/codegen/common/conversions.h"
#include "compiler/codegen/common/dim_values.h"
#include "compiler/codegen/cpu/native_emitter.h"
#include "compiler/codegen/cpu/scalar_calls.h"
#include "compiler/fuse/native.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
namespace cf = mlir::cf;
namespace LLVM = mlir::LLVM;
using mlir::Operation;
using mlir::Type;

namespace {

// The most bytes of a value in registers.
constexpr int64_t kSlotBytes = kMaxNativeElements * 8;
// A loop looks at the cancel flag when this many steps have passed: a power of two.
constexpr int64_t kCancelSteps = 1024;

}  // namespace

NativeEmitter::NativeEmitter(KernelOp kernel, mlir::func::FuncOp into, const CodegenContext& context)
    : kernel_(kernel),
      into_(into),
      context_(context),
      b_(kernel.getContext()),
      loc_(kernel.getLoc()),
      lanes_(context.target.vectorBits / 32),
      callsMath_(countLongFunctions(kernel.getBody()) > kMaxInlineMath) {}

mlir::LogicalResult NativeEmitter::emit() {
  const int64_t scratch = nativeScratchBytes(kernel_);
  const size_t numInputs = kernel_.getInputs().size(), numOutputs = kernel_.getOutputs().size();
  entry_ = into_.addEntryBlock();
  if (entry_->getNumArguments() != 2 + numInputs + numOutputs + (scratch > 0 ? 1 : 0)) {
    return kernel_.emitError("the function of a native kernel takes scratch exactly when it keeps states there");
  }
  host_ = entry_->getArgument(0);
  dims_ = entry_->getArguments().back();
  scratch_ = scratch > 0 ? entry_->getArgument(1 + numInputs + numOutputs) : Value();
  mlir::Block& body = kernel_.getBody().front();
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    memory_[argument] = Memory{entry_->getArgument(1 + i), mlir::getElementTypeOrSelf(argument)};
  }
  const mlir::ValueRange results = body.getTerminator()->getOperands();
  for (auto [i, result] : llvm::enumerate(results)) {
    outputs_.push_back(entry_->getArgument(1 + numInputs + i));
    // What a loop stacks is written as it comes.
    auto loop = result.getDefiningOp<LoopOp>();
    auto unwind = result.getDefiningOp<UnwindOp>();
    const unsigned number =
        llvm::isa<mlir::OpResult>(result) ? llvm::cast<mlir::OpResult>(result).getResultNumber() : 0;
    if ((loop && number >= loop.getNumCarries()) || (unwind && number >= unwind.getCotangents().size())) {
      outputOf_.try_emplace(result, outputs_.back());
    }
  }
  exit_ = newBlock({b_.getI32Type()});
  startBlock(exit_);
  mlir::func::ReturnOp::create(b_, loc_, exit_->getArgument(0));
  mlir::Block* start = newBlock();
  startBlock(entry_);
  jump(start);
  startBlock(start);
  if (mlir::failed(emitBlock(body))) {
    return mlir::failure();
  }
  for (auto [i, result] : llvm::enumerate(results)) {
    if (auto written = outputOf_.find(result); written == outputOf_.end() || written->second != outputs_[i]) {
      store(get(result), Memory{outputs_[i], mlir::getElementTypeOrSelf(result)}, number(0));
    }
  }
  jump(exit_, arith::ConstantOp::create(b_, loc_, b_.getI32IntegerAttr(KILN_STATUS_OK)).getResult());
  return mlir::success();
}

//===-- values
//-----------------------------------------------------------------------------------------------------------===//

llvm::SmallVector<int64_t> NativeEmitter::layoutOf(int64_t count) const {
  llvm::SmallVector<int64_t> widths(count / lanes_, lanes_);
  for (int64_t width = lanes_ / 2, rest = count % lanes_; rest > 0; width /= 2) {
    if (rest >= width) {
      widths.push_back(width);
      rest -= width;
    }
  }
  return widths;
}

Type NativeEmitter::pieceType(Type element, int64_t width) const {
  element = registerType(element);
  return width == 1 ? element : Type(mlir::VectorType::get({width}, element));
}

llvm::SmallVector<Type> NativeEmitter::pieceTypes(Type tensor) const {
  llvm::SmallVector<Type> types;
  for (int64_t width : layoutOf(shapeOf(tensor).numElements().value())) {
    types.push_back(pieceType(mlir::getElementTypeOrSelf(tensor), width));
  }
  return types;
}

Registers* NativeEmitter::make(Type element, int64_t count, mlir::ValueRange pieces) {
  Registers& made = pool_.emplace_back();
  made.element = element;
  made.count = count;
  made.pieces.append(pieces.begin(), pieces.end());
  made.elements.resize(count);
  return &made;
}

Registers* NativeEmitter::get(Value value) {
  Registers*& known = registers_[value];
  if (!known) {
    const Memory memory = memory_.lookup(value);
    KILN_CHECK(memory.address);
    Registers* loaded = nullptr;
    hoisted([&] {
      loaded = load(memory, number(0), shapeOf(value.getType()).numElements().value());
      return Value();
    });
    return registers_[value] = loaded;
  }
  return known;
}

Value NativeEmitter::elementOf(Registers* x, int64_t index) {
  Value& known = x->elements[index];
  if (known) {
    return known;
  }
  int64_t rest = index;
  for (Value piece : x->pieces) {
    auto vector = llvm::dyn_cast<mlir::VectorType>(piece.getType());
    const int64_t width = vector ? vector.getNumElements() : 1;
    if (rest >= width) {
      rest -= width;
      continue;
    }
    if (!vector) {
      return known = piece;
    }
    // Where the piece is made, so that it is there for all who ask.
    const mlir::OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointAfterValue(piece);
    return known = mlir::vector::ExtractOp::create(b_, loc_, piece, rest);
  }
  return {};
}

Value NativeEmitter::gatherPiece(Type element, llvm::ArrayRef<Source> sources) {
  const auto width = static_cast<int64_t>(sources.size());
  if (width == 1) {
    return elementOf(sources[0].first, sources[0].second);
  }
  // From one or two pieces: a shuffle, or nothing.
  llvm::SmallVector<Value, 2> from;
  llvm::SmallVector<int64_t> lanes;
  for (const auto& [x, index] : sources) {
    int64_t rest = index;
    Value piece;
    for (Value candidate : x->pieces) {
      auto vector = llvm::dyn_cast<mlir::VectorType>(candidate.getType());
      const int64_t size = vector ? vector.getNumElements() : 1;
      if (rest < size) {
        piece = candidate;
        break;
      }
      rest -= size;
    }
    auto known = llvm::find(from, piece);
    const int64_t first = known - from.begin();
    if (known == from.end()) {
      from.push_back(piece);
    }
    auto vector = llvm::dyn_cast<mlir::VectorType>(from[0].getType());
    lanes.push_back(first * (vector ? vector.getNumElements() : 1) + rest);
  }
  auto vector = llvm::dyn_cast<mlir::VectorType>(from[0].getType());
  const mlir::VectorType type = llvm::cast<mlir::VectorType>(pieceType(element, width));
  if (!vector && from.size() == 1) {
    return mlir::vector::BroadcastOp::create(b_, loc_, type, from[0]);
  }
  if (vector && (from.size() == 1 || (from.size() == 2 && from[1].getType() == vector))) {
    const bool isSame = vector.getNumElements() == width && llvm::all_of(llvm::enumerate(lanes), [](auto lane) {
                          return lane.value() == static_cast<int64_t>(lane.index());
                        });
    return isSame ? from[0] : mlir::vector::ShuffleOp::create(b_, loc_, from[0], from.back(), lanes).getResult();
  }
  Values elements;
  for (const auto& [x, index] : sources) {
    elements.push_back(elementOf(x, index));
  }
  return mlir::vector::FromElementsOp::create(b_, loc_, type, elements);
}

Registers* NativeEmitter::gather(Type element, llvm::ArrayRef<Source> sources) {
  Values pieces;
  for (int64_t width : layoutOf(static_cast<int64_t>(sources.size()))) {
    pieces.push_back(gatherPiece(element, sources.take_front(width)));
    sources = sources.drop_front(width);
  }
  int64_t count = 0;
  for (Value piece : pieces) {
    auto vector = llvm::dyn_cast<mlir::VectorType>(piece.getType());
    count += vector ? vector.getNumElements() : 1;
  }
  return make(element, count, pieces);
}

Registers* NativeEmitter::splat(Registers* x, int64_t count) {
  return gather(x->element, llvm::SmallVector<Source>(count, Source{x, 0}));
}

Registers* NativeEmitter::constants(Type element, llvm::ArrayRef<mlir::Attribute> values) {
  Values pieces;
  const auto count = static_cast<int64_t>(values.size());
  for (int64_t width : layoutOf(count)) {
    mlir::TypedAttr value;
    if (width == 1) {
      value = llvm::cast<mlir::TypedAttr>(values[0]);
    } else {
      value = mlir::DenseElementsAttr::get(llvm::cast<mlir::ShapedType>(pieceType(element, width)),
                                           values.take_front(width));
    }
    pieces.push_back(arith::ConstantOp::create(b_, loc_, value));
    values = values.drop_front(width);
  }
  return make(element, count, pieces);
}

Registers* NativeEmitter::integers(Type element, llvm::ArrayRef<int64_t> values) {
  llvm::SmallVector<mlir::Attribute> attributes;
  const Type held = registerType(element);
  for (int64_t value : values) {
    attributes.push_back(llvm::isa<mlir::FloatType>(held)
                             ? mlir::Attribute(b_.getFloatAttr(held, static_cast<double>(value)))
                             : b_.getIntegerAttr(held, value));
  }
  return constants(element, attributes);
}

Registers* NativeEmitter::map(Type element, llvm::ArrayRef<Registers*> operands,
                              llvm::function_ref<Value(mlir::ValueRange)> fn) {
  Values pieces;
  for (size_t i = 0; i < operands[0]->pieces.size(); ++i) {
    Values values;
    for (Registers* operand : operands) {
      values.push_back(operand->pieces[i]);
    }
    pieces.push_back(fn(values));
  }
  return make(element, operands[0]->count, pieces);
}

Registers* NativeEmitter::cast(Registers* x, Type to) {
  return map(to, {x}, [&](mlir::ValueRange v) { return emitCast(b_, loc_, v[0], x->element, to, context_.target); });
}

Registers* NativeEmitter::rounded(Registers* x) {
  if (!isHalf(x->element)) {
    return x;
  }
  return map(x->element, {x}, [&](mlir::ValueRange v) { return roundTo(b_, loc_, v[0], x->element, context_.target); });
}

void NativeEmitter::setPieces(mlir::ValueRange to, mlir::ValueRange pieces) {
  for (Value value : to) {
    const int64_t count = shapeOf(value.getType()).numElements().value();
    const size_t numPieces = layoutOf(count).size();
    set(value, make(mlir::getElementTypeOrSelf(value), count, pieces.take_front(numPieces)));
    pieces = pieces.drop_front(numPieces);
  }
}

NativeEmitter::Values NativeEmitter::piecesOf(llvm::ArrayRef<Registers*> registers) {
  Values pieces;
  for (Registers* x : registers) {
    pieces.append(x->pieces.begin(), x->pieces.end());
  }
  return pieces;
}

//===-- memory
//-----------------------------------------------------------------------------------------------------------===//

Value NativeEmitter::hoisted(llvm::function_ref<Value()> emit) {
  const mlir::OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPoint(entry_->getTerminator());
  return emit();
}

int NativeEmitter::takeSlot() {
  if (!freeSlots_.empty()) {
    return freeSlots_.pop_back_val();
  }
  slots_.push_back(hoisted([&]() -> Value {
    return LLVM::AllocaOp::create(b_, loc_, LLVM::LLVMPointerType::get(b_.getContext()), b_.getI8Type(),
                                  number(kSlotBytes), 64);
  }));
  return static_cast<int>(slots_.size()) - 1;
}

Memory NativeEmitter::memoryOf(Value value, int slot) {
  if (auto found = memory_.find(value); found != memory_.end()) {
    return found->second;
  }
  const Memory memory{slots_[slot], mlir::getElementTypeOrSelf(value)};
  store(get(value), memory, number(0));
  return memory;
}

Value NativeEmitter::address(const Memory& memory, Value index) {
  return LLVM::GEPOp::create(b_, loc_, memory.address.getType(), memoryType(memory.element), memory.address,
                             mlir::ValueRange{index});
}

Registers* NativeEmitter::load(const Memory& memory, Value index, int64_t count) {
  const Type held = memoryType(memory.element);
  const unsigned alignment = held.getIntOrFloatBitWidth() / 8;
  Values pieces;
  Value from = address(memory, index);
  for (int64_t width : layoutOf(count)) {
    const Type type = width == 1 ? held : Type(mlir::VectorType::get({width}, held));
    Value loaded = LLVM::LoadOp::create(b_, loc_, type, from, alignment);
    pieces.push_back(fromMemory(b_, loc_, loaded, memory.element, context_.target));
    from = address(Memory{from, memory.element}, number(width));
  }
  return make(memory.element, count, pieces);
}

void NativeEmitter::store(Registers* x, const Memory& memory, Value index) {
  const unsigned alignment = memoryType(memory.element).getIntOrFloatBitWidth() / 8;
  Value to = address(memory, index);
  for (Value piece : x->pieces) {
    auto vector = llvm::dyn_cast<mlir::VectorType>(piece.getType());
    LLVM::StoreOp::create(b_, loc_, toMemory(b_, loc_, piece, memory.element, context_.target), to, alignment);
    to = address(Memory{to, memory.element}, number(vector ? vector.getNumElements() : 1));
  }
}

void NativeEmitter::zeroFrom(const Memory& memory, Value first, Value end) {
  mlir::Block *fill = newBlock(), *next = newBlock();
  branch(compare(arith::CmpIPredicate::slt, first, end), fill, next);
  startBlock(fill);
  Value zero = arith::ConstantOp::create(b_, loc_, b_.getI8IntegerAttr(0));
  Value bytes = mulI(subI(end, first), number(memoryType(memory.element).getIntOrFloatBitWidth() / 8));
  LLVM::MemsetOp::create(b_, loc_, address(memory, first), zero, bytes, /*isVolatile=*/false);
  jump(next);
  startBlock(next);
}

//===-- integers and control
//---------------------------------------------------------------------------------------------===//

Value NativeEmitter::number(int64_t value) { return arith::ConstantOp::create(b_, loc_, b_.getI64IntegerAttr(value)); }
Value NativeEmitter::addI(Value x, Value y) { return arith::AddIOp::create(b_, loc_, x, y); }
Value NativeEmitter::subI(Value x, Value y) { return arith::SubIOp::create(b_, loc_, x, y); }
Value NativeEmitter::mulI(Value x, Value y) { return arith::MulIOp::create(b_, loc_, x, y); }
Value NativeEmitter::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(b_, loc_, predicate, x, y);
}

Value NativeEmitter::dim(const Dim& dim) {
  if (dim.isStatic()) {
    return number(dim.value());
  }
  Value& known = dimValues_[dim.toString()];
  if (!known) {
    known = hoisted([&] {
      return emitDim(b_, loc_, dim, [&](const std::string& symbol) -> Value {
        const auto found = llvm::find(context_.symbols, symbol);
        KILN_CHECK(found != context_.symbols.end());
        const auto position = static_cast<int32_t>(found - context_.symbols.begin());
        Value at = LLVM::GEPOp::create(b_, loc_, dims_.getType(), b_.getI64Type(), dims_,
                                       llvm::ArrayRef<LLVM::GEPArg>{position});
        return LLVM::LoadOp::create(b_, loc_, b_.getI64Type(), at, 8);
      });
    });
  }
  return known;
}

mlir::Block* NativeEmitter::newBlock(mlir::TypeRange arguments) {
  const mlir::OpBuilder::InsertionGuard guard(b_);
  return b_.createBlock(&into_.getBody(), into_.getBody().end(), arguments,
                        llvm::SmallVector<mlir::Location>(arguments.size(), loc_));
}

void NativeEmitter::jump(mlir::Block* to, mlir::ValueRange arguments) { cf::BranchOp::create(b_, loc_, to, arguments); }

void NativeEmitter::branch(Value condition, mlir::Block* then, mlir::Block* otherwise) {
  cf::CondBranchOp::create(b_, loc_, condition, then, mlir::ValueRange{}, otherwise, mlir::ValueRange{});
}

void NativeEmitter::faultIf(Operation* op, Value isBad, int32_t code,
                            llvm::function_ref<std::pair<Value, Value>()> values) {
  mlir::Block *fault = newBlock(), *next = newBlock();
  branch(isBad, fault, next);
  startBlock(fault);
  const auto [found, wanted] = values();
  const auto write = [&](size_t offset, Value value) {
    const auto at = static_cast<int32_t>(offsetof(kiln_context_t, error) + offset);
    Value field =
        LLVM::GEPOp::create(b_, loc_, host_.getType(), b_.getI8Type(), host_, llvm::ArrayRef<LLVM::GEPArg>{at});
    LLVM::StoreOp::create(b_, loc_, value, field, value.getType().getIntOrFloatBitWidth() / 8);
  };
  const auto integer = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(b_, loc_, b_.getI32IntegerAttr(value));
  };
  Value status = integer(code);
  write(offsetof(kiln_error_t, code), status);
  write(offsetof(kiln_error_t, node_id), integer(context_.nodeId ? context_.nodeId(op) : -1));
  write(offsetof(kiln_error_t, values), found);
  write(offsetof(kiln_error_t, values) + 8, wanted);
  jump(exit_, status);
  startBlock(next);
}

void NativeEmitter::leaveIfCancelled(Value step) {
  if (!cancel_) {
    cancel_ = hoisted([&]() -> Value {
      Type pointer = host_.getType();
      Value zero = arith::ConstantOp::create(b_, loc_, b_.getI32IntegerAttr(0));
      Value never = LLVM::AllocaOp::create(b_, loc_, pointer, b_.getI32Type(), number(1), 4);
      LLVM::StoreOp::create(b_, loc_, zero, never, 4);
      Value field =
          LLVM::GEPOp::create(b_, loc_, pointer, b_.getI8Type(), host_,
                              llvm::ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offsetof(kiln_context_t, cancel))});
      Value flag = LLVM::LoadOp::create(b_, loc_, pointer, field, 8);
      Value null = LLVM::ZeroOp::create(b_, loc_, pointer);
      Value isNull = LLVM::ICmpOp::create(b_, loc_, LLVM::ICmpPredicate::eq, flag, null);
      return LLVM::SelectOp::create(b_, loc_, isNull, never, flag);
    });
  }
  mlir::Block *look = newBlock(), *leave = newBlock(), *next = newBlock();
  Value low = arith::AndIOp::create(b_, loc_, step, number(kCancelSteps - 1));
  branch(compare(arith::CmpIPredicate::eq, low, number(0)), look, next);
  startBlock(look);
  Value zero = arith::ConstantOp::create(b_, loc_, b_.getI32IntegerAttr(0));
  Value flag = LLVM::LoadOp::create(b_, loc_, b_.getI32Type(), cancel_, /*alignment=*/4, /*isVolatile=*/true);
  branch(compare(arith::CmpIPredicate::ne, flag, zero), leave, next);
  startBlock(leave);
  jump(exit_, arith::ConstantOp::create(b_, loc_, b_.getI32IntegerAttr(KILN_STATUS_CANCELLED)).getResult());
  startBlock(next);
}

mlir::LogicalResult emitNative(KernelOp kernel, mlir::func::FuncOp into, const CodegenContext& context) {
  return NativeEmitter(kernel, into, context).emit();
}

}  // namespace kiln::compiler
