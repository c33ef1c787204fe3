// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The expression emitter for reductions: asked for an element of the result, it writes the loop that computes it. Along
// an axis that is kept the loop takes a vector of results at once; over the innermost axis it takes a vector of terms
// and joins the lanes at the end, in an order that depends on the shape alone.
//
// Sums. The terms of an f32 sum are added up in f64, so that the sum is rounded once. An f64 sum carries the error of
// each addition in a second number (Knuth's two-sum), which is added at the end. Sums of f16 and bf16 are added up in
// f32, and of integers in their own type, where they wrap. Products likewise, without the error term.
#include "compiler/codegen/common/scalar_functions.h"
#include "compiler/codegen/cpu/expression_emitter.h"
#include "compiler/dialect/reductions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using mlir::Location;
using mlir::OpBuilder;
using mlir::Operation;
using mlir::Type;
using Values = llvm::SmallVector<Value>;

namespace {

bool keepsDims(Operation* op) {
  auto keep = op->getAttrOfType<mlir::BoolAttr>("keep_dims");
  return keep && keep.getValue();
}

bool isTranscendental(Operation* op) { return llvm::isa<ExpOp, LogOp, TanhOp, SigmoidOp, PowOp>(op); }

// How one reduction accumulates. All functions take scalars and vectors alike.
class Accumulator {
 public:
  Accumulator(Operation* op, const CodegenContext& context)
      : op_(op), element_(elementOf(op->getOperand(0))), context_(context) {
    isArg_ = isArgReductionOp(op);
    isSum_ = llvm::isa<ReduceSumOp, ReduceMeanOp>(op);
    if (llvm::isa<ReduceMinOp, ArgminOp>(op)) {
      scalar_ = "Minimum";
    } else if (llvm::isa<ReduceMaxOp, ArgmaxOp>(op)) {
      scalar_ = "Maximum";
    } else if (llvm::isa<ReduceProdOp>(op)) {
      scalar_ = "Mul";
    } else if (llvm::isa<ReduceAnyOp>(op)) {
      scalar_ = "Or";
    } else if (llvm::isa<ReduceAllOp>(op)) {
      scalar_ = "And";
    }
    isWide_ = element_.isF32() && (isSum_ || scalar_ == "Mul");
  }

  Operation* op() const { return op_; }
  size_t count() const { return isArg_ || (isSum_ && element_.isF64()) ? 2 : 1; }

  Values init(OpBuilder& b, int64_t width) const {
    Values values;
    const Type held = isWide_ ? b.getF64Type() : registerType(element_);
    if (isSum_) {
      values.assign(count(), literal(b, b.getZeroAttr(held), width));
      return values;
    }
    values.push_back(literal(b, neutral(b, held), width));
    if (isArg_) {
      values.push_back(literal(b, b.getI64IntegerAttr(0), width));
    }
    return values;
  }

  // Takes one more term. Lanes outside `mask` add nothing. `index` is the position, for argmax.
  Values add(OpBuilder& b, llvm::ArrayRef<Value> carried, Value x, Value mask, Value index) const {
    Location loc = op_->getLoc();
    const bool isMin = scalar_ == "Minimum";
    if (isArg_) {
      Value isBetter, isNan, wasNan;
      if (llvm::isa<mlir::FloatType>(element_)) {
        Value isBeyond =
            arith::CmpFOp::create(b, loc, isMin ? arith::CmpFPredicate::OLT : arith::CmpFPredicate::OGT, x, carried[0]);
        isNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
        wasNan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, carried[0], carried[0]);
        Value isFirstNan = arith::AndIOp::create(b, loc, isNan, wasNan);
        isBetter = arith::OrIOp::create(b, loc, isBeyond, isFirstNan);
      } else {
        const auto less = isUnsigned(element_) ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt;
        isBetter = arith::CmpIOp::create(b, loc, less, isMin ? x : carried[0], isMin ? carried[0] : x);
      }
      return {arith::SelectOp::create(b, loc, isBetter, x, carried[0]),
              arith::SelectOp::create(b, loc, isBetter, index, carried[1])};
    }
    Value term = x;
    if (isWide_) {
      term = arith::ExtFOp::create(b, loc, shaped(x, b.getF64Type()), x);
    }
    if (mask) {
      Values none = init(b, llvm::cast<mlir::VectorType>(x.getType()).getNumElements());
      term = arith::SelectOp::create(b, loc, mask, term, none[0]);
    }
    if (!isSum_) {
      return {emitScalarFunction(b, loc, scalar_, {carried[0], term}, context_, isUnsigned(element_))};
    }
    if (count() == 2) {
      return twoSum(b, carried[0], carried[1], term);
    }
    return {plus(b, carried[0], term)};
  }

  Values combine(OpBuilder& b, llvm::ArrayRef<Value> x, llvm::ArrayRef<Value> y) const {
    if (!isSum_) {
      return {emitScalarFunction(b, op_->getLoc(), scalar_, {x[0], y[0]}, context_, isUnsigned(element_))};
    }
    if (count() == 2) {
      return twoSum(b, x[0], plus(b, x[1], y[1]), y[0]);
    }
    return {plus(b, x[0], y[0])};
  }

  // The result; `length` is the number of terms, for means.
  Value finish(OpBuilder& b, llvm::ArrayRef<Value> carried, Value length) const {
    Location loc = op_->getLoc();
    if (isArg_) {
      return carried[1];
    }
    Value result = carried[0];
    if (count() == 2) {
      // After an infinity the error term is NaN, and the sum itself right.
      Value isFinite = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, carried[1], carried[1]);
      Value corrected = arith::AddFOp::create(b, loc, carried[0], carried[1]);
      result = arith::SelectOp::create(b, loc, isFinite, corrected, carried[0]);
    }
    if (llvm::isa<ReduceMeanOp>(op_)) {
      if (isHalf(element_)) {
        result = arith::ExtFOp::create(b, loc, shaped(result, b.getF64Type()), result);
      }
      Value divisor = arith::SIToFPOp::create(b, loc, b.getF64Type(), length);
      if (auto vector = llvm::dyn_cast<mlir::VectorType>(result.getType())) {
        divisor = mlir::vector::BroadcastOp::create(b, loc, vector, divisor);
      }
      result = arith::DivFOp::create(b, loc, result, divisor);
    }
    if (isWide_) {
      result = arith::TruncFOp::create(b, loc, shaped(result, element_), result);
    }
    return isSum_ || scalar_ == "Mul" ? roundTo(b, loc, result, element_, context_.target) : result;
  }

 private:
  Value literal(OpBuilder& b, mlir::TypedAttr value, int64_t width) const {
    if (width > 1) {
      value = mlir::DenseElementsAttr::get(mlir::VectorType::get({width}, value.getType()),
                                           llvm::ArrayRef<mlir::Attribute>{value});
    }
    return arith::ConstantOp::create(b, op_->getLoc(), value);
  }
  // What changes no other element: the result for none.
  mlir::TypedAttr neutral(OpBuilder& b, Type held) const {
    if (scalar_ == "Mul") {
      return toTyped(b, held, 1);
    }
    if (scalar_ == "Or" || scalar_ == "And") {
      return b.getBoolAttr(scalar_ == "And");
    }
    const bool isMin = scalar_ == "Minimum";
    if (auto real = llvm::dyn_cast<mlir::FloatType>(held)) {
      return mlir::FloatAttr::get(real, llvm::APFloat::getInf(real.getFloatSemantics(), /*Negative=*/!isMin));
    }
    const unsigned bits = held.getIntOrFloatBitWidth();
    if (isUnsigned(element_)) {
      return mlir::IntegerAttr::get(held, isMin ? llvm::APInt::getMaxValue(bits) : llvm::APInt::getMinValue(bits));
    }
    return mlir::IntegerAttr::get(held,
                                  isMin ? llvm::APInt::getSignedMaxValue(bits) : llvm::APInt::getSignedMinValue(bits));
  }
  static mlir::TypedAttr toTyped(OpBuilder& b, Type type, int64_t value) {
    return llvm::isa<mlir::FloatType>(type) ? mlir::TypedAttr(b.getFloatAttr(type, static_cast<double>(value)))
                                            : b.getIntegerAttr(type, value);
  }
  static Type shaped(Value like, Type element) {
    auto vector = llvm::dyn_cast<mlir::VectorType>(like.getType());
    return vector ? mlir::VectorType::get(vector.getShape(), element) : element;
  }
  Value plus(OpBuilder& b, Value x, Value y) const {
    return emitScalarFunction(b, op_->getLoc(), "Add", {x, y}, context_);
  }
  Values twoSum(OpBuilder& b, Value sum, Value error, Value term) const {
    Location loc = op_->getLoc();
    Value next = arith::AddFOp::create(b, loc, sum, term);
    Value taken = arith::SubFOp::create(b, loc, next, sum);
    Value before = arith::SubFOp::create(b, loc, next, taken);
    Value lostOfSum = arith::SubFOp::create(b, loc, sum, before);
    Value lostOfTerm = arith::SubFOp::create(b, loc, term, taken);
    Value lost = arith::AddFOp::create(b, loc, lostOfSum, lostOfTerm);
    return {next, arith::AddFOp::create(b, loc, error, lost)};
  }

  Operation* op_;
  Type element_;
  const CodegenContext& context_;
  bool isArg_, isSum_;
  bool isWide_ = false;     // joins f32 elements in f64
  llvm::StringRef scalar_;  // the function that joins two elements, of all but sums
};

}  // namespace

void ExpressionEmitter::findSiblings() {
  llvm::DenseMap<Operation*, int> depths;
  std::map<std::string, llvm::SmallVector<Operation*>> groups;
  for (Operation& op : kernel_.getBody().front()) {
    int depth = 0;
    for (Value operand : op.getOperands()) {
      if (Operation* producer = operand.getDefiningOp()) {
        depth = std::max(depth, depths[producer] + (isReductionOp(producer) ? 1 : 0));
      }
    }
    depths[&op] = depth;
    if (isReductionOp(&op) && !isArgReductionOp(&op)) {
      std::string key = std::to_string(depth) + shapeOf(op.getOperand(0)).toString();
      for (bool isReduced : reducedAxes(&op)) {
        key += isReduced ? 'r' : 'k';
      }
      groups[key].push_back(&op);
    }
  }
  for (auto& [key, ops] : groups) {
    for (Operation* op : ops) {
      siblings_[op] = ops;
    }
  }
}

Pack ExpressionEmitter::emitReduction(Operation* op, const Place& place) {
  const Shape shape = shapeOf(op->getOperand(0));
  const llvm::SmallVector<bool> reduced = reducedAxes(op);
  const int rank = shape.rank();
  const bool isUniform = place.isUniform();

  llvm::SmallVector<Index> kept(rank);
  for (int axis = 0, next = 0; axis < rank; ++axis) {
    if (!reduced[axis]) {
      kept[axis] = place.at[next++];
    } else if (keepsDims(op)) {
      ++next;
    }
  }
  auto resultPlace = [&](Operation* of) {
    Place at;
    for (int axis = 0; axis < rank; ++axis) {
      if (!reduced[axis]) {
        at.at.push_back(kept[axis]);
      } else if (keepsDims(of)) {
        at.at.push_back(uniform(constant(0)));
      }
    }
    return at;
  };

  std::vector<Accumulator> accumulators;
  auto siblings = siblings_.find(op);
  if (siblings == siblings_.end()) {
    accumulators.emplace_back(op, context_);
  } else {
    for (Operation* sibling : siblings->second) {
      accumulators.emplace_back(sibling, context_);
    }
  }
  size_t each = 0;
  bool isFlat = true, isCheap = true;
  for (const Accumulator& accumulator : accumulators) {
    each += accumulator.count();
    isFlat &= isFlatCapable(accumulator.op()->getOperand(0));
  }
  kernel_.getBody().walk([&](Operation* inner) { isCheap &= !isTranscendental(inner); });

  // Axes of length 1 do not count; neighbouring reduced axes at the end are one when the terms need only their
  // position.
  llvm::SmallVector<int> loops;
  int lastAxis = -1;
  for (int axis = 0; axis < rank; ++axis) {
    const bool isUnit = shape[axis].isStatic() && shape[axis].value() == 1;
    if (isUnit && reduced[axis]) {
      kept[axis] = uniform(constant(0));
    } else if (reduced[axis]) {
      loops.push_back(axis);
    }
    lastAxis = isUnit ? lastAxis : axis;
  }
  bool isTrailing = !loops.empty() && loops.back() == lastAxis;
  if (isTrailing) {
    for (int axis = loops.front(); axis <= lastAxis; ++axis) {
      isFlat &= reduced[axis] || (shape[axis].isStatic() && shape[axis].value() == 1);
    }
  }
  Value length = constant(1);
  for (int axis : loops) {
    length = mulI(length, dimValue(shape[axis]));
  }

  auto emitTerms = [&](const Place& at, llvm::ArrayRef<Value> carried, Value position, int64_t vectors) {
    Values next;
    llvm::SmallVector<Pack> terms;
    for (const Accumulator& accumulator : accumulators) {
      Pack term = emitAt(accumulator.op()->getOperand(0), at);
      terms.push_back(lanes().isScalar() || (isUniform && at.isUniform()) ? term : spread(term));
    }
    for (int64_t i = 0; i < vectors; ++i) {
      size_t first = i * each;
      for (auto [accumulator, term] : llvm::zip(accumulators, terms)) {
        Value x = term.values[std::min<size_t>(i, term.values.size() - 1)];
        const bool isVector = llvm::isa<mlir::VectorType>(x.getType());
        Value index = position;
        if (position && isVector) {
          index = splat(position);
        }
        next.append(accumulator.add(builder(), carried.slice(first, accumulator.count()), x,
                                    isVector ? lanes().mask : Value(), index));
        first += accumulator.count();
      }
    }
    return next;
  };
  auto initAll = [&](int64_t width) {
    Values values;
    for (const Accumulator& accumulator : accumulators) {
      OpBuilder& b = at(0);
      values.append(accumulator.init(b, width));
    }
    return values;
  };
  auto combineAll = [&](llvm::ArrayRef<Value> x, llvm::ArrayRef<Value> y) {
    Values values;
    size_t first = 0;
    for (const Accumulator& accumulator : accumulators) {
      values.append(
          accumulator.combine(builder(), x.slice(first, accumulator.count()), y.slice(first, accumulator.count())));
      first += accumulator.count();
    }
    return values;
  };
  auto horizontalAll = [&](llvm::ArrayRef<Value> x, int64_t width) {
    Values values(x);
    for (; width > 2; width /= 2) {
      Values low, high;
      llvm::SmallVector<int64_t> lowLanes, highLanes;
      for (int64_t lane = 0; lane < width / 2; ++lane) {
        lowLanes.push_back(lane);
        highLanes.push_back(lane + width / 2);
      }
      for (Value value : values) {
        low.push_back(mlir::vector::ShuffleOp::create(builder(), location_, value, value, lowLanes));
        high.push_back(mlir::vector::ShuffleOp::create(builder(), location_, value, value, highLanes));
      }
      values = combineAll(low, high);
    }
    Values low, high;
    for (Value value : values) {
      low.push_back(mlir::vector::ExtractOp::create(builder(), location_, value, 0));
      high.push_back(mlir::vector::ExtractOp::create(builder(), location_, value, 1));
    }
    return combineAll(low, high);
  };
  const Carry carry{initAll, combineAll, horizontalAll};

  const bool isVectorized = isUniform && isTrailing && width_ > 1 && !isArgReductionOp(op);
  const int64_t unroll = isCheap ? 4 : 2;
  Values carried;
  int64_t vectors = 1;
  if (loops.empty()) {
    vectors = isUniform ? 1 : lanes().unroll;
    Place at;
    at.at.assign(kept.begin(), kept.end());
    for (int64_t i = 0; i < vectors; ++i) {
      carried.append(initAll(isUniform ? 1 : lanes().width));
    }
    carried = emitTerms(at, carried, constant(0), vectors);
  } else if (isVectorized && isFlat) {
    Index start = uniform(constant(0));
    for (int axis = 0; axis < loops.front(); ++axis) {
      start = addIndices(scaleIndex(start, dimValue(shape[axis])), kept[axis]);
    }
    start = scaleIndex(start, length);
    carried = laneLoop(constant(0), length, unroll, &carry, [&](const Index& index, llvm::ArrayRef<Value> inner) {
      Place at;
      at.isFlat = true;
      at.at.push_back(addIndices(index, start));
      return emitTerms(at, inner, Value(), lanes().unroll);
    });
  } else {
    vectors = isUniform ? 1 : lanes().unroll;
    const int64_t width = isUniform ? 1 : lanes().width;
    Values inits;
    for (int64_t i = 0; i < vectors; ++i) {
      inits.append(initAll(width));
    }
    llvm::SmallVector<Value> extents;
    for (int axis : loops) {
      extents.push_back(dimValue(shape[axis]));
    }
    Value innermost = extents.back();
    if (isVectorized) {
      extents.pop_back();
    }
    carried =
        nestLoop(extents, inits, lanes(), [&](llvm::ArrayRef<Value> indices, llvm::ArrayRef<Value> inner) -> Values {
          Place at;
          at.at.assign(kept.begin(), kept.end());
          for (auto [axis, index] : llvm::zip(loops, indices)) {
            at.at[axis] = uniform(index);
          }
          if (!isVectorized) {
            return emitTerms(at, inner, indices.back(), vectors);
          }
          Values line = laneLoop(constant(0), innermost, unroll, &carry,
                                 [&](const Index& index, llvm::ArrayRef<Value> innerLine) {
                                   at.at[loops.back()] = index;
                                   return emitTerms(at, innerLine, Value(), lanes().unroll);
                                 });
          return indices.empty() ? line : combineAll(inner, line);
        });
  }

  Pack own;
  for (size_t n = 0, first = 0; n < accumulators.size(); ++n) {
    const Accumulator& accumulator = accumulators[n];
    Pack result;
    result.isUniform = isUniform;
    for (int64_t i = 0; i < vectors; ++i) {
      llvm::ArrayRef<Value> all(carried);
      result.values.push_back(accumulator.finish(builder(), all.slice(i * each + first, accumulator.count()), length));
    }
    first += accumulator.count();
    if (accumulator.op() == op) {
      own = result;
    } else {
      const Place at = resultPlace(accumulator.op());
      std::vector<uint64_t> key = keyOf(accumulator.op()->getResult(0), at);
      scopes_[levelOf(at)].values[key] = result;
    }
  }
  return own;
}

}  // namespace kiln::compiler
