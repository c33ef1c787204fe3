// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The expression emitter for unfold and fold. Both ask for their operand at a position that may not exist: where all
// lanes have the same one, a branch decides; else each lane reads some position that exists, and a select decides.
#include "compiler/codegen/cpu/expression_emitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using mlir::OpBuilder;
using mlir::Type;

Pack ExpressionEmitter::emitGuarded(mlir::Operation* op, Value operand, const Place& place,
                                    llvm::ArrayRef<PositionGuard> guards, llvm::function_ref<Pack()> otherwise) {
  const Type element = elementOf(operand);
  const mlir::Location loc = op->getLoc();
  // Of positions that differ from lane to lane: whether each exists.
  Place mapped = place;
  Pack exists;
  Value allExist;
  for (const PositionGuard& guard : guards) {
    Index& index = mapped.at[guard.axis];
    Pack zero{{constant(0)}, true}, limit{{guard.limit}, true}, stride{{constant(guard.stride)}, true};
    // Negative numbers are large unsigned ones.
    Pack isHere = mapLanes({indexPack(index), limit, zero, stride}, [&](OpBuilder& b, mlir::ValueRange v) -> Value {
      Value isNotEarly = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, v[0], v[2]);
      if (guard.stride == 1) {
        Value isNotLate = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, v[0], v[1]);
        return arith::AndIOp::create(b, loc, isNotEarly, isNotLate);
      }
      Value safe = arith::MaxSIOp::create(b, loc, v[0], v[2]);
      Value quotient = arith::DivUIOp::create(b, loc, safe, v[3]);
      Value whole = arith::MulIOp::create(b, loc, quotient, v[3]);
      Value isOnGrid = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, whole, safe);
      Value isNotLate = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, quotient, v[1]);
      Value isThere = arith::AndIOp::create(b, loc, isNotEarly, isNotLate);
      return arith::AndIOp::create(b, loc, isThere, isOnGrid);
    });
    if (guard.stride != 1) {
      index = indexFromPack(mapLanes({indexPack(index), zero, stride}, [&](OpBuilder& b, mlir::ValueRange v) -> Value {
        Value safe = arith::MaxSIOp::create(b, loc, v[0], v[1]);
        return arith::DivUIOp::create(b, loc, safe, v[2]);
      }));
    }
    if (isHere.isUniform) {
      allExist =
          allExist ? arith::AndIOp::create(builder(), loc, allExist, isHere.values[0]).getResult() : isHere.values[0];
      continue;
    }
    // Lanes without a position read the first one, so there must be one.
    auto length = guard.limit.getDefiningOp<arith::ConstantOp>();
    if (!length || llvm::cast<mlir::IntegerAttr>(length.getValue()).getInt() < 1) {
      requestRetry(Retry::kScalar);
      return placeholder(element);
    }
    index = indexFromPack(mapLanes({isHere, indexPack(index), zero}, [&](OpBuilder& b, mlir::ValueRange v) -> Value {
      return arith::SelectOp::create(b, loc, v[0], v[1], v[2]);
    }));
    exists =
        exists.values.empty() ? isHere : mapLanes({exists, isHere}, [&](OpBuilder& b, mlir::ValueRange v) -> Value {
          return arith::AndIOp::create(b, loc, v[0], v[1]);
        });
  }
  auto read = [&]() -> Pack {
    Pack pack = emitAt(operand, mapped);
    return exists.values.empty()
               ? pack
               : mapLanes({exists, pack, otherwise()}, [&](OpBuilder& b, mlir::ValueRange v) -> Value {
                   return arith::SelectOp::create(b, loc, v[0], v[1], v[2]);
                 });
  };
  if (!allExist) {
    return read();
  }
  return emitIf(
      allExist, element,
      [&] {
        // Pinned into the branch: outside it these positions may not exist.
        for (const PositionGuard& guard : guards) {
          Index& index = mapped.at[guard.axis];
          if (index.isUniform()) {
            Value zero = constant(0);
            index = uniform(arith::AddIOp::create(builder(), loc, index.base, zero));
          }
        }
        return read();
      },
      otherwise);
}

Pack ExpressionEmitter::emitUnfold(UnfoldOp op, const Place& place) {
  const Shape from = shapeOf(op.getX());
  const size_t spatial = op.getKernel().size();
  Place mapped;
  mapped.at.push_back(place.at.front());
  llvm::SmallVector<PositionGuard> guards;
  for (size_t i = 0; i < spatial; ++i) {
    Index window = scaleIndex(place.at[1 + i], constant(op.getStrides()[i]));
    Index tap = scaleIndex(place.at[1 + spatial + i], constant(op.getDilations()[i]));
    mapped.at.push_back(addIndex(addIndices(window, tap), constant(-op.getLow()[i])));
    if (op.getLow()[i] > 0 || op.getHigh()[i] > 0) {
      guards.push_back({1 + i, dimValue(from[static_cast<int>(i) + 1]), 1});
    }
  }
  mapped.at.push_back(place.at.back());
  return emitGuarded(op, op.getX(), mapped, guards, [&] { return emitAt(op.getValue(), Place{}); });
}

Pack ExpressionEmitter::emitFold(FoldOp op, const Place& place) {
  const Shape from = shapeOf(op.getX());
  const size_t spatial = op.getKernel().size();
  const Type element = elementOf(op.getResult());
  // Halves are summed in f32, and rounded once.
  const Type summed = registerType(element);
  const int64_t vectors = lanes().isScalar() ? 1 : lanes().unroll;
  llvm::SmallVector<Value> extents, inits;
  for (int64_t length : op.getKernel()) {
    extents.push_back(constant(length));
  }
  {
    OpBuilder& b = at(0);
    mlir::TypedAttr zero = b.getZeroAttr(summed);
    if (!lanes().isScalar()) {
      zero = mlir::DenseElementsAttr::get(mlir::VectorType::get({lanes().width}, summed),
                                          llvm::ArrayRef<mlir::Attribute>{zero});
    }
    inits.assign(vectors, arith::ConstantOp::create(b, op.getLoc(), zero));
  }
  llvm::SmallVector<Value> sums =
      nestLoop(extents, inits, lanes(), [&](llvm::ArrayRef<Value> taps, llvm::ArrayRef<Value> carried) {
        Place mapped;
        mapped.at.push_back(place.at.front());
        llvm::SmallVector<PositionGuard> guards;
        for (size_t i = 0; i < spatial; ++i) {
          // The window whose tap is here, times the stride.
          Value back = subI(constant(op.getLow()[i]), mulI(taps[i], constant(op.getDilations()[i])));
          mapped.at.push_back(addIndex(place.at[1 + i], back));
          guards.push_back({1 + i, dimValue(from[static_cast<int>(i) + 1]), op.getStrides()[i]});
        }
        for (Value tap : taps) {
          mapped.at.push_back(uniform(tap));
        }
        mapped.at.push_back(place.at.back());
        Pack term = emitGuarded(op, op.getX(), mapped, guards, [&] { return placeholder(element); });
        if (!lanes().isScalar()) {
          term = spread(term);
        }
        llvm::SmallVector<Value> next;
        for (int64_t i = 0; i < vectors; ++i) {
          Value x = term.values[std::min<size_t>(i, term.values.size() - 1)];
          next.push_back(llvm::isa<mlir::FloatType>(summed)
                             ? arith::AddFOp::create(builder(), op.getLoc(), carried[i], x).getResult()
                             : arith::AddIOp::create(builder(), op.getLoc(), carried[i], x).getResult());
        }
        return next;
      });
  Pack result;
  result.isUniform = lanes().isScalar();
  result.values.append(sums.begin(), sums.end());
  return result;
}

}  // namespace kiln::compiler
