// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Matrix products as they run, against three loops in higher precision, for this machine and for one without AVX.
#include "compiler/codegen/cpu/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "compiler/codegen/cpu/gemm_tiles.h"
#include "compiler/codegen/cpu/test_code.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

using Product = int32_t(kiln_context_t*, const void* a, const void* b, void* c, void* scratch, int64_t batch, int64_t m,
                        int64_t n, int64_t k, int64_t aBatch, int64_t aRow, int64_t aK, int64_t bBatch, int64_t bK,
                        int64_t bN);

template <class T>
mlir::Type elementOf(mlir::MLIRContext* context) {
  mlir::Builder builder(context);
  if constexpr (std::is_same_v<T, float>) {
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
  explicit CompiledProduct(const TargetInfo& target, int64_t needs = GemmNeeds::kAll) : target_(target) {
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

  // c = op(a) op(b), of dense matrices.
  std::vector<T> operator()(const std::vector<T>& a, const std::vector<T>& b, int64_t batch, int64_t m, int64_t n,
                            int64_t k, bool transposeA, bool transposeB) const {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    const int64_t bytes = gemmScratchBytes(elementOf<T>(&context), target_, m, n, k, transposeB);
    // Guards behind the scratch and the result.
    std::vector<T> scratch(bytes / sizeof(T) + 64 + 16, T(77));
    T* aligned = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) & ~uintptr_t{63});
    std::vector<T> c(batch * m * n + 16, T(77));
    kiln_context_t run = {};
    run.size = sizeof(run);
    run.parallel_for = backwards;
    const int32_t status =
        product_(&run, a.data(), b.data(), c.data(), bytes > 0 ? aligned : nullptr, batch, m, n, k, m * k,
                 transposeA ? 1 : k, transposeA ? m : 1, k * n, transposeB ? 1 : n, transposeB ? k : 1);
    EXPECT_EQ(status, KILN_STATUS_OK);
    for (int i = 0; i < 16; ++i) {
      EXPECT_EQ(c[batch * m * n + i], T(77)) << "written behind the result";
      EXPECT_EQ(aligned[bytes / sizeof(T) + i], T(77)) << "written behind the scratch memory";
    }
    c.resize(batch * m * n);
    return c;
  }

 private:
  TargetInfo target_;
  TestCode code_;
  Product* product_ = nullptr;
};

template <class T>
std::vector<T> randomValues(int64_t count, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::vector<T> values(count);
  for (T& value : values) {
    if constexpr (std::is_floating_point_v<T>) {
      value = std::uniform_real_distribution<T>(-1, 1)(random);
    } else {
      value = static_cast<T>(random());
    }
  }
  return values;
}

template <class T>
void checkProduct(const CompiledProduct<T>& product, int64_t batch, int64_t m, int64_t n, int64_t k, bool transposeA,
                  bool transposeB) {
  const std::vector<T> a = randomValues<T>(batch * m * k, 1), b = randomValues<T>(batch * k * n, 2);
  const std::vector<T> found = product(a, b, batch, m, n, k, transposeA, transposeB);
  for (int64_t matrix = 0; matrix < batch; ++matrix) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        const auto at = [&](int64_t p, T& x, T& y) {
          x = a[matrix * m * k + (transposeA ? p * m + i : i * k + p)];
          y = b[matrix * k * n + (transposeB ? j * k + p : p * n + j)];
        };
        const T value = found[(matrix * m + i) * n + j];
        T x, y;
        if constexpr (std::is_floating_point_v<T>) {
          long double sum = 0, magnitude = 0;
          for (int64_t p = 0; p < k; ++p) {
            at(p, x, y);
            sum += static_cast<long double>(x) * y;
            magnitude += std::fabs(static_cast<long double>(x) * y);
          }
          ASSERT_LE(std::fabs(value - sum), 4 * std::numeric_limits<T>::epsilon() * magnitude)
              << batch << "x" << m << "x" << n << "x" << k << " at " << i << ", " << j;
        } else {
          std::make_unsigned_t<T> sum = 0;
          for (int64_t p = 0; p < k; ++p) {
            at(p, x, y);
            sum += static_cast<std::make_unsigned_t<T>>(x) * static_cast<std::make_unsigned_t<T>>(y);
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
        for (const int64_t k : {0, 1, 2, 9, 255, 256, 257, 600}) {
          check(1, 7, 19, k);
        }
        check(3, 5, 9, 6);
        check(0, 5, 9, 6);
        check(5, 0, 9, 6);
        // A single row, and widths beyond its wide tile; packed panels; several blocks in every direction.
        check(1, 1, 300, 70);
        check(1, 50, 130, 90);
        check(1, 97, 530, 70);
        check(1, 53, 96, 300);
        check(2, 100, 140, 260);
      }
    }
  }
}

TEST(Gemm, ProductsOfF32) { checkProducts<float>(); }
TEST(Gemm, ProductsOfF64) { checkProducts<double>(); }
TEST(Gemm, ProductsOfI32) { checkProducts<int32_t>(); }
TEST(Gemm, ProductsOfI64) { checkProducts<int64_t>(); }

// With the parts that a shape calls for alone, that shape works.
TEST(Gemm, PartsThatAShapeNeedsSuffice) {
  const TargetInfo& host = TargetInfo::host();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  const mlir::Type element = elementOf<float>(&context);
  const int64_t shapes[][3] = {{32, 64, 64},   {32, 10, 64}, {1, 300, 20}, {49, 129, 33},
                               {97, 140, 300}, {5, 7, 3},    {64, 64, 70}, {3, 0, 2}};
  for (const auto& [m, n, k] : shapes) {
    for (const bool transposeA : {false, true}) {
      for (const bool transposeB : {false, true}) {
        const CompiledProduct<float> product(host, gemmNeeds(element, host, m, n, k, transposeA, transposeB));
        checkProduct(product, 1, m, n, k, transposeA, transposeB);
        const CompiledProduct<float> anyRows(host, gemmNeeds(element, host, -1, n, k, transposeA, transposeB));
        checkProduct(anyRows, 1, m, n, k, transposeA, transposeB);
      }
    }
  }
}

// Rows of a result have the same bits whatever stands beside them: packed or not, in which tile, in which block.
TEST(Gemm, BitsDependOnTheirOwnRowAndColumnOnly) {
  const CompiledProduct<float> product(TargetInfo::host());
  const int64_t m = 101, n = 333, k = 520;
  const std::vector<float> a = randomValues<float>(m * k, 3), b = randomValues<float>(k * n, 4);
  const std::vector<float> whole = product(a, b, 1, m, n, k, false, false);
  for (const int64_t row : {0, 50, 100}) {
    const std::vector<float> one(a.begin() + row * k, a.begin() + (row + 1) * k);
    const std::vector<float> alone = product(one, b, 1, 1, n, k, false, false);
    EXPECT_EQ(std::memcmp(alone.data(), whole.data() + row * n, n * sizeof(float)), 0) << row;
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
