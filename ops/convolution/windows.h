// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What convolution and pooling share: layouts by letters, and windows along spatial axes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ops/spec/schema.h"

namespace kiln::ops {

/// The largest kernel length, stride, dilation or padding: far above any use, and sums of a few products stay in i64.
inline constexpr int64_t kMaxWindowNumber = int64_t{1} << 30;

/// The windows along one spatial axis. Tap k of window o is at the position o * stride - low + k * dilation.
struct Window {
  int64_t kernel = 1, stride = 1, dilation = 1, low = 0, high = 0;
  /// The positions from the first tap to the last.
  int64_t span() const { return (kernel - 1) * dilation + 1; }
  bool operator==(const Window&) const = default;
};

/// Where the axes of a tensor of images are.
struct Layout {
  int batch = 0, channels = 0;
  std::vector<int> spatial;  ///< In the order of the layout's letters.
};
/// Where the axes of a filter are; `spatial` in the order of the image's layout.
struct FilterLayout {
  int outputs = 0, inputs = 0;
  std::vector<int> spatial;
};

/// Reads a layout such as NCHW for a tensor `name` of type `type`. Errors: KILN-O0133.
StatusOr<Layout> parseLayout(const std::string& layout, const ValueType& type, const std::string& name);
/// Reads a filter's layout such as OIHW. Errors: KILN-O0133.
StatusOr<FilterLayout> parseFilterLayout(const std::string& filterLayout, const std::string& layout,
                                         const ValueType& type);

/// The windows of an op's attributes strides, dilations, low and high for these kernel lengths. Errors: KILN-O0133.
StatusOr<std::vector<Window>> windowsOf(const Attributes& attributes, const std::vector<int64_t>& kernel);
/// The windows of an op that has an attribute kernel too, with one entry for each of `count` axes. Errors: KILN-O0133.
StatusOr<std::vector<Window>> windowsOf(const Attributes& attributes, size_t count);

/// How many windows an axis of `length` has. With `ceilMode` the last may reach beyond the high padding, unless it
/// would begin there. Errors: KILN-O0134 when the number has no expression, KILN-O0138 when it may be negative; `axis`
/// and `type` of the operand are for messages.
StatusOr<Dim> windowCount(const Dim& length, const Window& window, bool ceilMode, int axis, const ValueType& type);

/// The windows with high padding such that they end with the last of those that ceilMode gives.
Window withCeilMode(Window window, int64_t length);

/// The first and the end position of window `i` of `count` adaptive windows over `length` elements.
struct Bin {
  int64_t begin = 0, end = 0;
};
inline Bin adaptiveBin(int64_t i, int64_t length, int64_t count) {
  return {i * length / count, ((i + 1) * length + count - 1) / count};
}

/// The attributes axes of a tensor in the order batch, spatial axes, channels: a permutation for transpose.
std::vector<int64_t> toChannelsLast(const Layout& layout);

}  // namespace kiln::ops
