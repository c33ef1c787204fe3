// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The expression emitter for random numbers: the definition of ops/random/philox.h, lane by lane.
#include <cmath>

#include "compiler/codegen/cpu/emit_random.h"

#include "compiler/codegen/common/scalar_functions.h"
#include "compiler/codegen/cpu/expression_emitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "ops/random/philox.h"

namespace kiln::compiler {
namespace arith = mlir::arith;
using mlir::Location;
using mlir::OpBuilder;
using mlir::Operation;
using mlir::Type;

namespace {

// Arithmetic on i64 and floats in one shape, scalar or vector.
struct LaneMath {
  OpBuilder& b;
  Location loc;
  int64_t width;

  Type shaped(Type element) const { return width == 1 ? element : mlir::VectorType::get({width}, element); }
  Value literal(mlir::TypedAttr value) const {
    if (width > 1) {
      value = mlir::DenseElementsAttr::get(mlir::VectorType::get({width}, value.getType()),
                                           llvm::ArrayRef<mlir::Attribute>{value});
    }
    return arith::ConstantOp::create(b, loc, value);
  }
  Value integer(uint64_t value) const { return literal(b.getI64IntegerAttr(static_cast<int64_t>(value))); }
  Value real(Type type, double value) const { return literal(b.getFloatAttr(type, value)); }
  Value add(Value x, Value y) const { return arith::AddIOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) const { return arith::MulIOp::create(b, loc, x, y); }
  Value bitAnd(Value x, uint64_t y) const { return arith::AndIOp::create(b, loc, x, integer(y)); }
  Value bitOr(Value x, Value y) const { return arith::OrIOp::create(b, loc, x, y); }
  Value bitXor(Value x, Value y) const { return arith::XOrIOp::create(b, loc, x, y); }
  Value right(Value x, int count) const { return arith::ShRUIOp::create(b, loc, x, integer(count)); }
  Value left(Value x, int count) const { return arith::ShLIOp::create(b, loc, x, integer(count)); }
  Value low(Value x) const { return bitAnd(x, 0xFFFFFFFF); }
  Value isEqual(Value x, uint64_t y) const {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, integer(y));
  }
  Value select(Value condition, Value x, Value y) const { return arith::SelectOp::create(b, loc, condition, x, y); }
  Value toReal(Value x, Type type) const { return arith::SIToFPOp::create(b, loc, shaped(type), x); }
  Value addF(Value x, Value y) const { return arith::AddFOp::create(b, loc, x, y); }
  Value subF(Value x, Value y) const { return arith::SubFOp::create(b, loc, x, y); }
  Value mulF(Value x, Value y) const { return arith::MulFOp::create(b, loc, x, y); }

  // Philox 4x32-10. The words are kept in i64, so that products do not overflow.
  std::array<Value, 4> philox(Value block, Value seed, Value step, uint32_t opId) const {
    std::array<Value, 4> counter = {low(block), right(block, 32), integer(opId), low(step)};
    std::array<Value, 2> key = {low(seed), right(seed, 32)};
    for (int round = 0; round < 10; ++round) {
      Value product0 = mul(counter[0], integer(0xD2511F53)), product1 = mul(counter[2], integer(0xCD9E8D57));
      counter = {bitXor(bitXor(right(product1, 32), counter[1]), key[0]), low(product1),
                 bitXor(bitXor(right(product0, 32), counter[3]), key[1]), low(product0)};
      key = {low(add(key[0], integer(0x9E3779B9))), low(add(key[1], integer(0xBB67AE85)))};
    }
    return counter;
  }

  // The number on [0, 1) that the words make: two for f64, else one.
  Value unit(Type type, Value first, Value second) const {
    if (!type.isF64()) {
      const int digits = type.isF32() ? 24 : type.isF16() ? 11 : 8;
      const Type held = registerType(type);
      return mulF(toReal(right(first, 32 - digits), held), real(held, std::ldexp(1.0, -digits)));
    }
    return mulF(toReal(right(bitOr(left(first, 32), second), 11), type), real(type, 0x1p-53));
  }

  // The Taylor series of sin (odd powers) or cos (even) about 0; up to a quarter of pi the rest is below 1e-18.
  Value series(Value x, bool isSine) const {
    const Type f64 = b.getF64Type();
    Value square = mulF(x, x), sum;
    for (int power = isSine ? 17 : 18; power >= 0; power -= 2) {
      double coefficient = 1 / std::tgamma(power + 1.0);
      coefficient = power / 2 % 2 == 0 ? coefficient : -coefficient;
      sum = sum ? addF(mulF(sum, square), real(f64, coefficient)) : real(f64, coefficient);
    }
    return isSine ? mulF(sum, x) : sum;
  }

  // cos of 2 pi u, or sin where isSine.
  Value turn(Value u, Value isSine) const {
    const Type f64 = b.getF64Type();
    Value scaled = mulF(u, real(f64, 4));
    Value quarters = mlir::LLVM::RoundEvenOp::create(b, loc, shaped(f64), scaled);
    Value angle = mulF(subF(scaled, quarters), real(f64, 1.57079632679489661923));
    Value number = arith::FPToSIOp::create(b, loc, shaped(b.getI64Type()), quarters);
    Value quadrant = bitAnd(add(number, select(isSine, integer(3), integer(0))), 3);
    Value isOdd = isEqual(bitAnd(quadrant, 1), 1);
    Value value = select(isOdd, series(angle, true), series(angle, false));
    Value isNegative = arith::OrIOp::create(b, loc, isEqual(quadrant, 1), isEqual(quadrant, 2));
    return select(isNegative, arith::NegFOp::create(b, loc, value), value);
  }
};

// What random_uniform's definition makes of its bounds in type T.
struct UniformBounds {
  double low, high, span, below;
};
template <class T>
UniformBounds boundsOf(double low, double high) {
  const T l = static_cast<T>(low), h = static_cast<T>(high);
  return {static_cast<double>(l), static_cast<double>(h), static_cast<double>(static_cast<T>(h - l)),
          static_cast<double>(ops::numberBelow(h, l))};
}

}  // namespace

Value emitRandomNumbers(OpBuilder& b, Operation* op, Value position, Value seed, Value step,
                        const CodegenContext& context) {
  const Location loc = op->getLoc();
  const Type element = elementOf(op->getResult(0));
  auto pick = [](const LaneMath& m, Value isSecond, Value x, Value y) { return m.select(isSecond, y, x); };
  auto vector = llvm::dyn_cast<mlir::VectorType>(position.getType());
  const LaneMath m{b, loc, vector ? vector.getNumElements() : 1};
  Value i = position;
  const bool isSingle = llvm::isa<mlir::FloatType>(element) && !element.isF64();  // one word an element
  const Type held = registerType(element);
  const std::array<Value, 4> words =
      m.philox(m.right(i, isSingle ? 2 : 1), seed, step,
               static_cast<uint32_t>(op->getAttrOfType<mlir::IntegerAttr>("op_id").getInt()));
  Value isOdd = m.isEqual(m.bitAnd(i, 1), 1);
  Value isUpper = m.isEqual(m.bitAnd(i, 2), 2);  // of the two pairs in a block
  if (auto integers = llvm::dyn_cast<RandomIntegersOp>(op)) {
    Value word = m.bitOr(m.left(pick(m, isOdd, words[0], words[2]), 32), pick(m, isOdd, words[1], words[3]));
    const auto low = static_cast<uint64_t>(integers.getLow()), high = static_cast<uint64_t>(integers.getHigh());
    Value upper = arith::MulUIExtendedOp::create(b, loc, word, m.integer(high - low)).getHigh();
    Value value = m.add(upper, m.integer(low));
    return element.isInteger(64) ? value
                                 : arith::TruncIOp::create(b, loc, m.shaped(registerType(element)), value).getResult();
  }
  if (auto uniformOp = llvm::dyn_cast<RandomUniformOp>(op)) {
    Value unit =
        isSingle ? m.unit(element,
                          pick(m, isUpper, pick(m, isOdd, words[0], words[1]), pick(m, isOdd, words[2], words[3])), {})
                 : m.unit(element, pick(m, isOdd, words[0], words[2]), pick(m, isOdd, words[1], words[3]));
    const double low = uniformOp.getLow().convertToDouble(), high = uniformOp.getHigh().convertToDouble();
    // The bounds as the result's type has them, and the last number below the upper one.
    const UniformBounds bounds = element.isF64()   ? boundsOf<double>(low, high)
                                 : element.isF32() ? boundsOf<float>(low, high)
                                 : element.isF16() ? boundsOf<Half>(low, high)
                                                   : boundsOf<BFloat16>(low, high);
    auto round = [&](Value x) { return roundTo(b, loc, x, element, context.target); };
    Value scaled = round(m.mulF(unit, m.real(held, bounds.span)));
    Value value = round(m.addF(scaled, m.real(held, bounds.low)));
    Value isBelow = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, value, m.real(held, bounds.high));
    return m.select(isBelow, value, m.real(held, bounds.below));
  }
  auto normal = llvm::cast<RandomNormalOp>(op);
  const Type f64 = b.getF64Type();
  Value u1, u2;
  if (isSingle) {
    const Type f32 = b.getF32Type();
    u1 = arith::ExtFOp::create(b, loc, m.shaped(f64), m.unit(f32, pick(m, isUpper, words[0], words[2]), {}));
    u2 = arith::ExtFOp::create(b, loc, m.shaped(f64), m.unit(f32, pick(m, isUpper, words[1], words[3]), {}));
  } else {
    u1 = m.unit(element, words[0], words[1]);
    u2 = m.unit(element, words[2], words[3]);
  }
  Value log = emitScalarFunction(b, loc, "Log", {m.subF(m.real(f64, 1), u1)}, context);
  Value radius = emitScalarFunction(b, loc, "Sqrt", {m.mulF(m.real(f64, -2), log)}, context);
  Value value = m.mulF(radius, m.turn(u2, isOdd));
  value = m.addF(m.mulF(value, m.real(f64, normal.getStddev().convertToDouble())),
                 m.real(f64, normal.getMean().convertToDouble()));
  return compiler::emitCast(b, loc, value, f64, element, context.target);
}

Pack ExpressionEmitter::emitRandom(Operation* op, Value state, const Place& place) {
  Place first, second;
  first.at.push_back(uniform(constant(0)));
  second.at.push_back(uniform(constant(1)));
  Pack seed = emitCast(op->getLoc(), emitAt(state, first), builder_.getI64Type());
  Pack step = emitCast(op->getLoc(), emitAt(state, second), builder_.getI64Type());
  Pack position = indexPack(linearize(place, dimValues(shapeOf(op->getResult(0)))));
  return mapLanes({position, seed, step}, [&](OpBuilder& b, mlir::ValueRange v) {
    return emitRandomNumbers(b, op, v[0], v[1], v[2], context_);
  });
}

}  // namespace kiln::compiler
