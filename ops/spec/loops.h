// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Loops over tensors for reference implementations: dtype dispatch and row-major indices.
#pragma once

#include <type_traits>
#include <vector>

#include "ops/spec/schema.h"
#include "proto/base/half.h"

namespace kiln::ops {

/// Calls `body(T{})` with the C++ type of a float dtype: f16, bf16, f32 or f64 (as inferNode has checked). All
/// branches of `body` return Status.
template <class F>
Status withFloat(DType dtype, F&& body) {
  switch (dtype) {
    case f16:
      return body(Half{});
    case bf16:
      return body(BFloat16{});
    case f32:
      return body(float{});
    default:
      KILN_CHECK(dtype == f64);
      return body(double{});
  }
}

/// withFloat for f32 and f64 only.
template <class F>
Status withWideFloat(DType dtype, F&& body) {
  KILN_CHECK(dtype == f32 || dtype == f64);
  return dtype == f32 ? body(float{}) : body(double{});
}

/// withFloat for integers: i8 to i64, u8 to u64; not bool.
template <class F>
Status withInteger(DType dtype, F&& body) {
  switch (dtype) {
    case i8:
      return body(int8_t{});
    case i16:
      return body(int16_t{});
    case i32:
      return body(int32_t{});
    case i64:
      return body(int64_t{});
    case u8:
      return body(uint8_t{});
    case u16:
      return body(uint16_t{});
    case u32:
      return body(uint32_t{});
    default:
      KILN_CHECK(dtype == u64);
      return body(uint64_t{});
  }
}

/// withFloat for numeric types: floats and integers, not bool.
template <class F>
Status withNumeric(DType dtype, F&& body) {
  return isFloat(dtype) ? withFloat(dtype, body) : withInteger(dtype, body);
}

/// withFloat for integers and bool.
template <class F>
Status withIntegerOrBool(DType dtype, F&& body) {
  return dtype == boolean ? body(bool{}) : withInteger(dtype, body);
}

/// withFloat for every type that computes: numeric types and bool.
template <class F>
Status withType(DType dtype, F&& body) {
  return dtype == boolean ? body(bool{}) : withNumeric(dtype, body);
}

/// Sums of T: double for floats, to be rounded once; wrapping for integers.
template <class T>
using Accumulator = std::conditional_t<kIsFloatType<T>, double, uint64_t>;

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
