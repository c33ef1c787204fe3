// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>

#include "gtest/gtest.h"
#include "runtime/kernels/testing.h"

namespace kiln::runtime::kernels {
namespace {

// x + 4 on the diagonal of each matrix.
Tensor dominant(DType dtype, const std::vector<int64_t>& dims) {
  Tensor a = numbers(dtype, dims);
  const int64_t n = dims.back();
  for (int64_t i = 0; i < a.numElements(); ++i) {
    a.set(i, a.at(i) + (i / n % n == i % n ? 4.0 * static_cast<double>(n) : 0));
  }
  return a;
}

TEST(LinalgKernels, cholesky_times_its_transpose_is_the_matrix) {
  const int64_t n = 40;
  Tensor a = dominant(f64, {n, n});
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      a.set(j * n + i, a.at(i * n + j));
    }
  }
  const CallResult result = call(KILN_KERNEL_CHOLESKY, {a}, {{f64, {n, n}}}, {});
  ASSERT_EQ(result.status, KILN_STATUS_OK);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < n; ++k) {
        sum += result.results[0].at(i * n + k) * result.results[0].at(j * n + k);
      }
      EXPECT_NEAR(sum, a.at(i * n + j), 1e-11);
    }
  }
}

TEST(LinalgKernels, the_first_matrix_that_fails_is_reported) {
  Tensor a(f32, {64, 30, 30});
  for (int64_t matrix = 0; matrix < 64; ++matrix) {
    for (int64_t i = 0; i < 30; ++i) {
      a.set((matrix * 30 + i) * 30 + i, matrix >= 9 && i >= 4 ? 0 : 1);
    }
  }
  for (int threads : {1, 4}) {
    CallResult result = call(KILN_KERNEL_CHOLESKY, {a}, {{f32, {64, 30, 30}}}, {}, threads);
    EXPECT_EQ(result.status, KILN_STATUS_NOT_POSITIVE_DEFINITE);
    EXPECT_EQ(result.error.values[0], 5);
    EXPECT_EQ(result.error.values[1], 9);
    result = call(KILN_KERNEL_LU, {a}, {{f32, {64, 30, 30}}, {i64, {64, 30}}, {i64, {64, 30}}}, {0}, threads);
    EXPECT_EQ(result.status, KILN_STATUS_SINGULAR);
    EXPECT_EQ(result.error.values[0], 4);
    EXPECT_EQ(result.error.values[1], 9);
  }
}

TEST(LinalgKernels, lu_gives_the_permuted_matrix) {
  const int64_t n = 33;
  const Tensor a = numbers(f64, {2, n, n});
  const CallResult result = call(KILN_KERNEL_LU, {a}, {{f64, {2, n, n}}, {i64, {2, n}}, {i64, {2, n}}}, {1});
  ASSERT_EQ(result.status, KILN_STATUS_OK);
  const double* factors = result.results[0].data<double>();
  for (int64_t m = 0; m < 2; ++m) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t k = 0; k <= std::min(i, j); ++k) {
          sum += (k == i ? 1 : factors[(m * n + i) * n + k]) * factors[(m * n + k) * n + j];
          EXPECT_LE(std::abs(k < i ? factors[(m * n + i) * n + k] : 0), 1);
        }
        const int64_t row = static_cast<int64_t>(result.results[2].at(m * n + i));
        EXPECT_NEAR(sum, a.at((m * n + row) * n + j), 1e-12);
      }
    }
  }
}

TEST(LinalgKernels, triangular_solve_all_forms) {
  const int64_t n = 21, m = 45;
  const Tensor a = dominant(f64, {3, n, n}), b = numbers(f64, {3, n, m}, 5);
  for (int64_t form = 0; form < 8; ++form) {
    const bool lower = form & 1, transposed = form & 2, unit = form & 4;
    const CallResult result =
        call(KILN_KERNEL_TRIANGULAR_SOLVE, {a, b}, {{f64, {3, n, m}}}, {lower, transposed, unit}, 4);
    ASSERT_EQ(result.status, KILN_STATUS_OK);
    for (int64_t matrix = 0; matrix < 3; ++matrix) {
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t c = 0; c < m; ++c) {
          double sum = 0, size = 0;
          for (int64_t k = 0; k < n; ++k) {
            const int64_t row = transposed ? k : i, column = transposed ? i : k;
            const bool isInside = lower ? row >= column : row <= column;
            const double factor = !isInside ? 0 : row == column && unit ? 1 : a.at((matrix * n + row) * n + column);
            sum += factor * result.results[0].at((matrix * n + k) * m + c);
            size += std::abs(factor * result.results[0].at((matrix * n + k) * m + c));
          }
          EXPECT_NEAR(sum, b.at((matrix * n + i) * m + c), 1e-14 * size);
        }
      }
    }
  }
}

}  // namespace
}  // namespace kiln::runtime::kernels
