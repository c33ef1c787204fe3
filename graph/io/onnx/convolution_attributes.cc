// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/convolution_attributes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ops/convolution/windows.h"

namespace kiln::onnx {
namespace {

constexpr int kMaxSpatialAxes = 3;

std::string lettersOf(size_t spatial) { return std::string("DHW").substr(3 - spatial); }

// The attribute, which has `count` numbers from `least` on.
StatusOr<std::vector<int64_t>> numbersOf(NodeImport& n, const char* name, size_t count, int64_t least,
                                         int64_t otherwise) {
  std::vector<int64_t> values = n.ints(name, std::vector<int64_t>(count, otherwise));
  const bool isValid = values.size() == count && std::ranges::all_of(values, [&](int64_t value) {
                         return value >= least && value <= ops::kMaxWindowNumber;
                       });
  if (!isValid) {
    return n.invalid(absl::StrCat("attribute ", name, " is ", toString(Attribute(values)), ", wanted ", count,
                                  " numbers from ", least));
  }
  return values;
}

Status padAutomatically(NodeImport& n, const Shape& x, ConvolutionAttributes& a) {
  const std::string mode = n.text("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode.empty()) {
    return {};
  }
  std::ranges::fill(a.low, 0);
  std::ranges::fill(a.high, 0);
  if (mode == "VALID") {
    return {};
  }
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER") {
    return n.invalid(absl::StrCat("attribute auto_pad is '", mode, "'"));
  }
  for (size_t i = 0; i < a.kernel.size(); ++i) {
    const Dim& length = x[static_cast<int>(i) + 2];
    const int64_t span = (a.kernel[i] - 1) * a.dilations[i] + 1;
    int64_t total = span - 1;
    if (a.strides[i] != 1) {
      if (!length.isStatic()) {
        return n.unsupported("auto_pad with strides over symbolic lengths");
      }
      const int64_t outputs = (length.value() + a.strides[i] - 1) / a.strides[i];
      total = std::max<int64_t>((outputs - 1) * a.strides[i] + span - length.value(), 0);
    }
    a.low[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    a.high[i] = total - a.low[i];
  }
  return {};
}

// Static lengths the operation itself looks at.
Status checkSymbolicLengths(NodeImport& n, const Shape& x, const ConvolutionAttributes& a) {
  for (size_t i = 0; i < a.kernel.size(); ++i) {
    const int axis = static_cast<int>(i) + 2;
    const ops::Window window{a.kernel[i], a.strides[i], a.dilations[i], a.low[i], a.high[i]};
    if (!x[axis].isStatic() && !ops::windowCount(x[axis], window, a.ceilMode, axis, {f32, x}).ok()) {
      return n.unsupported("windows with this padding and these strides over symbolic lengths");
    }
  }
  return {};
}

}  // namespace

ConvOptions ConvolutionAttributes::conv() const {
  ConvOptions options;
  options.strides = strides;
  options.dilations = dilations;
  options.padding = {low, high};
  options.groups = groups;
  options.layout = layout;
  options.filterLayout = filterLayout;
  return options;
}

PoolOptions ConvolutionAttributes::pool() const {
  PoolOptions options;
  options.kernel = kernel;
  options.strides = strides;
  options.dilations = dilations;
  options.padding = {low, high};
  options.ceilMode = ceilMode;
  options.layout = layout;
  return options;
}

StatusOr<ConvolutionAttributes> windowAttributes(NodeImport& n, int rank, std::vector<int64_t> kernel) {
  if (rank < 3) {
    return n.invalid(absl::StrCat("the operand has rank ", rank, ", wanted batch, channels and spatial axes"));
  }
  if (rank > kMaxSpatialAxes + 2) {
    return n.unsupported(absl::StrCat(rank - 2, " spatial axes"));
  }
  const size_t count = static_cast<size_t>(rank - 2);
  if (kernel.size() != count) {
    return n.invalid(absl::StrCat("the window has ", kernel.size(), " axes, and the operand has ", count));
  }
  for (int64_t taps : kernel) {
    if (taps < 1 || taps > ops::kMaxWindowNumber) {
      return n.invalid(absl::StrCat("the window is ", toString(Attribute(kernel))));
    }
  }
  ConvolutionAttributes a;
  a.kernel = std::move(kernel);
  KILN_ASSIGN_OR_RETURN(a.strides, numbersOf(n, "strides", count, 1, 1));
  KILN_ASSIGN_OR_RETURN(a.dilations, numbersOf(n, "dilations", count, 1, 1));
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> pads, numbersOf(n, "pads", 2 * count, -ops::kMaxWindowNumber, 0));
  a.low.assign(pads.begin(), pads.begin() + static_cast<int64_t>(count));
  a.high.assign(pads.begin() + static_cast<int64_t>(count), pads.end());
  a.groups = n.integer("group", 1);
  a.layout = "NC" + lettersOf(count);
  a.filterLayout = "OI" + lettersOf(count);
  return a;
}

StatusOr<ConvolutionAttributes> convolutionAttributes(NodeImport& n, const Shape& x, const Shape& filter) {
  std::vector<int64_t> kernel;
  for (int axis = 2; axis < filter.rank(); ++axis) {
    if (!filter[axis].isStatic()) {
      return n.unsupported("a filter over symbolic lengths");
    }
    kernel.push_back(filter[axis].value());
  }
  if (n.hasAttribute("kernel_shape") && n.ints("kernel_shape") != kernel) {
    return n.invalid("attribute kernel_shape differs from the filter, which is " + filter.toString());
  }
  KILN_ASSIGN_OR_RETURN(ConvolutionAttributes a, windowAttributes(n, x.rank(), std::move(kernel)));
  if (!x[1].isStatic()) {
    return n.unsupported("channels over symbolic lengths");
  }
  KILN_RETURN_IF_ERROR(padAutomatically(n, x, a));
  KILN_RETURN_IF_ERROR(checkSymbolicLengths(n, x, a));
  return a;
}

StatusOr<ConvolutionAttributes> poolAttributes(NodeImport& n, const Shape& x) {
  KILN_ASSIGN_OR_RETURN(ConvolutionAttributes a, windowAttributes(n, x.rank(), n.ints("kernel_shape")));
  a.ceilMode = n.integer("ceil_mode", 0) != 0;
  KILN_RETURN_IF_ERROR(padAutomatically(n, x, a));
  KILN_RETURN_IF_ERROR(checkSymbolicLengths(n, x, a));
  return a;
}

Value addChannels(NodeImport& n, Value x, int i) {
  if (!n.has(i)) {
    return x;
  }
  const Value bias = n.in(i);
  if (x.isPoisoned() || bias.isPoisoned()) {
    return x;
  }
  Shape shape(std::vector<Dim>(static_cast<size_t>(x.rank() - 1), Dim(1)));
  shape[0] = bias.shape().numElements();
  return x + reshape(bias, std::move(shape));
}

}  // namespace kiln::onnx
