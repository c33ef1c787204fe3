// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Convolution and pooling over 1 to 3 spatial axes, in any layout, and dropout.
///
/// Lists of numbers have one entry for each spatial axis, in the order of the layout; one entry stands for all of them,
/// and none for the default. A layout names each axis: N batch, C channels, D, H, W space; by default channels come
/// last (NWC, NHWC, NDHWC). A filter's layout has O (results), I (channels of a group) and the spatial letters; by
/// default WIO, HWIO or DHWIO.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/build/builder.h"

namespace kiln {

/// What lies before and after the elements of each spatial axis.
struct Padding {
  enum class Mode {
    kNumbers,    ///< `low` and `high`.
    kSame,       ///< So much that the result has ceil(n / stride) elements; the odd one goes to the end.
    kSameLower,  ///< The same with the odd one at the beginning.
  };
  Padding() = default;
  Padding(int64_t both) : low{both}, high{both} {}  // NOLINT: a number is a padding, as users write .padding = 1
  Padding(std::vector<int64_t> lows, std::vector<int64_t> highs) : low(std::move(lows)), high(std::move(highs)) {}
  static Padding same() { return ofMode(Mode::kSame); }
  static Padding sameLower() { return ofMode(Mode::kSameLower); }
  Mode mode = Mode::kNumbers;
  std::vector<int64_t> low, high;  ///< 0 by default.

 private:
  static Padding ofMode(Mode mode) {
    Padding padding;
    padding.mode = mode;
    return padding;
  }
};

struct ConvOptions {
  std::vector<int64_t> strides = {}, dilations = {};  ///< 1 by default.
  Padding padding = {};
  int64_t groups = 1;
  std::string layout = "", filterLayout = "";
};

/// Convolution (cross-correlation): kiln.conv. Errors: KILN-O0133, KILN-O0138 for what does not fit, KILN-O0134 for a
/// stride over an axis whose symbolic length does not divide.
Value conv(Operand x, Operand filter, const ConvOptions& options = {});

struct ConvTransposeOptions {
  std::vector<int64_t> strides = {}, dilations = {};  ///< 1 by default.
  /// Taken from the result; kSame gives n * stride elements.
  Padding padding = {};
  std::vector<int64_t> outputPadding = {};  ///< More elements at the end of the result; 0 by default.
  int64_t groups = 1;
  std::string layout = "", filterLayout = "";
};

/// Transposed convolution, the gradient of conv for its x: kiln.conv_transpose. Errors as conv().
Value convTranspose(Operand x, Operand filter, const ConvTransposeOptions& options = {});

struct PoolOptions {
  std::vector<int64_t> kernel = {};
  std::vector<int64_t> strides = {};    ///< The kernel by default: windows side by side.
  std::vector<int64_t> dilations = {};  ///< 1 by default.
  Padding padding = {};
  bool ceilMode = false;  ///< Also a last window that reaches over the end.
  std::string layout = "";
};

struct MaxPoolResult {
  Value values;
  Value indices;  ///< i64: row-major positions within the spatial axes.
};
/// The largest value of each window and where it is: kiln.max_pool. Errors as conv().
MaxPoolResult maxPoolWithIndices(Operand x, const PoolOptions& options);
Value maxPool(Operand x, const PoolOptions& options);
/// The mean of each window: kiln.avg_pool; with countPadding, padding counts as zeros. Errors as conv().
Value avgPool(Operand x, const PoolOptions& options, bool countPadding = true);

/// Pools to a result of `outputSize` along each spatial axis: kiln.adaptive_avg_pool, kiln.adaptive_max_pool.
Value adaptiveAvgPool(Operand x, std::vector<int64_t> outputSize, std::string layout = "");
MaxPoolResult adaptiveMaxPool(Operand x, std::vector<int64_t> outputSize, std::string layout = "");

/// The mean or largest value over all spatial axes: [batch, channels] in the layout's order, or with length 1 along
/// the others when keepDims. Any lengths, also symbolic ones. Errors: KILN-O0133.
Value globalAvgPool(Operand x, std::string layout = "", bool keepDims = false);
Value globalMaxPool(Operand x, std::string layout = "", bool keepDims = false);

struct WindowOptions {
  std::vector<int64_t> kernel = {}, strides = {}, dilations = {};
  Padding padding = {};
};
/// The windows of x [batch, spatial.., channels] side by side, `value` outside of x: kiln.unfold.
Value unfold(Operand x, Operand value, const WindowOptions& options);
/// The transpose of unfold, to spatial `lengths`: kiln.fold.
Value fold(Operand x, Shape lengths, const WindowOptions& options);

/// Random elements of x set to zero, with probability `rate`, the others times 1 / (1 - rate): kiln.dropout. The same
/// elements in the gradient, and in every run of the same seed and step. For training only: a graph for inference
/// leaves it out. Not within functions (KILN-G0019). Errors: KILN-O0133 for a rate outside [0, 1].
Value dropout(Operand x, double rate);

}  // namespace kiln
