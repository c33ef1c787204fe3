// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The native emitter for ops without regions. What an op does to positions is worked out here, not in the code: moved
// elements are shuffles of pieces.
#include "compiler/codegen/common/conversions.h"
#include "compiler/codegen/common/math_builder.h"
#include "compiler/codegen/common/scalar_functions.h"
#include "compiler/codegen/cpu/accumulator.h"
#include "compiler/codegen/cpu/emit_random.h"
#include "compiler/codegen/cpu/native_emitter.h"
#include "compiler/codegen/cpu/scalar_calls.h"
#include "compiler/dialect/reductions.h"
#include "compiler/dialect/scatters.h"
#include "llvm/ADT/TypeSwitch.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using arith::CmpIPredicate;
using mlir::Operation;
using mlir::Type;
using Dims = llvm::SmallVector<int64_t>;

namespace {

// Gathers from registers pick by comparison along an axis of no more than this; along longer ones through memory.
constexpr int64_t kMaxCompared = 8;
// Sums of at least this many terms are added up in kChains chains.
constexpr int64_t kManyTerms = 8, kChains = 4;

Type elementTypeOf(Value value) { return mlir::getElementTypeOrSelf(value.getType()); }

Dims dimsOf(Value value) {
  Dims dims;
  for (const Dim& dim : shapeOf(value.getType())) {
    dims.push_back(dim.value());
  }
  return dims;
}

int64_t product(llvm::ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims) {
    count *= dim;
  }
  return count;
}

Dims unravel(int64_t linear, llvm::ArrayRef<int64_t> dims) {
  Dims index(dims.size());
  for (size_t axis = dims.size(); axis-- > 0;) {
    index[axis] = linear % dims[axis];
    linear /= dims[axis];
  }
  return index;
}

int64_t ravel(llvm::ArrayRef<int64_t> index, llvm::ArrayRef<int64_t> dims) {
  int64_t linear = 0;
  for (auto [i, dim] : llvm::zip(index, dims)) {
    linear = linear * dim + i;
  }
  return linear;
}

int64_t fromFront(int64_t axis, size_t rank) { return axis < 0 ? axis + static_cast<int64_t>(rank) : axis; }

// The entries of a shape operand.
std::optional<Dims> entriesOf(Value shape) {
  Dims entries;
  if (auto op = shape.getDefiningOp<ShapeValueOp>()) {
    for (const Dim& dim : op.getShape().getShape()) {
      if (!dim.isStatic()) {
        return std::nullopt;
      }
      entries.push_back(dim.value());
    }
    return entries;
  }
  auto op = shape.getDefiningOp<ConstantOp>();
  auto elements = op ? llvm::dyn_cast<mlir::DenseIntElementsAttr>(op.getValue()) : mlir::DenseIntElementsAttr();
  if (!elements) {
    return std::nullopt;
  }
  for (const llvm::APInt& entry : elements.getValues<llvm::APInt>()) {
    entries.push_back(entry.getSExtValue());
  }
  return entries;
}

// How gather and the scatters see x: [outer, length, inner], the outer one split into batches.
struct IndexedAxis {
  int64_t batches, middle, picks, inner;

  explicit IndexedAxis(Operation* op) {
    const Shape x = shapeOf(op->getOperand(0).getType()), indices = shapeOf(op->getOperand(1).getType());
    const auto attribute = [&](llvm::StringRef name) {
      auto value = op->getAttrOfType<mlir::IntegerAttr>(name);
      return static_cast<int>(value ? value.getInt() : 0);
    };
    const int batch = attribute("batch_dims");
    axis = static_cast<int>(fromFront(attribute("axis"), x.rank()));
    const auto count = [](const Shape& shape, int from, int to) {
      int64_t elements = 1;
      for (int i = from; i < to; ++i) {
        elements *= shape[i].value();
      }
      return elements;
    };
    batches = count(x, 0, batch);
    middle = count(x, batch, axis);
    inner = count(x, axis + 1, x.rank());
    picks = count(indices, batch, indices.rank());
    length = x[axis];
  }
  int axis;
  Dim length;
};

}  // namespace

mlir::LogicalResult NativeEmitter::emitBlock(mlir::Block& block) {
  for (Operation& op : block.without_terminator()) {
    loc_ = op.getLoc();
    if (mlir::failed(emitOp(&op))) {
      return op.emitError("a native kernel cannot have this op");
    }
  }
  return mlir::success();
}

mlir::LogicalResult NativeEmitter::emitOp(Operation* op) {
  const auto always = [&](auto emit) {
    return [this, emit](auto o) {
      (this->*emit)(o);
      return mlir::success();
    };
  };
  return llvm::TypeSwitch<Operation*, mlir::LogicalResult>(op)
      .Case([&](LoopOp o) { return emitLoop(o); })
      .Case([&](BranchOp o) { return emitBranch(o); })
      .Case([&](UnwindOp o) { return emitUnwind(o); })
      .Case([&](ConstantOp o) { return emitConstant(o); })
      .Case([&](ShapeValueOp o) {
        Values entries;
        for (const Dim& entry : o.getShape().getShape()) {
          entries.push_back(dim(entry));
        }
        llvm::SmallVector<Source> sources;
        for (Value entry : entries) {
          sources.emplace_back(make(b_.getI64Type(), 1, entry), 0);
        }
        set(o.getResult(), gather(b_.getI64Type(), sources));
        return mlir::success();
      })
      .Case<StopGradientOp, ReshapeOp>([&](Operation* o) {
        set(o->getResult(0), get(o->getOperand(0)));
        return mlir::success();
      })
      .Case([&](OptimizationBarrierOp o) {
        for (auto [result, input] : llvm::zip_equal(o->getResults(), o->getOperands())) {
          set(result, get(input));
        }
        return mlir::success();
      })
      .Case<AssertThatOp>(always(&NativeEmitter::emitAssert))
      .Case([&](CastOp o) {
        set(o.getResult(), cast(get(o.getX()), elementTypeOf(o.getResult())));
        return mlir::success();
      })
      .Case([&](BitcastOp o) {
        Registers* x = get(o.getX());
        const Type to = elementTypeOf(o.getResult());
        set(o.getResult(), map(to, {x}, [&](mlir::ValueRange v) {
              return emitBitcast(b_, loc_, v[0], x->element, to, context_.target);
            }));
        return mlir::success();
      })
      .Case([&](SelectOp o) {
        set(o.getResult(),
            map(elementTypeOf(o.getResult()), {get(o.getCondition()), get(o.getX()), get(o.getY())},
                [&](mlir::ValueRange v) { return arith::SelectOp::create(b_, loc_, v[0], v[1], v[2]).getResult(); }));
        return mlir::success();
      })
      .Case<BroadcastOp, TransposeOp, ReverseOp, ConcatOp, IotaOp>(always(&NativeEmitter::emitMovement))
      .Case([&](SliceOp o) { return emitSlice(o); })
      .Case([&](PadOp o) { return emitPad(o); })
      .Case<OneHotOp>(always(&NativeEmitter::emitOneHot))
      .Case<GatherOp>(always(&NativeEmitter::emitGather))
      .Case<ScatterAddOp, ScatterSlicesOp>(always(&NativeEmitter::emitScatter))
      .Case<MatmulOp>(always(&NativeEmitter::emitMatmul))
      .Case<RandomUniformOp, RandomNormalOp, RandomIntegersOp>(always(&NativeEmitter::emitRandom))
      .Case<ReduceSumOp, ReduceMeanOp, ReduceProdOp, ReduceMaxOp, ReduceMinOp, ReduceAnyOp, ReduceAllOp, ArgmaxOp,
            ArgminOp>(always(&NativeEmitter::emitReduction))
      .Default([&](Operation* o) { return emitElementwise(o); });
}

mlir::LogicalResult NativeEmitter::emitConstant(ConstantOp op) {
  auto elements = llvm::dyn_cast<mlir::DenseElementsAttr>(op.getValue());
  if (!elements) {
    return mlir::failure();
  }
  llvm::SmallVector<mlir::Attribute> values;
  for (mlir::Attribute value : elements.getValues<mlir::Attribute>()) {
    values.push_back(toRegisterAttribute(llvm::cast<mlir::TypedAttr>(value)));
  }
  set(op.getResult(), constants(elementTypeOf(op.getResult()), values));
  return mlir::success();
}

mlir::LogicalResult NativeEmitter::emitElementwise(Operation* op) {
  const std::string scalar = scalarNameOf(op);
  if (op->getNumResults() != 1 || op->getNumOperands() == 0 || !isScalarFunction(scalar)) {
    return mlir::failure();
  }
  llvm::SmallVector<Registers*> operands;
  for (Value operand : op->getOperands()) {
    operands.push_back(get(operand));
  }
  const Type element = operands[0]->element;
  if (llvm::isa<DivOp, ModOp, RemainderOp>(op) && llvm::isa<mlir::IntegerType>(element)) {
    for (auto [x, y] : llvm::zip(operands[0]->pieces, operands[1]->pieces)) {
      Value zero = arith::ConstantOp::create(b_, loc_, b_.getZeroAttr(y.getType()));
      Value isZero = compare(CmpIPredicate::eq, y, zero);
      faultIf(op, anyOf(isZero), KILN_STATUS_DIVIDE_BY_ZERO, [&] {
        return std::make_pair(emitCast(b_, loc_, firstWhere(isZero, x), element, b_.getI64Type(), context_.target),
                              number(0));
      });
    }
  }
  // The one function of 16-bit floats that rounding an f32 to nearest would not round once.
  const std::string name = llvm::isa<FmaOp>(op) && isHalf(element) ? "FmaToOdd" : scalar;
  bool isKnown = true;
  Registers* result = map(elementTypeOf(op->getResult(0)), operands, [&](mlir::ValueRange v) {
    Value value = emitScalarCall(b_, loc_, name, v, context_, isUnsigned(element), host_, callsMath_);
    isKnown &= static_cast<bool>(value);
    return value;
  });
  if (!isKnown) {
    return mlir::failure();
  }
  set(op->getResult(0), needsNoRounding(op) ? result : rounded(result));
  return mlir::success();
}

Value NativeEmitter::anyOf(Value condition) {
  return llvm::isa<mlir::VectorType>(condition.getType())
             ? mlir::vector::ReductionOp::create(b_, loc_, mlir::vector::CombiningKind::OR, condition).getResult()
             : condition;
}

Value NativeEmitter::firstWhere(Value condition, Value x) {
  auto vector = llvm::dyn_cast<mlir::VectorType>(condition.getType());
  if (!vector) {
    return x;
  }
  Value found = mlir::vector::ExtractOp::create(b_, loc_, x, vector.getNumElements() - 1);
  for (int64_t lane = vector.getNumElements() - 1; lane-- > 0;) {
    Value isHere = mlir::vector::ExtractOp::create(b_, loc_, condition, lane);
    Value here = mlir::vector::ExtractOp::create(b_, loc_, x, lane);
    found = arith::SelectOp::create(b_, loc_, isHere, here, found);
  }
  return found;
}

void NativeEmitter::emitAssert(AssertThatOp op) {
  for (Value piece : get(op.getCondition())->pieces) {
    Value yes = arith::ConstantOp::create(
        b_, loc_,
        llvm::isa<mlir::VectorType>(piece.getType())
            ? mlir::TypedAttr(mlir::DenseElementsAttr::get(llvm::cast<mlir::ShapedType>(piece.getType()), true))
            : b_.getBoolAttr(true));
    Value isFalse = arith::XOrIOp::create(b_, loc_, piece, yes);
    faultIf(op, anyOf(isFalse), KILN_STATUS_ASSERT, [&] { return std::make_pair(number(0), number(0)); });
  }
  set(op.getResult(), get(op.getX()));
}

//===-- movement
//---------------------------------------------------------------------------------------------------------===//

void NativeEmitter::emitMovement(Operation* op) {
  Value result = op->getResult(0);
  const Type element = elementTypeOf(result);
  const Dims to = dimsOf(result);
  const int64_t count = product(to);
  if (auto iota = llvm::dyn_cast<IotaOp>(op)) {
    Dims values;
    for (int64_t i = 0; i < count; ++i) {
      values.push_back(unravel(i, to)[fromFront(iota.getAxis(), to.size())]);
    }
    set(result, integers(element, values));
    return;
  }
  llvm::SmallVector<Source> sources;
  for (int64_t i = 0; i < count; ++i) {
    Dims index = unravel(i, to);
    Value from = op->getOperand(0);
    Dims at = index;
    if (llvm::isa<BroadcastOp>(op)) {
      at.erase(at.begin(), at.end() - static_cast<int64_t>(dimsOf(from).size()));
      for (auto [position, dim] : llvm::zip(at, dimsOf(from))) {
        position = dim == 1 ? 0 : position;
      }
    } else if (auto transpose = llvm::dyn_cast<TransposeOp>(op)) {
      for (auto [axis, source] : llvm::enumerate(transpose.getPermutation())) {
        at[source] = index[axis];
      }
    } else if (auto reverse = llvm::dyn_cast<ReverseOp>(op)) {
      for (int64_t named : reverse.getAxes()) {
        const int64_t axis = fromFront(named, to.size());
        at[axis] = to[axis] - 1 - index[axis];
      }
    } else if (auto concat = llvm::dyn_cast<ConcatOp>(op)) {
      const int64_t axis = fromFront(concat.getAxis(), to.size());
      for (Value input : concat.getInputs()) {
        from = input;
        if (at[axis] < dimsOf(input)[axis]) {
          break;
        }
        at[axis] -= dimsOf(input)[axis];
      }
    }
    sources.emplace_back(get(from), ravel(at, dimsOf(from)));
  }
  set(result, gather(element, sources));
}

mlir::LogicalResult NativeEmitter::emitSlice(SliceOp op) {
  const std::optional<Dims> starts = entriesOf(op.getStarts());
  if (!starts) {
    return mlir::failure();
  }
  const Dims to = dimsOf(op.getResult());
  const Shape from = shapeOf(op.getX().getType());
  const bool isSmall = !isInMemory(op.getX()) || registers_.lookup(op.getX());
  llvm::SmallVector<Source> sources;
  for (int64_t i = 0; i < product(to); ++i) {
    Dims at = unravel(i, to);
    for (size_t axis = 0; axis < to.size(); ++axis) {
      at[axis] = at[axis] * op.getSteps()[axis] + (*starts)[axis];
    }
    if (isSmall) {
      sources.emplace_back(get(op.getX()), ravel(at, dimsOf(op.getX())));
      continue;
    }
    Value linear = number(0);
    for (size_t axis = 0; axis < to.size(); ++axis) {
      linear = addI(mulI(linear, dim(from[static_cast<int>(axis)])), number(at[axis]));
    }
    sources.emplace_back(load(memory_.lookup(op.getX()), linear, 1), 0);
  }
  set(op.getResult(), gather(elementTypeOf(op.getResult()), sources));
  return mlir::success();
}

mlir::LogicalResult NativeEmitter::emitPad(PadOp op) {
  const std::optional<Dims> low = entriesOf(op.getLow());
  if (!low) {
    return mlir::failure();
  }
  const Dims from = dimsOf(op.getX()), to = dimsOf(op.getResult());
  Registers *x = get(op.getX()), *value = get(op.getValue());
  llvm::SmallVector<Source> sources;
  for (int64_t i = 0; i < product(to); ++i) {
    Dims at = unravel(i, to);
    bool isInside = true;
    for (size_t axis = 0; axis < to.size(); ++axis) {
      const int64_t step = op.getInterior()[axis] + 1, position = at[axis] - (*low)[axis];
      isInside &= position >= 0 && position % step == 0 && position / step < from[axis];
      at[axis] = position / step;
    }
    sources.push_back(isInside ? Source{x, ravel(at, from)} : Source{value, 0});
  }
  set(op.getResult(), gather(elementTypeOf(op.getResult()), sources));
  return mlir::success();
}

//===-- indices
//-----------------------------------------------------------------------------------------------------------===//

void NativeEmitter::emitOneHot(OneHotOp op) {
  const Type i64 = b_.getI64Type(), element = elementTypeOf(op.getResult());
  const auto depth = static_cast<int64_t>(op.getDepth());
  Registers* raw = cast(get(op.getIndices()), i64);
  llvm::SmallVector<Source> sources;
  Dims columns;
  for (int64_t i = 0; i < raw->count * depth; ++i) {
    sources.emplace_back(raw, i / depth);
    columns.push_back(i % depth);
  }
  Registers* found = gather(i64, sources);
  Registers* hot = map(b_.getI1Type(), {found, integers(i64, columns), integers(i64, Dims(columns.size(), depth))},
                       [&](mlir::ValueRange v) {
                         Value zero = arith::ConstantOp::create(b_, loc_, b_.getZeroAttr(v[0].getType()));
                         Value isNegative = compare(CmpIPredicate::slt, v[0], zero);
                         Value wanted = arith::SelectOp::create(b_, loc_, isNegative, addI(v[0], v[2]), v[0]);
                         return compare(CmpIPredicate::eq, wanted, v[1]);
                       });
  set(op.getResult(), cast(hot, element));
}

Registers* NativeEmitter::checkedIndices(Operation* op, Registers* indices, Value extent) {
  const Type i64 = b_.getI64Type();
  auto allowNegative = op->getAttrOfType<mlir::BoolAttr>("allow_negative");
  Registers* raw = cast(indices, i64);
  Registers* limit = splat(make(i64, 1, extent), raw->count);
  Registers* index = raw;
  if (!allowNegative || allowNegative.getValue()) {
    index = map(i64, {raw, limit}, [&](mlir::ValueRange v) {
      Value zero = arith::ConstantOp::create(b_, loc_, b_.getZeroAttr(v[0].getType()));
      Value isNegative = compare(CmpIPredicate::slt, v[0], zero);
      return arith::SelectOp::create(b_, loc_, isNegative, addI(v[0], v[1]), v[0]).getResult();
    });
  }
  // As unsigned numbers negative ones are out of range too.
  for (auto [i, piece] : llvm::enumerate(index->pieces)) {
    Value isBad = compare(CmpIPredicate::uge, piece, limit->pieces[i]);
    Value found = raw->pieces[i];
    faultIf(op, anyOf(isBad), KILN_STATUS_INDEX_RANGE,
            [&] { return std::make_pair(firstWhere(isBad, found), extent); });
  }
  return index;
}

void NativeEmitter::emitGather(GatherOp op) {
  const IndexedAxis axis(op);
  const Type element = elementTypeOf(op.getResult());
  Registers* index = checkedIndices(op, get(op.getIndices()), dim(axis.length));
  llvm::SmallVector<Source> sources;
  const int64_t outer = axis.batches * axis.middle;
  if (isInMemory(op.getX()) || axis.length.value() > kMaxCompared) {
    const int slot = isInMemory(op.getX()) ? -1 : takeSlot();
    const Memory memory = memoryOf(op.getX(), slot);
    Value length = dim(axis.length);
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t pick = 0; pick < axis.picks; ++pick) {
        Value position = elementOf(index, o / axis.middle * axis.picks + pick);
        Value linear = mulI(addI(mulI(number(o), length), position), number(axis.inner));
        Registers* line = load(memory, linear, axis.inner);
        for (int64_t i = 0; i < axis.inner; ++i) {
          sources.emplace_back(line, i);
        }
      }
    }
    set(op.getResult(), gather(element, sources));
    if (slot >= 0) {
      releaseSlot(slot);
    }
    return;
  }
  Registers* x = get(op.getX());
  const int64_t length = axis.length.value(), each = axis.picks * axis.inner;
  Registers* result = nullptr;
  for (int64_t row = 0; row < length; ++row) {
    llvm::SmallVector<Source> values, indices;
    for (int64_t i = 0; i < outer * each; ++i) {
      const int64_t o = i / each, pick = i % each / axis.inner;
      values.emplace_back(x, (o * length + row) * axis.inner + i % axis.inner);
      indices.emplace_back(index, o / axis.middle * axis.picks + pick);
    }
    Registers* taken = gather(element, values);
    result = !result ? taken
                     : map(element,
                           {taken, result, gather(b_.getI64Type(), indices),
                            integers(b_.getI64Type(), Dims(values.size(), row))},
                           [&](mlir::ValueRange v) {
                             Value isHere = compare(CmpIPredicate::eq, v[2], v[3]);
                             return arith::SelectOp::create(b_, loc_, isHere, v[0], v[1]).getResult();
                           });
  }
  // Along an axis of no elements every index is a fault.
  set(op.getResult(), result ? result : integers(element, Dims(product(dimsOf(op.getResult())), 0)));
}

void NativeEmitter::emitScatter(Operation* op) {
  const IndexedAxis axis(op);
  Registers *x = get(op->getOperand(0)), *updates = get(op->getOperand(2));
  const Type i64 = b_.getI64Type(), element = x->element;
  const llvm::StringRef scalar = scatterScalarOf(op);
  Registers* index = checkedIndices(op, get(op->getOperand(1)), dim(axis.length));
  const int64_t length = axis.length.value(), each = length * axis.inner;
  for (int64_t pick = 0; pick < axis.picks; ++pick) {
    // One update for each line along the axis: it goes to the element at the index.
    llvm::SmallVector<Source> indices, values;
    Dims rows;
    for (int64_t i = 0; i < x->count; ++i) {
      const int64_t o = i / each;
      rows.push_back(i % each / axis.inner);
      indices.emplace_back(index, o / axis.middle * axis.picks + pick);
      values.emplace_back(updates, (o * axis.picks + pick) * axis.inner + i % axis.inner);
    }
    x = map(element, {x, gather(element, values), gather(i64, indices), integers(i64, rows)}, [&](mlir::ValueRange v) {
      Value next = v[1];
      if (!scalar.empty()) {
        next = emitScalarFunction(b_, loc_, scalar, {v[0], v[1]}, context_, isUnsigned(element), host_);
      }
      if (scalar == "Mul") {
        next = roundTo(b_, loc_, next, element, context_.target);
      }
      Value isHere = compare(CmpIPredicate::eq, v[2], v[3]);
      return arith::SelectOp::create(b_, loc_, isHere, next, v[0]).getResult();
    });
  }
  set(op->getResult(0), rounded(x));
}

//===-- sums
//-------------------------------------------------------------------------------------------------------------===//

void NativeEmitter::emitReduction(Operation* op) {
  Value operand = op->getOperand(0), result = op->getResult(0);
  const Dims from = dimsOf(operand);
  const llvm::SmallVector<bool> reduced = reducedAxes(op);
  Dims kept, terms;
  for (auto [axis, dim] : llvm::enumerate(from)) {
    (reduced[axis] ? terms : kept).push_back(dim);
  }
  const auto sourceOf = [&](int64_t element, int64_t term) {
    const Dims outer = unravel(element, kept), inner = unravel(term, terms);
    Dims at;
    size_t nextOuter = 0, nextInner = 0;
    for (bool isReduced : reduced) {
      at.push_back(isReduced ? inner[nextInner++] : outer[nextOuter++]);
    }
    return Source{get(operand), ravel(at, from)};
  };
  const Accumulator accumulator(op, context_);
  const int64_t numTerms = product(terms), count = product(kept);
  const int64_t numChains = numTerms >= kManyTerms && !isArgReductionOp(op) ? kChains : 1;
  Values pieces;
  int64_t first = 0;
  for (int64_t width : layoutOf(count)) {
    llvm::SmallVector<Values> chains(numChains, accumulator.init(b_, width));
    for (int64_t term = 0; term < numTerms; ++term) {
      llvm::SmallVector<Source> sources;
      for (int64_t i = 0; i < width; ++i) {
        sources.push_back(sourceOf(first + i, term));
      }
      Value x = gatherPiece(get(operand)->element, sources);
      Value position;
      if (isArgReductionOp(op)) {
        position = integers(b_.getI64Type(), Dims(width, term))->pieces[0];
      }
      Values& chain = chains[term % numChains];
      chain = accumulator.add(b_, chain, x, Value(), position);
    }
    for (; chains.size() > 1; chains.pop_back()) {
      Values& into = chains[chains.size() - 2];
      into = accumulator.combine(b_, into, chains.back());
    }
    pieces.push_back(accumulator.finish(b_, chains[0], number(numTerms)));
    first += width;
  }
  set(result, make(elementTypeOf(result), count, pieces));
}

// Each element is one chain of multiply-adds in the order of k, as in gemm.h, so that it has the same bits.
void NativeEmitter::emitMatmul(MatmulOp op) {
  const Dims aDims = dimsOf(op.getA()), bDims = dimsOf(op.getB()), to = dimsOf(op.getResult());
  const size_t rank = to.size();
  const int64_t m = to[rank - 2], n = to[rank - 1], k = aDims[rank - (op.getTransposeA() ? 2 : 1)];
  Registers *a = get(op.getA()), *b = get(op.getB());
  const Type element = a->element;
  Values pieces;
  int64_t first = 0;
  for (int64_t width : layoutOf(product(to))) {
    const Type type = pieceType(element, width);
    Value sum = arith::ConstantOp::create(b_, loc_, b_.getZeroAttr(type));
    for (int64_t p = 0; p < k; ++p) {
      llvm::SmallVector<Source> left, right;
      for (int64_t i = first; i < first + width; ++i) {
        const int64_t matrix = i / (m * n), row = i / n % m, column = i % n;
        left.emplace_back(a, matrix * m * k + (op.getTransposeA() ? p * m + row : row * k + p));
        right.emplace_back(b, matrix * k * n + (op.getTransposeB() ? column * k + p : p * n + column));
      }
      Value x = gatherPiece(element, left), y = gatherPiece(element, right);
      sum = llvm::isa<mlir::FloatType>(element) ? MathBuilder(b_, loc_, type, context_.target).mulAdd(x, y, sum)
                                                : addI(mulI(x, y), sum);
    }
    pieces.push_back(sum);
    first += width;
  }
  set(op.getResult(), rounded(make(element, product(to), pieces)));
}

void NativeEmitter::emitRandom(Operation* op) {
  const Type i64 = b_.getI64Type();
  const int64_t count = product(dimsOf(op->getResult(0)));
  Registers* state = cast(get(op->getOperand(0)), i64);
  Dims positions;
  llvm::SmallVector<Source> seeds, steps;
  for (int64_t i = 0; i < count; ++i) {
    positions.push_back(i);
    seeds.emplace_back(state, 0);
    steps.emplace_back(state, 1);
  }
  set(op->getResult(0),
      map(elementTypeOf(op->getResult(0)), {integers(i64, positions), gather(i64, seeds), gather(i64, steps)},
          [&](mlir::ValueRange v) { return emitRandomNumbers(b_, op, v[0], v[1], v[2], context_); }));
}

}  // namespace kiln::compiler
