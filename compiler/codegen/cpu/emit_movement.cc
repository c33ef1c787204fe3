// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The expression emitter for ops that move elements: each asks for its operand at another place.
#include "compiler/codegen/cpu/expression_emitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using mlir::OpBuilder;
using mlir::Operation;
using mlir::Type;

namespace {

// One group of neighbouring axes that a reshape maps onto another: [i0, i1) of the result are [j0, j1) of the operand.
struct AxisGroup {
  size_t i0, i1, j0, j1;
};

// Cuts two lists of dims into groups with equal products; nothing when the dims do not tell.
std::optional<std::vector<AxisGroup>> matchGroups(const std::vector<Dim>& a, const std::vector<Dim>& b) {
  std::vector<AxisGroup> groups;
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    AxisGroup group{i, i + 1, j, j + 1};
    Dim left = a[i], right = b[j];
    while (!(left == right)) {
      const bool extendLeft =
          left.isStatic() && right.isStatic() ? left.value() < right.value() : !left.dividedBy(right).has_value();
      if (extendLeft ? group.i1 == a.size() : group.j1 == b.size()) {
        return std::nullopt;
      }
      if (extendLeft) {
        left = left * a[group.i1++];
      } else {
        right = right * b[group.j1++];
      }
    }
    i = group.i1;
    j = group.j1;
    groups.push_back(group);
  }
  if (i != a.size() || j != b.size()) {
    return std::nullopt;
  }
  return groups;
}

}  // namespace

Value ExpressionEmitter::shapeEntry(Value shape, int64_t entry) {
  if (auto op = shape.getDefiningOp<ShapeValueOp>()) {
    return dimValue(op.getShape().getShape()[static_cast<int>(entry)]);
  }
  if (auto op = shape.getDefiningOp<ConstantOp>()) {
    if (auto elements = llvm::dyn_cast<mlir::DenseIntElementsAttr>(op.getValue())) {
      return constant(elements.getValues<mlir::APInt>()[entry].getSExtValue());
    }
  }
  Place place;
  place.at.push_back(uniform(constant(entry)));
  return emitAt(shape, place).values[0];
}

Pack ExpressionEmitter::emitShapeValue(ShapeValueOp op, const Place& place) {
  const Shape& shape = op.getShape().getShape();
  if (shape.rank() == 0) {
    return placeholder(builder_.getI64Type());
  }
  Pack position = indexPack(place.at[0]);
  Pack result{{dimValue(shape[0])}, true};
  for (int axis = 1; axis < shape.rank(); ++axis) {
    Pack number{{constant(axis)}, true}, length{{dimValue(shape[axis])}, true};
    result = mapLanes({position, number, length, result}, [&](OpBuilder& b, mlir::ValueRange v) {
      Value isHere = arith::CmpIOp::create(b, op.getLoc(), arith::CmpIPredicate::eq, v[0], v[1]);
      return arith::SelectOp::create(b, op.getLoc(), isHere, v[2], v[3]).getResult();
    });
  }
  return result;
}

Pack ExpressionEmitter::emitReshape(Value operand, Value result, const Place& place) {
  if (place.isFlat) {
    return emitAt(operand, place);
  }
  const Shape from = shapeOf(operand), to = shapeOf(result);
  const std::vector<Dim> fromDims = withoutUnits(from), toDims = withoutUnits(to);
  llvm::SmallVector<Index> indices;
  for (int axis = 0; axis < to.rank(); ++axis) {
    if (!(to[axis].isStatic() && to[axis].value() == 1)) {
      indices.push_back(place.at[axis]);
    }
  }
  if (fromDims == toDims) {
    return emitAt(operand, placeOf(from, indices));
  }
  auto groups = matchGroups(toDims, fromDims);
  if (isFlatCapable(operand) || !groups) {
    Place flat;
    flat.isFlat = true;
    flat.at.push_back(linearize(place, dimValues(to)));
    return emitAt(operand, flat);
  }
  llvm::SmallVector<Index> mapped;
  for (const AxisGroup& group : *groups) {
    Index linear = indices[group.i0];
    for (size_t i = group.i0 + 1; i < group.i1; ++i) {
      linear = addIndices(scaleIndex(linear, dimValue(toDims[i])), indices[i]);
    }
    llvm::SmallVector<Value> extents;
    for (size_t j = group.j0; j < group.j1; ++j) {
      extents.push_back(dimValue(fromDims[j]));
    }
    mapped.append(delinearize(linear, extents));
  }
  return emitAt(operand, placeOf(from, mapped));
}

Pack ExpressionEmitter::emitBroadcast(BroadcastOp op, const Place& place) {
  const Shape from = shapeOf(op.getX()), to = shapeOf(op.getResult());
  if (withoutUnits(from).empty()) {
    return emitAt(op.getX(), placeOf(from, {}));
  }
  const Place full = unflatten(place, to);
  Place mapped;
  for (int axis = 0; axis < from.rank(); ++axis) {
    const bool isUnit = from[axis].isStatic() && from[axis].value() == 1;
    mapped.at.push_back(isUnit ? uniform(constant(0)) : full.at[axis + to.rank() - from.rank()]);
  }
  return emitAt(op.getX(), mapped);
}

Pack ExpressionEmitter::emitTranspose(TransposeOp op, const Place& place) {
  Place mapped;
  mapped.at.resize(place.at.size());
  for (auto [axis, source] : llvm::enumerate(op.getPermutation())) {
    mapped.at[source] = place.at[axis];
  }
  return emitAt(op.getX(), mapped);
}

Pack ExpressionEmitter::emitSlice(SliceOp op, const Place& place) {
  Place mapped;
  for (size_t axis = 0; axis < place.at.size(); ++axis) {
    Value start = shapeEntry(op.getStarts(), axis);
    mapped.at.push_back(addIndex(scaleIndex(place.at[axis], constant(op.getSteps()[axis])), start));
  }
  return emitAt(op.getX(), mapped);
}

Pack ExpressionEmitter::emitReverse(ReverseOp op, const Place& place) {
  Place mapped = place;
  const Shape shape = shapeOf(op.getX());
  for (int64_t named : op.getAxes()) {
    const int64_t axis = fromFront(static_cast<uint64_t>(named), shape.rank());
    Value last = subI(dimValue(shape[static_cast<int>(axis)]), constant(1));
    mapped.at[axis] = addIndex(scaleIndex(place.at[axis], constant(-1)), last);
  }
  return emitAt(op.getX(), mapped);
}

Pack ExpressionEmitter::emitPad(PadOp op, const Place& place) {
  const Type element = elementOf(op.getResult());
  const Shape from = shapeOf(op.getX()), to = shapeOf(op.getResult());
  Place mapped;
  Value isInside;
  auto require = [&](Value condition) {
    isInside = isInside ? arith::AndIOp::create(builder(), op.getLoc(), isInside, condition).getResult() : condition;
  };
  for (size_t axis = 0; axis < place.at.size(); ++axis) {
    const Index& index = place.at[axis];
    const int64_t interior = op.getInterior()[axis];
    Value low = shapeEntry(op.getLow(), axis);
    if (from[axis] == to[axis] && interior == 0) {
      mapped.at.push_back(index);
      continue;
    }
    if (!index.isUniform()) {
      requestRetry(Retry::kScalar);
      return placeholder(element);
    }
    Value length = dimValue(from[axis]);
    Value position = subI(index.base, low);
    Value isLate = arith::CmpIOp::create(builder(), op.getLoc(), arith::CmpIPredicate::sge, position, constant(0));
    require(isLate);
    if (interior > 0) {
      Value zero = constant(0), step = constant(interior + 1);
      Value clamped = arith::MaxSIOp::create(builder(), op.getLoc(), position, zero);
      Value isOnGrid =
          arith::CmpIOp::create(builder(), op.getLoc(), arith::CmpIPredicate::eq, remI(clamped, step), zero);
      require(isOnGrid);
      position = divI(clamped, step);
    }
    Value isEarly = arith::CmpIOp::create(builder(), op.getLoc(), arith::CmpIPredicate::slt, position, length);
    require(isEarly);
    mapped.at.push_back(uniform(position));
  }
  if (!isInside) {
    return emitAt(op.getX(), mapped);
  }
  return emitIf(
      isInside, element,
      [&] {
        // Pinned into the branch: outside it these positions may not exist.
        for (size_t axis = 0; axis < place.at.size(); ++axis) {
          if (mapped.at[axis].base != place.at[axis].base) {
            Value zero = constant(0);
            mapped.at[axis] = uniform(arith::AddIOp::create(builder(), op.getLoc(), mapped.at[axis].base, zero));
          }
        }
        return emitAt(op.getX(), mapped);
      },
      [&] { return emitAt(op.getValue(), Place{}); });
}

Pack ExpressionEmitter::emitConcat(ConcatOp op, const Place& place) {
  const Type element = elementOf(op.getResult());
  const int64_t rank = static_cast<int64_t>(place.at.size());
  const size_t axis = static_cast<size_t>(fromFront(op.getAxis(), rank));
  const Index& index = place.at[axis];
  if (op.getInputs().size() == 1) {
    return emitAt(op.getInputs()[0], place);
  }
  if (!index.isUniform()) {
    requestRetry(Retry::kScalar);
    return placeholder(element);
  }
  // A chain of branches, from the first input to the last.
  std::function<Pack(size_t, Value)> choose = [&](size_t input, Value start) -> Pack {
    Value x = op.getInputs()[input];
    auto take = [&]() -> Pack {
      Place mapped = place;
      mapped.at[axis] = uniform(arith::SubIOp::create(builder(), op.getLoc(), index.base, start));
      return emitAt(x, mapped);
    };
    if (input + 1 == op.getInputs().size()) {
      return take();
    }
    Value end = addI(start, dimValue(shapeOf(x)[static_cast<int>(axis)]));
    Value isHere = arith::CmpIOp::create(builder(), op.getLoc(), arith::CmpIPredicate::slt, index.base, end);
    return emitIf(isHere, element, take, [&] { return choose(input + 1, end); });
  };
  return choose(0, constant(0));
}

Pack ExpressionEmitter::emitIota(IotaOp op, const Place& place) {
  const int64_t axis = fromFront(op.getAxis(), static_cast<int64_t>(place.at.size()));
  return emitCast(op.getLoc(), indexPack(place.at[axis]), builder_.getI64Type(), elementOf(op.getResult()));
}

Pack ExpressionEmitter::emitOneHot(OneHotOp op, const Place& place) {
  const Type element = elementOf(op.getResult());
  Place rows = place;
  Index column = rows.at.pop_back_val();
  Pack raw = emitCast(op.getLoc(), emitAt(op.getIndices(), rows), builder_.getI64Type());
  Pack depth{{constant(static_cast<int64_t>(op.getDepth()))}, true}, zero{{constant(0)}, true};
  Pack isHot = mapLanes({raw, depth, zero, indexPack(column)}, [&](OpBuilder& b, mlir::ValueRange v) {
    Value isNegative = arith::CmpIOp::create(b, op.getLoc(), arith::CmpIPredicate::slt, v[0], v[2]);
    Value fromEnd = arith::AddIOp::create(b, op.getLoc(), v[0], v[1]);
    Value wanted = arith::SelectOp::create(b, op.getLoc(), isNegative, fromEnd, v[0]);
    return arith::CmpIOp::create(b, op.getLoc(), arith::CmpIPredicate::eq, wanted, v[3]).getResult();
  });
  return emitCast(op.getLoc(), isHot, builder_.getI1Type(), element);
}

Pack ExpressionEmitter::emitGather(GatherOp op, const Place& place) {
  const Type element = elementOf(op.getResult());
  const Shape from = shapeOf(op.getX());
  const int64_t axis = fromFront(op.getAxis(), from.rank());
  const int64_t batch = static_cast<int64_t>(op.getBatchDims());
  const int64_t picked = shapeOf(op.getIndices()).rank() - batch;
  Place where;
  where.at.append(place.at.begin(), place.at.begin() + batch);
  where.at.append(place.at.begin() + axis, place.at.begin() + axis + picked);
  Value extent = dimValue(from[static_cast<int>(axis)]);
  auto allowNegative = op->getAttrOfType<mlir::BoolAttr>("allow_negative");
  Index index =
      checkedIndex(op, emitAt(op.getIndices(), where), extent, !allowNegative || allowNegative.getValue(), nullptr);
  Place mapped;
  mapped.at.append(place.at.begin(), place.at.begin() + axis);
  mapped.at.push_back(index);
  mapped.at.append(place.at.begin() + axis + picked, place.at.end());
  if (from[static_cast<int>(axis)].isStatic() && from[static_cast<int>(axis)].value() > 0) {
    return emitAt(op.getX(), mapped);  // A bad index was replaced by 0, which exists.
  }
  Value hasAny = arith::CmpIOp::create(builder(), op.getLoc(), arith::CmpIPredicate::sgt, extent, constant(0));
  return emitIf(
      hasAny, element,
      [&] {
        Index& at = mapped.at[axis];
        Value zero = constant(0);
        if (at.isUniform()) {
          at.base = arith::AddIOp::create(builder(), op.getLoc(), at.base, zero);
        }
        return emitAt(op.getX(), mapped);
      },
      [&] { return placeholder(element); });
}

}  // namespace kiln::compiler
