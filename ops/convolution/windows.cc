// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/convolution/windows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

constexpr std::string_view kSpatialLetters = "DHW";

// Where `letter` is in `text`; -1 unless it is there once.
int positionOf(const std::string& text, char letter) {
  const size_t found = text.find(letter);
  return found == std::string::npos || text.find(letter, found + 1) != std::string::npos ? -1 : static_cast<int>(found);
}

std::string spatialLettersOf(const std::string& layout) {
  std::string letters;
  for (char c : layout) {
    if (kSpatialLetters.find(c) != std::string_view::npos) {
      letters.push_back(c);
    }
  }
  return letters;
}

int64_t floorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

StatusOr<Layout> parseLayout(const std::string& layout, const ValueType& type, const std::string& name) {
  Layout result;
  result.batch = positionOf(layout, 'N');
  result.channels = positionOf(layout, 'C');
  bool isValid = result.batch >= 0 && result.channels >= 0 && layout.size() >= 3 && layout.size() <= 5;
  for (char letter : spatialLettersOf(layout)) {
    result.spatial.push_back(positionOf(layout, letter));
    isValid &= result.spatial.back() >= 0;
  }
  if (!isValid || result.spatial.size() + 2 != layout.size()) {
    return makeError<ErrorId::kO0133>("layout", "'" + layout + "'",
                                      "N, C and one to three of D, H, W, each once, such as NHWC or NCW");
  }
  if (static_cast<int>(layout.size()) != type.shape.rank()) {
    return makeError<ErrorId::kO0133>("layout", "'" + layout + "'",
                                      absl::StrCat("a letter for each axis of ", name, ", which is ", type.toString()));
  }
  return result;
}

StatusOr<FilterLayout> parseFilterLayout(const std::string& filterLayout, const std::string& layout,
                                         const ValueType& type) {
  FilterLayout result;
  result.outputs = positionOf(filterLayout, 'O');
  result.inputs = positionOf(filterLayout, 'I');
  const std::string letters = spatialLettersOf(layout);
  bool isValid = result.outputs >= 0 && result.inputs >= 0 && filterLayout.size() == letters.size() + 2;
  for (char letter : letters) {
    result.spatial.push_back(positionOf(filterLayout, letter));
    isValid &= result.spatial.back() >= 0;
  }
  if (!isValid) {
    return makeError<ErrorId::kO0133>("filter_layout", "'" + filterLayout + "'",
                                      absl::StrCat("O, I and the spatial letters of layout, ", letters, ", each once"));
  }
  if (static_cast<int>(filterLayout.size()) != type.shape.rank()) {
    return makeError<ErrorId::kO0133>("filter_layout", "'" + filterLayout + "'",
                                      absl::StrCat("a letter for each axis of filter, which is ", type.toString()));
  }
  return result;
}

StatusOr<std::vector<Window>> windowsOf(const Attributes& attributes, const std::vector<int64_t>& kernel) {
  const size_t count = kernel.size();
  auto numbers = [&](const char* name, int64_t least) -> StatusOr<std::vector<int64_t>> {
    const auto& values = attributes.get<std::vector<int64_t>>(name);
    if (values.size() != count) {
      return makeError<ErrorId::kO0133>(name, toString(Attribute(values)),
                                        absl::StrCat("an entry for each of the ", count, " spatial axes"));
    }
    for (int64_t value : values) {
      if (value < least || value > kMaxWindowNumber) {
        return makeError<ErrorId::kO0133>(name, toString(Attribute(values)),
                                          absl::StrCat("numbers from ", least, " to ", kMaxWindowNumber));
      }
    }
    return values;
  };
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> strides, numbers("strides", 1));
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> dilations, numbers("dilations", 1));
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> low, numbers("low", -kMaxWindowNumber));
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> high, numbers("high", -kMaxWindowNumber));
  std::vector<Window> windows;
  for (size_t i = 0; i < count; ++i) {
    if (kernel[i] < 1 || kernel[i] > kMaxWindowNumber) {
      return makeError<ErrorId::kO0133>("kernel", toString(Attribute(kernel)),
                                        absl::StrCat("numbers from 1 to ", kMaxWindowNumber));
    }
    windows.push_back({kernel[i], strides[i], dilations[i], low[i], high[i]});
  }
  return windows;
}

StatusOr<std::vector<Window>> windowsOf(const Attributes& attributes, size_t count) {
  const auto& kernel = attributes.get<std::vector<int64_t>>("kernel");
  if (kernel.size() != count) {
    return makeError<ErrorId::kO0133>("kernel", toString(Attribute(kernel)),
                                      absl::StrCat("an entry for each of the ", count, " spatial axes"));
  }
  return windowsOf(attributes, kernel);
}

StatusOr<Dim> windowCount(const Dim& length, const Window& window, bool ceilMode, int axis, const ValueType& type) {
  const Dim reach = length + Dim(window.low + window.high - window.span());
  // No window over some elements is a mistake; over none there is nothing to miss.
  const bool isMistake = length.isStatic() && length.value() > 0 && reach.value() < 0;
  if (length.isStatic() && ceilMode && reach.value() >= 0) {
    const int64_t steps = floorDivide(reach.value() + window.stride - 1, window.stride);
    const bool beginsInPadding = steps * window.stride >= length.value() + window.low;
    return Dim(steps + (beginsInPadding ? 0 : 1));
  }
  if (!isMistake) {
    if (ceilMode && !length.isStatic() && window.stride != 1) {
      return makeError<ErrorId::kO0134>(length.toString(), axis, window.stride);
    }
    if (Dim count = Dim::floorDiv(reach, window.stride) + Dim(1); isNonNegative(count)) {
      return count;
    }
  }
  return makeError<ErrorId::kO0138>("x", type.toString(),
                                    absl::StrCat("a length of axis ", axis, " that a window of ", window.span(),
                                                 " fits into, with padding of ", window.low, " and ", window.high));
}

Window withCeilMode(Window window, int64_t length) {
  const int64_t reach = length + window.low + window.high - window.span();
  if (reach < 0) {
    return window;
  }
  int64_t steps = floorDivide(reach + window.stride - 1, window.stride);
  if (steps * window.stride >= length + window.low) {
    --steps;
  }
  window.high += steps * window.stride - reach;
  return window;
}

std::vector<int64_t> toChannelsLast(const Layout& layout) {
  std::vector<int64_t> permutation = {layout.batch};
  permutation.insert(permutation.end(), layout.spatial.begin(), layout.spatial.end());
  permutation.push_back(layout.channels);
  return permutation;
}

}  // namespace kiln::ops
