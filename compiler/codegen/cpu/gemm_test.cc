// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Matrix products as they run, against three loops in higher precision, for this machine and for one without AVX.
#include "compiler/codegen/cpu/gemm.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "compiler/codegen/cpu/gemm_tiles.h"
#include "compiler/codegen/cpu/test_code.h"
#include "proto/base/half.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

using Epilogue = void(kiln_context_t*, void* task, int64_t matrix, int64_t row, int64_t rowEnd, int64_t column,
                      int64_t columnEnd);
using Product = int32_t(kiln_context_t*, const void* a, const void* b, void* c, void* scratch, Epilogue*, void* task,
                        int64_t batch, int64_t m, int64_t n, int64_t k, int64_t aBatch, int64_t aRow, int64_t aK,
                        int64_t aEach, int64_t aCount, int64_t bBatch, int64_t bK, int64_t bN, int64_t bEach,
                        int64_t bCount);

// Which matrix of an operand belongs to matrix i of the result: (i / each) % count.
struct Repeat {
  int64_t each = 1, count = 1 << 30;
};

template <class T>
constexpr bool kIsHalf = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
template <class T>
constexpr bool kIsFloat = std::is_floating_point_v<T> || kIsHalf<T>;

template <class T>
mlir::Type elementOf(mlir::MLIRContext* context) {
  mlir::Builder builder(context);
  if constexpr (std::is_same_v<T, Half>) {
    return builder.getF16Type();
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return builder.getBF16Type();
  } else if constexpr (std::is_unsigned_v<T>) {
    return builder.getIntegerType(8 * sizeof(T), /*isSigned=*/false);
  } else if constexpr (std::is_same_v<T, float>) {
    return builder.getF32Type();
  } else if constexpr (std::is_same_v<T, double>) {
    return builder.getF64Type();
  } else {
    return builder.getIntegerType(8 * sizeof(T));
  }
}

// Runs chunks in the wrong order, each in a context of its own, as threads might.
kiln_status_t backwards(kiln_context_t* context, int64_t count, int64_t grain, kiln_task_fn_t fn, void* task) {
  kiln_status_t status = KILN_STATUS_OK;
  for (int64_t begin = (count - 1) / grain * grain; begin >= 0; begin -= grain) {
    kiln_context_t own = *context;
    const kiln_status_t found = fn(&own, task, begin, std::min(begin + grain, count));
    status = status == KILN_STATUS_OK ? found : status;
  }
  return status;
}

template <class T>
class CompiledProduct {
 public:
  explicit CompiledProduct(const TargetInfo& target, int64_t needs = GemmNeeds::kAll)
      : target_(target), hasEpilogue_((needs & GemmNeeds::kEpilogue) != 0) {
    mlir::DialectRegistry registry;
    registerLoweringDialects(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    mlir::Builder builder(&context);
    mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(builder.getUnknownLoc()));
    auto function = gemmFunction(*module, elementOf<T>(&context), needs);
    defineGemmFunctions(*module, target);
    function.setPublic();
    const std::string name = function.getSymName().str();
    code_ = TestCode::fromModule(*module, target);
    product_ = code_.find<Product>(name);
  }

  // c = op(a) op(b), of dense matrices. Checks that the epilogue sees every element of c once, with its value.
  std::vector<T> operator()(const std::vector<T>& a, const std::vector<T>& b, int64_t batch, int64_t m, int64_t n,
                            int64_t k, bool transposeA, bool transposeB, Repeat repeatA = {},
                            Repeat repeatB = {}) const {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    const GemmCase known = {m, n, k, transposeA, transposeB};
    const int64_t bytes = gemmScratchBytes(elementOf<T>(&context), target_, known);
    // Guards behind the scratch and the result.
    const T guard = static_cast<T>(77);
    std::vector<T> scratch(bytes / sizeof(T) + 64 + 16, guard);
    T* aligned = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) & ~uintptr_t{63});
    std::vector<T> c(batch * m * n + 16, guard);
    kiln_context_t run = {};
    run.size = sizeof(run);
    run.parallel_for = backwards;
    Seen seen = {c.data(), m, n, std::vector<T>(batch * m * n), std::vector<int>(batch * m * n)};
    const int32_t status =
        product_(&run, a.data(), b.data(), c.data(), bytes > 0 ? aligned : nullptr, hasEpilogue_ ? &see : nullptr,
                 &seen, batch, m, n, k, m * k, transposeA ? 1 : k, transposeA ? m : 1, repeatA.each, repeatA.count,
                 k * n, transposeB ? 1 : n, transposeB ? k : 1, repeatB.each, repeatB.count);
    EXPECT_EQ(status, KILN_STATUS_OK);
    if (hasEpilogue_) {
      EXPECT_EQ(seen.times, std::vector<int>(batch * m * n, 1));
      EXPECT_EQ(std::memcmp(seen.values.data(), c.data(), batch * m * n * sizeof(T)), 0) << "not finished when seen";
    }
    for (int i = 0; i < 16; ++i) {
      EXPECT_EQ(std::memcmp(&c[batch * m * n + i], &guard, sizeof(T)), 0) << "written behind the result";
      EXPECT_EQ(std::memcmp(&aligned[bytes / sizeof(T) + i], &guard, sizeof(T)), 0) << "written behind the scratch";
    }
    c.resize(batch * m * n);
    return c;
  }

 private:
  struct Seen {
    const T* c;
    int64_t m, n;
    std::vector<T> values;
    std::vector<int> times;
  };
  static void see(kiln_context_t*, void* task, int64_t matrix, int64_t row, int64_t rowEnd, int64_t column,
                  int64_t columnEnd) {
    Seen& seen = *static_cast<Seen*>(task);
    for (int64_t i = row; i < rowEnd; ++i) {
      for (int64_t j = column; j < columnEnd; ++j) {
        const int64_t at = (matrix * seen.m + i) * seen.n + j;
        seen.values[at] = seen.c[at];
        ++seen.times[at];
      }
    }
  }

  TargetInfo target_;
  bool hasEpilogue_ = false;
  TestCode code_;
  Product* product_ = nullptr;
};

template <class T>
std::vector<T> randomValues(int64_t count, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::vector<T> values(count);
  for (T& value : values) {
    if constexpr (kIsFloat<T>) {
      using Wide = std::conditional_t<kIsHalf<T>, float, T>;
      value = static_cast<T>(std::uniform_real_distribution<Wide>(-1, 1)(random));
    } else {
      value = static_cast<T>(random());
    }
  }
  return values;
}

template <class T>
void checkProduct(const CompiledProduct<T>& product, int64_t batch, int64_t m, int64_t n, int64_t k, bool transposeA,
                  bool transposeB, Repeat repeatA = {}, Repeat repeatB = {}) {
  const auto matrixOf = [](int64_t matrix, const Repeat& repeat) { return matrix / repeat.each % repeat.count; };
  const int64_t last = std::max<int64_t>(batch - 1, 0);
  const auto matricesOf = [&](const Repeat& repeat) { return std::min(last / repeat.each + 1, repeat.count); };
  const std::vector<T> a = randomValues<T>(matricesOf(repeatA) * m * k, 1),
                       b = randomValues<T>(matricesOf(repeatB) * k * n, 2);
  const std::vector<T> found = product(a, b, batch, m, n, k, transposeA, transposeB, repeatA, repeatB);
  for (int64_t matrix = 0; matrix < batch; ++matrix) {
    const T* aMatrix = a.data() + matrixOf(matrix, repeatA) * m * k;
    const T* bMatrix = b.data() + matrixOf(matrix, repeatB) * k * n;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        const auto at = [&](int64_t p, T& x, T& y) {
          x = aMatrix[transposeA ? p * m + i : i * k + p];
          y = bMatrix[transposeB ? j * k + p : p * n + j];
        };
        const T value = found[(matrix * m + i) * n + j];
        T x, y;
        if constexpr (kIsFloat<T>) {
          using Wide = std::conditional_t<kIsHalf<T>, float, T>;
          long double sum = 0, magnitude = 0;
          for (int64_t p = 0; p < k; ++p) {
            at(p, x, y);
            const long double term = static_cast<long double>(static_cast<Wide>(x)) * static_cast<Wide>(y);
            sum += term;
            magnitude += std::fabs(term);
          }
          long double tolerance = 4 * std::numeric_limits<Wide>::epsilon() * magnitude;
          if constexpr (kIsHalf<T>) {
            // Rounded once to 8 or 11 bits, or to the lowest f16.
            tolerance += std::fabs(sum) / (std::is_same_v<T, BFloat16> ? 256 : 2048) + 0x1p-25L;
          }
          ASSERT_LE(std::fabs(static_cast<Wide>(value) - sum), tolerance)
              << batch << "x" << m << "x" << n << "x" << k << " at " << i << ", " << j;
        } else {
          uint64_t sum = 0;
          for (int64_t p = 0; p < k; ++p) {
            at(p, x, y);
            sum += static_cast<uint64_t>(x) * static_cast<uint64_t>(y);
          }
          ASSERT_EQ(value, static_cast<T>(sum))
              << batch << "x" << m << "x" << n << "x" << k << " at " << i << ", " << j;
        }
      }
    }
  }
}

template <class T>
void checkProducts() {
  for (const TargetInfo& target : {TargetInfo::host(), TargetInfo::parse("x86-64").value()}) {
    const CompiledProduct<T> product(target);
    for (const bool transposeA : {false, true}) {
      for (const bool transposeB : {false, true}) {
        const auto check = [&](int64_t batch, int64_t m, int64_t n, int64_t k) {
          checkProduct(product, batch, m, n, k, transposeA, transposeB);
        };
        // Every rest of a tile.
        for (int64_t m = 0; m <= 13; ++m) {
          for (const int64_t n : {0, 1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 49}) {
            check(1, m, n, 5);
          }
        }
        for (const int64_t k : {0, 1, 2, 9, 255, 256, 320, 321, 700}) {
          check(1, 7, 19, k);
          check(1, 3, 19, k);
        }
        check(3, 5, 9, 6);
        check(0, 5, 9, 6);
        check(5, 0, 9, 6);
        // A few rows, and widths beyond one run; packed panels, of an item's own and shared; several blocks in every
        // direction.
        check(1, 1, 300, 70);
        check(1, 5, 1100, 33);
        check(1, 50, 130, 90);
        check(1, 97, 530, 70);
        check(1, 53, 96, 300);
        check(2, 100, 140, 330);
        check(1, 140, 530, 40);
        check(2, 150, 70, 330);
      }
    }
  }
}

TEST(Gemm, ProductsOfF32) { checkProducts<float>(); }
TEST(Gemm, ProductsOfF64) { checkProducts<double>(); }
TEST(Gemm, ProductsOfI32) { checkProducts<int32_t>(); }
TEST(Gemm, ProductsOfI64) { checkProducts<int64_t>(); }
TEST(Gemm, ProductsOfF16) { checkProducts<Half>(); }
TEST(Gemm, ProductsOfBF16) { checkProducts<BFloat16>(); }
TEST(Gemm, ProductsOfI8) { checkProducts<int8_t>(); }
TEST(Gemm, ProductsOfU8) { checkProducts<uint8_t>(); }
TEST(Gemm, ProductsOfI16) { checkProducts<int16_t>(); }
TEST(Gemm, ProductsOfU32) { checkProducts<uint32_t>(); }

// A batch may go through an operand's matrices again and again, or stay with each for a while.
TEST(Gemm, OperandsRepeatOverTheBatch) {
  const CompiledProduct<float> product(TargetInfo::host());
  for (const bool transposeB : {false, true}) {
    for (const auto& [m, n, k] : {std::array<int64_t, 3>{5, 20, 30}, {40, 130, 90}, {150, 130, 90}}) {
      checkProduct(product, 6, m, n, k, false, transposeB, Repeat{1, 1}, Repeat{});
      checkProduct(product, 6, m, n, k, true, transposeB, Repeat{}, Repeat{1, 1});
      checkProduct(product, 6, m, n, k, false, transposeB, Repeat{1, 3}, Repeat{3, 2});
      checkProduct(product, 6, m, n, k, false, transposeB, Repeat{}, Repeat{2, 3});
    }
  }
}

// With the parts that a shape calls for alone, that shape works.
TEST(Gemm, PartsThatAShapeNeedsSuffice) {
  const TargetInfo& host = TargetInfo::host();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  const mlir::Type element = elementOf<float>(&context);
  const int64_t shapes[][3] = {{32, 64, 64}, {32, 10, 64}, {1, 300, 20},    {49, 129, 33}, {97, 140, 400},
                               {5, 7, 3},    {64, 64, 70}, {150, 140, 330}, {6, 400, 100}, {3, 0, 2}};
  for (const auto& [m, n, k] : shapes) {
    for (const bool transposeA : {false, true}) {
      for (const bool transposeB : {false, true}) {
        const CompiledProduct<float> product(host, gemmNeeds(element, host, {m, n, k, transposeA, transposeB}));
        checkProduct(product, 1, m, n, k, transposeA, transposeB);
        const CompiledProduct<float> anyRows(host, gemmNeeds(element, host, {-1, n, k, transposeA, transposeB, true}));
        checkProduct(anyRows, 1, m, n, k, transposeA, transposeB);
      }
    }
  }
}

// Rows of a result have the same bits whatever stands beside them: packed or not, in which tile, in which block.
TEST(Gemm, BitsDependOnTheirOwnRowAndColumnOnly) {
  const CompiledProduct<float> product(TargetInfo::host());
  const int64_t m = 141, n = 333, k = 520;
  const std::vector<float> a = randomValues<float>(m * k, 3), b = randomValues<float>(k * n, 4);
  const std::vector<float> whole = product(a, b, 1, m, n, k, false, false);
  for (const int64_t row : {0, 50, 100}) {
    for (const int64_t rows : {1, 40}) {
      const std::vector<float> some(a.begin() + row * k, a.begin() + (row + rows) * k);
      const std::vector<float> alone = product(some, b, 1, rows, n, k, false, false);
      EXPECT_EQ(std::memcmp(alone.data(), whole.data() + row * n, rows * n * sizeof(float)), 0) << row;
    }
  }
  std::vector<float> transposed(k * n);
  for (int64_t p = 0; p < k; ++p) {
    for (int64_t j = 0; j < n; ++j) {
      transposed[j * k + p] = b[p * n + j];
    }
  }
  EXPECT_EQ(product(a, transposed, 1, m, n, k, false, true), whole);
}

TEST(Gemm, NaNSpreadsToItsRowAndColumnOnly) {
  const CompiledProduct<float> product(TargetInfo::host());
  std::vector<float> a(9 * 4, 1.0f), b(4 * 11, 1.0f);
  a[2 * 4 + 1] = std::numeric_limits<float>::quiet_NaN();
  b[3 * 11 + 5] = std::numeric_limits<float>::infinity();
  const std::vector<float> c = product(a, b, 1, 9, 11, 4, false, false);
  for (int64_t i = 0; i < 9; ++i) {
    for (int64_t j = 0; j < 11; ++j) {
      EXPECT_EQ(std::isnan(c[i * 11 + j]), i == 2);
      EXPECT_EQ(std::isinf(c[i * 11 + j]), j == 5 && i != 2);
    }
  }
}

}  // namespace
}  // namespace kiln::compiler
