// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/schedule.h"

#include "compiler/codegen/common/conversions.h"
#include "compiler/dialect/reductions.h"
#include "compiler/dialect/scatters.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using mlir::Operation;
using Values = llvm::SmallVector<Value>;

namespace {

// About how many simple instructions an element of the op's result takes.
int64_t weightOf(Operation* op) {
  if (llvm::isa<ExpOp, LogOp, TanhOp, SigmoidOp, PowOp>(op)) {
    return 16;
  }
  if (llvm::isa<RandomUniformOp, RandomNormalOp, RandomIntegersOp>(op)) {
    return 64;
  }
  if (llvm::isa<BroadcastOp, ReshapeOp, ConstantOp, ShapeValueOp, YieldOp>(op)) {
    return 0;
  }
  return llvm::isa<DivOp, SqrtOp, RsqrtOp>(op) ? 4 : 1;
}

bool reducesInnermost(Operation* op) {
  const Shape shape = shapeOf(op->getOperand(0));
  int innermost = -1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    innermost = shape[axis].isStatic() && shape[axis].value() == 1 ? innermost : axis;
  }
  return innermost >= 0 && reducedAxes(op)[innermost];
}

Dim product(const std::vector<Dim>& dims) {
  Dim result = 1;
  for (const Dim& dim : dims) {
    result = result * dim;
  }
  return result;
}

Operation* yieldOf(KernelOp kernel) { return kernel.getBody().front().getTerminator(); }

// Which values a row kernel keeps from one pass over a row to the next: those that are expensive and wanted by more
// than one pass. Each needs a result of its type as the place, which nothing aliases and which is written last of all.
std::vector<std::pair<Value, int>> chooseKept(KernelOp kernel, const std::vector<Dim>& elementDims) {
  llvm::DenseMap<Operation*, int> depths;
  llvm::DenseMap<Operation*, llvm::SmallPtrSet<void*, 4>> passes;
  std::vector<Operation*> ops;
  for (Operation& op : kernel.getBody().front()) {
    int depth = 0;
    for (Value operand : op.getOperands()) {
      if (Operation* producer = operand.getDefiningOp()) {
        depth = std::max(depth, depths[producer] + (isReductionOp(producer) ? 1 : 0));
      }
    }
    depths[&op] = depth;
    ops.push_back(&op);
  }
  auto isElement = [&](Value value) { return withoutUnits(shapeOf(value)) == elementDims; };
  // From the last op to the first, so that users come before what they use.
  for (Operation* op : llvm::reverse(ops)) {
    for (Value operand : op->getOperands()) {
      Operation* producer = operand.getDefiningOp();
      if (!producer || !isElement(operand)) {
        continue;
      }
      if (isReductionOp(op)) {
        passes[producer].insert(reinterpret_cast<void*>(static_cast<intptr_t>(depths[op] + 1) << 4));
      } else if (llvm::isa<YieldOp>(op)) {
        passes[producer].insert(reinterpret_cast<void*>(intptr_t{-16}));
      } else {
        auto inherited = passes[op];
        passes[producer].insert(inherited.begin(), inherited.end());
      }
    }
  }
  llvm::SmallPtrSet<void*, 4> taken;
  llvm::SmallVector<int> places;
  for (auto [index, value] : llvm::enumerate(yieldOf(kernel)->getOperands())) {
    bool isAliased = false;
    if (auto pairs = kernel.getMayAlias()) {
      for (mlir::Attribute pair : *pairs) {
        isAliased |=
            llvm::cast<mlir::IntegerAttr>(llvm::cast<mlir::ArrayAttr>(pair)[0]).getInt() == static_cast<int64_t>(index);
      }
    }
    if (!isAliased && isElement(value)) {
      places.push_back(static_cast<int>(index));
    }
  }
  std::vector<std::pair<Value, int>> kept;
  for (Operation* op : ops) {
    if (weightOf(op) < 16 || passes[op].size() < 2 || op->getNumResults() != 1 || !isElement(op->getResult(0))) {
      continue;
    }
    for (int& place : places) {
      Value result = yieldOf(kernel)->getOperand(place < 0 ? 0 : place);
      if (place >= 0 && elementOf(result) == elementOf(op->getResult(0))) {
        kept.emplace_back(op->getResult(0), place);
        place = -1;
        break;
      }
    }
  }
  return kept;
}

llvm::SmallVector<Index> uniformIndices(ExpressionEmitter& emitter, llvm::ArrayRef<Value> values) {
  llvm::SmallVector<Index> indices;
  for (Value value : values) {
    indices.push_back(emitter.uniform(value));
  }
  return indices;
}

// Calls `body` with the multi-index of each row in [begin, end).
void forRows(ExpressionEmitter& e, const std::vector<Dim>& outer, Value begin, Value end,
             llvm::function_ref<void(llvm::ArrayRef<Index>)> body) {
  llvm::SmallVector<Value> extents;
  for (const Dim& dim : outer) {
    extents.push_back(e.dimValue(dim));
  }
  e.forLoop(begin, end, 1, {}, Lanes{}, [&](Value row, llvm::ArrayRef<Value>) -> Values {
    body(e.delinearize(e.uniform(row), extents));
    return {};
  });
}

// Shorter rows are not worth a loop of their own.
constexpr int64_t kMinRow = 8;

// The value whose axes the loops run over for an output: the output itself, or, where that is a reshape, the reshape's
// operand. Its elements lie in the same order, and its positions need not be taken apart again.
llvm::SmallVector<Value> walkedResults(KernelOp kernel) {
  llvm::SmallVector<Value> results(yieldOf(kernel)->getOperands());
  if (results.size() == 1 && kernel.getKind() == "loop") {
    Value value = results[0];
    while (auto reshape = value.getDefiningOp<ReshapeOp>()) {
      value = reshape.getX();
    }
    const std::vector<Dim> dims = withoutUnits(shapeOf(value));
    if (dims.size() >= 2 && (!dims.back().isStatic() || dims.back().value() >= kMinRow)) {
      results[0] = value;
    }
  }
  return results;
}

void storeAll(ExpressionEmitter& e, llvm::ArrayRef<int> outputs, llvm::ArrayRef<Value> results,
              llvm::function_ref<Place(int)> placeOf) {
  // All are computed before any is written: a result may lie over an input.
  std::vector<std::pair<Place, Pack>> packs;
  for (int output : outputs) {
    Place place = placeOf(output);
    Pack pack = e.emitAt(results[output], place);
    packs.emplace_back(place, pack);
  }
  for (auto [output, pack] : llvm::zip(outputs, packs)) {
    Value result = results[output];
    e.storeLinear(e.pointers().outputs[output], elementOf(result),
                  e.linearize(pack.first, e.dimValues(shapeOf(result))), pack.second);
  }
}

void emitReduceRows(ExpressionEmitter& e, const Schedule& schedule, Value begin, Value end) {
  mlir::ValueRange results = yieldOf(e.kernel())->getOperands();
  std::vector<Dim> elementDims = schedule.outer;
  if (!(schedule.inner == Dim(1))) {
    elementDims.push_back(schedule.inner);
  }
  llvm::SmallVector<int> ofRow, ofElement;
  for (int output = 0; output < static_cast<int>(results.size()); ++output) {
    const bool isElement = withoutUnits(shapeOf(results[output])) == elementDims && !(elementDims == schedule.outer);
    (isElement ? ofElement : ofRow).push_back(output);
  }
  const auto kept = chooseKept(e.kernel(), elementDims);
  forRows(e, schedule.outer, begin, end, [&](llvm::ArrayRef<Index> row) {
    auto elementPlace = [&](Value value, const Index& index) {
      llvm::SmallVector<Index> indices(row);
      indices.push_back(index);
      return e.placeOf(shapeOf(value), indices);
    };
    Value zero = e.constant(0), length = e.dimValue(schedule.inner);
    for (auto [value, output] : kept) {
      e.laneLoop(zero, length, schedule.unroll, nullptr, [&](const Index& index, llvm::ArrayRef<Value>) -> Values {
        Pack pack = e.emitAt(value, elementPlace(value, index));
        e.store(output, elementPlace(results[output], index), pack);
        return {};
      });
      e.keepIn(value, output);
    }
    // The row's own results are computed before its elements are written, perhaps over an input, and stored after.
    std::vector<std::pair<Place, Pack>> packs;
    for (int output : ofRow) {
      Place place = e.placeOf(shapeOf(results[output]), row);
      Pack pack = e.emitAt(results[output], place);
      packs.emplace_back(place, pack);
    }
    if (!ofElement.empty()) {
      e.laneLoop(zero, length, schedule.unroll, nullptr, [&](const Index& index, llvm::ArrayRef<Value>) -> Values {
        storeAll(e, ofElement, llvm::to_vector(results),
                 [&](int output) { return elementPlace(results[output], index); });
        return {};
      });
    }
    for (auto [output, pack] : llvm::zip(ofRow, packs)) {
      e.store(output, pack.first, pack.second);
    }
    for (auto [value, output] : kept) {
      e.forget(value);
    }
  });
}

void emitScatter(ExpressionEmitter& e) {
  Operation* op = &*llvm::find_if(e.kernel().getBody().front(), [](Operation& o) { return isScatterOp(&o); });
  Value x = op->getOperand(0), indices = op->getOperand(1), updates = op->getOperand(2);
  auto numberOf = [&](llvm::StringRef name) {
    auto number = op->getAttrOfType<mlir::IntegerAttr>(name);
    return number ? number.getValue().getSExtValue() : 0;
  };
  const Shape shape = shapeOf(x);
  const int axis = static_cast<int>(numberOf("axis"));
  const int batch = static_cast<int>(numberOf("batch_dims"));
  auto allowNegative = op->getAttrOfType<mlir::BoolAttr>("allow_negative");
  const llvm::StringRef scalar = scatterScalarOf(op);
  const Shape picks = shapeOf(indices);
  Value zero = e.constant(0), one = e.constant(1);

  // A copy of x, unless the result lies over it.
  Value count = e.dimValue(shape.numElements());
  if (auto argument = llvm::dyn_cast<mlir::BlockArgument>(x)) {
    Value isElsewhere =
        mlir::LLVM::ICmpOp::create(e.builder(), e.location(), mlir::LLVM::ICmpPredicate::ne,
                                   e.pointers().inputs[argument.getArgNumber()], e.pointers().outputs[0]);
    count = arith::SelectOp::create(e.builder(), e.location(), isElsewhere, count, zero);
  }
  e.laneLoop(zero, count, 4, nullptr, [&](const Index& index, llvm::ArrayRef<Value>) -> Values {
    Place place;
    place.isFlat = true;
    place.at.push_back(index);
    e.store(0, place, e.emitAt(x, place));
    return {};
  });

  llvm::SmallVector<Value> outer, inner;
  for (int i = 0; i < axis; ++i) {
    outer.push_back(e.dimValue(shape[i]));
  }
  for (int i = batch; i < picks.rank(); ++i) {
    outer.push_back(e.dimValue(picks[i]));
  }
  for (int i = axis + 1; i < shape.rank(); ++i) {
    inner.push_back(e.dimValue(shape[i]));
  }
  Value innermost = inner.empty() ? one : inner.pop_back_val();
  const bool hasInner = axis + 1 < shape.rank();
  const llvm::SmallVector<Value> extents = e.dimValues(shape);
  e.nestLoop(outer, {}, Lanes{}, [&](llvm::ArrayRef<Value> where, llvm::ArrayRef<Value>) -> Values {
    Place pick;
    for (int i = 0; i < batch; ++i) {
      pick.at.push_back(e.uniform(where[i]));
    }
    for (size_t i = axis; i < where.size(); ++i) {
      pick.at.push_back(e.uniform(where[i]));
    }
    Value isValid;
    Index index = e.checkedIndex(op, e.emitAt(indices, pick), extents[axis], !allowNegative || allowNegative.getValue(),
                                 &isValid);
    Value times = arith::SelectOp::create(e.builder(), e.location(), isValid, one, zero);
    e.forLoop(zero, times, 1, {}, Lanes{}, [&](Value, llvm::ArrayRef<Value>) -> Values {
      e.nestLoop(inner, {}, Lanes{}, [&](llvm::ArrayRef<Value> within, llvm::ArrayRef<Value>) -> Values {
        auto addAt = [&](const Index* last) {
          Place from, to;
          from.at.append(uniformIndices(e, where));
          to.at.append(uniformIndices(e, where.take_front(axis)));
          to.at.push_back(index);
          for (Place* place : {&from, &to}) {
            place->at.append(uniformIndices(e, within));
            if (last) {
              place->at.push_back(*last);
            }
          }
          const Index linear = e.linearize(to, extents);
          const mlir::Type element = elementOf(x);
          Pack update = e.emitAt(updates, from);
          if (!scalar.empty()) {
            Pack before = e.loadLinear(e.pointers().outputs[0], element, linear);
            update = e.applyScalar(op->getLoc(), scalar, {before, update},
                                   isUnsigned(element));  // which rounds to the element type
          }
          e.storeLinear(e.pointers().outputs[0], element, linear, update);
        };
        if (!hasInner) {
          addAt(nullptr);
        } else {
          e.laneLoop(zero, innermost, 2, nullptr, [&](const Index& last, llvm::ArrayRef<Value>) -> Values {
            addAt(&last);
            return {};
          });
        }
        return {};
      });
      return {};
    });
    return {};
  });
}

}  // namespace

Dim Schedule::count() const { return sort == Sort::kScatter ? Dim(1) : product(outer); }

Schedule chooseSchedule(KernelOp kernel) {
  Schedule schedule;
  Operation* innermost = nullptr;
  int64_t ops = 0;
  bool isExpensive = false;
  for (Operation& op : kernel.getBody().front()) {
    if (isScatterOp(&op)) {
      schedule.sort = Schedule::Sort::kScatter;
    }
    if (isReductionOp(&op) && reducesInnermost(&op) && !innermost) {
      innermost = &op;
    }
    if (!llvm::isa<YieldOp>(&op)) {
      Value counted = isReductionOp(&op) || llvm::isa<FoldOp>(op) ? op.getOperand(0) : op.getResult(0);
      schedule.work = schedule.work + shapeOf(counted).numElements() * Dim(weightOf(&op));
    }
    ops += weightOf(&op) > 0 ? 1 : 0;
    isExpensive |= weightOf(&op) >= 16;
  }
  // Several vectors at once hide latency; the code must not grow much for it.
  schedule.unroll = ops <= 8 || (isExpensive && ops <= 128) ? 4 : 2;
  if (schedule.sort == Schedule::Sort::kScatter) {
    return schedule;
  }
  Value first = walkedResults(kernel)[0];
  std::vector<Dim> dims = withoutUnits(shapeOf(first));
  if (kernel.getKind() == "row" && innermost) {
    schedule.sort = Schedule::Sort::kReduceRows;
    dims = withoutUnits(shapeOf(innermost->getOperand(0)));
    if (!dims.empty()) {
      schedule.inner = dims.back();
      dims.pop_back();
    }
    schedule.outer = dims;
    return schedule;
  }
  if (innermost) {
    schedule.sort = Schedule::Sort::kScalars;
    schedule.outer = dims;
    return schedule;
  }
  if (dims.size() < 2) {
    schedule.outer = dims;
    return schedule;
  }
  schedule.sort = Schedule::Sort::kRows;
  schedule.inner = dims.back();
  dims.pop_back();
  schedule.outer = dims;
  return schedule;
}

void emitItems(ExpressionEmitter& e, const Schedule& schedule, Value begin, Value end) {
  const llvm::SmallVector<Value> results = walkedResults(e.kernel());
  llvm::SmallVector<int> all(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    all[i] = static_cast<int>(i);
  }
  switch (schedule.sort) {
    case Schedule::Sort::kElements:
      if (schedule.outer.empty()) {
        e.forLoop(begin, end, 1, {}, Lanes{}, [&](Value, llvm::ArrayRef<Value>) -> Values {
          storeAll(e, all, results, [&](int output) { return e.placeOf(shapeOf(results[output]), {}); });
          return {};
        });
        return;
      }
      e.laneLoop(begin, end, schedule.unroll, nullptr, [&](const Index& index, llvm::ArrayRef<Value>) -> Values {
        storeAll(e, all, results, [&](int output) {
          if (schedule.isFlat) {
            Place place;
            place.isFlat = true;
            place.at.push_back(index);
            return place;
          }
          return e.placeOf(shapeOf(results[output]), index);
        });
        return {};
      });
      return;
    case Schedule::Sort::kRows:
      forRows(e, schedule.outer, begin, end, [&](llvm::ArrayRef<Index> row) {
        e.laneLoop(e.constant(0), e.dimValue(schedule.inner), schedule.unroll, nullptr,
                   [&](const Index& index, llvm::ArrayRef<Value>) -> Values {
                     llvm::SmallVector<Index> indices(row);
                     indices.push_back(index);
                     storeAll(e, all, results,
                              [&](int output) { return e.placeOf(shapeOf(results[output]), indices); });
                     return {};
                   });
      });
      return;
    case Schedule::Sort::kScalars:
      forRows(e, schedule.outer, begin, end, [&](llvm::ArrayRef<Index> row) {
        storeAll(e, all, results, [&](int output) { return e.placeOf(shapeOf(results[output]), row); });
      });
      return;
    case Schedule::Sort::kReduceRows:
      emitReduceRows(e, schedule, begin, end);
      return;
    case Schedule::Sort::kScatter:
      emitScatter(e);
      return;
  }
}

}  // namespace kiln::compiler
