// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// triangular_solve, solve and inverse.
#include "ops/linalg/matrices.h"

namespace kiln::ops {

Status checkEquations(const ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSquare(context, 0, "a"));
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "a", 1, "b"));
  const Shape &a = context.operands[0].shape, &b = context.operands[1].shape;
  bool fits = a.rank() == b.rank();
  for (int axis = 0; fits && axis < a.rank() - 1; ++axis) {
    fits = a[axis] == b[axis];
  }
  if (!fits) {
    const Shape rows(std::vector<Dim>(a.begin(), a.end() - 1));
    return makeError<ErrorId::kO0138>("b", context.operands[1].toString(),
                                      "the shape " + rows.toString() + " with one more axis, as a is " + a.toString());
  }
  return {};
}

namespace {

// Solves a x = b; `write` puts the right sides of a matrix where its solution is to be, with rows permuted.
template <class T, class F>
Status solveAll(ReferenceContext& context, int64_t m, F&& write) {
  const Tensor& a = *context.operands[0];
  const int64_t n = columnsOf(a);
  for (int64_t matrix = 0; matrix < countMatrices(a); ++matrix) {
    const T* from = a.data<T>() + matrix * n * n;
    std::vector<T> factors(from, from + n * n);
    std::vector<int64_t> pivots(n);
    const int64_t singular = decompose(factors.data(), n, pivots.data());
    if (singular < n && !context.attribute<bool>("allow_singular")) {
      return makeError<ErrorId::kR0033>(singular, matrix);
    }
    T* x = context.results[0].mutableData<T>() + matrix * n * m;
    write(matrix, x);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t c = 0; c < m && pivots[i] != i; ++c) {
        std::swap(x[i * m + c], x[pivots[i] * m + c]);
      }
    }
    solveTriangle(factors.data(), x, n, m, /*lower=*/true, /*transposed=*/false, /*unitDiagonal=*/true);
    solveTriangle(factors.data(), x, n, m, /*lower=*/false, /*transposed=*/false, /*unitDiagonal=*/false);
  }
  return {};
}

}  // namespace

namespace triangular_solve {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkEquations(context));
  context.results = {context.operands[1]};
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor &a = *context.operands[0], &b = *context.operands[1];
  const int64_t n = columnsOf(a), m = columnsOf(b);
  return withWideFloat(a.dtype(), [&]<class T>(T) {
    std::copy_n(b.data<T>(), b.numElements(), context.results[0].mutableData<T>());
    for (int64_t matrix = 0; matrix < countMatrices(a); ++matrix) {
      solveTriangle(a.data<T>() + matrix * n * n, context.results[0].mutableData<T>() + matrix * n * m, n, m,
                    context.attribute<bool>("lower"), context.attribute<bool>("transpose_a"),
                    context.attribute<bool>("unit_diagonal"));
    }
    return Status();
  });
}

}  // namespace triangular_solve

namespace solve {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkEquations(context));
  context.results = {context.operands[1]};
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor& b = *context.operands[1];
  const int64_t size = columnsOf(*context.operands[0]) * columnsOf(b);
  return withWideFloat(b.dtype(), [&]<class T>(T) {
    return solveAll<T>(context, columnsOf(b),
                       [&](int64_t matrix, T* x) { std::copy_n(b.data<T>() + matrix * size, size, x); });
  });
}

}  // namespace solve

namespace inverse {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSquare(context, 0, "a"));
  context.results = {context.operands[0]};
  return {};
}

Status reference(ReferenceContext& context) {
  const int64_t n = columnsOf(*context.operands[0]);
  return withWideFloat(context.operands[0]->dtype(), [&]<class T>(T) {
    return solveAll<T>(context, n, [&](int64_t, T* x) {
      for (int64_t i = 0; i < n; ++i) {
        x[i * n + i] = 1;
      }
    });
  });
}

}  // namespace inverse
}  // namespace kiln::ops
