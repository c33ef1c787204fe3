// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cholesky, lu and det.
#include <numeric>

#include "ops/linalg/matrices.h"

namespace kiln::ops {

Status checkSquare(const ShapeContext& context, size_t index, const char* name) {
  const Shape& a = context.operands[index].shape;
  if (a.rank() < 2 || !(a[a.rank() - 1] == a[a.rank() - 2])) {
    return makeError<ErrorId::kO0138>(name, context.operands[index].toString(),
                                      "a square matrix or a batch of them: [.., n, n]");
  }
  return {};
}

namespace cholesky {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSquare(context, 0, "a"));
  context.results = {context.operands[0]};
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor& a = *context.operands[0];
  const int64_t n = columnsOf(a);
  return withWideFloat(a.dtype(), [&]<class T>(T) -> Status {
    for (int64_t matrix = 0; matrix < countMatrices(a); ++matrix) {
      const T* from = a.data<T>() + matrix * n * n;
      T* l = context.results[0].mutableData<T>() + matrix * n * n;
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j <= i; ++j) {
          double products = 0;
          for (int64_t k = 0; k < j; ++k) {
            products += static_cast<double>(l[i * n + k]) * static_cast<double>(l[j * n + k]);
          }
          const double sum = static_cast<double>(from[i * n + j]) - products;
          if (i == j && !(sum > 0)) {
            return makeError<ErrorId::kR0032>(i + 1, matrix);
          }
          l[i * n + j] = static_cast<T>(i == j ? std::sqrt(sum) : sum / static_cast<double>(l[j * n + j]));
        }
      }
    }
    return {};
  });
}

}  // namespace cholesky

namespace lu {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSquare(context, 0, "a"));
  const ValueType& a = context.operands[0];
  const Shape rows(std::vector<Dim>(a.shape.begin(), a.shape.end() - 1));
  context.results = {a, {i64, rows}, {i64, rows}};
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor& a = *context.operands[0];
  const int64_t n = columnsOf(a);
  const bool allowSingular = context.attribute<bool>("allow_singular");
  return withWideFloat(a.dtype(), [&]<class T>(T) -> Status {
    std::copy_n(a.data<T>(), a.numElements(), context.results[0].mutableData<T>());
    for (int64_t matrix = 0; matrix < countMatrices(a); ++matrix) {
      int64_t* pivots = context.results[1].mutableData<int64_t>() + matrix * n;
      const int64_t singular = decompose(context.results[0].mutableData<T>() + matrix * n * n, n, pivots);
      if (singular < n && !allowSingular) {
        return makeError<ErrorId::kR0033>(singular, matrix);
      }
      int64_t* permutation = context.results[2].mutableData<int64_t>() + matrix * n;
      std::iota(permutation, permutation + n, 0);
      for (int64_t i = 0; i < n; ++i) {
        std::swap(permutation[i], permutation[pivots[i]]);
      }
    }
    return {};
  });
}

}  // namespace lu

namespace det {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSquare(context, 0, "a"));
  const Shape& a = context.operands[0].shape;
  return setResult(context, context.operands[0].dtype, Shape(std::vector<Dim>(a.begin(), a.end() - 2)));
}

Status reference(ReferenceContext& context) {
  const Tensor& a = *context.operands[0];
  const int64_t n = columnsOf(a);
  return withWideFloat(a.dtype(), [&]<class T>(T) {
    for (int64_t matrix = 0; matrix < countMatrices(a); ++matrix) {
      const T* from = a.data<T>() + matrix * n * n;
      std::vector<T> factors(from, from + n * n);
      std::vector<int64_t> pivots(n);
      decompose(factors.data(), n, pivots.data());
      double product = 1;
      for (int64_t i = 0; i < n; ++i) {
        product *= (pivots[i] == i ? 1 : -1) * static_cast<double>(factors[i * n + i]);
      }
      context.results[0].mutableData<T>()[matrix] = static_cast<T>(product);
    }
    return Status();
  });
}

}  // namespace det
}  // namespace kiln::ops
