// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The functions of special_functions.h as they run: compiled for this machine and for one without AVX, FMA and SSE4.1,
// as vectors and as scalars, against the references in higher precision.
#include "compiler/codegen/common/special_functions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "compiler/codegen/common/scalar_functions.h"
#include "compiler/codegen/cpu/test_code.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "ops/elementwise/bit_scalars.h"
#include "ops/elementwise/special_scalars.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

namespace scalars = ops::scalars;
using mlir::Type;
using mlir::Value;

// out[i] = f(x[i], y[i], z[i]) for i < count.
using Kernel = void(const kiln_context_t* context, const void* x, const void* y, const void* z, void* out,
                    int64_t count);

// A host whose functions are the references.
const kiln_context_t* host() {
  static const kiln_library_t library = [] {
    kiln_library_t l{};
#define KILN_LEND(field, Name) l.field = [](double x) { return scalars::Name()(x); }
    KILN_LEND(sin, Sin);
    KILN_LEND(cos, Cos);
    KILN_LEND(tan, Tan);
    KILN_LEND(asin, Asin);
    KILN_LEND(acos, Acos);
    KILN_LEND(atan, Atan);
    KILN_LEND(sinh, Sinh);
    KILN_LEND(cosh, Cosh);
    KILN_LEND(asinh, Asinh);
    KILN_LEND(acosh, Acosh);
    KILN_LEND(atanh, Atanh);
    KILN_LEND(log2, Log2);
    KILN_LEND(log10, Log10);
    KILN_LEND(cbrt, Cbrt);
    KILN_LEND(erf, Erf);
    KILN_LEND(erfc, Erfc);
#undef KILN_LEND
    l.atan2 = [](double y, double x) { return std::atan2(y, x); };
    l.hypot = [](double x, double y) { return std::hypot(x, y); };
    l.fmod = [](double x, double y) { return std::fmod(x, y); };
    l.fma = [](double x, double y, double z) { return std::fma(x, y, z); };
    return l;
  }();
  static const kiln_context_t context = [] {
    kiln_context_t c{};
    c.library = &library;
    return c;
  }();
  return &context;
}

class CompiledFunction {
 public:
  CompiledFunction(const std::string& scalar, const std::string& from, int numOperands, int64_t width,
                   const TargetInfo& target) {
    mlir::DialectRegistry registry;
    registerLoweringDialects(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    mlir::OpBuilder builder(&context);
    const mlir::Location location = builder.getUnknownLoc();
    mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(builder, location));
    builder.setInsertionPointToEnd(module->getBody());
    const Type pointer = mlir::LLVM::LLVMPointerType::get(&context);
    auto function = mlir::func::FuncOp::create(
        builder, location, "kernel",
        builder.getFunctionType({pointer, pointer, pointer, pointer, pointer, builder.getI64Type()}, {}));
    mlir::Block* body = function.addEntryBlock();
    builder.setInsertionPointToEnd(body);
    const auto index = [&](int64_t value) -> Value {
      return mlir::arith::ConstantOp::create(builder, location, builder.getI64IntegerAttr(value));
    };
    auto loop = mlir::scf::ForOp::create(builder, location, index(0), body->getArgument(5), index(width));
    mlir::func::ReturnOp::create(builder, location);
    builder.setInsertionPointToStart(loop.getBody());
    const bool isUnsigned = from[0] == 'u';
    const Type element = from == "f32"   ? Type(builder.getF32Type())
                         : from == "f64" ? Type(builder.getF64Type())
                                         : Type(builder.getIntegerType(std::stoi(from.substr(1))));
    const auto shaped = [&](Type type) -> Type { return width == 1 ? type : mlir::VectorType::get({width}, type); };
    const auto address = [&](int argument, Type type) -> Value {
      return mlir::LLVM::GEPOp::create(builder, location, pointer, type, body->getArgument(argument),
                                       mlir::ValueRange{loop.getInductionVar()});
    };
    std::vector<Value> operands;
    for (int i = 0; i < numOperands; ++i) {
      operands.push_back(mlir::LLVM::LoadOp::create(builder, location, shaped(element), address(1 + i, element), 1));
    }
    CodegenContext codegen;
    codegen.target = target;
    Value result = emitScalarFunction(builder, location, scalar, operands, codegen, isUnsigned, body->getArgument(0));
    if (mlir::getElementTypeOrSelf(result.getType()).isInteger(1)) {
      result = mlir::arith::ExtUIOp::create(builder, location, shaped(builder.getI8Type()), result);
    }
    const Type memory = mlir::getElementTypeOrSelf(result.getType());
    mlir::LLVM::StoreOp::create(builder, location, result, address(4, memory), 1);
    code_ = TestCode::fromModule(*module, target);
    kernel_ = code_.find<Kernel>("kernel");
  }

  template <class Out, class In>
  std::vector<Out> run(const std::vector<In>& x, const std::vector<In>& y, const std::vector<In>& z) const {
    std::vector<Out> out(x.size());
    kernel_(host(), x.data(), y.data(), z.data(), out.data(), static_cast<int64_t>(x.size()));
    return out;
  }

 private:
  TestCode code_;
  Kernel* kernel_ = nullptr;
};

template <class T>
using WideOf = std::conditional_t<std::is_same_v<T, float>, double, long double>;
template <class T>
using BitsOf = std::conditional_t<std::is_same_v<T, float>, uint32_t, uint64_t>;

// Distance in units in the last place of the exact result; huge when one is NaN or infinite and the other is not, or
// zero where the other is not among the smallest numbers.
template <class T>
double ulps(T found, WideOf<T> exact) {
  using Limits = std::numeric_limits<T>;
  const T rounded = static_cast<T>(exact);
  if (std::isnan(rounded) || std::isnan(found)) {
    return std::isnan(rounded) == std::isnan(found) ? 0 : 1e9;
  }
  if (std::isinf(rounded) || std::isinf(found)) {
    const T finite = std::isinf(rounded) ? found : rounded;
    return rounded == found ? 0 : std::fabs(finite) > T(0.9999) * Limits::max() ? 1 : 1e9;
  }
  if (std::signbit(rounded) != std::signbit(found)) {
    return 1e9;
  }
  const T magnitude = std::max(std::fabs(rounded), Limits::min());
  const T unit = std::nextafter(magnitude, Limits::infinity()) - magnitude;
  return static_cast<double>(std::fabs(static_cast<WideOf<T>>(found) - exact) / unit);
}

// Bit patterns at equal distances over all floats, those where functions change their nature, and many of ordinary
// size. A multiple of 64 many.
template <class T>
std::vector<T> arguments(int64_t count, uint64_t seed) {
  using Bits = BitsOf<T>;
  using Limits = std::numeric_limits<T>;
  const Bits stride = static_cast<Bits>(std::numeric_limits<Bits>::max() / static_cast<Bits>(count)) | 1;
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(std::bit_cast<T>(static_cast<Bits>(static_cast<Bits>(i + static_cast<int64_t>(seed)) * stride)));
  }
  for (const T edge : {T(0),
                       Limits::min(),
                       Limits::denorm_min(),
                       Limits::max(),
                       Limits::infinity(),
                       Limits::quiet_NaN(),
                       T(0.5),
                       T(1),
                       T(1.5),
                       T(2),
                       T(2.5),
                       T(3),
                       T(8),
                       T(0.9),
                       T(3.9),
                       T(4),
                       T(9.2),
                       T(10.1),
                       T(10.3),
                       T(14.2),
                       T(14.5),
                       T(88.7),
                       T(89.4),
                       T(104),
                       T(709.7),
                       T(710.4),
                       T(745.2),
                       T(1e6),
                       T(0.34657),
                       T(0.41421356),
                       T(1.57e6),
                       T(0.78539816),
                       T(1.5707963),
                       T(3.1415927),
                       T(1.4616321),
                       T(2.4570247),
                       T(126),
                       T(128),
                       T(149),
                       T(1022),
                       T(1074),
                       T(1e-6),
                       T(1e-20),
                       T(8388607),
                       T(8388608),
                       T(4503599627370496),
                       T(1e9),
                       T(1e20),
                       T(2.7476827),
                       T(16.118095)}) {
    for (const T value : {edge, std::nextafter(edge, T(0)), std::nextafter(edge, Limits::infinity())}) {
      values.push_back(value);
      values.push_back(-value);
    }
  }
  std::mt19937_64 random(seed + 7);
  std::uniform_real_distribution<T> unit(T(-1), T(1)), near(T(-6), T(6)), far(T(-120), T(120));
  for (int64_t i = 0; i < count / 4; ++i) {
    values.push_back(unit(random));
    values.push_back(near(random));
    values.push_back(far(random));
  }
  while (values.size() % 64 != 0) {
    values.push_back(T(1));
  }
  return values;
}

struct Variant {
  const char* name;
  TargetInfo target;
  int64_t width;
};
std::vector<Variant> variants(int64_t bytes) {
  const TargetInfo& host = TargetInfo::host();
  const TargetInfo plain = TargetInfo::parse("x86-64").value();
  return {{"host vectors", host, host.vectorBits / 8 / bytes},
          {"host scalars", host, 1},
          {"plain vectors", plain, 16 / bytes}};
}

constexpr int64_t kCount = int64_t{1} << 16;

// A function of one or two floats within `bound` ulp of `exact`, and the same in lanes of vectors and in scalars.
template <class T, class F>
void check(const std::string& name, F exact, double bound, int64_t count = kCount) {
  constexpr bool isBinary = requires(WideOf<T> w) { exact(w, w); };
  const std::vector<T> x = arguments<T>(count, 0);
  std::vector<T> y = arguments<T>(count, 3);
  std::shuffle(y.begin(), y.end(), std::mt19937_64(5));
  std::vector<WideOf<T>> wanted;
  for (size_t i = 0; i < x.size(); ++i) {
    if constexpr (isBinary) {
      wanted.push_back(exact(static_cast<WideOf<T>>(x[i]), static_cast<WideOf<T>>(y[i])));
    } else {
      wanted.push_back(exact(static_cast<WideOf<T>>(x[i])));
    }
  }
  std::vector<T> first;
  for (const Variant& variant : variants(sizeof(T))) {
    const CompiledFunction function(name, sizeof(T) == 4 ? "f32" : "f64", isBinary ? 2 : 1, variant.width,
                                    variant.target);
    const std::vector<T> found = function.template run<T>(x, y, y);
    double worst = 0;
    size_t where = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double distance = ulps<T>(found[i], wanted[i]);
      if (distance > worst) {
        worst = distance;
        where = i;
      }
    }
    EXPECT_LE(worst, bound) << name << ", " << variant.name << ": at " << x[where] << ", " << y[where] << " found "
                            << found[where] << ", wanted " << wanted[where];
    ::testing::Test::RecordProperty((sizeof(T) == 4 ? "f32 ulp " : "f64 ulp ") + std::string(variant.name),
                                    std::to_string(worst));
    if (first.empty()) {
      first = found;
    } else if (variant.width == 1) {
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_TRUE(std::bit_cast<BitsOf<T>>(found[i]) == std::bit_cast<BitsOf<T>>(first[i]) || std::isnan(first[i]))
            << name << " of a scalar and of a lane differ at " << x[i];
      }
    }
  }
}

#define KILN_CHECK_SCALAR(Name, bound32, bound64)               \
  TEST(SpecialFunctions, Name) {                                \
    check<float>(#Name, scalars::Name(), bound32);              \
    check<double>(#Name, scalars::Name(), bound64, kCount / 8); \
  }
KILN_CHECK_SCALAR(Expm1, 2, 2)
KILN_CHECK_SCALAR(Log1p, 2, 2)
KILN_CHECK_SCALAR(Exp2, 2, 2)
KILN_CHECK_SCALAR(Log2, 1, 1)
KILN_CHECK_SCALAR(Log10, 1, 1)
KILN_CHECK_SCALAR(Erf, 2, 1)
KILN_CHECK_SCALAR(Erfc, 6, 1)
KILN_CHECK_SCALAR(Sin, 1, 1)
KILN_CHECK_SCALAR(Cos, 1, 1)
KILN_CHECK_SCALAR(Tan, 1, 1)
KILN_CHECK_SCALAR(Asin, 1, 1)
KILN_CHECK_SCALAR(Acos, 1, 1)
KILN_CHECK_SCALAR(Atan, 1, 1)
KILN_CHECK_SCALAR(Sinh, 1, 1)
KILN_CHECK_SCALAR(Cosh, 1, 1)
KILN_CHECK_SCALAR(Asinh, 1, 1)
KILN_CHECK_SCALAR(Acosh, 1, 1)
KILN_CHECK_SCALAR(Atanh, 1, 1)
KILN_CHECK_SCALAR(Cbrt, 1, 1)
KILN_CHECK_SCALAR(Gelu, 6, 4)
KILN_CHECK_SCALAR(GeluTanh, 6, 6)
KILN_CHECK_SCALAR(Silu, 4, 4)
KILN_CHECK_SCALAR(Mish, 6, 6)
KILN_CHECK_SCALAR(Atan2, 1, 1)
KILN_CHECK_SCALAR(Hypot, 1, 1)
KILN_CHECK_SCALAR(Remainder, 0, 0)
KILN_CHECK_SCALAR(Floor, 0, 0)
KILN_CHECK_SCALAR(Ceil, 0, 0)
KILN_CHECK_SCALAR(Trunc, 0, 0)
KILN_CHECK_SCALAR(Round, 0, 0)
KILN_CHECK_SCALAR(Copysign, 0, 0)
#undef KILN_CHECK_SCALAR

// The sum that it may end with is rounded, to half a unit.
TEST(SpecialFunctions, Mod) {
  check<float>("Mod", scalars::Mod(), 0.5);
  check<double>("Mod", scalars::Mod(), 0.5, kCount / 8);
}

// Those whose f64 form is the host's alone, and whose references are slow.
TEST(SpecialFunctions, Erfinv) { check<float>("Erfinv", scalars::Erfinv(), 1, 1 << 12); }
TEST(SpecialFunctions, Lgamma) { check<float>("Lgamma", scalars::Lgamma(), 4, 1 << 14); }
TEST(SpecialFunctions, Digamma) { check<float>("Digamma", scalars::Digamma(), 4, 1 << 14); }
TEST(SpecialFunctions, Trigamma) { check<float>("Trigamma", scalars::Trigamma(), 1, 1 << 14); }

TEST(SpecialFunctions, without_a_host_what_needs_it_is_null) {
  mlir::DialectRegistry registry;
  registerLoweringDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  mlir::OpBuilder builder(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(builder, builder.getUnknownLoc()));
  builder.setInsertionPointToEnd(module->getBody());
  const Value x = mlir::arith::ConstantOp::create(builder, builder.getUnknownLoc(), builder.getF64FloatAttr(1));
  CodegenContext codegen;
  EXPECT_FALSE(emitScalarFunction(builder, builder.getUnknownLoc(), "Sin", {x}, codegen));
  EXPECT_FALSE(emitScalarFunction(builder, builder.getUnknownLoc(), "Erfc", {x}, codegen));
  EXPECT_TRUE(emitScalarFunction(builder, builder.getUnknownLoc(), "Silu", {x}, codegen));
  EXPECT_FALSE(emitScalarFunction(builder, builder.getUnknownLoc(), "Sine", {x}, codegen));
}

TEST(SpecialFunctions, fma_rounds_once) {
  std::vector<float> x = arguments<float>(1 << 14, 0), y = arguments<float>(1 << 14, 1),
                     z = arguments<float>(1 << 14, 2);
  std::shuffle(y.begin(), y.end(), std::mt19937_64(1));
  // Sums in which nearly all cancels, or the third number decides between two neighbours.
  for (size_t i = 0; i < x.size(); i += 2) {
    z[i] = -x[i] * y[i] * (i % 4 == 0 ? 1.0F : 0x1p24F);
  }
  for (const Variant& variant : variants(4)) {
    const CompiledFunction function("Fma", "f32", 3, variant.width, variant.target);
    const std::vector<float> found = function.run<float>(x, y, z);
    for (size_t i = 0; i < x.size(); ++i) {
      const float wanted = std::fma(x[i], y[i], z[i]);
      ASSERT_TRUE(std::isnan(wanted) ? std::isnan(found[i]) : found[i] == wanted)
          << variant.name << ": " << x[i] << " * " << y[i] << " + " << z[i] << " gives " << found[i] << ", not "
          << wanted;
    }
  }
}

TEST(SpecialFunctions, fma_of_half_floats_rounds_once) {
  std::vector<float> x, y, z;
  std::vector<BFloat16> wanted;
  std::mt19937_64 random(3);
  const auto whole = [&] { return static_cast<float>(static_cast<int>(random() % 512) - 256); };
  for (int i = 0; i < 1 << 16; ++i) {
    // A product of 16 bits, and a third number that may be far below or above it.
    const BFloat16 a(whole()), b(whole()), c(std::ldexp(whole(), static_cast<int>(random() % 120) - 90));
    x.push_back(a);
    y.push_back(b);
    z.push_back(c);
    wanted.push_back(scalars::Fma()(a, b, c));
  }
  for (const Variant& variant : variants(4)) {
    const CompiledFunction function("FmaToOdd", "f32", 3, variant.width, variant.target);
    const std::vector<float> found = function.run<float>(x, y, z);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(BFloat16(found[i]).bits(), wanted[i].bits()) << x[i] << " * " << y[i] << " + " << z[i];
    }
  }
}

template <class T, class F>
void checkIntegers(const std::string& name, const std::string& type, F exact, int numOperands,
                   bool isDivision = false) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x, y, z;
  std::mt19937_64 random(9);
  const T edges[] = {0,  1,  static_cast<T>(-1), Limits::max(), Limits::min(), 2, 7, 8, 31, 32,
                     63, 64, static_cast<T>(-8)};
  for (const T a : edges) {
    for (const T b : edges) {
      if (!isDivision || b != 0) {
        x.push_back(a);
        y.push_back(b);
      }
    }
  }
  while (x.size() % 64 != 0 || x.size() < 1024) {
    x.push_back(static_cast<T>(random()));
    y.push_back(static_cast<T>(random() % 70 + 1));
  }
  for (size_t i = 0; i < x.size(); ++i) {
    z.push_back(static_cast<T>(random()));
  }
  const Variant host = variants(sizeof(T))[0], plain = variants(sizeof(T))[2];
  for (const Variant& variant : {host, plain}) {
    const CompiledFunction function(name, type, numOperands, variant.width, variant.target);
    const std::vector<T> found = function.template run<T>(x, y, z);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(+found[i], +exact(x[i], y[i], z[i])) << name << " of " << +x[i] << " and " << +y[i] << ", " << type;
    }
  }
}

template <class T>
void checkIntegers(const std::string& type) {
  const auto binary = []<class F>(F f) { return [f](T x, T y, T) { return f(x, y); }; };
  checkIntegers<T>("BitwiseAnd", type, binary(scalars::BitwiseAnd()), 2);
  checkIntegers<T>("BitwiseOr", type, binary(scalars::BitwiseOr()), 2);
  checkIntegers<T>("BitwiseXor", type, binary(scalars::BitwiseXor()), 2);
  checkIntegers<T>("BitwiseNot", type, [](T x, T, T) { return scalars::BitwiseNot()(x); }, 1);
  checkIntegers<T>("ShiftLeft", type, binary(scalars::ShiftLeft()), 2);
  checkIntegers<T>("ShiftRight", type, binary(scalars::ShiftRight()), 2);
  checkIntegers<T>("Mod", type, binary(scalars::Mod()), 2, /*isDivision=*/true);
  checkIntegers<T>("Remainder", type, binary(scalars::Remainder()), 2, /*isDivision=*/true);
  checkIntegers<T>("Square", type, [](T x, T, T) { return scalars::Square()(x); }, 1);
  checkIntegers<T>("Fma", type, scalars::Fma(), 3);
  checkIntegers<T>("Clamp", type, scalars::Clamp(), 3);
}

TEST(SpecialFunctions, integers_are_those_of_the_reference) {
  checkIntegers<int8_t>("i8");
  checkIntegers<uint8_t>("u8");
  checkIntegers<int32_t>("i32");
  checkIntegers<uint32_t>("u32");
  checkIntegers<int64_t>("i64");
  checkIntegers<uint64_t>("u64");
}

TEST(SpecialFunctions, tests_of_floats) {
  const std::vector<float> x = arguments<float>(1 << 10, 0);
  for (const Variant& variant : variants(4)) {
    const auto apply = [&](const char* name) {
      return CompiledFunction(name, "f32", 1, variant.width, variant.target).run<uint8_t>(x, x, x);
    };
    const auto nan = apply("IsNan"), inf = apply("IsInf"), finite = apply("IsFinite");
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(nan[i], std::isnan(x[i]) ? 1 : 0);
      ASSERT_EQ(inf[i], std::isinf(x[i]) ? 1 : 0);
      ASSERT_EQ(finite[i], std::isfinite(x[i]) ? 1 : 0);
    }
  }
}

}  // namespace
}  // namespace kiln::compiler
