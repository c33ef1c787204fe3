// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Lines along one axis of a dense row-major tensor.
#pragma once

#include <iterator>

#include "runtime/kernels/arguments.h"

namespace kiln::runtime::kernels {

/// A tensor seen as [outer, n, inner] around one axis: outer * inner lines of n elements, `inner` apart.
struct Lines {
  int64_t outer = 1, n = 1, inner = 1;

  Lines(const TensorArgument& tensor, int64_t axis) {
    const size_t at = tensor.axis(axis);
    outer = tensor.count(0, at);
    n = tensor.dims[at];
    inner = tensor.count(at + 1, tensor.dims.size());
  }
  int64_t count() const { return outer * inner; }
  /// The position of the first element of a line.
  int64_t front(int64_t line) const { return line / inner * n * inner + line % inner; }
};

/// Walks a line: a random access iterator with a distance between neighbours.
template <class T>
class LineIterator {
 public:
  using iterator_category = std::random_access_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using pointer = T*;
  using reference = T&;

  LineIterator() = default;
  LineIterator(T* at, int64_t step) : at_(at), step_(step) {}
  T& operator*() const { return *at_; }
  T* operator->() const { return at_; }
  T& operator[](difference_type i) const { return at_[i * step_]; }
  LineIterator& operator+=(difference_type i) {
    at_ += i * step_;
    return *this;
  }
  LineIterator& operator-=(difference_type i) { return *this += -i; }
  LineIterator& operator++() { return *this += 1; }
  LineIterator& operator--() { return *this += -1; }
  LineIterator operator++(int) {
    LineIterator before = *this;
    ++*this;
    return before;
  }
  LineIterator operator--(int) {
    LineIterator before = *this;
    --*this;
    return before;
  }
  friend LineIterator operator+(LineIterator x, difference_type i) { return x += i; }
  friend LineIterator operator+(difference_type i, LineIterator x) { return x += i; }
  friend LineIterator operator-(LineIterator x, difference_type i) { return x -= i; }
  friend difference_type operator-(const LineIterator& x, const LineIterator& y) { return (x.at_ - y.at_) / x.step_; }
  friend bool operator==(const LineIterator& x, const LineIterator& y) { return x.at_ == y.at_; }
  friend bool operator!=(const LineIterator& x, const LineIterator& y) { return x.at_ != y.at_; }
  friend bool operator<(const LineIterator& x, const LineIterator& y) { return x.at_ < y.at_; }
  friend bool operator>(const LineIterator& x, const LineIterator& y) { return y < x; }
  friend bool operator<=(const LineIterator& x, const LineIterator& y) { return !(y < x); }
  friend bool operator>=(const LineIterator& x, const LineIterator& y) { return !(x < y); }

 private:
  T* at_ = nullptr;
  int64_t step_ = 1;
};

}  // namespace kiln::runtime::kernels
