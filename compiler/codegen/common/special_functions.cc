// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/special_functions.h"

#include <limits>
#include <optional>

#include "compiler/codegen/common/library_call.h"
#include "compiler/codegen/common/math_builder.h"
#include "compiler/codegen/common/transcendental.h"
#include "llvm/ADT/StringSwitch.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

namespace arith = mlir::arith;
using mlir::Value;
using Compare = MathBuilder::Compare;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = 3.141592653589793;
constexpr double kMagic = 6755399441055744.0;  // adding it rounds an f64 to a whole number

// Polynomials through the values at Chebyshev's nodes, made by special_coefficients.py.
// (sin r - r) / r^3 and (cos r - 1 + r^2 / 2) / r^4 as functions of r^2, |r| <= pi / 4
constexpr double kSin[] = {-0.16666666666663885, 0.008333333331079223, -0.00019841266916985966, 2.755599092956532e-06,
                           -2.4805636241834762e-08};
constexpr double kCos[] = {0.04166666666666468, -0.0013888888887277342, 2.4801585210990515e-05, -2.7556369695573007e-07,
                           2.0700600483433117e-09};
// (atan t - t) / t^3 as a function of t^2, |t| <= tan(pi / 8)
constexpr double kAtan[] = {-0.3333333333333093, 0.19999999997724888,  -0.14285713930378566,
                            0.11111089649211055, -0.09090255952690657, 0.07681045202742948,
                            -0.0655090730756309, 0.05168834935919362,  -0.02723288406057488};
// erfinv(x) / x as a function of w = -log(1 - x^2) up to 5, and of sqrt(w) above (the variables of Giles, Approximating
// the erfinv function, 2011)
constexpr double kErfinvCenter[] = {0.8862269253981395,     0.23201367024532019,     0.011549299438956629,
                                    -0.00233490579592786,   -0.00012851973714040642, 4.731327091702654e-05,
                                    1.3458075851527609e-06, -5.728545735020383e-07,  -2.35062337802583e-07,
                                    8.350653684004119e-08,  -1.129706500238048e-08,  7.591358436857782e-10,
                                    -2.1203565131819003e-11};
constexpr double kErfinvTail[] = {-2.890106467450771,     12.18241186240209,      -16.77475787063785,
                                  13.332917050435547,     -6.33392649755726,      1.8249549797382993,
                                  -0.2790885450418384,    0.0016586120936742624,  0.008257658315715937,
                                  -0.0016349765005637237, 0.00014342337668247376, -5.047794498308319e-06};
// Asymptotic series in 1 / x^2, for x >= 8 (Abramowitz and Stegun 6.1.40, 6.3.18, 6.4.12).
constexpr double kStirling[] = {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156};
constexpr double kDigamma[] = {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12};
constexpr double kTrigamma[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6};
constexpr int kShift = 8;  // the recurrence takes smaller numbers beyond this

// Odd functions near 0 are their argument, also where it is denormal or a signed zero.
Value orTiny(MathBuilder& m, Value x, Value result) {
  return m.select(m.compare(Compare::OLT, m.abs(x), m.constant(1e-6)), x, result);
}
Value signOf(MathBuilder& m, Value x) { return m.bitAnd(m.toBits(x), m.toBits(m.constant(-0.0))); }
Value withSignOf(MathBuilder& m, Value magnitude, Value x) {
  return m.fromBits(m.bitOr(m.toBits(m.abs(magnitude)), signOf(m, x)));
}

// All functions here compute in f64 for f32, and each is written for arguments that are f32 numbers.
class Functions {
 public:
  Functions(const FunctionSite& site, MathBuilder& m) : site_(site), m(m) {}

  std::optional<Value> emit(llvm::StringRef name, Value x, Value y) {
    using Unary = Value (Functions::*)(Value);
    const Unary function = llvm::StringSwitch<Unary>(name)
                               .Case("Sin", &Functions::sine)
                               .Case("Cos", &Functions::cosine)
                               .Case("Tan", &Functions::tangent)
                               .Case("Asin", &Functions::arcSine)
                               .Case("Acos", &Functions::arcCosine)
                               .Case("Atan", &Functions::arcTangent)
                               .Case("Sinh", &Functions::hyperbolicSine)
                               .Case("Cosh", &Functions::hyperbolicCosine)
                               .Case("Asinh", &Functions::inverseSinh)
                               .Case("Acosh", &Functions::inverseCosh)
                               .Case("Atanh", &Functions::inverseTanh)
                               .Case("Log2", &Functions::binaryLog)
                               .Case("Log10", &Functions::decimalLog)
                               .Case("Cbrt", &Functions::cubeRoot)
                               .Case("Erfinv", &Functions::inverseErf)
                               .Case("Lgamma", &Functions::logGamma)
                               .Case("Digamma", &Functions::digamma)
                               .Case("Trigamma", &Functions::trigamma)
                               .Default(nullptr);
    if (function) {
      return (this->*function)(x);
    }
    if (name == "Atan2") {
      return arcTangent2(x, y);
    }
    if (name == "Hypot") {
      return hypotenuse(x, y);
    }
    return std::nullopt;
  }

 private:
  // sin and cos of r, |r| <= pi / 4.
  Value sinOf(Value r) {
    const Value z = m.mul(r, r);
    return m.mulAdd(m.mul(r, z), m.polynomial(z, kSin), r);
  }
  Value cosOf(Value r) {
    const Value z = m.mul(r, r);
    return m.mulAdd(m.mul(z, z), m.polynomial(z, kCos), m.sub(m.constant(1.0), m.mul(z, m.constant(0.5))));
  }

  // Sine and cosine of a number beyond which the reduction loses digits are the host's.
  struct Angle {
    Value sin, cos;  // of the number less the multiple of pi / 2
    Value quarters;  // the multiple, in the low bits
    Value isLarge;
  };
  Angle reduce(Value x) {
    const Value magic = m.constant(kMagic);
    Angle angle;
    angle.isLarge = m.compare(Compare::OGT, m.abs(x), m.constant(1e6));
    // pi / 2 in two parts, the first of 33 bits: its product with up to 20 bits is exact.
    const Value rounded = m.mulAdd(x, m.constant(2 / kPi), magic);
    const Value n = m.sub(rounded, magic);
    Value r = m.mulAdd(n, m.constant(-1.5707963267341256), x);
    r = m.mulAdd(n, m.constant(-6.077100506506192e-11), r);
    angle.sin = sinOf(r);
    angle.cos = cosOf(r);
    angle.quarters = m.toBits(rounded);
    return angle;
  }
  Value isBitSet(Value bits, uint64_t mask) {
    const Value zero = m.constantBits(0);
    return arith::CmpIOp::create(site_.builder, site_.location, arith::CmpIPredicate::ne,
                                 m.bitAnd(bits, m.constantBits(mask)), zero);
  }
  Value orLibrary(Value isLarge, Value usual, size_t field, Value x) {
    return emitWhereRare(site_.builder, site_.location, isLarge, usual, [&](mlir::OpBuilder& b) {
      return emitLibraryCall(b, site_.location, site_.host, field, {x});
    });
  }
  Value sine(Value x) {
    const Angle angle = reduce(x);
    const Value value = m.select(isBitSet(angle.quarters, 1), angle.cos, angle.sin);
    const Value usual = m.select(isBitSet(angle.quarters, 2), m.neg(value), value);
    return orTiny(m, x, orLibrary(angle.isLarge, usual, offsetof(kiln_library_t, sin), x));
  }
  Value cosine(Value x) {
    const Angle angle = reduce(x);
    const Value value = m.select(isBitSet(angle.quarters, 1), angle.sin, angle.cos);
    const Value isNegative = isBitSet(m.bitAdd(angle.quarters, m.constantBits(1)), 2);
    const Value usual = m.select(isNegative, m.neg(value), value);
    return orLibrary(angle.isLarge, usual, offsetof(kiln_library_t, cos), x);
  }
  Value tangent(Value x) {
    const Angle angle = reduce(x);
    const Value isOdd = isBitSet(angle.quarters, 1);
    const Value usual = m.div(m.select(isOdd, m.neg(angle.cos), angle.sin), m.select(isOdd, angle.sin, angle.cos));
    return orTiny(m, x, orLibrary(angle.isLarge, usual, offsetof(kiln_library_t, tan), x));
  }

  // atan of a >= 0.
  Value arcTangentOf(Value a) {
    const Value one = m.constant(1.0);
    const Value isLarge = m.compare(Compare::OGT, a, one);
    const Value t = m.select(isLarge, m.div(one, a), a);
    const Value isMiddle = m.compare(Compare::OGT, t, m.constant(0.41421356237309503));
    const Value r = m.select(isMiddle, m.div(m.sub(t, one), m.add(t, one)), t);
    const Value z = m.mul(r, r);
    Value angle = m.mulAdd(m.mul(r, z), m.polynomial(z, kAtan), r);
    angle = m.add(angle, m.select(isMiddle, m.constant(kPi / 4), m.constant(0.0)));
    return m.select(isLarge, m.sub(m.constant(kPi / 2), angle), angle);
  }
  // (1 - x) / (1 + x) and the like are exact enough in f64; beyond 1 the square root is NaN.
  Value arcSine(Value x) {
    const Value one = m.constant(1.0);
    const Value root = m.sqrt(m.mul(m.sub(one, x), m.add(one, x)));
    return orTiny(m, x, withSignOf(m, arcTangentOf(m.div(m.abs(x), root)), x));
  }
  Value arcCosine(Value x) {
    const Value one = m.constant(1.0);
    const Value angle = arcTangentOf(m.sqrt(m.div(m.sub(one, x), m.add(one, x))));
    return m.add(angle, angle);
  }
  Value arcTangent(Value x) { return orTiny(m, x, withSignOf(m, arcTangentOf(m.abs(x)), x)); }
  Value arcTangent2(Value y, Value x) {
    const Value a = m.abs(y), b = m.abs(x);
    // Their quotient is 1 where both are infinite and 0 where both are 0.
    const Value areInfinite =
        m.both(m.compare(Compare::OEQ, a, m.constant(kInfinity)), m.compare(Compare::OEQ, b, m.constant(kInfinity)));
    const Value isZero = m.compare(Compare::OEQ, a, m.constant(0.0));
    Value quotient = m.select(areInfinite, m.constant(1.0), m.div(a, b));
    quotient = m.select(m.both(isZero, m.compare(Compare::ORD, b, b)), m.constant(0.0), quotient);
    const Value angle = arcTangentOf(quotient);
    const Value isLeft = isBitSet(m.toBits(x), uint64_t{1} << 63);
    return withSignOf(m, m.select(isLeft, m.sub(m.constant(kPi), angle), angle), y);
  }
  Value hypotenuse(Value x, Value y) {
    const Value length = m.sqrt(m.add(m.mul(x, x), m.mul(y, y)));
    const Value infinity = m.constant(kInfinity);
    const Value isInfinite =
        m.either(m.compare(Compare::OEQ, m.abs(x), infinity), m.compare(Compare::OEQ, m.abs(y), infinity));
    return m.select(isInfinite, infinity, length);
  }

  Value hyperbolicSine(Value x) {
    // With e = e^|x| - 1: (e + e / (e + 1)) / 2. For an f32 e is finite or the result is infinite.
    const Value e = emitExpm1(m, m.atMost(m.abs(x), 200.0));
    const Value sum = m.add(e, m.div(e, m.add(e, m.constant(1.0))));
    return orTiny(m, x, withSignOf(m, m.mul(sum, m.constant(0.5)), x));
  }
  Value hyperbolicCosine(Value x) {
    const Value e = emitExp(m, m.atMost(m.abs(x), 200.0));
    return m.mul(m.add(e, m.div(m.constant(1.0), e)), m.constant(0.5));
  }
  Value inverseSinh(Value x) {
    const Value a = m.abs(x), one = m.constant(1.0);
    const Value square = m.mul(a, a);
    const Value argument = m.add(a, m.div(square, m.add(one, m.sqrt(m.add(one, square)))));
    const Value finite = emitLog1p(m, argument);
    return orTiny(m, x, withSignOf(m, m.select(m.compare(Compare::OEQ, a, m.constant(kInfinity)), a, finite), x));
  }
  Value inverseCosh(Value x) {
    const Value t = m.sub(x, m.constant(1.0));
    const Value result = emitLog1p(m, m.add(t, m.sqrt(m.mul(t, m.add(t, m.constant(2.0))))));
    return m.select(m.compare(Compare::OLT, t, m.constant(0.0)), m.constant(kNaN), result);
  }
  Value inverseTanh(Value x) {
    const Value a = m.abs(x);
    const Value log = emitLog1p(m, m.div(m.add(a, a), m.sub(m.constant(1.0), a)));
    const Value half = m.mul(log, m.constant(0.5));
    const Value isBeyond = m.compare(Compare::OGT, a, m.constant(1.0));
    return orTiny(m, x, m.select(isBeyond, m.constant(kNaN), withSignOf(m, half, x)));
  }

  Value binaryLog(Value x) { return m.mul(emitLog(m, x), m.constant(1.4426950408889634)); }
  Value decimalLog(Value x) { return m.mul(emitLog(m, x), m.constant(0.4342944819032518)); }
  Value cubeRoot(Value x) { return withSignOf(m, emitExp(m, m.mul(emitLog(m, m.abs(x)), m.constant(1.0 / 3))), x); }

  Value inverseErf(Value x) {
    const Value one = m.constant(1.0);
    const Value w = m.neg(emitLog(m, m.mul(m.sub(one, x), m.add(one, x))));
    const Value center = m.polynomial(m.atMost(w, 5.0), kErfinvCenter);
    const Value tail = m.polynomial(m.sqrt(m.atLeast(m.atMost(w, 17.0), 5.0)), kErfinvTail);
    const Value ratio = m.select(m.compare(Compare::OLT, w, m.constant(5.0)), center, tail);
    const Value isEnd = m.compare(Compare::OEQ, m.abs(x), one);
    return m.mul(x, m.select(isEnd, m.constant(kInfinity), ratio));
  }

  // x, or x + kShift where x >= 0 is small, and whether.
  struct Shifted {
    Value isSmall, low, x;  // low: x where it is small
  };
  Shifted shift(Value x) {
    Shifted s;
    s.isSmall = m.compare(Compare::OLT, x, m.constant(kShift));
    s.low = m.atMost(x, kShift);
    s.x = m.select(s.isSmall, m.add(x, m.constant(kShift)), x);
    return s;
  }
  // The distance of x to the nearest whole number, exactly.
  Value fraction(Value x) {
    const Value magic = m.constant(kMagic);
    const Value part = m.sub(x, m.sub(m.add(x, magic), magic));
    return m.select(m.compare(Compare::OLT, m.abs(x), m.constant(0x1p51)), part, m.mul(x, m.constant(0.0)));
  }
  // sin and cos of pi f for |f| <= 1/2, by the half angle.
  Angle circle(Value f) {
    const Value half = m.mul(f, m.constant(kPi / 2));
    const Value s = sinOf(half), c = cosOf(half);
    Angle angle;
    angle.sin = m.mul(m.add(s, s), c);
    angle.cos = m.mul(m.sub(c, s), m.add(c, s));
    return angle;
  }
  Value series(Value x, std::span<const double> coefficients) {
    const Value inverse = m.div(m.constant(1.0), x);
    return m.polynomial(m.mul(inverse, inverse), coefficients);
  }

  Value logGamma(Value x) {
    const Value a = m.abs(x);
    const Shifted s = shift(a);
    Value product = s.low;
    for (int i = 1; i < kShift; ++i) {
      product = m.mul(product, m.add(s.low, m.constant(i)));
    }
    product = m.select(s.isSmall, product, m.constant(1.0));
    const Value log = emitLog(m, s.x);
    Value stirling = m.sub(m.mul(m.sub(s.x, m.constant(0.5)), log), s.x);
    stirling = m.add(stirling, m.constant(0.9189385332046727));  // log(2 pi) / 2
    stirling = m.add(stirling, m.div(series(s.x, kStirling), s.x));
    // |gamma(-a)| gamma(a) a |sin(pi a)| = pi
    const Value isNegative = m.compare(Compare::OLT, x, m.constant(0.0));
    const Value sine = m.mul(a, m.abs(circle(fraction(a)).sin));
    const Value reflected = m.div(m.mul(m.constant(kPi), product), sine);
    const Value rest = m.sub(emitLog(m, m.select(isNegative, reflected, product)), stirling);
    Value result = m.select(isNegative, rest, m.neg(rest));
    const Value isZero =
        m.either(m.compare(Compare::OEQ, x, m.constant(1.0)), m.compare(Compare::OEQ, x, m.constant(2.0)));
    result = m.select(isZero, m.constant(0.0), result);
    return m.select(m.compare(Compare::OEQ, a, m.constant(kInfinity)), a, result);
  }

  Value digamma(Value x) {
    const Value one = m.constant(1.0), zero = m.constant(0.0);
    const Value isNegative = m.compare(Compare::OLT, x, zero);
    const Shifted s = shift(m.select(isNegative, m.sub(one, x), x));
    Value below = m.div(one, s.low);
    for (int i = 1; i < kShift; ++i) {
      below = m.add(below, m.div(one, m.add(s.low, m.constant(i))));
    }
    const Value inverse = m.div(one, s.x);
    Value result = m.sub(emitLog(m, s.x), m.mul(inverse, m.constant(0.5)));
    result = m.sub(result, m.mul(m.mul(inverse, inverse), series(s.x, kDigamma)));
    result = m.sub(result, m.select(s.isSmall, below, zero));
    // digamma(1 - x) - digamma(x) = pi cot(pi x)
    const Value part = fraction(x);
    const Angle angle = circle(part);
    const Value cotangent = m.div(m.mul(m.constant(kPi), angle.cos), angle.sin);
    result = m.sub(result, m.select(isNegative, cotangent, zero));
    const Value isPole = m.both(isNegative, m.compare(Compare::UEQ, part, zero));
    result = m.select(isPole, m.constant(kNaN), result);
    const Value atZero = m.fromBits(m.bitXor(m.toBits(m.constant(-kInfinity)), signOf(m, x)));
    return m.select(m.compare(Compare::OEQ, x, zero), atZero, result);
  }

  Value trigamma(Value x) {
    const Value one = m.constant(1.0), zero = m.constant(0.0);
    const Value isNegative = m.compare(Compare::OLT, x, zero);
    const Shifted s = shift(m.select(isNegative, m.sub(one, x), m.abs(x)));
    Value below = m.div(one, m.mul(s.low, s.low));
    for (int i = 1; i < kShift; ++i) {
      const Value term = m.add(s.low, m.constant(i));
      below = m.add(below, m.div(one, m.mul(term, term)));
    }
    const Value inverse = m.div(one, s.x);
    const Value square = m.mul(inverse, inverse);
    Value result = m.mulAdd(m.mul(square, inverse), series(s.x, kTrigamma), m.mul(square, m.constant(0.5)));
    result = m.add(m.add(result, inverse), m.select(s.isSmall, below, zero));
    // trigamma(1 - x) + trigamma(x) = (pi / sin(pi x))^2
    const Value cosecant = m.div(m.constant(kPi), circle(fraction(x)).sin);
    return m.select(isNegative, m.sub(m.mul(cosecant, cosecant), result), result);
  }

  const FunctionSite& site_;
  MathBuilder& m;
};

// The place of the f64 function in the host's table; none for names that have none.
std::optional<size_t> libraryField(llvm::StringRef name) {
#define KILN_FIELD(name, field) .Case(name, offsetof(kiln_library_t, field))
  const size_t field =
      llvm::StringSwitch<size_t>(name) KILN_FIELD("Sin", sin) KILN_FIELD("Cos", cos) KILN_FIELD("Tan", tan)
          KILN_FIELD("Asin", asin) KILN_FIELD("Acos", acos) KILN_FIELD("Atan", atan) KILN_FIELD("Sinh", sinh)
              KILN_FIELD("Cosh", cosh) KILN_FIELD("Asinh", asinh) KILN_FIELD("Acosh", acosh) KILN_FIELD("Atanh", atanh)
                  KILN_FIELD("Log2", log2) KILN_FIELD("Log10", log10) KILN_FIELD("Cbrt", cbrt)
                      KILN_FIELD("Erfinv", erfinv) KILN_FIELD("Lgamma", lgamma) KILN_FIELD("Digamma", digamma)
                          KILN_FIELD("Trigamma", trigamma) KILN_FIELD("Atan2", atan2) KILN_FIELD("Hypot", hypot)
                              .Default(0);
#undef KILN_FIELD
  return field == 0 ? std::nullopt : std::optional<size_t>(field);
}

}  // namespace

Value emitSpecialFunction(const FunctionSite& site, llvm::StringRef scalar, mlir::ValueRange operands) {
  MathBuilder own(site.builder, site.location, operands[0].getType(), site.target);
  if (scalar == "Expm1") {
    return emitExpm1(own, operands[0]);
  }
  if (scalar == "Exp2") {
    return emitExp2(own, operands[0]);
  }
  if (scalar == "Log1p") {
    return emitLog1p(own, operands[0]);
  }
  const std::optional<size_t> field = libraryField(scalar);
  if (!field || !site.host) {
    return {};
  }
  if (!own.isF32()) {
    return emitLibraryCall(site.builder, site.location, site.host, *field, operands);
  }
  mlir::Type wide = site.builder.getF64Type();
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(own.type())) {
    wide = mlir::VectorType::get(vector.getShape(), wide);
  }
  MathBuilder m(site.builder, site.location, wide, site.target);
  llvm::SmallVector<Value> x;
  for (const Value operand : operands) {
    x.push_back(arith::ExtFOp::create(site.builder, site.location, wide, operand));
  }
  const std::optional<Value> result = Functions(site, m).emit(scalar, x[0], x.size() > 1 ? x[1] : Value());
  return arith::TruncFOp::create(site.builder, site.location, own.type(), *result);
}

bool isSpecialFunction(llvm::StringRef scalar) {
  return isLongSpecialFunction(scalar) ||
         llvm::StringSwitch<bool>(scalar)
             .Cases({"Floor", "Ceil", "Trunc", "Round", "Fma", "FmaToOdd", "Clamp", "Copysign", "Square"}, true)
             .Cases({"IsNan", "IsInf", "IsFinite", "Xor", "ShiftLeft", "ShiftRight"}, true)
             .Cases({"BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot"}, true)
             .Default(false);
}

bool isLongSpecialFunction(llvm::StringRef scalar) {
  return libraryField(scalar) || llvm::StringSwitch<bool>(scalar)
                                     .Cases({"Expm1", "Exp2", "Log1p", "Erf", "Erfc", "Gelu", "GeluTanh", "Silu"}, true)
                                     .Cases({"Mish", "Mod", "Remainder"}, true)
                                     .Default(false);
}

}  // namespace kiln::compiler
