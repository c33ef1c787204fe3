// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Host tensors: a borrowed view, and an owner of aligned memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proto/base/dtype.h"
#include "proto/base/half.h"
#include "proto/base/shape.h"

namespace kiln {

/// The alignment, in bytes, of every buffer that Kiln allocates.
inline constexpr size_t kBufferAlignment = 64;

/// A dense row-major tensor that somebody else owns. Any alignment is accepted from callers.
struct TensorView {
  DType dtype = DType::kInvalid;
  std::span<const int64_t> dims;
  const void* data = nullptr;

  int64_t numElements() const;
  int64_t numBytes() const { return byteSize(dtype, numElements()); }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

/// Owns a dense row-major host tensor, 64-byte aligned. Copy is deep; move leaves an empty invalid tensor.
class Tensor {
 public:
  Tensor() = default;
  /// Zero-filled.
  Tensor(DType dtype, std::vector<int64_t> dims);
  Tensor(const Tensor& other);
  Tensor& operator=(const Tensor& other);
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(Tensor&& other) noexcept;
  explicit Tensor(const TensorView& view);

  /// A tensor of T's dtype with the given values in row-major order; `dims` must hold as many.
  template <class T>
  static Tensor of(std::vector<int64_t> dims, const std::vector<T>& values) {
    Tensor t(dtypeOf<T>(), std::move(dims));
    KILN_CHECK(t.numElements() == static_cast<int64_t>(values.size()));
    for (size_t i = 0; i < values.size(); ++i) {
      t.mutableData<T>()[i] = values[i];
    }
    return t;
  }
  template <class T>
  static Tensor scalar(T value) {
    return of<T>({}, {value});
  }

  DType dtype() const { return dtype_; }
  const std::vector<int64_t>& dims() const { return dims_; }
  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t numElements() const;
  int64_t numBytes() const { return byteSize(dtype_, numElements()); }
  const void* data() const { return data_.get(); }
  void* mutableData() { return data_.get(); }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(data());
  }
  template <class T>
  T* mutableData() {
    return static_cast<T*>(mutableData());
  }

  TensorView view() const { return {dtype_, dims_, data()}; }
  operator TensorView() const { return view(); }  // NOLINT: a tensor is fed where a view is wanted

  /// Zero-filled, for sizes that come from input. Errors: KILN-P0022 when the shape is negative or overflows,
  /// KILN-P0023 when there is no memory for it; nothing is allocated then.
  static StatusOr<Tensor> allocate(DType dtype, std::vector<int64_t> dims);

  /// A tensor over memory that `owner` keeps alive and that nobody changes, such as a part of a mapped file; `data` has
  /// any alignment that loads of the type accept, and is only read. Copies are deep, as always.
  static std::shared_ptr<const Tensor> borrowed(DType dtype, std::vector<int64_t> dims, const void* data,
                                                std::shared_ptr<const void> owner);
  /// As borrowed(), over memory that this tensor alone reads and writes, such as a private mapping of a file. `data` is
  /// 64-byte aligned, and the size in bytes a multiple of 64 and not 0.
  static Tensor adopted(DType dtype, std::vector<int64_t> dims, void* data, std::shared_ptr<const void> owner);
  /// Lets the system take back the pages of a borrowed tensor, which come again from the file when they are read; does
  /// nothing for other tensors. Thread-safe.
  void releasePages() const;

  /// Gives the tensor this type and shape. Keeps the memory when it is large enough (no allocation in a loop of equal
  /// shapes); the values are then unspecified.
  void resize(DType dtype, std::span<const int64_t> dims);

  /// Element `index` (row-major) as a double; complex types give the real part. Not for types of 8-bit floats and
  /// smaller. For tests, printing and references.
  double at(int64_t index) const;
  /// Stores `value`, rounded or truncated as a C++ conversion does; NaN to an integer gives 0, out of range saturates.
  void set(int64_t index, double value);

  /// `f32[2, 3] [[1, 2, 3], [4, 5, 6]]`, with `...` after `limit` elements.
  std::string toString(int64_t limit = 32) const;
  /// Same dtype, dims and bytes.
  bool identicalTo(const Tensor& other) const;

 private:
  struct Free {
    void operator()(void* p) const;
    std::shared_ptr<const void> owner;  ///< Of borrowed memory, which is not freed here.
  };
  DType dtype_ = DType::kInvalid;
  std::vector<int64_t> dims_;
  size_t capacity_ = 0;
  std::unique_ptr<void, Free> data_;
};

/// The product of `dims`; nothing when it does not fit 2^62 or a dim is negative.
std::optional<int64_t> checkedNumElements(std::span<const int64_t> dims);

}  // namespace kiln
