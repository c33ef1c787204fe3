// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/conversions.h"

#include <cmath>
#include <numeric>

#include "llvm/Support/MathExtras.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

namespace kiln::compiler {
namespace {

namespace arith = mlir::arith;
namespace LLVM = mlir::LLVM;
using mlir::Location;
using mlir::OpBuilder;
using mlir::Type;
using mlir::Value;
using FloatCompare = arith::CmpFPredicate;
using IntCompare = arith::CmpIPredicate;

// Operations on values in the shape of one value, of any element type.
struct Shaped {
  OpBuilder& b;
  Location loc;
  Type like;

  int64_t width() const {
    auto vector = mlir::dyn_cast<mlir::VectorType>(like);
    return vector ? vector.getNumElements() : 1;
  }
  Type of(Type element) const {
    auto vector = mlir::dyn_cast<mlir::VectorType>(like);
    return vector ? mlir::VectorType::get(vector.getShape(), element) : element;
  }
  Type integer(unsigned bits) const { return of(b.getIntegerType(bits)); }
  Value literal(mlir::TypedAttr value) const {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(like)) {
      value = mlir::DenseElementsAttr::get(mlir::VectorType::get(vector.getShape(), value.getType()),
                                           llvm::ArrayRef<mlir::Attribute>{value});
    }
    return arith::ConstantOp::create(b, loc, value);
  }
  // A constant like `other`.
  Value integer(Value other, uint64_t value) const {
    const Type element = mlir::getElementTypeOrSelf(other.getType());
    return literal(
        b.getIntegerAttr(element, llvm::APInt(element.getIntOrFloatBitWidth(), value, false, /*implicitTrunc=*/true)));
  }
  Value real(Value other, double value) const {
    return literal(b.getFloatAttr(mlir::getElementTypeOrSelf(other.getType()), value));
  }
  Value cast(Value value, Type element) const { return arith::BitcastOp::create(b, loc, of(element), value); }
  Value bits(Value value) const {
    return cast(value, b.getIntegerType(mlir::getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth()));
  }
  Value add(Value x, uint64_t y) const { return arith::AddIOp::create(b, loc, x, integer(x, y)); }
  Value add(Value x, Value y) const { return arith::AddIOp::create(b, loc, x, y); }
  Value bitAnd(Value x, uint64_t y) const { return arith::AndIOp::create(b, loc, x, integer(x, y)); }
  Value bitOr(Value x, uint64_t y) const { return arith::OrIOp::create(b, loc, x, integer(x, y)); }
  Value bitOr(Value x, Value y) const { return arith::OrIOp::create(b, loc, x, y); }
  Value left(Value x, int count) const { return arith::ShLIOp::create(b, loc, x, integer(x, count)); }
  Value right(Value x, int count) const { return arith::ShRUIOp::create(b, loc, x, integer(x, count)); }
  Value compare(IntCompare predicate, Value x, Value y) const { return arith::CmpIOp::create(b, loc, predicate, x, y); }
  Value compare(IntCompare predicate, Value x, uint64_t y) const { return compare(predicate, x, integer(x, y)); }
  Value compare(FloatCompare predicate, Value x, Value y) const {
    return arith::CmpFOp::create(b, loc, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) const { return arith::SelectOp::create(b, loc, condition, x, y); }
  Value widen(Value x, unsigned bits) const { return arith::ExtUIOp::create(b, loc, integer(bits), x); }
  Value narrow(Value x, unsigned bits) const { return arith::TruncIOp::create(b, loc, integer(bits), x); }
};

// The bits of an f32 with all below bf16's rounded away: a carry out of the significand moves into the exponent by
// itself, up to infinity. NaN is made quiet, so that it does not become infinity.
Value roundBitsToBF16(const Shaped& m, Value bits) {
  Value isOdd = m.bitAnd(m.right(bits, 16), 1);
  Value rounded = m.bitAnd(m.add(m.add(bits, 0x7FFF), isOdd), 0xFFFF0000);
  Value isNan = m.compare(IntCompare::ugt, m.bitAnd(bits, 0x7FFFFFFF), 0x7F800000);
  return m.select(isNan, m.bitAnd(m.bitOr(bits, 0x400000), 0xFFFF0000), rounded);
}

// i16 bits of f16 to f32, without instructions for it. Both exponents are moved by one multiplication, which makes
// denormal numbers normal ones.
Value widenF16(const Shaped& m, Value half) {
  Value bits = m.widen(half, 32);
  Value sign = m.left(m.bitAnd(bits, 0x8000), 16);
  Value magnitude = m.left(m.bitAnd(bits, 0x7FFF), 13);
  Value moved = m.cast(magnitude, m.b.getF32Type());
  moved = arith::MulFOp::create(m.b, m.loc, moved, m.real(moved, 0x1p112));
  Value isSpecial = m.compare(IntCompare::uge, magnitude, 0x7C00 << 13);
  Value result = m.select(isSpecial, m.bitOr(magnitude, 0x7F800000), m.bits(moved));
  return m.cast(m.bitOr(result, sign), m.b.getF32Type());
}

// f32 to i16 bits of f16, without instructions for it.
Value narrowToF16(const Shaped& m, Value value) {
  Value bits = m.bits(value);
  Value sign = m.bitAnd(m.right(bits, 16), 0x8000);
  Value magnitude = m.bitAnd(bits, 0x7FFFFFFF);
  Value isOdd = m.bitAnd(m.right(magnitude, 13), 1);
  Value normal = m.right(m.add(m.add(magnitude, 0xFFFULL - (112ULL << 23)), isOdd), 13);
  // Denormal results have the unit 2^-24: adding 0.5, whose unit that is, rounds to it.
  Value aligned = m.cast(magnitude, m.b.getF32Type());
  aligned = arith::AddFOp::create(m.b, m.loc, aligned, m.real(aligned, 0.5));
  Value denormal = m.add(m.bits(aligned), -0x3F000000ULL);
  Value result = m.select(m.compare(IntCompare::ult, magnitude, 0x38800000), denormal, normal);
  result = m.select(m.compare(IntCompare::uge, magnitude, 0x47800000), m.integer(result, 0x7C00), result);
  result = m.select(m.compare(IntCompare::ugt, magnitude, 0x7F800000), m.integer(result, 0x7E00), result);
  return m.narrow(m.bitOr(result, sign), 16);
}

// As narrowToF16, by the machine's instruction, for as many lanes as `lanes` says. An intrinsic rather than a
// truncation, because LLVM would move that before additions and multiplications, where it becomes many.
Value narrowToF16ByInstruction(const Shaped& m, Value value, int64_t lanes, const TargetInfo& target) {
  OpBuilder& b = m.b;
  auto call = [&](const char* name, int64_t results, mlir::ValueRange operands) -> Value {
    const Type shorts = mlir::VectorType::get({results}, b.getI16Type());
    return LLVM::CallIntrinsicOp::create(b, m.loc, shorts, b.getStringAttr(name), operands)->getResult(0);
  };
  if (target.architecture == Architecture::kAarch64) {
    return call("llvm.aarch64.neon.vcvtfp2hf", 4, {value});
  }
  Value nearestEven = arith::ConstantOp::create(b, m.loc, b.getI32IntegerAttr(0));
  if (lanes == 8) {
    return call("llvm.x86.vcvtps2ph.256", 8, {value, nearestEven});
  }
  Value shorts = call("llvm.x86.vcvtps2ph.128", 8, {value, nearestEven});
  return mlir::vector::ShuffleOp::create(b, m.loc, shorts, shorts, llvm::ArrayRef<int64_t>{0, 1, 2, 3});
}

// Values of any width in parts that there is an instruction for.
Value narrowToF16ByInstruction(const Shaped& m, Value value, const TargetInfo& target) {
  const int64_t width = m.width();
  if (width == 1) {
    const mlir::VectorType four = mlir::VectorType::get({4}, m.b.getF32Type());
    Value vector = arith::ConstantOp::create(m.b, m.loc, m.b.getZeroAttr(four));
    vector = mlir::vector::InsertOp::create(m.b, m.loc, value, vector, 0);
    return mlir::vector::ExtractOp::create(m.b, m.loc, narrowToF16ByInstruction(m, vector, 4, target), 0);
  }
  const int64_t lanes = target.architecture == Architecture::kX86 && width % 8 == 0 ? 8 : 4;
  const int64_t numParts = width / lanes;
  if (width % lanes != 0 || !llvm::isPowerOf2_64(numParts)) {
    return {};
  }
  auto range = [](int64_t first, int64_t count) {
    llvm::SmallVector<int64_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), first);
    return numbers;
  };
  llvm::SmallVector<Value> parts;
  for (int64_t first = 0; first < width; first += lanes) {
    Value part = value;
    if (numParts > 1) {
      part = mlir::vector::ShuffleOp::create(m.b, m.loc, value, value, range(first, lanes));
    }
    parts.push_back(narrowToF16ByInstruction(m, part, lanes, target));
  }
  while (parts.size() > 1) {
    llvm::SmallVector<Value> joined;
    for (size_t i = 0; i < parts.size(); i += 2) {
      const int64_t count = 2 * mlir::cast<mlir::VectorType>(parts[i].getType()).getNumElements();
      joined.push_back(mlir::vector::ShuffleOp::create(m.b, m.loc, parts[i], parts[i + 1], range(0, count)));
    }
    parts = joined;
  }
  return parts.front();
}

Value narrowToHalfBits(const Shaped& m, Value value, Type element, const TargetInfo& target) {
  if (element.isBF16()) {
    return m.narrow(m.right(roundBitsToBF16(m, m.bits(value)), 16), 16);
  }
  if (target.hasF16c) {
    if (Value result = narrowToF16ByInstruction(m, value, target)) {
      return result;
    }
  }
  return narrowToF16(m, value);
}

Value widenHalfBits(const Shaped& m, Value bits, Type element, const TargetInfo& target) {
  if (element.isBF16()) {
    return m.cast(m.left(m.widen(bits, 32), 16), m.b.getF32Type());
  }
  if (target.hasF16c) {
    return arith::ExtFOp::create(m.b, m.loc, m.of(m.b.getF32Type()), m.cast(bits, m.b.getF16Type()));
  }
  return widenF16(m, bits);
}

// f64 to f32 such that rounding the result once more, to 16 bits, rounds `value` once: of the two neighbours of an
// inexact value the one with an odd significand (Boldo and Melquiond, Emulation of a FMA and correctly rounded sums,
// 2008).
Value roundToOdd(const Shaped& m, Value value) {
  Value nearest = arith::TruncFOp::create(m.b, m.loc, m.of(m.b.getF32Type()), value);
  Value back = arith::ExtFOp::create(m.b, m.loc, m.of(m.b.getF64Type()), nearest);
  Value isInexact = m.compare(FloatCompare::ONE, back, value);
  auto magnitude = [&](Value x) -> Value { return LLVM::FAbsOp::create(m.b, m.loc, x.getType(), x); };
  Value isAway = m.compare(FloatCompare::OGT, magnitude(back), magnitude(value));
  Value bits = m.bits(nearest);
  Value towardsZero = m.select(isAway, m.add(bits, ~0ULL), bits);
  return m.cast(m.select(isInexact, m.bitOr(towardsZero, 1), bits), m.b.getF32Type());
}

// A 64-bit integer that an f64 holds exactly and that rounds to 52 bits or fewer as `value` does.
Value roundIntegerToOdd(const Shaped& m, Value value, bool isUnsignedInteger) {
  Value offset = isUnsignedInteger ? value : m.add(value, 1ULL << 53);
  Value isExact = m.compare(IntCompare::ult, offset, isUnsignedInteger ? 1ULL << 53 : 1ULL << 54);
  Value lowBits = m.bitAnd(value, 0x7FF);
  Value isEven = m.compare(IntCompare::eq, lowBits, uint64_t{0});
  Value odd = m.bitOr(m.bitAnd(value, ~0x7FFULL), 0x800);
  return m.select(arith::OrIOp::create(m.b, m.loc, isExact, isEven), value, odd);
}

// Float (f32 or f64) to integer, for every float: the instruction sees only what the integer can hold.
Value floatToInteger(const Shaped& m, Value value, unsigned bits, bool isUnsignedInteger) {
  const Type to = m.integer(bits);
  const double bound = std::ldexp(1.0, static_cast<int>(isUnsignedInteger ? bits : bits - 1));
  const Value upper = m.real(value, bound);
  const Value lower = m.real(value, isUnsignedInteger ? 0.0 : -bound);
  const Value tooSmall = m.compare(FloatCompare::OLT, value, lower);
  const Value inRange = arith::AndIOp::create(m.b, m.loc, m.compare(FloatCompare::OGE, value, lower),
                                              m.compare(FloatCompare::OLT, value, upper));
  const Value tooLarge = m.compare(FloatCompare::OGE, value, upper);
  const Value safe = m.select(inRange, value, m.real(value, 0.0));
  Value converted;
  if (bits < 32) {
    Value wide = arith::FPToSIOp::create(m.b, m.loc, m.integer(32), safe);
    converted = m.narrow(wide, bits);
  } else if (isUnsignedInteger) {
    converted = arith::FPToUIOp::create(m.b, m.loc, to, safe);
  } else {
    converted = arith::FPToSIOp::create(m.b, m.loc, to, safe);
  }
  const llvm::APInt most = isUnsignedInteger ? llvm::APInt::getMaxValue(bits) : llvm::APInt::getSignedMaxValue(bits);
  const llvm::APInt least = isUnsignedInteger ? llvm::APInt::getMinValue(bits) : llvm::APInt::getSignedMinValue(bits);
  const Value highest = m.literal(m.b.getIntegerAttr(m.b.getIntegerType(bits), most));
  const Value lowest = m.literal(m.b.getIntegerAttr(m.b.getIntegerType(bits), least));
  return m.select(tooSmall, lowest, m.select(tooLarge, highest, converted));
}

Value integerToFloat(const Shaped& m, Value value, Type to, bool isUnsignedInteger) {
  return isUnsignedInteger ? arith::UIToFPOp::create(m.b, m.loc, m.of(to), value).getResult()
                           : arith::SIToFPOp::create(m.b, m.loc, m.of(to), value).getResult();
}

}  // namespace

bool isHalf(Type element) { return element.isF16() || element.isBF16(); }
bool isUnsigned(Type element) {
  auto integer = mlir::dyn_cast<mlir::IntegerType>(element);
  return integer && integer.isUnsigned();
}

Type registerType(Type element) {
  if (isHalf(element)) {
    return mlir::Float32Type::get(element.getContext());
  }
  return isUnsigned(element) ? mlir::IntegerType::get(element.getContext(), element.getIntOrFloatBitWidth()) : element;
}

Type memoryType(Type element) {
  if (isHalf(element)) {
    return mlir::IntegerType::get(element.getContext(), 16);
  }
  return element.isInteger(1) ? mlir::IntegerType::get(element.getContext(), 8) : registerType(element);
}

Value fromMemory(OpBuilder& builder, Location location, Value loaded, Type element, const TargetInfo& target) {
  const Shaped m{builder, location, loaded.getType()};
  if (isHalf(element)) {
    return widenHalfBits(m, loaded, element, target);
  }
  return element.isInteger(1) ? m.compare(IntCompare::ne, loaded, uint64_t{0}) : loaded;
}

Value toMemory(OpBuilder& builder, Location location, Value value, Type element, const TargetInfo& target) {
  const Shaped m{builder, location, value.getType()};
  if (isHalf(element)) {
    return narrowToHalfBits(m, value, element, target);
  }
  return element.isInteger(1) ? m.widen(value, 8) : value;
}

Value roundTo(OpBuilder& builder, Location location, Value value, Type element, const TargetInfo& target) {
  if (!isHalf(element)) {
    return value;
  }
  const Shaped m{builder, location, value.getType()};
  if (mlir::getElementTypeOrSelf(value.getType()).isF64()) {
    value = roundToOdd(m, value);
  }
  if (element.isBF16()) {
    return m.cast(roundBitsToBF16(m, m.bits(value)), builder.getF32Type());
  }
  return widenHalfBits(m, narrowToHalfBits(m, value, element, target), element, target);
}

Value emitCast(OpBuilder& builder, Location location, Value value, Type from, Type to, const TargetInfo& target) {
  if (from == to) {
    return value;
  }
  const Shaped m{builder, location, value.getType()};
  const Type held = registerType(from);
  const bool fromFloat = mlir::isa<mlir::FloatType>(held);
  if (to.isInteger(1)) {
    return fromFloat ? m.compare(FloatCompare::UNE, value, m.real(value, 0.0))
                     : m.compare(IntCompare::ne, value, uint64_t{0});
  }
  const Type wanted = registerType(to);
  const bool isPositive = isUnsigned(from) || from.isInteger(1);
  if (mlir::isa<mlir::FloatType>(to)) {
    if (!fromFloat) {
      // Every number of these types is an f32, and of the others an f64, exactly.
      const unsigned bits = held.getIntOrFloatBitWidth();
      if (!isHalf(to)) {
        return integerToFloat(m, value, wanted, isPositive);
      }
      if (bits == 64) {
        value = roundIntegerToOdd(m, value, isPositive);
      }
      const Type exact = bits <= 16 ? Type(builder.getF32Type()) : builder.getF64Type();
      return roundTo(builder, location, integerToFloat(m, value, exact, isPositive), to, target);
    }
    if (isHalf(to)) {
      return roundTo(builder, location, value, to, target);
    }
    if (held == wanted) {
      return value;
    }
    return held.isF32() ? arith::ExtFOp::create(builder, location, m.of(wanted), value).getResult()
                        : arith::TruncFOp::create(builder, location, m.of(wanted), value).getResult();
  }
  const unsigned bits = wanted.getIntOrFloatBitWidth();
  if (fromFloat) {
    return floatToInteger(m, value, bits, isUnsigned(to));
  }
  const unsigned heldBits = held.getIntOrFloatBitWidth();
  if (heldBits == bits) {
    return value;
  }
  if (heldBits > bits) {
    return m.narrow(value, bits);
  }
  return isPositive ? m.widen(value, bits)
                    : arith::ExtSIOp::create(builder, location, m.integer(bits), value).getResult();
}

Value emitBitcast(OpBuilder& builder, Location location, Value value, Type from, Type to, const TargetInfo& target) {
  value = toMemory(builder, location, value, from, target);
  Type wanted = memoryType(to);
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(value.getType())) {
    wanted = vector.clone(wanted);
  }
  if (value.getType() != wanted) {
    value = arith::BitcastOp::create(builder, location, wanted, value);
  }
  return fromMemory(builder, location, value, to, target);
}

mlir::TypedAttr toRegisterAttribute(mlir::TypedAttr attribute) {
  const Type element = attribute.getType();
  const Type held = registerType(element);
  if (held == element) {
    return attribute;
  }
  if (auto real = mlir::dyn_cast<mlir::FloatAttr>(attribute)) {
    return mlir::FloatAttr::get(held, real.getValueAsDouble());
  }
  return mlir::IntegerAttr::get(held, mlir::cast<mlir::IntegerAttr>(attribute).getValue());
}

}  // namespace kiln::compiler
