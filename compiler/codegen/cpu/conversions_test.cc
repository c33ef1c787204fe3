// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Conversions between all element types as they run: compiled for this machine, for one without AVX and F16C, as
// vectors and as scalars, against the functor that defines kiln.cast. Every value of the types of 8 and 16 bits is
// converted.
#include "compiler/codegen/common/conversions.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "compiler/codegen/cpu/test_code.h"
#include "compiler/dialect/types.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinTypes.h"
#include "ops/elementwise/scalars.h"

namespace kiln::compiler {
namespace {

using mlir::Type;
using mlir::Value;

// out[i] = cast(x[i]) for i < count, a multiple of the width.
using Kernel = void(const void* x, void* out, int64_t count);

constexpr DType kTypes[] = {f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, boolean};
constexpr int64_t kMultiple = 16;

template <class F>
void withCppType(DType type, F&& body) {
  switch (type) {
    case f16:
      return body(Half());
    case bf16:
      return body(BFloat16());
    case f32:
      return body(float());
    case f64:
      return body(double());
    case i8:
      return body(int8_t());
    case i16:
      return body(int16_t());
    case i32:
      return body(int32_t());
    case i64:
      return body(int64_t());
    case u8:
      return body(uint8_t());
    case u16:
      return body(uint16_t());
    case u32:
      return body(uint32_t());
    case u64:
      return body(uint64_t());
    default:
      return body(bool());
  }
}

std::string nameOf(DType from, DType to) { return std::string(toString(from)) + "_" + std::string(toString(to)); }

void defineCast(mlir::OpBuilder& b, DType from, DType to, int64_t width, const TargetInfo& target) {
  const mlir::Location location = b.getUnknownLoc();
  const Type pointer = mlir::LLVM::LLVMPointerType::get(b.getContext());
  auto function = mlir::func::FuncOp::create(b, location, nameOf(from, to),
                                             b.getFunctionType({pointer, pointer, b.getI64Type()}, {}));
  const mlir::OpBuilder::InsertionGuard guard(b);
  mlir::Block* body = function.addEntryBlock();
  b.setInsertionPointToEnd(body);
  const auto index = [&](int64_t value) -> Value {
    return mlir::arith::ConstantOp::create(b, location, b.getI64IntegerAttr(value));
  };
  auto loop = mlir::scf::ForOp::create(b, location, index(0), body->getArgument(2), index(width));
  mlir::func::ReturnOp::create(b, location);
  b.setInsertionPointToStart(loop.getBody());
  const auto address = [&](int argument, Type memory) -> Value {
    return mlir::LLVM::GEPOp::create(b, location, pointer, memory, body->getArgument(argument),
                                     mlir::ValueRange{loop.getInductionVar()});
  };
  const Type fromType = elementType(b.getContext(), from), toType = elementType(b.getContext(), to);
  const Type memory = memoryType(fromType);
  const Type loadedType = width == 1 ? memory : Type(mlir::VectorType::get({width}, memory));
  Value value = mlir::LLVM::LoadOp::create(b, location, loadedType, address(0, memory), 1);
  value = fromMemory(b, location, value, fromType, target);
  value = emitCast(b, location, value, fromType, toType, target);
  value = toMemory(b, location, value, toType, target);
  mlir::LLVM::StoreOp::create(b, location, value, address(1, memoryType(toType)), 1);
}

mlir::OwningOpRef<mlir::ModuleOp> moduleOfCasts(mlir::MLIRContext& context, int64_t width, const TargetInfo& target) {
  context.loadAllAvailableDialects();
  mlir::OpBuilder b(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(b, b.getUnknownLoc()));
  b.setInsertionPointToEnd(module->getBody());
  for (DType from : kTypes) {
    for (DType to : kTypes) {
      defineCast(b, from, to, width, target);
    }
  }
  return module;
}

template <class T>
std::vector<T> valuesOf() {
  std::vector<T> values;
  if constexpr (std::is_same_v<T, bool>) {
    for (int i = 0; i < kMultiple; ++i) {
      values.push_back(i % 2 == 1);
    }
  } else if constexpr (sizeof(T) == 1) {
    for (int i = 0; i < 256; ++i) {
      values.push_back(std::bit_cast<T>(static_cast<uint8_t>(i)));
    }
  } else if constexpr (sizeof(T) == 2) {
    for (int i = 0; i < 65536; ++i) {
      values.push_back(std::bit_cast<T>(static_cast<uint16_t>(i)));
    }
  } else if constexpr (std::is_integral_v<T>) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 4096; ++i) {
      values.push_back(static_cast<T>(static_cast<int64_t>(random()) >> (random() % 64)));
    }
    for (int bit = 0; bit < static_cast<int>(8 * sizeof(T)); ++bit) {
      for (int low : {-1, 0, 1}) {
        // Middles between numbers of bf16 and f16, and one to each side.
        for (uint64_t digits : {uint64_t{1}, uint64_t{0x181}, uint64_t{0x183}, uint64_t{0x1001}, uint64_t{0x1003}}) {
          values.push_back(static_cast<T>((digits << bit) + static_cast<uint64_t>(low)));
          values.push_back(static_cast<T>(0 - (digits << bit) + static_cast<uint64_t>(low)));
        }
      }
    }
  } else {
    for (int exponent = -160; exponent <= 132; ++exponent) {
      for (double digits : {1.0, 1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1p-11, 1 + 0x3p-11, 1 + 0x1p-24}) {
        const T value = static_cast<T>(std::ldexp(digits, exponent));
        for (T near : {std::nextafter(value, T(0)), value, std::nextafter(value, std::numeric_limits<T>::infinity())}) {
          values.push_back(near);
          values.push_back(-near);
        }
      }
    }
    values.push_back(std::numeric_limits<T>::quiet_NaN());
    values.push_back(std::numeric_limits<T>::max());
    values.push_back(-std::numeric_limits<T>::infinity());
    values.push_back(0);
  }
  while (values.size() % kMultiple != 0) {
    values.push_back(T(1));
  }
  return values;
}

template <class From, class To>
void check(const TestCode& code, const std::string& variant) {
  const std::vector<From> values = valuesOf<From>();
  const int64_t count = static_cast<int64_t>(values.size());
  std::vector<char> in(values.size() * sizeof(From)), out(values.size() * sizeof(To));
  for (size_t i = 0; i < values.size(); ++i) {
    const From value = values[i];
    std::memcpy(in.data() + i * sizeof(From), &value, sizeof(From));
  }
  code.find<Kernel>(nameOf(kiln::dtypeOf<From>(), kiln::dtypeOf<To>()))(in.data(), out.data(), count);
  for (size_t i = 0; i < values.size(); ++i) {
    const To wanted = ops::scalars::Cast<To>()(static_cast<From>(values[i]));
    To found;
    std::memcpy(&found, out.data() + i * sizeof(To), sizeof(To));
    bool isSame = std::memcmp(&found, &wanted, sizeof(To)) == 0;
    if constexpr (kIsFloatType<To>) {
      isSame |= found != found && wanted != wanted;
    }
    ASSERT_TRUE(isSame) << nameOf(kiln::dtypeOf<From>(), kiln::dtypeOf<To>()) << ", " << variant << ": "
                        << static_cast<double>(values[i]) << " gives " << static_cast<double>(found) << ", not "
                        << static_cast<double>(wanted);
  }
}

struct Variant {
  const char* name;
  const char* target;
  int64_t width;
};

class Conversions : public testing::TestWithParam<Variant> {};

TEST_P(Conversions, ofEveryPairOfTypesAreThoseOfTheReference) {
  const Variant variant = GetParam();
  const TargetInfo target = TargetInfo::parse(variant.target).value();
  mlir::DialectRegistry registry;
  registerLoweringDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::OwningOpRef<mlir::ModuleOp> module = moduleOfCasts(context, variant.width, target);
  const TestCode code = TestCode::fromModule(*module, target);
  for (DType from : kTypes) {
    withCppType(from, [&]<class From>(From) {
      for (DType to : kTypes) {
        withCppType(to, [&]<class To>(To) { check<From, To>(code, variant.name); });
      }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Conversions,
                         testing::Values(Variant{"host_scalars", "host", 1}, Variant{"host_4", "host", 4},
                                         Variant{"host_8", "host", 8}, Variant{"host_16", "host", 16},
                                         Variant{"plain_scalars", "x86-64", 1}, Variant{"plain_4", "x86-64", 4}),
                         [](const auto& info) { return std::string(info.param.name); });

// Code for other machines cannot run here, but a conversion that became a call would show as an undefined symbol.
TEST(Conversions, needNoLibraryOnAnyTarget) {
  for (const char* name : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "sapphirerapids"}) {
    const TargetInfo target = TargetInfo::parse(name).value();
    mlir::DialectRegistry registry;
    registerLoweringDialects(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    mlir::OwningOpRef<mlir::ModuleOp> module = moduleOfCasts(context, target.vectorBits / 32, target);
    const StatusOr<std::vector<uint8_t>> object = lowerToObject(*module, target, LowerOptions());
    EXPECT_TRUE(object.ok()) << name << ": " << object.status();
  }
}

}  // namespace
}  // namespace kiln::compiler
