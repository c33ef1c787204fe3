// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The elementwise functions as they run: compiled for this machine and for one without AVX, as vectors and as scalars,
// against C's functions in higher precision.
#include "compiler/codegen/common/scalar_functions.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "compiler/codegen/common/conversions.h"
#include "compiler/codegen/cpu/test_code.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

namespace kiln::compiler {
namespace {

using mlir::Type;
using mlir::Value;

// out[i] = f(x[i], y[i]) for i < count.
using Kernel = void(const void* x, const void* y, void* out, int64_t count);

Type typeOf(mlir::MLIRContext* context, const std::string& name) {
  mlir::Builder builder(context);
  if (name == "f32") {
    return builder.getF32Type();
  }
  if (name == "f64") {
    return builder.getF64Type();
  }
  return builder.getIntegerType(static_cast<unsigned>(std::stoi(name.substr(1))));
}

class CompiledFunction {
 public:
  // Works on `width` elements at a time. `from` is an element type, u32 too.
  CompiledFunction(const std::string& scalar, const std::string& from, int64_t width, const TargetInfo& target) {
    mlir::DialectRegistry registry;
    registerLoweringDialects(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    mlir::OpBuilder builder(&context);
    const mlir::Location location = builder.getUnknownLoc();
    mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(builder, location));
    builder.setInsertionPointToEnd(module->getBody());
    const Type pointer = mlir::LLVM::LLVMPointerType::get(&context);
    const Type number = builder.getI64Type();
    auto function = mlir::func::FuncOp::create(builder, location, "kernel",
                                               builder.getFunctionType({pointer, pointer, pointer, number}, {}));
    mlir::Block* body = function.addEntryBlock();
    builder.setInsertionPointToEnd(body);
    const auto index = [&](int64_t value) -> Value {
      return mlir::arith::ConstantOp::create(builder, location, builder.getI64IntegerAttr(value));
    };
    auto loop = mlir::scf::ForOp::create(builder, location, index(0), body->getArgument(3), index(width));
    mlir::func::ReturnOp::create(builder, location);
    builder.setInsertionPointToStart(loop.getBody());
    CodegenContext codegen;
    codegen.target = target;
    const Type element = typeOf(&context, from);
    const auto shaped = [&](Type type) -> Type { return width == 1 ? type : mlir::VectorType::get({width}, type); };
    const auto address = [&](int argument, Type type) -> Value {
      return mlir::LLVM::GEPOp::create(builder, location, pointer, type, body->getArgument(argument),
                                       mlir::ValueRange{loop.getInductionVar()});
    };
    const auto load = [&](int argument, Type type) -> Value {
      const Type memory = type.isInteger(1) ? builder.getI8Type() : type;
      const Value value =
          mlir::LLVM::LoadOp::create(builder, location, shaped(memory), address(argument, memory), /*alignment=*/1);
      return fromMemory(builder, location, value, type, target);
    };
    std::vector<Value> operands = {load(0, element)};
    operands.push_back(load(1, element));
    Value result = emitScalarFunction(builder, location, scalar, operands, codegen, /*isUnsigned=*/from[0] == 'u');
    const Type resultElement = mlir::getElementTypeOrSelf(result.getType());
    result = toMemory(builder, location, result, resultElement, target);
    const Type memory = memoryType(resultElement);
    mlir::LLVM::StoreOp::create(builder, location, result, address(2, memory), /*alignment=*/1);
    code_ = TestCode::fromModule(*module, target);
    kernel_ = code_.find<Kernel>("kernel");
  }

  template <class Out, class In>
  std::vector<Out> operator()(const std::vector<In>& x, const std::vector<In>& y = {}) const {
    // Bools are bytes, and vectors of bool are not.
    std::vector<Out> out(x.size());
    kernel_(x.data(), y.empty() ? x.data() : y.data(), out.data(), static_cast<int64_t>(x.size()));
    return out;
  }

 private:
  TestCode code_;
  Kernel* kernel_ = nullptr;
};

template <class T>
struct Traits;
template <>
struct Traits<float> {
  using Bits = uint32_t;
  using Wide = double;
  static constexpr const char* kName = "f32";
};
template <>
struct Traits<double> {
  using Bits = uint64_t;
  using Wide = long double;
  static constexpr const char* kName = "f64";
};

// Distance in units in the last place of the exact result; huge when one is NaN or infinite and the other is not.
template <class T>
double ulps(T found, typename Traits<T>::Wide exact) {
  const T rounded = static_cast<T>(exact);
  if (std::isnan(rounded) || std::isnan(found)) {
    return std::isnan(rounded) == std::isnan(found) ? 0 : 1e9;
  }
  if (std::isinf(rounded) || std::isinf(found)) {
    return rounded == found ? 0 : 1e9;
  }
  if (rounded == 0 && found == 0) {
    return std::signbit(rounded) == std::signbit(found) ? 0 : 1e9;
  }
  const T magnitude = std::max(std::fabs(rounded), std::numeric_limits<T>::min());
  const T unit = std::nextafter(magnitude, std::numeric_limits<T>::infinity()) - magnitude;
  return static_cast<double>(std::fabs(static_cast<typename Traits<T>::Wide>(found) - exact) / unit);
}

// Bit patterns at equal distances over all floats, and those where functions change their nature. A multiple of 64
// many.
template <class T>
std::vector<T> sweep(int64_t count) {
  using Bits = typename Traits<T>::Bits;
  const Bits stride = static_cast<Bits>(std::numeric_limits<Bits>::max() / static_cast<Bits>(count)) | 1;
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(std::bit_cast<T>(static_cast<Bits>(static_cast<Bits>(i) * stride)));
  }
  using Limits = std::numeric_limits<T>;
  for (const T edge : {T(0),
                       Limits::min(),
                       Limits::denorm_min(),
                       Limits::max(),
                       Limits::infinity(),
                       Limits::quiet_NaN(),
                       T(1),
                       T(0.5),
                       T(2),
                       T(3),
                       T(88.7),
                       T(88.8),
                       T(87.4),
                       T(103.9),
                       T(104.1),
                       T(709.78),
                       T(709.79),
                       T(745.1),
                       T(745.2),
                       T(708.4),
                       T(9.0),
                       T(9.02),
                       T(19.1),
                       T(0.34657),
                       T(0.34658),
                       T(1.41421356),
                       T(0.70710678),
                       T(1e-20),
                       T(1e20)}) {
    for (const T value : {edge, std::nextafter(edge, T(0)), std::nextafter(edge, Limits::infinity())}) {
      values.push_back(value);
      values.push_back(-value);
    }
  }
  // Where results are neither 0 nor 1, which most bit patterns miss.
  std::mt19937_64 random(7);
  std::uniform_real_distribution<T> near(T(-3), T(3));
  std::uniform_real_distribution<T> far(T(-120), T(120));
  for (int64_t i = 0; i < count / 4; ++i) {
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
std::vector<Variant> variants(const std::string& type) {
  const TargetInfo& host = TargetInfo::host();
  const TargetInfo plain = TargetInfo::parse("x86-64").value();
  const int64_t bytes = type.ends_with("64") || type == "i1" ? 8 : 4;
  return {{"host vectors", host, host.vectorBits / 8 / bytes},
          {"host scalars", host, 1},
          {"plain vectors", plain, 16 / bytes}};
}

template <class T>
void checkUnary(const std::string& scalar, double bound,
                std::function<typename Traits<T>::Wide(typename Traits<T>::Wide)> exact) {
  const std::vector<T> x = sweep<T>(int64_t{1} << 20);
  for (const Variant& variant : variants(Traits<T>::kName)) {
    const CompiledFunction function(scalar, Traits<T>::kName, variant.width, variant.target);
    const std::vector<T> found = function.template operator()<T>(x);
    double worst = 0;
    size_t where = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double distance = ulps<T>(found[i], exact(x[i]));
      if (distance > worst) {
        worst = distance;
        where = i;
      }
    }
    EXPECT_LE(worst, bound) << scalar << ", " << variant.name << ": at " << x[where] << " found " << found[where]
                            << ", wanted " << exact(x[where]);
    ::testing::Test::RecordProperty(std::string("ulp ") + variant.name, std::to_string(worst));
  }
}

template <class W>
W sigmoid(W x) {
  const W e = std::exp(-std::fabs(x));
  return (x < 0 ? e : W(1)) / (1 + e);
}

TEST(ScalarFunctions, Exp) {
  checkUnary<float>("Exp", 2, [](double x) { return std::exp(x); });
  checkUnary<double>("Exp", 2, [](long double x) { return std::exp(x); });
}

TEST(ScalarFunctions, Log) {
  checkUnary<float>("Log", 2, [](double x) { return std::log(x); });
  checkUnary<double>("Log", 2, [](long double x) { return std::log(x); });
}

TEST(ScalarFunctions, Tanh) {
  checkUnary<float>("Tanh", 2, [](double x) { return std::tanh(x); });
  checkUnary<double>("Tanh", 2, [](long double x) { return std::tanh(x); });
}

TEST(ScalarFunctions, Sigmoid) {
  checkUnary<float>("Sigmoid", 4, sigmoid<double>);
  checkUnary<double>("Sigmoid", 4, sigmoid<long double>);
}

TEST(ScalarFunctions, RsqrtAndSqrt) {
  checkUnary<float>("Rsqrt", 2, [](double x) { return 1 / std::sqrt(x); });
  checkUnary<double>("Rsqrt", 2, [](long double x) { return 1 / std::sqrt(x); });
  checkUnary<float>("Sqrt", 0.5, [](double x) { return std::sqrt(x); });
  checkUnary<double>("Sqrt", 0.5, [](long double x) { return std::sqrt(x); });
}

template <class T>
void checkPow() {
  using Wide = typename Traits<T>::Wide;
  std::vector<T> x, y;
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> exponent(-1, 1);
  std::uniform_real_distribution<double> logBase(-20, 20);
  const double range = sizeof(T) == 4 ? 105 : 746;
  // Bases of all sizes, near 1 too, with exponents that spread results over the whole range.
  for (int i = 0; i < 200000; ++i) {
    const double base = std::exp(i % 2 == 0 ? logBase(random) : logBase(random) * std::exp2(-(i % 40)));
    const double log = std::log(static_cast<double>(static_cast<T>(base)));
    x.push_back(static_cast<T>(base));
    y.push_back(static_cast<T>(exponent(random) * range / (log == 0 ? 1 : log)));
  }
  // Every pair of special values.
  using Limits = std::numeric_limits<T>;
  std::vector<T> special;
  for (const T value : {T(0),
                        T(1),
                        T(0.5),
                        T(2),
                        T(3),
                        T(1.5),
                        T(4),
                        T(8388607),
                        T(8388609),
                        T(16777216),
                        T(16777218),
                        T(4503599627370497.0),
                        T(9007199254740993.0),
                        Limits::min(),
                        Limits::denorm_min(),
                        Limits::max(),
                        Limits::infinity(),
                        Limits::quiet_NaN(),
                        T(1e-3),
                        T(0.999999),
                        T(1e5),
                        T(33),
                        T(-1e30)}) {
    special.push_back(value);
    special.push_back(-value);
  }
  for (const T base : special) {
    for (const T power : special) {
      x.push_back(base);
      y.push_back(power);
    }
  }
  while (x.size() % 64 != 0) {
    x.push_back(T(1));
    y.push_back(T(1));
  }
  for (const Variant& variant : variants(Traits<T>::kName)) {
    const CompiledFunction function("Pow", Traits<T>::kName, variant.width, variant.target);
    const std::vector<T> found = function.template operator()<T>(x, y);
    for (size_t i = 0; i < x.size(); ++i) {
      const Wide exact = std::pow(static_cast<Wide>(x[i]), static_cast<Wide>(y[i]));
      ASSERT_LE(ulps<T>(found[i], exact), 4)
          << variant.name << ": " << x[i] << " to the " << y[i] << " found " << found[i] << ", wanted " << exact;
    }
  }
}

TEST(ScalarFunctions, PowF32) { checkPow<float>(); }
TEST(ScalarFunctions, PowF64) { checkPow<double>(); }

template <class T>
bool sameBits(T a, T b) {
  return (a != a && b != b) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

// Compares with `wanted` on every pair of `values`, exactly.
template <class Out, class In>
void checkExact(const std::string& scalar, const std::string& type, const std::vector<In>& values,
                std::function<Out(In, In)> wanted) {
  std::vector<In> x, y;
  for (const In a : values) {
    for (const In b : values) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  while (x.size() % 64 != 0) {
    x.push_back(In(1));
    y.push_back(In(1));
  }
  for (const Variant& variant : variants(type)) {
    const CompiledFunction function(scalar, type, variant.width, variant.target);
    const std::vector<Out> found = function.template operator()<Out>(x, y);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_TRUE(sameBits<Out>(found[i], wanted(x[i], y[i])))
          << scalar << " " << type << ", " << variant.name << ": of " << +x[i] << " and " << +y[i] << " found "
          << +found[i] << ", wanted " << +wanted(x[i], y[i]);
    }
  }
}

template <class T>
void checkExactFloats() {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> values = {T(0),
                                 T(-0.0),
                                 T(1),
                                 T(-1),
                                 T(0.3),
                                 T(-2.5),
                                 T(7e9),
                                 Limits::infinity(),
                                 -Limits::infinity(),
                                 Limits::quiet_NaN(),
                                 Limits::denorm_min(),
                                 -Limits::min(),
                                 Limits::max()};
  const std::string type = Traits<T>::kName;
  using F = std::function<T(T, T)>;
  checkExact<T, T>("Neg", type, values, F([](T x, T) { return -x; }));
  checkExact<T, T>("Abs", type, values, F([](T x, T) { return std::fabs(x); }));
  checkExact<T, T>("Sign", type, values, F([](T x, T) { return x > 0 ? T(1) : x < 0 ? T(-1) : x; }));
  checkExact<T, T>("Relu", type, values, F([](T x, T) { return x > 0 || x != x ? x : T(0); }));
  checkExact<T, T>("Step", type, values, F([](T x, T) { return x > 0 ? T(1) : x != x ? x : T(0); }));
  checkExact<T, T>("Add", type, values, F([](T x, T y) { return x + y; }));
  checkExact<T, T>("Sub", type, values, F([](T x, T y) { return x - y; }));
  checkExact<T, T>("Mul", type, values, F([](T x, T y) { return x * y; }));
  checkExact<T, T>("Div", type, values, F([](T x, T y) { return x / y; }));
  checkExact<T, T>("Maximum", type, values, F([](T x, T y) {
                     return x != x || y != y ? x + y : x == y ? (std::signbit(x) ? y : x) : x > y ? x : y;
                   }));
  checkExact<T, T>("Minimum", type, values, F([](T x, T y) {
                     return x != x || y != y ? x + y : x == y ? (std::signbit(x) ? x : y) : x < y ? x : y;
                   }));
  using C = std::function<uint8_t(T, T)>;
  checkExact<uint8_t, T>("Equal", type, values, C([](T x, T y) { return x == y; }));
  checkExact<uint8_t, T>("NotEqual", type, values, C([](T x, T y) { return x != y; }));
  checkExact<uint8_t, T>("Less", type, values, C([](T x, T y) { return x < y; }));
  checkExact<uint8_t, T>("LessEqual", type, values, C([](T x, T y) { return x <= y; }));
  checkExact<uint8_t, T>("Greater", type, values, C([](T x, T y) { return x > y; }));
  checkExact<uint8_t, T>("GreaterEqual", type, values, C([](T x, T y) { return x >= y; }));
}

TEST(ScalarFunctions, ExactFunctionsOfF32) { checkExactFloats<float>(); }
TEST(ScalarFunctions, ExactFunctionsOfF64) { checkExactFloats<double>(); }

template <class T>
void checkIntegers(const std::string& type) {
  using U = uint64_t;  // no type that is promoted to a signed one
  using Limits = std::numeric_limits<T>;
  std::vector<T> values;
  for (int64_t value : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{2}, int64_t{-3}, int64_t{7}, int64_t{100},
                        int64_t{-12345}, int64_t{65537}, static_cast<int64_t>(Limits::min()),
                        static_cast<int64_t>(Limits::max()), static_cast<int64_t>(Limits::min()) + 1}) {
    values.push_back(static_cast<T>(value));
  }
  using F = std::function<T(T, T)>;
  const auto wrap = [](U value) { return static_cast<T>(value); };
  checkExact<T, T>("Neg", type, values, F([&](T x, T) { return wrap(U(0) - U(x)); }));
  checkExact<T, T>("Abs", type, values, F([&](T x, T) { return x < 0 ? wrap(U(0) - U(x)) : x; }));
  checkExact<T, T>("Sign", type, values, F([](T x, T) { return T((x > 0) - (x < 0)); }));
  checkExact<T, T>("Relu", type, values, F([](T x, T) { return x > 0 ? x : T(0); }));
  checkExact<T, T>("Step", type, values, F([](T x, T) { return T(x > 0); }));
  checkExact<T, T>("Add", type, values, F([&](T x, T y) { return wrap(U(x) + U(y)); }));
  checkExact<T, T>("Sub", type, values, F([&](T x, T y) { return wrap(U(x) - U(y)); }));
  checkExact<T, T>("Mul", type, values, F([&](T x, T y) { return wrap(U(x) * U(y)); }));
  checkExact<T, T>("Div", type, values, F([&](T x, T y) {
                     if (y == 0) {
                       return x;
                     }
                     return std::is_signed_v<T> && y == static_cast<T>(-1) ? wrap(U(0) - U(x)) : static_cast<T>(x / y);
                   }));
  checkExact<T, T>("Maximum", type, values, F([](T x, T y) { return std::max(x, y); }));
  checkExact<T, T>("Minimum", type, values, F([](T x, T y) { return std::min(x, y); }));
  using C = std::function<uint8_t(T, T)>;
  checkExact<uint8_t, T>("Equal", type, values, C([](T x, T y) { return x == y; }));
  checkExact<uint8_t, T>("NotEqual", type, values, C([](T x, T y) { return x != y; }));
  checkExact<uint8_t, T>("Less", type, values, C([](T x, T y) { return x < y; }));
  checkExact<uint8_t, T>("LessEqual", type, values, C([](T x, T y) { return x <= y; }));
  checkExact<uint8_t, T>("Greater", type, values, C([](T x, T y) { return x > y; }));
  checkExact<uint8_t, T>("GreaterEqual", type, values, C([](T x, T y) { return x >= y; }));
}

TEST(ScalarFunctions, FunctionsOfI32) { checkIntegers<int32_t>("i32"); }
TEST(ScalarFunctions, FunctionsOfI64) { checkIntegers<int64_t>("i64"); }
TEST(ScalarFunctions, FunctionsOfSmallIntegers) {
  checkIntegers<int8_t>("i8");
  checkIntegers<int16_t>("i16");
}
TEST(ScalarFunctions, FunctionsOfUnsignedIntegers) {
  checkIntegers<uint8_t>("u8");
  checkIntegers<uint16_t>("u16");
  checkIntegers<uint32_t>("u32");
  checkIntegers<uint64_t>("u64");
}

TEST(ScalarFunctions, FunctionsOfBool) {
  const std::vector<uint8_t> values = {0, 1};
  using F = std::function<uint8_t(uint8_t, uint8_t)>;
  checkExact<uint8_t, uint8_t>("And", "i1", values, F([](uint8_t x, uint8_t y) { return x & y; }));
  checkExact<uint8_t, uint8_t>("Or", "i1", values, F([](uint8_t x, uint8_t y) { return x | y; }));
  checkExact<uint8_t, uint8_t>("Not", "i1", values, F([](uint8_t x, uint8_t) { return uint8_t(1 - x); }));
}

TEST(ScalarFunctions, UnknownNameGivesNothing) {
  EXPECT_TRUE(isScalarFunction("Tanh"));
  EXPECT_FALSE(isScalarFunction("Cast"));
  EXPECT_FALSE(isScalarFunction("tanh"));
}

}  // namespace
}  // namespace kiln::compiler
