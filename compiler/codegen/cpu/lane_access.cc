// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The expression emitter's arithmetic on indices of several lanes, and its loads and stores.
#include "compiler/codegen/cpu/expression_emitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
namespace LLVM = mlir::LLVM;
using mlir::OpBuilder;
using mlir::Operation;
using mlir::Type;

//===-- lanes
//------------------------------------------------------------------------------------------------------------===//

Value ExpressionEmitter::splat(Value scalar) {
  const int64_t width = lanes().width;
  const int level = levelOf(scalar);
  Value& known =
      scopes_[level]
          .integers[{100, reinterpret_cast<uint64_t>(scalar.getAsOpaquePointer()), static_cast<uint64_t>(width)}];
  if (!known) {
    // Constants splat where they are defined: those are never repeated.
    mlir::VectorType type = mlir::VectorType::get({width}, scalar.getType());
    OpBuilder& b = at(level);
    if (auto literal = scalar.getDefiningOp<arith::ConstantOp>()) {
      known = arith::ConstantOp::create(b, location_, mlir::DenseElementsAttr::get(type, literal.getValue()));
    } else {
      known = mlir::vector::BroadcastOp::create(b, location_, type, scalar);
    }
  }
  return known;
}

Value ExpressionEmitter::laneNumbers(Type integer) {
  const int64_t width = lanes().width;
  Value& known =
      scopes_[0]
          .integers[{101, reinterpret_cast<uint64_t>(integer.getAsOpaquePointer()), static_cast<uint64_t>(width)}];
  if (!known) {
    llvm::SmallVector<mlir::Attribute> numbers;
    for (int64_t lane = 0; lane < width; ++lane) {
      numbers.push_back(mlir::IntegerAttr::get(integer, lane));
    }
    OpBuilder& b = at(0);
    known = arith::ConstantOp::create(b, location_,
                                      mlir::DenseElementsAttr::get(mlir::VectorType::get({width}, integer), numbers));
  }
  return known;
}

Pack ExpressionEmitter::spread(const Pack& pack) {
  if (!pack.isUniform) {
    return pack;
  }
  Pack result;
  result.isUniform = false;
  Value vector = splat(pack.values[0]);
  result.values.assign(lanes().unroll, vector);
  return result;
}

Pack ExpressionEmitter::indexPack(const Index& index) {
  Pack pack;
  if (index.isUniform()) {
    pack.values.push_back(index.base);
    return pack;
  }
  pack.isUniform = false;
  if (!index.general.empty()) {
    pack.values.append(index.general.begin(), index.general.end());
    return pack;
  }
  Value numbers = laneNumbers(builder_.getI64Type());
  const int level = std::max(levelOf(index.base), lanes().level);
  Value steps = numbers;
  if (index.step != 1) {
    Value factor = splat(constant(index.step));
    steps = arith::MulIOp::create(at(level), location_, numbers, factor);
  }
  for (int64_t i = 0; i < lanes().unroll; ++i) {
    Value base = splat(addI(index.base, constant(i * lanes().width * index.step)));
    pack.values.push_back(arith::AddIOp::create(at(level), location_, base, steps));
  }
  return pack;
}

Index ExpressionEmitter::indexFromPack(const Pack& pack) {
  if (pack.isUniform) {
    return uniform(pack.values[0]);
  }
  Index index{constant(0), 0, {}};
  index.general.append(pack.values.begin(), pack.values.end());
  return index;
}

Index ExpressionEmitter::addIndex(const Index& a, Value b) {
  if (a.general.empty()) {
    return Index{addI(a.base, b), a.step, {}};
  }
  return indexFromPack(mapLanes({indexPack(a), Pack{{b}, true}}, [&](OpBuilder& builder, mlir::ValueRange v) {
    return arith::AddIOp::create(builder, location_, v[0], v[1]).getResult();
  }));
}

Index ExpressionEmitter::addIndices(const Index& a, const Index& b) {
  if (a.general.empty() && b.general.empty()) {
    return Index{addI(a.base, b.base), a.step + b.step, {}};
  }
  return indexFromPack(mapLanes({indexPack(a), indexPack(b)}, [&](OpBuilder& builder, mlir::ValueRange v) {
    return arith::AddIOp::create(builder, location_, v[0], v[1]).getResult();
  }));
}

Index ExpressionEmitter::scaleIndex(const Index& a, Value factor) {
  if (a.general.empty()) {
    if (a.step == 0) {
      return uniform(mulI(a.base, factor));
    }
    if (auto literal = factor.getDefiningOp<arith::ConstantOp>()) {
      return Index{mulI(a.base, factor), a.step * llvm::cast<mlir::IntegerAttr>(literal.getValue()).getInt(), {}};
    }
  }
  return indexFromPack(mapLanes({indexPack(a), Pack{{factor}, true}}, [&](OpBuilder& builder, mlir::ValueRange v) {
    return arith::MulIOp::create(builder, location_, v[0], v[1]).getResult();
  }));
}

Index ExpressionEmitter::linearize(const Place& place, llvm::ArrayRef<Value> extents) {
  if (place.isFlat) {
    return place.at[0];
  }
  Index linear = uniform(constant(0));
  for (size_t axis = 0; axis < place.at.size(); ++axis) {
    linear = addIndices(scaleIndex(linear, extents[axis]), place.at[axis]);
  }
  return linear;
}

llvm::SmallVector<Index> ExpressionEmitter::delinearize(const Index& linear, llvm::ArrayRef<Value> extents) {
  llvm::SmallVector<Index> indices(extents.size());
  Index rest = linear;
  for (size_t axis = extents.size(); axis-- > 1;) {
    Value extent = extents[axis];
    if (rest.isUniform()) {
      indices[axis] = uniform(remI(rest.base, extent));
      rest = uniform(divI(rest.base, extent));
      continue;
    }
    Value one = constant(1);
    Value divisor = arith::MaxSIOp::create(at(levelOf(extent)), location_, extent, one);
    Pack lanesOfRest = indexPack(rest);
    auto binary = [&](auto make) { return indexFromPack(mapLanes({lanesOfRest, Pack{{divisor}, true}}, make)); };
    indices[axis] = binary(
        [&](OpBuilder& b, mlir::ValueRange v) { return arith::RemUIOp::create(b, location_, v[0], v[1]).getResult(); });
    rest = binary(
        [&](OpBuilder& b, mlir::ValueRange v) { return arith::DivUIOp::create(b, location_, v[0], v[1]).getResult(); });
  }
  if (!extents.empty()) {
    indices[0] = rest;
  }
  return indices;
}

Place ExpressionEmitter::placeOf(const Shape& shape, llvm::ArrayRef<Index> indices) {
  Place place;
  size_t next = 0;
  for (const Dim& dim : shape) {
    const bool isUnit = dim.isStatic() && dim.value() == 1;
    place.at.push_back(isUnit ? uniform(constant(0)) : indices[next++]);
  }
  return place;
}

Place ExpressionEmitter::unflatten(const Place& place, const Shape& shape) {
  if (!place.isFlat) {
    return place;
  }
  llvm::SmallVector<Value> extents;
  for (const Dim& dim : withoutUnits(shape)) {
    extents.push_back(dimValue(dim));
  }
  return placeOf(shape, delinearize(place.at[0], extents));
}

bool ExpressionEmitter::isFlatCapable(Value value) {
  auto found = flatCapable_.find(value);
  if (found != flatCapable_.end()) {
    return found->second;
  }
  bool result = true;
  if (Operation* op = value.getDefiningOp()) {
    const OpSchema* schema = schemaOf(op);
    if (schema && schema->isElementwise) {
      for (Value operand : op->getOperands()) {
        result &= isFlatCapable(operand);
      }
    } else if (auto assertion = llvm::dyn_cast<AssertThatOp>(op)) {
      result = isFlatCapable(assertion.getX());
    } else if (auto reshape = llvm::dyn_cast<ReshapeOp>(op)) {
      result = isFlatCapable(reshape.getX());
    } else if (auto broadcast = llvm::dyn_cast<BroadcastOp>(op)) {
      result = withoutUnits(shapeOf(broadcast.getX())).empty();
    } else {
      result = llvm::isa<ConstantOp, RandomUniformOp, RandomNormalOp, RandomIntegersOp>(op) ||
               withoutUnits(shapeOf(value)).size() < 2;
    }
  }
  return flatCapable_[value] = result;
}

//===-- memory
//-----------------------------------------------------------------------------------------------------------===//

Pack ExpressionEmitter::loadLinear(Value pointer, Type element, const Index& linear) {
  const Type memory = memoryType(element);
  const unsigned alignment = memory.getIntOrFloatBitWidth() / 8;
  const Type pointerType = LLVM::LLVMPointerType::get(element.getContext());
  int level = std::max(levelOf(linear.base), levelOf(pointer));
  auto address = [&](OpBuilder& b, Value position) -> Value {
    return LLVM::GEPOp::create(b, location_, pointerType, memory, pointer, mlir::ValueRange{position});
  };
  auto fromMemory = [&](OpBuilder& b, Value loaded) -> Value {
    return compiler::fromMemory(b, location_, loaded, element, context_.target);
  };
  Pack pack;
  if (linear.isUniform()) {
    OpBuilder& b = at(level);
    pack.values.push_back(
        fromMemory(b, LLVM::LoadOp::create(b, location_, memory, address(b, linear.base), alignment)));
    return pack;
  }
  pack.isUniform = false;
  level = std::max(level, lanes().level);
  const int64_t width = lanes().width;
  const mlir::VectorType vector = mlir::VectorType::get({width}, memory);
  if (linear.general.empty() && linear.step == 1) {
    if (lanes().mask && memory.getIntOrFloatBitWidth() < 32) {  // not every machine has masks for these
      requestRetry(Retry::kWithoutMasks);
    }
    for (int64_t i = 0; i < lanes().unroll; ++i) {
      Value position = addI(linear.base, constant(i * width));
      OpBuilder& b = at(std::max(level, levelOf(position)));
      Value from = address(b, position);
      Value loaded;
      if (lanes().mask) {
        Value zeros = arith::ConstantOp::create(b, location_, b.getZeroAttr(vector));
        loaded = LLVM::MaskedLoadOp::create(b, location_, vector, from, lanes().mask, zeros,
                                            b.getI32IntegerAttr(alignment), nullptr);
      } else {
        loaded = LLVM::LoadOp::create(b, location_, vector, from, alignment);
      }
      pack.values.push_back(fromMemory(b, loaded));
    }
    return pack;
  }
  if (lanes().mask) {
    requestRetry(Retry::kWithoutMasks);
  }
  for (Value general : linear.general) {
    level = std::max(level, levelOf(general));
  }
  for (int64_t i = 0; i < lanes().unroll; ++i) {
    Value loaded;
    for (int64_t lane = 0; lane < width; ++lane) {
      Value position;
      if (linear.general.empty()) {
        position = addI(linear.base, constant((i * width + lane) * linear.step));
      } else {
        position = mlir::vector::ExtractOp::create(at(level), location_, linear.general[i], lane);
      }
      OpBuilder& b = at(level);
      if (!loaded) {
        loaded = arith::ConstantOp::create(b, location_, b.getZeroAttr(vector));
      }
      Value scalar = LLVM::LoadOp::create(b, location_, memory, address(b, position), alignment);
      loaded = mlir::vector::InsertOp::create(b, location_, scalar, loaded, lane);
    }
    pack.values.push_back(fromMemory(at(level), loaded));
  }
  return pack;
}

void ExpressionEmitter::storeLinear(Value pointer, Type element, const Index& linear, const Pack& value) {
  const Type memory = memoryType(element);
  const unsigned alignment = memory.getIntOrFloatBitWidth() / 8;
  const Type pointerType = LLVM::LLVMPointerType::get(element.getContext());
  auto address = [&](OpBuilder& b, Value position) -> Value {
    return LLVM::GEPOp::create(b, location_, pointerType, memory, pointer, mlir::ValueRange{position});
  };
  auto toMemory = [&](OpBuilder& b, Value v) -> Value {
    return compiler::toMemory(b, location_, v, element, context_.target);
  };
  if (linear.isUniform()) {
    OpBuilder& b = builder();
    Value to = address(b, linear.base);
    LLVM::StoreOp::create(b, location_, toMemory(b, value.values[0]), to, alignment);
    return;
  }
  if (!linear.general.empty() || linear.step != 1) {
    // Results are written along their innermost axis, or one lane at a time.
    requestRetry(Retry::kScalar);
    return;
  }
  Pack pack = spread(value);
  if (lanes().mask && memory.getIntOrFloatBitWidth() < 32) {  // not every machine has masks for these
    requestRetry(Retry::kWithoutMasks);
  }
  for (int64_t i = 0; i < lanes().unroll; ++i) {
    Value position = addI(linear.base, constant(i * lanes().width));
    OpBuilder& b = builder();
    Value to = address(b, position);
    if (lanes().mask) {
      LLVM::MaskedStoreOp::create(b, location_, toMemory(b, pack.values[i]), to, lanes().mask,
                                  b.getI32IntegerAttr(alignment));
    } else {
      LLVM::StoreOp::create(b, location_, toMemory(b, pack.values[i]), to, alignment);
    }
  }
}

//===-- branches and index checks
//----------------------------------------------------------------------------------------===//

Pack ExpressionEmitter::emitIf(Value condition, Type element, llvm::function_ref<Pack()> then,
                               llvm::function_ref<Pack()> otherwise) {
  element = registerType(element);
  const bool isScalar = lanes().isScalar();
  const int64_t count = isScalar ? 1 : lanes().unroll;
  const Type type = isScalar ? element : mlir::VectorType::get({lanes().width}, element);
  llvm::SmallVector<Type> types(count, type);
  auto branch = mlir::scf::IfOp::create(builder(), location_, types, condition, /*withElseRegion=*/true);
  mlir::Block* outerBlock = scopes_.back().block;
  llvm::SmallVector<std::pair<int, Operation*>> saved;
  for (int level = top(); level >= 0 && scopes_[level].block == outerBlock; --level) {
    saved.emplace_back(level, scopes_[level].before);
    scopes_[level].before = branch;
  }
  auto emitBlock = [&](mlir::Block* block, llvm::function_ref<Pack()> emit) {
    scopes_.push_back(Scope{block, nullptr, scopes_.back().lanes, {}, {}});
    blockLevels_[block] = top();
    Pack pack = emit();
    if (retry_ == Retry::kNone && !isScalar) {
      pack = spread(pack);
    }
    if (retry_ != Retry::kNone) {
      pack.values.clear();
      for (int64_t i = 0; i < count; ++i) {
        pack.values.push_back(arith::ConstantOp::create(builder(), location_, builder_.getZeroAttr(type)));
      }
    }
    mlir::scf::YieldOp::create(builder(), location_, pack.values);
    scopes_.pop_back();
  };
  emitBlock(branch.thenBlock(), then);
  emitBlock(branch.elseBlock(), otherwise);
  for (auto& [level, before] : saved) {
    scopes_[level].before = before;
  }
  Pack pack;
  pack.isUniform = isScalar;
  pack.values.append(branch.getResults().begin(), branch.getResults().end());
  return pack;
}

void ExpressionEmitter::reportFault(Operation* op, Value isBad, int32_t code, Value found, Value wanted) {
  OpBuilder& b = builder();
  mlir::Location loc = op->getLoc();
  auto vectorType = llvm::dyn_cast<mlir::VectorType>(isBad.getType());
  if (vectorType && lanes().mask) {
    requestRetry(Retry::kWithoutMasks);
    return;
  }
  Value any = isBad;
  if (vectorType) {
    any = mlir::vector::ReductionOp::create(b, loc, mlir::vector::CombiningKind::OR, isBad);
  }
  auto branch = mlir::scf::IfOp::create(b, loc, any, /*withElseRegion=*/false);
  OpBuilder slow(branch.thenBlock(), branch.thenBlock()->begin());
  const int node = context_.nodeId ? context_.nodeId(op) : -1;
  auto write = [&](OpBuilder& inner, Value first, Value second) {
    Type pointer = LLVM::LLVMPointerType::get(inner.getContext());
    auto field = [&](int32_t offset) -> Value {
      return LLVM::GEPOp::create(inner, loc, pointer, inner.getI8Type(), pointers_.context,
                                 llvm::ArrayRef<LLVM::GEPArg>{offset});
    };
    const int32_t base = offsetof(kiln_context_t, error);
    Value known = LLVM::LoadOp::create(inner, loc, inner.getI32Type(), field(base + offsetof(kiln_error_t, code)), 4);
    Value zero = arith::ConstantOp::create(inner, loc, inner.getI32IntegerAttr(0));
    Value isFirst = arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::eq, known, zero);
    auto once = mlir::scf::IfOp::create(inner, loc, isFirst, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(inner);
    inner.setInsertionPointToStart(once.thenBlock());
    Value codeValue = arith::ConstantOp::create(inner, loc, inner.getI32IntegerAttr(code));
    Value nodeValue = arith::ConstantOp::create(inner, loc, inner.getI32IntegerAttr(node));
    LLVM::StoreOp::create(inner, loc, codeValue, field(base + offsetof(kiln_error_t, code)), 4);
    LLVM::StoreOp::create(inner, loc, nodeValue, field(base + offsetof(kiln_error_t, node_id)), 4);
    LLVM::StoreOp::create(inner, loc, first, field(base + offsetof(kiln_error_t, values)), 8);
    LLVM::StoreOp::create(inner, loc, second, field(base + offsetof(kiln_error_t, values) + 8), 8);
  };
  if (!vectorType) {
    write(slow, found, wanted);
    return;
  }
  // The lanes are taken in order, so the fault that is recorded is the one a scalar loop would meet first.
  for (int64_t lane = 0; lane < vectorType.getNumElements(); ++lane) {
    Value bad = mlir::vector::ExtractOp::create(slow, loc, isBad, lane);
    auto one = mlir::scf::IfOp::create(slow, loc, bad, /*withElseRegion=*/false);
    OpBuilder inner(one.thenBlock(), one.thenBlock()->begin());
    Value first = mlir::vector::ExtractOp::create(inner, loc, found, lane);
    Value second = llvm::isa<mlir::VectorType>(wanted.getType())
                       ? mlir::vector::ExtractOp::create(inner, loc, wanted, lane).getResult()
                       : wanted;
    write(inner, first, second);
  }
}

Index ExpressionEmitter::checkedIndex(Operation* op, const Pack& raw, Value extent, bool allowNegative,
                                      Value* isValid) {
  mlir::Location loc = op->getLoc();
  Pack found = emitCast(loc, raw, builder_.getI64Type());
  Pack length{{extent}, true}, zero{{constant(0)}, true};
  Pack index = found;
  if (allowNegative) {
    index = mapLanes({found, length, zero}, [&](OpBuilder& b, mlir::ValueRange v) {
      Value isNegative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, v[0], v[2]);
      Value fromEnd = arith::AddIOp::create(b, loc, v[0], v[1]);
      return arith::SelectOp::create(b, loc, isNegative, fromEnd, v[0]).getResult();
    });
  }
  // As unsigned numbers negative ones are out of range too.
  Pack isBad = mapLanes({index, length}, [&](OpBuilder& b, mlir::ValueRange v) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, v[0], v[1]).getResult();
  });
  for (size_t i = 0; i < isBad.values.size(); ++i) {
    reportFault(op, isBad.values[i], KILN_STATUS_INDEX_RANGE, found.values[i], extent);
  }
  Pack safe = mapLanes({isBad, zero, index}, [&](OpBuilder& b, mlir::ValueRange v) {
    return arith::SelectOp::create(b, loc, v[0], v[1], v[2]).getResult();
  });
  if (isValid) {
    Value yes = arith::ConstantOp::create(at(0), loc, builder_.getBoolAttr(true));
    *isValid = arith::XOrIOp::create(builder(), loc, isBad.values[0], yes);
  }
  return indexFromPack(safe);
}

}  // namespace kiln::compiler
