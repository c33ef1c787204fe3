// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Takes the arguments of a library op apart, and the loops and faults that kernels share.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "proto/base/dtype.h"
#include "proto/base/half.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::runtime::kernels {

/// An operand or result: a dense row-major buffer, which lives for the call.
struct TensorArgument {
  DType dtype = DType::kInvalid;
  std::span<const int64_t> dims;
  void* buffer = nullptr;

  int rank() const { return static_cast<int>(dims.size()); }
  /// The axis counted from the front.
  size_t axis(int64_t axis) const { return static_cast<size_t>(axis < 0 ? axis + rank() : axis); }
  /// The product of the lengths of axes [begin, end).
  int64_t count(size_t begin, size_t end) const {
    int64_t product = 1;
    for (size_t i = begin; i < end; ++i) {
      product *= dims[i];
    }
    return product;
  }
  int64_t numElements() const { return count(0, dims.size()); }
  template <class T>
  T* data() const {
    return static_cast<T*>(buffer);
  }
};

/// Reads the arguments in order: the node's number at once, then operands and results, then attributes. Each call takes
/// the next one, so a kernel asks for them in the order of its op's schema.
class Arguments {
 public:
  Arguments(void* const* buffers, const int64_t* arguments)
      : nextBuffer_(buffers), next_(arguments + 1), nodeId_(static_cast<int32_t>(arguments[0])) {}

  int32_t nodeId() const { return nodeId_; }
  TensorArgument tensor() {
    TensorArgument tensor;
    tensor.dtype = static_cast<DType>(*next_++);
    const auto rank = static_cast<size_t>(*next_++);
    tensor.dims = {next_, rank};
    tensor.buffer = *nextBuffer_++;
    next_ += rank;
    return tensor;
  }
  int64_t integer() { return *next_++; }
  bool boolean() { return *next_++ != 0; }
  double real() { return std::bit_cast<double>(*next_++); }
  std::span<const int64_t> integers() {
    const auto count = static_cast<size_t>(*next_++);
    const std::span<const int64_t> list(next_, count);
    next_ += count;
    return list;
  }

 private:
  void* const* nextBuffer_;
  const int64_t* next_;
  int32_t nodeId_;
};

/// Fills the error slot, if nothing has before, and returns `status`.
inline kiln_status_t fail(kiln_context_t* context, kiln_status_t status, int32_t nodeId, int64_t first,
                          int64_t second) {
  if (context->error.code == KILN_STATUS_OK) {
    context->error = {status, nodeId, {first, second}};
  }
  return status;
}

/// Calls `body(T{})` with the C++ type of a float dtype and returns what it returns.
template <class F>
kiln_status_t withFloat(DType dtype, F&& body) {
  switch (dtype) {
    case f16:
      return body(Half{});
    case bf16:
      return body(BFloat16{});
    case f32:
      return body(float{});
    case f64:
      return body(double{});
    default:
      return KILN_STATUS_INTERNAL;  // the compiler checked the dtype
  }
}

/// withFloat for f32 and f64 only.
template <class F>
kiln_status_t withWideFloat(DType dtype, F&& body) {
  return dtype == f32 ? body(float{}) : dtype == f64 ? body(double{}) : KILN_STATUS_INTERNAL;
}

/// withFloat for all floats and integers.
template <class F>
kiln_status_t withNumeric(DType dtype, F&& body) {
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
    case u64:
      return body(uint64_t{});
    default:
      return withFloat(dtype, body);
  }
}

/// Runs `body(context, begin, end)` over parts of [0, count) on any number of threads; an item costs about `work`
/// operations. The context given to the body takes its faults.
template <class F>
kiln_status_t parallelFor(kiln_context_t* context, int64_t count, int64_t work, const F& body) {
  constexpr int64_t kChunkWork = 65536;  // some ten microseconds, well above the cost of handing it to a thread
  const int64_t grain = work >= kChunkWork ? 1 : kChunkWork / (work < 1 ? 1 : work);
  if (count <= 0) {
    return KILN_STATUS_OK;
  }
  if (count <= grain || context->parallel_for == nullptr) {
    return body(context, int64_t{0}, count);
  }
  const auto call = [](kiln_context_t* inner, void* task, int64_t begin, int64_t end) -> kiln_status_t {
    return (*static_cast<const F*>(task))(inner, begin, end);
  };
  return context->parallel_for(context, count, grain, call, const_cast<F*>(&body));
}

}  // namespace kiln::runtime::kernels
