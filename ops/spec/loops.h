// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Loops over tensors for reference implementations: dtype dispatch and row-major indices.
#pragma once

#include <type_traits>
#include <vector>

#include "ops/spec/schema.h"

namespace kiln::ops {

/// Calls `body(T{})` with the C++ type of `dtype`, which must be f32, f64, i32, i64 or bool (as inferNode has checked).
template <class F>
Status withType(DType dtype, F&& body) {
  switch (dtype) {
    case f32:
      return body(float{});
    case f64:
      return body(double{});
    case i32:
      return body(int32_t{});
    case i64:
      return body(int64_t{});
    default:
      KILN_CHECK(dtype == boolean);
      return body(bool{});
  }
}

/// withType for float types only.
template <class F>
Status withFloat(DType dtype, F&& body) {
  KILN_CHECK(dtype == f32 || dtype == f64);
  return dtype == f32 ? body(float{}) : body(double{});
}

/// withType for numeric types: without bool.
template <class F>
Status withNumeric(DType dtype, F&& body) {
  return withType(dtype, [&](auto zero) -> Status {
    if constexpr (std::is_same_v<decltype(zero), bool>) {
      checkFailed(__FILE__, __LINE__, "a numeric dtype");
    } else {
      return body(zero);
    }
  });
}

/// Sums of T: double for floats, wrapping for integers.
template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;

/// The distances between neighbours along each axis of a dense row-major tensor.
inline std::vector<int64_t> stridesOf(const std::vector<int64_t>& dims) {
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t axis = dims.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * dims[axis];
  }
  return strides;
}

/// The product of dims[begin, end).
inline int64_t productOf(const std::vector<int64_t>& dims, size_t begin, size_t end) {
  int64_t product = 1;
  for (size_t axis = begin; axis < end; ++axis) {
    product *= dims[axis];
  }
  return product;
}

/// Calls `body(index, position)` for each element of a tensor of shape `dims`, in row-major order.
template <class F>
void forEachIndex(const std::vector<int64_t>& dims, F&& body) {
  const int64_t count = productOf(dims, 0, dims.size());
  std::vector<int64_t> index(dims.size(), 0);
  for (int64_t position = 0; position < count; ++position) {
    body(static_cast<const std::vector<int64_t>&>(index), position);
    for (size_t axis = dims.size(); axis-- > 0;) {
      if (++index[axis] < dims[axis]) {
        break;
      }
      index[axis] = 0;
    }
  }
}

/// Element `position` of an integer tensor.
inline int64_t integerAt(const Tensor& tensor, int64_t position) {
  return tensor.dtype() == i32 ? tensor.data<int32_t>()[position] : tensor.data<int64_t>()[position];
}

/// The numbers of an integer vector.
inline std::vector<int64_t> integersOf(const Tensor& tensor) {
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    numbers.push_back(integerAt(tensor, i));
  }
  return numbers;
}

/// Copies element `from` of `source` to element `to` of `target`, which has the same dtype.
inline void copyElement(const Tensor& source, int64_t from, Tensor& target, int64_t to) {
  const int64_t size = byteSize(source.dtype(), 1);
  const char* bytes = static_cast<const char*>(source.data()) + from * size;
  std::copy(bytes, bytes + size, static_cast<char*>(target.mutableData()) + to * size);
}

/// A tensor seen as [outer, n, inner] around one axis.
struct AxisView {
  int64_t outer = 1, n = 1, inner = 1;
  AxisView(const std::vector<int64_t>& dims, int64_t axis) {
    const size_t at = static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(dims.size()) : axis);
    outer = productOf(dims, 0, at);
    n = dims[at];
    inner = productOf(dims, at + 1, dims.size());
  }
};

}  // namespace kiln::ops
