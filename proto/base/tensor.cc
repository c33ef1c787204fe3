// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/base/tensor.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace kiln {
namespace {

// No machine has more; asking the allocator for it would only make it (or a checker of memory) stop the process.
constexpr size_t kLargestBuffer = size_t{1} << 44;

int64_t product(std::span<const int64_t> dims) {
  int64_t n = 1;
  for (int64_t d : dims) {
    n *= d;
  }
  return n;
}

template <class T>
T fromDouble(double value) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    // 2^63 as a double is one above the largest i64, so the comparison is with the open upper end.
    if (std::isnan(value)) {
      return 0;
    }
    if (value >= static_cast<double>(std::numeric_limits<T>::max())) {
      return std::numeric_limits<T>::max();
    }
    if (value <= static_cast<double>(std::numeric_limits<T>::min())) {
      return std::numeric_limits<T>::min();
    }
  }
  return static_cast<T>(value);
}

// Calls f with a value of the C++ type that holds `type`; false when there is none.
template <class F>
bool dispatch(DType type, F f) {
  switch (type) {
    case DType::kF32:
      f(float{});
      return true;
    case DType::kF64:
      f(double{});
      return true;
    case DType::kF16:
      f(Half{});
      return true;
    case DType::kBF16:
      f(BFloat16{});
      return true;
    case DType::kI8:
      f(int8_t{});
      return true;
    case DType::kI16:
      f(int16_t{});
      return true;
    case DType::kI32:
      f(int32_t{});
      return true;
    case DType::kI64:
      f(int64_t{});
      return true;
    case DType::kU8:
      f(uint8_t{});
      return true;
    case DType::kU16:
      f(uint16_t{});
      return true;
    case DType::kU32:
      f(uint32_t{});
      return true;
    case DType::kU64:
      f(uint64_t{});
      return true;
    case DType::kBool:
      f(bool{});
      return true;
    default:
      return false;
  }
}

// Whether at() and set() know the type; the 8-bit and smaller ones are only carried.
bool hasNumbers(DType type) {
  return isComplex(type) || dispatch(type, [](auto) {});
}

}  // namespace

int64_t TensorView::numElements() const { return product(dims); }
int64_t Tensor::numElements() const { return product(dims_); }

std::optional<int64_t> checkedNumElements(std::span<const int64_t> dims) {
  constexpr int64_t kLimit = int64_t{1} << 62;
  int64_t n = 1;
  bool empty = false;
  for (int64_t d : dims) {
    if (d < 0) {
      return std::nullopt;
    }
    empty |= d == 0;
    if (d > 0 && n > kLimit / d) {
      return std::nullopt;
    }
    n *= std::max<int64_t>(d, 1);
  }
  return empty ? 0 : n;
}

void Tensor::Free::operator()(void* p) const {
  if (owner == nullptr) {
    std::free(p);
  }
}

std::shared_ptr<const Tensor> Tensor::borrowed(DType dtype, std::vector<int64_t> dims, const void* data,
                                               std::shared_ptr<const void> owner) {
  KILN_CHECK(owner != nullptr);
  auto tensor = std::make_shared<Tensor>();
  tensor->dtype_ = dtype;
  tensor->dims_ = std::move(dims);
  // Never written: only const access leaves this function, and resize() takes memory of its own.
  tensor->data_ = std::unique_ptr<void, Free>(const_cast<void*>(data), Free{std::move(owner)});
  return tensor;
}

Tensor Tensor::adopted(DType dtype, std::vector<int64_t> dims, void* data, std::shared_ptr<const void> owner) {
  KILN_CHECK(owner != nullptr && reinterpret_cast<uintptr_t>(data) % kBufferAlignment == 0);
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.dims_ = std::move(dims);
  tensor.capacity_ = static_cast<size_t>(tensor.numBytes());
  tensor.data_ = std::unique_ptr<void, Free>(data, Free{std::move(owner)});
  return tensor;
}

void Tensor::releasePages() const {
  if (data_.get_deleter().owner == nullptr) {
    return;
  }
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = (reinterpret_cast<uintptr_t>(data()) + page - 1) / page * page;
  const uintptr_t last = (reinterpret_cast<uintptr_t>(data()) + static_cast<uintptr_t>(numBytes())) / page * page;
  if (last > first) {
    (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }
}

Tensor::Tensor(DType dtype, std::vector<int64_t> dims) {
  resize(dtype, dims);
  std::memset(mutableData(), 0, capacity_);
}

StatusOr<Tensor> Tensor::allocate(DType dtype, std::vector<int64_t> dims) {
  auto count = checkedNumElements(dims);
  // Complex f64 has 128 bits, so 2^56 elements of any type can be counted in bits.
  if (!count || *count > (int64_t{1} << 56)) {
    return makeError<ErrorId::kP0022>(Shape::of(dims).toString());
  }
  size_t bytes = static_cast<size_t>(byteSize(dtype, *count));
  bytes = std::max((bytes + kBufferAlignment - 1) / kBufferAlignment, size_t{1}) * kBufferAlignment;
  Tensor tensor;
  tensor.data_.reset(bytes > kLargestBuffer ? nullptr : std::aligned_alloc(kBufferAlignment, bytes));
  if (tensor.data_ == nullptr) {
    return makeError<ErrorId::kP0023>(kiln::toString(dtype), Shape::of(dims).toString(), bytes);
  }
  std::memset(tensor.mutableData(), 0, bytes);
  tensor.dtype_ = dtype;
  tensor.dims_ = std::move(dims);
  tensor.capacity_ = bytes;
  return tensor;
}

Tensor::Tensor(const TensorView& view) {
  resize(view.dtype, view.dims);
  if (numBytes() > 0) {
    std::memcpy(mutableData(), view.data, static_cast<size_t>(numBytes()));
  }
}

Tensor::Tensor(const Tensor& other) {
  if (other.dtype_ != DType::kInvalid) {
    *this = Tensor(other.view());
  }
}
Tensor& Tensor::operator=(const Tensor& other) {
  if (this != &other) {
    *this = Tensor(other);
  }
  return *this;
}
Tensor::Tensor(Tensor&& other) noexcept { *this = std::move(other); }
Tensor& Tensor::operator=(Tensor&& other) noexcept {
  if (this == &other) {
    return *this;
  }
  dtype_ = std::exchange(other.dtype_, DType::kInvalid);
  dims_ = std::exchange(other.dims_, {});
  capacity_ = std::exchange(other.capacity_, 0);
  data_ = std::move(other.data_);
  return *this;
}

void Tensor::resize(DType dtype, std::span<const int64_t> dims) {
  dtype_ = dtype;
  dims_.assign(dims.begin(), dims.end());
  size_t bytes = static_cast<size_t>(byteSize(dtype, product(dims)));
  // Rounded up, so that a vector load of the last elements stays inside; never empty, so that data() is never null.
  bytes = std::max((bytes + kBufferAlignment - 1) / kBufferAlignment, size_t{1}) * kBufferAlignment;
  if (bytes > capacity_ || data_ == nullptr) {
    data_ = std::unique_ptr<void, Free>(std::aligned_alloc(kBufferAlignment, bytes));
    KILN_CHECK(data_ != nullptr);
    capacity_ = bytes;
  }
}

double Tensor::at(int64_t index) const {
  switch (dtype_) {
    case DType::kC64:
      return data<float>()[2 * index];
    case DType::kC128:
      return data<double>()[2 * index];
    default:
      break;
  }
  double value = 0;
  bool known = dispatch(dtype_, [&](auto zero) { value = static_cast<double>(data<decltype(zero)>()[index]); });
  KILN_CHECK(known);
  return value;
}

void Tensor::set(int64_t index, double value) {
  switch (dtype_) {
    case DType::kC64:
      mutableData<float>()[2 * index] = static_cast<float>(value);
      mutableData<float>()[2 * index + 1] = 0;
      return;
    case DType::kC128:
      mutableData<double>()[2 * index] = value;
      mutableData<double>()[2 * index + 1] = 0;
      return;
    default:
      break;
  }
  bool known = dispatch(dtype_, [&](auto zero) {
    using T = decltype(zero);
    mutableData<T>()[index] = fromDouble<T>(value);
  });
  KILN_CHECK(known);
}

std::string Tensor::toString(int64_t limit) const {
  std::string text = absl::StrCat(absl::string_view(kiln::toString(dtype_).data(), kiln::toString(dtype_).size()), "[");
  for (size_t i = 0; i < dims_.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", dims_[i]);
  }
  text += "] ";
  int64_t count = numElements();
  int64_t shown = std::min(count, limit);
  auto opening = [&](int64_t index, bool close) {
    int64_t stride = 1;
    int brackets = 0;
    for (int axis = rank() - 1; axis >= 0; --axis) {
      stride *= dims_[axis];
      brackets += stride > 0 && (close ? index + 1 : index) % stride == 0 ? 1 : 0;
    }
    return brackets;
  };
  if (!hasNumbers(dtype_)) {
    return text + "(" + std::to_string(numBytes()) + " bytes)";
  }
  for (int64_t i = 0; i < shown; ++i) {
    text += i == 0 ? "" : ", ";
    text.append(opening(i, false), '[');
    if (dtype_ == DType::kI64) {
      absl::StrAppend(&text, data<int64_t>()[i]);
    } else if (dtype_ == DType::kU64) {
      absl::StrAppend(&text, data<uint64_t>()[i]);
    } else {
      absl::StrAppend(&text, at(i));
    }
    if (i + 1 < shown || shown == count) {
      text.append(opening(i, true), ']');
    }
  }
  return text + (count == 0 ? "[]" : shown < count ? ", ..." : "");
}

bool Tensor::identicalTo(const Tensor& other) const {
  return dtype_ == other.dtype_ && dims_ == other.dims_ &&
         (numBytes() == 0 || std::memcmp(data(), other.data(), static_cast<size_t>(numBytes())) == 0);
}

}  // namespace kiln
