// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The expression emitter for reductions: asked for an element of the result, it writes the loop that computes it. Along
// an axis that is kept the loop takes a vector of results at once; over the innermost axis it takes a vector of terms
// and joins the lanes at the end, in an order that depends on the shape alone.
#include "compiler/codegen/cpu/accumulator.h"
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
