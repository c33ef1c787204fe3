// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/expression_emitter.h"

#include "compiler/codegen/common/dim_values.h"
#include "compiler/codegen/common/scalar_functions.h"
#include "compiler/codegen/cpu/scalar_calls.h"
#include "compiler/dialect/reductions.h"
#include "llvm/ADT/TypeSwitch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using mlir::Location;
using mlir::OpBuilder;
using mlir::Operation;
using mlir::Type;
using mlir::ValueRange;

mlir::Type elementOf(Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()).getElementType(); }

std::vector<Dim> withoutUnits(const Shape& shape) {
  std::vector<Dim> dims;
  for (const Dim& dim : shape) {
    if (!(dim.isStatic() && dim.value() == 1)) {
      dims.push_back(dim);
    }
  }
  return dims;
}

namespace {

std::optional<int64_t> constantOf(Value value) {
  if (auto op = value.getDefiningOp<arith::ConstantOp>()) {
    if (auto integer = llvm::dyn_cast<mlir::IntegerAttr>(op.getValue())) {
      return integer.getInt();
    }
  }
  return std::nullopt;
}

// Lanes fit the narrowest kind of number that the kernel computes with, but no more than of 32 bits, which 16-bit
// floats are computed in: a kernel that mixes bytes and f64 would otherwise take eight registers for one value.
int64_t chooseWidth(KernelOp kernel, const TargetInfo& target) {
  bool hasNarrow = false, hasWide = false;
  kernel.getBody().walk([&](Operation* op) {
    for (Value value : op->getOperands()) {
      Type element = elementOf(value);
      bool isShape = value.getDefiningOp<ShapeValueOp>() != nullptr;
      hasWide |= !isShape && element.getIntOrFloatBitWidth() == 64;
      hasNarrow |= element.getIntOrFloatBitWidth() != 64 && !element.isInteger(1);
    }
    for (Value value : op->getResults()) {
      hasNarrow |= elementOf(value).getIntOrFloatBitWidth() != 64 && !elementOf(value).isInteger(1);
    }
  });
  return target.vectorBits / (hasNarrow || !hasWide ? 32 : 64);
}

}  // namespace

uint64_t ExpressionEmitter::keyOf(Value value) { return reinterpret_cast<uint64_t>(value.getAsOpaquePointer()); }

std::vector<uint64_t> ExpressionEmitter::keyOf(Value value, const Place& place) {
  std::vector<uint64_t> key = {keyOf(value), place.isFlat};
  for (const Index& index : place.at) {
    key.push_back(keyOf(index.base));
    key.push_back(static_cast<uint64_t>(index.step));
    key.push_back(index.general.size());
    for (Value lanes : index.general) {
      key.push_back(keyOf(lanes));
    }
  }
  return key;
}

ExpressionEmitter::ExpressionEmitter(KernelOp kernel, mlir::Block* entry, KernelPointers pointers,
                                     const CodegenContext& context, Options options)
    : kernel_(kernel),
      location_(kernel.getLoc()),
      pointers_(std::move(pointers)),
      context_(context),
      options_(options),
      builder_(kernel.getContext()) {
  width_ = options.useVectors ? chooseWidth(kernel, context.target) : 1;
  scopes_.push_back(Scope{entry, nullptr, {}, {}, {}});
  blockLevels_[entry] = 0;
  findSiblings();
  callsMath_ = countLongFunctions(kernel.getBody()) > kMaxInlineMath;
}

//===-- scopes
//-----------------------------------------------------------------------------------------------------------===//

OpBuilder& ExpressionEmitter::at(int level) {
  Scope& scope = scopes_[level];
  if (scope.before) {
    builder_.setInsertionPoint(scope.before);
  } else {
    builder_.setInsertionPointToEnd(scope.block);
  }
  return builder_;
}

int ExpressionEmitter::levelOf(Value value) const {
  if (constantOf(value)) {
    return 0;
  }
  auto found = blockLevels_.find(value.getParentBlock());
  return found == blockLevels_.end() ? 0 : std::min(found->second, top());
}

int ExpressionEmitter::levelOf(const Place& place) const {
  int level = 0;
  for (const Index& index : place.at) {
    level = std::max(level, levelOf(index.base));
    for (Value general : index.general) {
      level = std::max(level, levelOf(general));
    }
    if (!index.isUniform()) {
      level = std::max(level, scopes_.back().lanes.level);
    }
  }
  return level;
}

int ExpressionEmitter::levelOf(const Pack& pack) const {
  int level = 0;
  for (Value value : pack.values) {
    level = std::max(level, levelOf(value));
  }
  return level;
}

Value ExpressionEmitter::constant(int64_t value) {
  Value& known = constants_[value];
  if (!known) {
    // Constants go first in the function, so that they dominate whatever asks for them later.
    mlir::Block* entry = scopes_[0].block;
    if (lastConstant_) {
      builder_.setInsertionPointAfter(lastConstant_);
    } else {
      builder_.setInsertionPointToStart(entry);
    }
    known = arith::ConstantOp::create(builder_, location_, builder_.getI64IntegerAttr(value));
    lastConstant_ = known.getDefiningOp();
  }
  return known;
}

Value ExpressionEmitter::indexOp(IndexOp op, Value a, Value b) {
  std::optional<int64_t> left = constantOf(a), right = constantOf(b);
  if (left && right) {
    switch (op) {
      case IndexOp::kAdd:
        return constant(*left + *right);
      case IndexOp::kSub:
        return constant(*left - *right);
      case IndexOp::kMul:
        return constant(*left * *right);
      case IndexOp::kDiv:
        return constant(*right == 0 ? 0 : *left / *right);
      case IndexOp::kRem:
        return constant(*right == 0 ? 0 : *left % *right);
    }
  }
  if ((op == IndexOp::kAdd || op == IndexOp::kSub) && right == 0) {
    return a;
  }
  if (op == IndexOp::kAdd && left == 0) {
    return b;
  }
  if ((op == IndexOp::kMul || op == IndexOp::kDiv) && right == 1) {
    return a;
  }
  if (op == IndexOp::kMul && left == 1) {
    return b;
  }
  if (op == IndexOp::kMul && (left == 0 || right == 0)) {
    return constant(0);
  }
  if (op == IndexOp::kRem && right == 1) {
    return constant(0);
  }
  const int level = std::max(levelOf(a), levelOf(b));
  Value& known = scopes_[level].integers[{static_cast<uint64_t>(op), keyOf(a), keyOf(b)}];
  if (!known) {
    OpBuilder& b2 = at(level);
    switch (op) {
      case IndexOp::kAdd:
        known = arith::AddIOp::create(b2, location_, a, b);
        break;
      case IndexOp::kSub:
        known = arith::SubIOp::create(b2, location_, a, b);
        break;
      case IndexOp::kMul:
        known = arith::MulIOp::create(b2, location_, a, b);
        break;
      // Divisors are extents; an empty axis must not trap where nothing is computed for it.
      case IndexOp::kDiv:
      case IndexOp::kRem: {
        Value divisor = b;
        if (!right) {
          Value one = constant(1);
          divisor = arith::MaxSIOp::create(at(level), location_, b, one);
        }
        OpBuilder& b3 = at(level);
        known = op == IndexOp::kDiv ? arith::DivUIOp::create(b3, location_, a, divisor).getResult()
                                    : arith::RemUIOp::create(b3, location_, a, divisor).getResult();
        break;
      }
    }
  }
  return known;
}

Value ExpressionEmitter::dimValue(const Dim& dim) {
  if (dim.isStatic()) {
    return constant(dim.value());
  }
  Value& known = dimValues_[dim.toString()];
  if (known) {
    return known;
  }
  if (std::optional<std::string> symbol = dim.asSymbol()) {
    auto found = std::find(context_.symbols.begin(), context_.symbols.end(), *symbol);
    const int64_t position = found - context_.symbols.begin();
    if (static_cast<size_t>(position) < context_.symbolValues.size()) {
      return known = constant(context_.symbolValues[static_cast<size_t>(position)]);
    }
    OpBuilder& b = at(0);
    Type pointer = mlir::LLVM::LLVMPointerType::get(b.getContext());
    Value address = mlir::LLVM::GEPOp::create(b, location_, pointer, b.getI64Type(), pointers_.dims,
                                              llvm::ArrayRef<mlir::LLVM::GEPArg>{static_cast<int32_t>(position)});
    known = mlir::LLVM::LoadOp::create(b, location_, b.getI64Type(), address, 8);
    return known;
  }
  Value sum = constant(0);
  for (const Dim::Term& term : dim.terms()) {
    Value product = constant(term.coefficient);
    for (const std::string& factor : term.symbols) {
      Value value;
      if (auto function = Dim::functionOf(factor)) {
        Value a = dimValue(function->a), b = dimValue(function->b);
        std::optional<int64_t> left = constantOf(a), right = constantOf(b);
        value = left && right ? constant(Dim::symbol(factor).evaluate([&](std::string_view name) {
          return *constantOf(dimValue(Dim::symbol(std::string(name))));
        }))
                              : emitDimFunction(at(0), location_, *function, a, b);
      } else {
        value = dimValue(Dim::symbol(factor));
      }
      product = mulI(product, value);
    }
    sum = addI(sum, product);
  }
  return dimValues_[dim.toString()] = sum;
}

llvm::SmallVector<Value> ExpressionEmitter::dimValues(const Shape& shape) {
  llvm::SmallVector<Value> values;
  for (const Dim& dim : shape) {
    values.push_back(dimValue(dim));
  }
  return values;
}

//===-- loops
//------------------------------------------------------------------------------------------------------------===//

llvm::SmallVector<Value> ExpressionEmitter::forLoop(Value lo, Value hi, int64_t step, ValueRange inits, Lanes lanes,
                                                    LoopBody body) {
  llvm::SmallVector<Value> carried(inits);
  std::optional<int64_t> first = constantOf(lo), last = constantOf(hi);
  if (lo == hi || (first && last && *last <= *first)) {
    return carried;
  }
  if (first && last && *last - *first <= step) {
    // One iteration: no loop, but a scope, for the lanes and what is remembered of them. Its block stays the outer
    // scope's.
    Scope scope{scopes_.back().block, scopes_.back().before, lanes, {}, {}};
    if (!lanes.isScalar() && lanes.level < 0) {
      scope.lanes.level = top() + 1;
    }
    scopes_.push_back(std::move(scope));
    llvm::SmallVector<Value> results = body(lo, carried);
    scopes_.pop_back();
    return results;
  }
  Value stepValue = constant(step);
  OpBuilder& b = at(top());
  auto loop = mlir::scf::ForOp::create(b, location_, lo, hi, stepValue, inits);
  // Code that moves out of this loop goes before it, also from scopes that share the block.
  mlir::Block* outerBlock = scopes_.back().block;
  llvm::SmallVector<std::pair<int, Operation*>> saved;
  for (int level = top(); level >= 0 && scopes_[level].block == outerBlock; --level) {
    saved.emplace_back(level, scopes_[level].before);
    scopes_[level].before = loop;
  }
  mlir::Block* block = loop.getBody();
  Operation* end = inits.empty() ? block->getTerminator() : nullptr;
  Scope scope{block, end, lanes, {}, {}};
  if (!lanes.isScalar() && lanes.level < 0) {
    scope.lanes.level = top() + 1;
  }
  scopes_.push_back(std::move(scope));
  blockLevels_[block] = top();
  llvm::SmallVector<Value> arguments(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  llvm::SmallVector<Value> results = body(loop.getInductionVar(), arguments);
  if (!end) {
    mlir::scf::YieldOp::create(at(top()), location_, results);
  }
  scopes_.pop_back();
  for (auto& [level, before] : saved) {
    scopes_[level].before = before;
  }
  return llvm::SmallVector<Value>(loop.getResults());
}

llvm::SmallVector<Value> ExpressionEmitter::laneLoop(Value lo, Value hi, int64_t unroll, const Carry* carry,
                                                     LaneBody body) {
  if (width_ == 1) {
    llvm::SmallVector<Value> inits = carry ? carry->init(1) : llvm::SmallVector<Value>();
    return forLoop(lo, hi, 1, inits, Lanes{},
                   [&](Value iv, llvm::ArrayRef<Value> carried) { return body(uniform(iv), carried); });
  }
  Value count = subI(hi, lo);
  std::optional<int64_t> known = constantOf(count);
  // Where sums are carried, code for known sizes adds in the order of code for any: with up to four vectors at a time
  // that is so by itself.
  const bool mayDiffer = carry && unroll > 4 && !context_.symbolValues.empty();
  while (known && !mayDiffer && unroll > 1 && *known < unroll * width_) {
    unroll /= 2;
  }
  auto lanesOf = [&](int64_t vectors) {
    Lanes lanes;
    lanes.width = width_;
    lanes.unroll = vectors;
    lanes.level = -1;
    return lanes;
  };
  auto laneBody = [&](Value iv, llvm::ArrayRef<Value> carried) { return body(Index{iv, 1, {}}, carried); };

  llvm::SmallVector<Value> carried;
  for (int64_t i = 0; carry && i < unroll; ++i) {
    carried.append(carry->init(width_));
  }
  const size_t each = carry ? carried.size() / unroll : 0;
  Value mainEnd = addI(lo, mulI(divI(count, constant(unroll * width_)), constant(unroll * width_)));
  carried = forLoop(lo, mainEnd, unroll * width_, carried, lanesOf(unroll), laneBody);
  // Joined as a balanced tree, in a fixed order.
  for (int64_t vectors = unroll; carry && vectors > 1; vectors /= 2) {
    llvm::SmallVector<Value> half;
    for (int64_t i = 0; i < vectors / 2; ++i) {
      llvm::ArrayRef<Value> all(carried);
      half.append(carry->combine(all.slice(i * each, each), all.slice((i + vectors / 2) * each, each)));
    }
    carried = half;
  }
  if (options_.useMasks) {
    Value vectorEnd = mainEnd;
    if (known && unroll > 1) {
      vectorEnd = addI(lo, constant(*known / width_ * width_));
      carried = forLoop(mainEnd, vectorEnd, width_, carried, lanesOf(1), laneBody);
    }
    carried = forLoop(vectorEnd, hi, width_, carried, lanesOf(1), [&](Value iv, llvm::ArrayRef<Value> inner) {
      OpBuilder& b = at(top());
      Value left = arith::SubIOp::create(b, location_, hi, iv);
      Value width = constant(width_);
      left = arith::MinSIOp::create(at(top()), location_, left, width);
      left = arith::TruncIOp::create(at(top()), location_, builder_.getI32Type(), left);
      Value numbers = laneNumbers(builder_.getI32Type());
      Value wanted = splat(left);
      scopes_.back().lanes.mask =
          arith::CmpIOp::create(at(top()), location_, arith::CmpIPredicate::slt, numbers, wanted);
      return body(Index{iv, 1, {}}, inner);
    });
    return carry ? carry->horizontal(carried, width_) : carried;
  }
  Value vectorEnd = mainEnd;
  if (unroll > 1) {
    vectorEnd = addI(lo, mulI(divI(count, constant(width_)), constant(width_)));
    carried = forLoop(mainEnd, vectorEnd, width_, carried, lanesOf(1), laneBody);
  }
  if (carry) {
    carried = carry->horizontal(carried, width_);
  }
  return forLoop(vectorEnd, hi, 1, carried, Lanes{},
                 [&](Value iv, llvm::ArrayRef<Value> inner) { return body(uniform(iv), inner); });
}

llvm::SmallVector<Value> ExpressionEmitter::nestLoop(
    llvm::ArrayRef<Value> extents, ValueRange inits, Lanes lanes,
    llvm::function_ref<llvm::SmallVector<Value>(llvm::ArrayRef<Value>, llvm::ArrayRef<Value>)> body) {
  llvm::SmallVector<Value> indices;
  std::function<llvm::SmallVector<Value>(size_t, llvm::ArrayRef<Value>)> nest = [&](size_t axis,
                                                                                    llvm::ArrayRef<Value> carried) {
    if (axis == extents.size()) {
      return body(indices, carried);
    }
    return forLoop(constant(0), extents[axis], 1, carried, lanes, [&](Value iv, llvm::ArrayRef<Value> inner) {
      indices.push_back(iv);
      llvm::SmallVector<Value> results = nest(axis + 1, inner);
      indices.pop_back();
      return results;
    });
  };
  return nest(0, llvm::SmallVector<Value>(inits));
}

//===-- values
//-----------------------------------------------------------------------------------------------------------===//

Pack ExpressionEmitter::placeholder(Type element) {
  Pack pack;
  OpBuilder& b = at(0);
  pack.values.push_back(arith::ConstantOp::create(b, location_, b.getZeroAttr(registerType(element))));
  return pack;
}

Pack ExpressionEmitter::emitAt(Value value, const Place& place) {
  const int level = levelOf(place);
  std::vector<uint64_t> key = keyOf(value, place);
  auto found = scopes_[level].values.find(key);
  if (found != scopes_[level].values.end()) {
    return found->second;
  }
  Pack pack;
  if (level < top()) {
    // Not in this loop: go out to where the value belongs, as if the inner scopes had not begun.
    std::vector<Scope> inner(std::make_move_iterator(scopes_.begin() + level + 1),
                             std::make_move_iterator(scopes_.end()));
    scopes_.resize(level + 1);
    pack = emitUncached(value, place);
    scopes_.insert(scopes_.end(), std::make_move_iterator(inner.begin()), std::make_move_iterator(inner.end()));
  } else {
    pack = emitUncached(value, place);
  }
  scopes_[level].values[key] = pack;
  return pack;
}

Pack ExpressionEmitter::emitUncached(Value value, const Place& place) {
  if (auto argument = llvm::dyn_cast<mlir::BlockArgument>(value)) {
    return loadLinear(pointers_.inputs[argument.getArgNumber()], elementOf(value),
                      linearize(place, dimValues(shapeOf(value))));
  }
  auto kept = kept_.find(value);
  if (kept != kept_.end()) {
    return loadLinear(pointers_.outputs[kept->second], elementOf(value), linearize(place, dimValues(shapeOf(value))));
  }
  Operation* op = value.getDefiningOp();
  Pack pack = emitOp(op, value, place);
  return needsNoRounding(op) ? pack : rounded(op->getLoc(), pack, elementOf(value));
}

Pack ExpressionEmitter::rounded(Location loc, const Pack& pack, Type element) {
  if (!isHalf(element)) {
    return pack;
  }
  return mapLanes({pack}, [&](OpBuilder& b, ValueRange v) { return roundTo(b, loc, v[0], element, context_.target); });
}

Pack ExpressionEmitter::emitOp(Operation* op, Value value, const Place& place) {
  Type element = elementOf(value);
  return llvm::TypeSwitch<Operation*, Pack>(op)
      .Case([&](ConstantOp o) { return emitConstant(o, place); })
      .Case([&](ShapeValueOp o) { return emitShapeValue(o, unflatten(place, shapeOf(value))); })
      .Case([&](CastOp o) { return emitCast(o.getLoc(), emitAt(o.getX(), place), elementOf(o.getX()), element); })
      .Case([&](BitcastOp o) {
        return mapLanes({emitAt(o.getX(), place)}, [&](OpBuilder& b, ValueRange v) {
          return emitBitcast(b, o.getLoc(), v[0], elementOf(o.getX()), element, context_.target);
        });
      })
      .Case([&](SelectOp o) {
        llvm::SmallVector<Pack> operands = {emitAt(o.getCondition(), place), emitAt(o.getX(), place),
                                            emitAt(o.getY(), place)};
        return mapLanes(operands, [&](OpBuilder& b, ValueRange v) {
          return arith::SelectOp::create(b, o.getLoc(), v[0], v[1], v[2]).getResult();
        });
      })
      .Case([&](AssertThatOp o) { return emitAssert(o, place); })
      .Case([&](ReshapeOp o) { return emitReshape(o.getX(), o.getResult(), place); })
      .Case([&](BroadcastOp o) { return emitBroadcast(o, place); })
      .Case([&](TransposeOp o) { return emitTranspose(o, unflatten(place, shapeOf(value))); })
      .Case([&](SliceOp o) { return emitSlice(o, unflatten(place, shapeOf(value))); })
      .Case([&](ReverseOp o) { return emitReverse(o, unflatten(place, shapeOf(value))); })
      .Case([&](PadOp o) { return emitPad(o, unflatten(place, shapeOf(value))); })
      .Case([&](ConcatOp o) { return emitConcat(o, unflatten(place, shapeOf(value))); })
      .Case([&](IotaOp o) { return emitIota(o, unflatten(place, shapeOf(value))); })
      .Case([&](OneHotOp o) { return emitOneHot(o, unflatten(place, shapeOf(value))); })
      .Case([&](UnfoldOp o) { return emitUnfold(o, unflatten(place, shapeOf(value))); })
      .Case([&](FoldOp o) { return emitFold(o, unflatten(place, shapeOf(value))); })
      .Case([&](GatherOp o) { return emitGather(o, unflatten(place, shapeOf(value))); })
      .Case([&](RandomUniformOp o) { return emitRandom(o, o.getState(), place); })
      .Case([&](RandomNormalOp o) { return emitRandom(o, o.getState(), place); })
      .Case([&](RandomIntegersOp o) { return emitRandom(o, o.getState(), place); })
      .Case<ReduceSumOp, ReduceMeanOp, ReduceProdOp, ReduceMaxOp, ReduceMinOp, ReduceAnyOp, ReduceAllOp, ArgmaxOp,
            ArgminOp>([&](Operation* o) { return emitReduction(o, unflatten(place, shapeOf(value))); })
      .Default([&](Operation* o) { return emitElementwise(o, place); });
}

Pack ExpressionEmitter::mapLanes(llvm::ArrayRef<Pack> operands, llvm::function_ref<Value(OpBuilder&, ValueRange)> fn) {
  bool isUniform = true;
  int level = 0;
  for (const Pack& operand : operands) {
    isUniform &= operand.isUniform;
    level = std::max(level, levelOf(operand));
  }
  if (isUniform) {
    llvm::SmallVector<Value> values;
    for (const Pack& operand : operands) {
      values.push_back(operand.values[0]);
    }
    Pack pack;
    pack.values.push_back(fn(at(level), values));
    return pack;
  }
  llvm::SmallVector<Pack> spreads;
  for (const Pack& operand : operands) {
    spreads.push_back(spread(operand));
    level = std::max(level, levelOf(spreads.back()));
  }
  level = std::max(level, lanes().level);
  Pack pack;
  pack.isUniform = false;
  for (int64_t i = 0; i < lanes().unroll; ++i) {
    llvm::SmallVector<Value> values;
    for (const Pack& operand : spreads) {
      values.push_back(operand.values[i]);
    }
    pack.values.push_back(fn(at(level), values));
  }
  return pack;
}

Pack ExpressionEmitter::applyScalar(Location loc, llvm::StringRef scalar, llvm::ArrayRef<Pack> operands,
                                    bool isUnsigned) {
  return mapLanes(operands, [&](OpBuilder& b, ValueRange values) {
    return emitScalarCall(b, loc, scalar, values, context_, isUnsigned, pointers_.context, callsMath_);
  });
}

Pack ExpressionEmitter::emitElementwise(Operation* op, const Place& place) {
  llvm::SmallVector<Pack> operands;
  for (Value operand : op->getOperands()) {
    operands.push_back(emitAt(operand, place));
  }
  const Type element = elementOf(op->getOperand(0));
  if (llvm::isa<DivOp, ModOp, RemainderOp>(op) && element.isInteger()) {
    Pack zero = placeholder(element);
    Pack isZero = mapLanes({operands[1], zero}, [&](OpBuilder& b, ValueRange v) {
      return arith::CmpIOp::create(b, op->getLoc(), arith::CmpIPredicate::eq, v[0], v[1]).getResult();
    });
    auto wide = [&](const Pack& pack) { return emitCast(op->getLoc(), pack, element, builder_.getI64Type()); };
    Pack found = wide(operands[0]), none = wide(zero);
    if (!isZero.isUniform) {
      found = spread(found);
      none = spread(none);
    }
    for (size_t i = 0; i < isZero.values.size(); ++i) {
      reportFault(op, isZero.values[i], KILN_STATUS_DIVIDE_BY_ZERO, found.values[i],
                  none.values[isZero.isUniform ? 0 : i]);
    }
  }
  // The one function of 16-bit floats that rounding an f32 to nearest would not round once.
  const std::string name = llvm::isa<FmaOp>(op) && isHalf(element) ? "FmaToOdd" : scalarNameOf(op);
  return applyScalar(op->getLoc(), name, operands, isUnsigned(element));
}

// The condition is one truth by now: simplify reduces those of many.
Pack ExpressionEmitter::emitAssert(AssertThatOp op, const Place& place) {
  const Pack x = emitAt(op.getX(), place);
  const Pack condition = emitAt(op.getCondition(), placeOf(shapeOf(op.getCondition()), {}));
  const Pack isBad = mapLanes({condition}, [&](OpBuilder& b, ValueRange v) {
    Value one = arith::ConstantOp::create(b, op.getLoc(), b.getBoolAttr(true));
    return arith::XOrIOp::create(b, op.getLoc(), v[0], one).getResult();
  });
  reportFault(op, isBad.values[0], assertStatus(op), constant(0), constant(0));
  return x;
}

Pack ExpressionEmitter::emitCast(Location loc, const Pack& pack, Type from, Type to) {
  return mapLanes(
      {pack}, [&](OpBuilder& b, ValueRange v) { return compiler::emitCast(b, loc, v[0], from, to, context_.target); });
}

Pack ExpressionEmitter::emitCast(Location loc, const Pack& pack, Type to) {
  return emitCast(loc, pack, mlir::getElementTypeOrSelf(pack.values[0].getType()), to);
}

Pack ExpressionEmitter::emitConstant(ConstantOp op, const Place& place) {
  auto elements = llvm::cast<mlir::ElementsAttr>(op.getValue());
  Type element = elementOf(op.getResult());
  if (!elements.isSplat()) {
    op.emitError("a constant of several values must be an operand of the kernel");
    requestRetry(Retry::kScalar);
    return placeholder(element);
  }
  OpBuilder& b = at(0);
  Pack pack;
  pack.values.push_back(arith::ConstantOp::create(
      b, op.getLoc(), toRegisterAttribute(llvm::cast<mlir::TypedAttr>(elements.getSplatValue<mlir::Attribute>()))));
  return pack;
}

void ExpressionEmitter::store(int output, const Place& place, const Pack& pack) {
  Value result = kernel_.getBody().front().getTerminator()->getOperand(output);
  storeLinear(pointers_.outputs[output], elementOf(result), linearize(place, dimValues(shapeOf(result))), pack);
}

}  // namespace kiln::compiler
