// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the references of linear algebra share. Numbers are kept in the type of the tensors, and sums of products
/// are taken in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {

/// Errors: KILN-O0138 unless operand `index` is a square matrix, or a batch of them.
Status checkSquare(const ShapeContext& context, size_t index, const char* name);
/// checkSquare of operand 0, and that operand 1 holds right sides for it. Errors: also KILN-O0108, KILN-O0138.
Status checkEquations(const ShapeContext& context);

/// The number of matrices in a tensor whose last two axes are a matrix's.
inline int64_t countMatrices(const Tensor& x) { return productOf(x.dims(), 0, x.dims().size() - 2); }
/// The length of the last axis.
inline int64_t columnsOf(const Tensor& x) { return x.dims().back(); }

/// Replaces the n x n matrix by its factors (see lu.td) and gives the row exchanges. Gives the first column that has no
/// pivot, or n.
template <class T>
int64_t decompose(T* a, int64_t n, int64_t* pivots) {
  int64_t firstSingular = n;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k; i < n; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j) {
        sum += static_cast<double>(a[i * n + j]) * static_cast<double>(a[j * n + k]);
      }
      a[i * n + k] = static_cast<T>(static_cast<double>(a[i * n + k]) - sum);
      const T found = std::abs(a[i * n + k]), largest = std::abs(a[pivot * n + k]);
      pivot = found > largest ? i : pivot;
    }
    pivots[k] = pivot;
    for (int64_t j = 0; j < n && pivot != k; ++j) {
      std::swap(a[k * n + j], a[pivot * n + j]);
    }
    if (a[k * n + k] == T(0)) {
      firstSingular = std::min(firstSingular, k);
    } else {
      for (int64_t i = k + 1; i < n; ++i) {
        a[i * n + k] /= a[k * n + k];
      }
    }
    for (int64_t j = k + 1; j < n; ++j) {
      double sum = 0;
      for (int64_t i = 0; i < k; ++i) {
        sum += static_cast<double>(a[k * n + i]) * static_cast<double>(a[i * n + j]);
      }
      a[k * n + j] = static_cast<T>(static_cast<double>(a[k * n + j]) - sum);
    }
  }
  return firstSingular;
}

/// Solves with the lower or upper triangle of a, or its transpose, in place of the n x m matrix x.
template <class T>
void solveTriangle(const T* a, T* x, int64_t n, int64_t m, bool lower, bool transposed, bool unitDiagonal) {
  auto at = [&](int64_t i, int64_t k) { return transposed ? a[k * n + i] : a[i * n + k]; };
  const bool isForward = lower != transposed;
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = isForward ? step : n - 1 - step;
    for (int64_t c = 0; c < m; ++c) {
      double sum = x[i * m + c];
      for (int64_t before = 0; before < step; ++before) {
        const int64_t k = isForward ? before : n - 1 - before;
        sum -= static_cast<double>(at(i, k)) * static_cast<double>(x[k * m + c]);
      }
      x[i * m + c] = static_cast<T>(unitDiagonal ? sum : sum / static_cast<double>(at(i, i)));
    }
  }
}

}  // namespace kiln::ops
