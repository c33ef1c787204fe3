// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolutions and pools.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "graph/io/onnx/convolution_attributes.h"
#include "graph/io/onnx/operands.h"
#include "graph/nn/deformable_convolution.h"
#include "graph/nn/pooling.h"
#include "ops/convolution/windows.h"

namespace kiln::onnx {
namespace {

using Numbers = std::vector<int64_t>;

Status convertConv(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const ConvolutionAttributes a, convolutionAttributes(n, n.shape(0), n.shape(1)));
  n.set(0, addChannels(n, conv(n.in(0), n.in(1), a.conv()), 2));
  return {};
}

bool isWindowNumber(int64_t number) { return number >= 0 && number <= ops::kMaxWindowNumber; }

// The padding that gives a transposed convolution the lengths of `output_shape` or of `auto_pad`.
Status padToLengths(NodeImport& n, const Shape& x, const Numbers& outputPadding, ConvolutionAttributes& a) {
  const std::string mode = n.text("auto_pad", "NOTSET");
  const bool isSame = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!isSame && mode != "NOTSET" && mode != "VALID" && !mode.empty()) {
    return n.invalid(absl::StrCat("attribute auto_pad is '", mode, "'"));
  }
  const size_t count = a.kernel.size();
  Numbers lengths = n.ints("output_shape");
  if (lengths.size() == count + 2) {
    lengths.erase(lengths.begin(), lengths.begin() + 2);
  }
  const bool areLengths = std::ranges::all_of(lengths, isWindowNumber);
  if (!areLengths || (!lengths.empty() && lengths.size() != count)) {
    return n.invalid(absl::StrCat("attribute output_shape is ", toString(Attribute(n.ints("output_shape")))));
  }
  if (mode == "VALID") {
    std::ranges::fill(a.low, 0);
    std::ranges::fill(a.high, 0);
  }
  for (size_t i = 0; i < count && (isSame || !lengths.empty()); ++i) {
    // result = (n - 1) * stride + span + output_padding - total; for SAME it is n * stride.
    int64_t total = (a.kernel[i] - 1) * a.dilations[i] + 1 + outputPadding[i] - a.strides[i];
    if (!lengths.empty()) {
      const Dim& length = x[static_cast<int>(i) + 2];
      if (!length.isStatic()) {
        return n.unsupported("output_shape over symbolic lengths");
      }
      if (!isWindowNumber(length.value())) {
        return n.unsupported("a length of " + length.toString());
      }
      total += length.value() * a.strides[i] - lengths[i];
    }
    const int64_t less = total >= 0 ? total / 2 : -((1 - total) / 2);
    a.low[i] = mode == "SAME_UPPER" ? less : total - less;
    a.high[i] = total - a.low[i];
  }
  return {};
}

Status convertConvTranspose(NodeImport& n) {
  const Shape &x = n.shape(0), &filter = n.shape(1);
  Numbers kernel;
  for (int axis = 2; axis < filter.rank(); ++axis) {
    if (!filter[axis].isStatic()) {
      return n.unsupported("a filter over symbolic lengths");
    }
    kernel.push_back(filter[axis].value());
  }
  KILN_ASSIGN_OR_RETURN(ConvolutionAttributes a, windowAttributes(n, x.rank(), kernel));
  const size_t count = kernel.size();
  if (!x[1].isStatic()) {
    return n.unsupported("channels over symbolic lengths");
  }
  Numbers outputPadding = n.ints("output_padding", Numbers(count, 0));
  if (outputPadding.size() != count || !std::ranges::all_of(outputPadding, isWindowNumber)) {
    return n.invalid(absl::StrCat("attribute output_padding is ", toString(Attribute(outputPadding))));
  }
  KILN_RETURN_IF_ERROR(padToLengths(n, x, outputPadding, a));
  for (size_t i = 0; i < count; ++i) {
    const Dim length = (x[static_cast<int>(i) + 2] - Dim(1)) * Dim(a.strides[i]) +
                       Dim((a.kernel[i] - 1) * a.dilations[i] + 1 + outputPadding[i] - a.low[i] - a.high[i]);
    if (!length.isStatic() && !(Dim::max(length, Dim(0)) == length)) {
      return n.unsupported("windows with this padding over symbolic lengths");
    }
    // More at the end is as well less padding there, which has no bound.
    if (outputPadding[i] >= std::max(a.strides[i], a.dilations[i])) {
      a.high[i] -= outputPadding[i];
      outputPadding[i] = 0;
    }
  }
  ConvTransposeOptions options;
  options.strides = a.strides;
  options.dilations = a.dilations;
  options.padding = {a.low, a.high};
  options.outputPadding = outputPadding;
  options.groups = a.groups;
  options.layout = a.layout;
  options.filterLayout = "IO" + a.filterLayout.substr(2);
  n.set(0, addChannels(n, convTranspose(n.in(0), n.in(1), options), 2));
  return {};
}

Status convertDeformConv(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const ConvolutionAttributes a, convolutionAttributes(n, n.shape(0), n.shape(1)));
  nn::DeformConvOptions options;
  options.strides = a.strides;
  options.dilations = a.dilations;
  options.padding = {a.low, a.high};
  options.groups = a.groups;
  options.offsetGroups = n.integer("offset_group", 1);
  const std::optional<Value> mask = n.has(4) ? std::optional<Value>(n.in(4)) : std::nullopt;
  n.set(0, addChannels(n, nn::deformConv(n.g, n.in(0), n.in(1), n.in(2), mask, options), 3));
  return {};
}

// Whether the op has windows like these: paddings up to half of the window, and strides over numbers.
bool hasPlainWindows(const ConvolutionAttributes& a) {
  bool isPlain = true;
  for (size_t i = 0; i < a.kernel.size(); ++i) {
    const int64_t half = ((a.kernel[i] - 1) * a.dilations[i] + 1) / 2;
    isPlain &= a.low[i] >= 0 && a.high[i] >= 0 && a.low[i] <= half && a.high[i] <= half;
  }
  return isPlain;
}

bool hasSymbolicStrides(const ConvolutionAttributes& a, const Shape& x) {
  for (size_t i = 0; i < a.kernel.size(); ++i) {
    if (a.strides[i] != 1 && !x[static_cast<int>(i) + 2].isStatic()) {
      return true;
    }
  }
  return false;
}

// Positions within the spatial axes as ONNX counts them: from the first element of the tensor, and with columns
// first, within an image, when `isColumnMajor`.
Value toOnnxIndices(GraphBuilder& g, Value indices, const Shape& x, bool isColumnMajor) {
  const int rank = x.rank();
  if (isColumnMajor) {
    Value rest = indices;
    std::vector<Value> coordinates(static_cast<size_t>(rank));
    for (int axis = rank - 1; axis > 2; --axis) {
      const Value length = valueOf(g, x[axis]);
      coordinates[static_cast<size_t>(axis)] = remainder(rest, length);
      rest = rest / length;
    }
    coordinates[2] = rest;
    indices = coordinates[static_cast<size_t>(rank - 1)];
    for (int axis = rank - 2; axis >= 2; --axis) {
      indices = indices * valueOf(g, x[axis]) + coordinates[static_cast<size_t>(axis)];
    }
  }
  Shape images{x[0], x[1]};
  while (images.rank() < rank) {
    images.push_back(Dim(1));
  }
  return indices + reshape(iota(g, Shape{x[0] * x[1]}), images) * valueOf(g, product(x, 2, rank));
}

Status convertMaxPool(NodeImport& n) {
  const Shape& x = n.shape(0);
  KILN_ASSIGN_OR_RETURN(const ConvolutionAttributes a, poolAttributes(n, x));
  const bool isPlain = hasPlainWindows(a) && !hasSymbolicStrides(a, x);
  if (!n.wants(1)) {
    n.set(0, isPlain ? maxPool(n.in(0), a.pool()) : nn::largestPool(n.g, n.in(0), a.pool()));
    return {};
  }
  if (!isPlain && !Shape(std::vector<Dim>(x.begin() + 2, x.end())).isStatic()) {
    return n.unsupported("indices over symbolic lengths");
  }
  const MaxPoolResult pooled =
      isPlain ? maxPoolWithIndices(n.in(0), a.pool()) : nn::largestPoolWithIndices(n.g, n.in(0), a.pool());
  n.set(0, pooled.values);
  if (!pooled.indices.isPoisoned()) {
    n.set(1, toOnnxIndices(n.g, pooled.indices, x, n.integer("storage_order", 0) != 0));
  }
  return {};
}

Status convertAveragePool(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const ConvolutionAttributes a, poolAttributes(n, n.shape(0)));
  const bool countPadding = n.integer("count_include_pad", 0) != 0;
  n.set(0, hasPlainWindows(a) ? avgPool(n.in(0), a.pool(), countPadding)
                              : nn::meanPool(n.g, n.in(0), a.pool(), countPadding));
  return {};
}

Status convertLpPool(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const ConvolutionAttributes a, poolAttributes(n, n.shape(0)));
  n.set(0, nn::lpPool(n.g, n.in(0), a.pool(), static_cast<double>(n.integer("p", 2))));
  return {};
}

StatusOr<Numbers> spatialAxes(NodeImport& n) {
  Numbers axes;
  for (int axis = 2; axis < n.rank(0); ++axis) {
    axes.push_back(axis);
  }
  if (axes.empty()) {
    return n.invalid("the operand " + n.shape(0).toString() + " has no spatial axis");
  }
  return axes;
}

Status convertGlobalAveragePool(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Numbers axes, spatialAxes(n));
  n.set(0, reduceMean(n.in(0), axes, true));
  return {};
}

Status convertGlobalMaxPool(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Numbers axes, spatialAxes(n));
  n.set(0, reduceMax(n.in(0), axes, true));
  return {};
}

Status convertGlobalLpPool(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Numbers axes, spatialAxes(n));
  const double p = static_cast<double>(n.integer("p", 2));
  if (!(p >= 1)) {
    return n.invalid(absl::StrCat("attribute p is ", p));
  }
  if (p == 1 || p == 2) {
    n.set(0, p == 1 ? reduceL1(n.in(0), axes, true) : reduceL2(n.in(0), axes, true));
  } else {
    n.set(0, pow(reduceSum(pow(abs(n.in(0)), p), axes, true), 1 / p));
  }
  return {};
}

Status convertMaxUnpool(NodeImport& n) {
  const Shape& x = n.shape(0);
  KILN_ASSIGN_OR_RETURN(const ConvolutionAttributes a, windowAttributes(n, x.rank(), n.ints("kernel_shape")));
  // The indices count in a tensor of this shape, even when another one is asked for.
  Shape inferred{x[0], x[1]};
  for (size_t i = 0; i < a.kernel.size(); ++i) {
    const Dim length =
        (x[static_cast<int>(i) + 2] - Dim(1)) * Dim(a.strides[i]) + Dim(a.kernel[i] - a.low[i] - a.high[i]);
    if (length.isStatic() ? length.value() < 0 : !(Dim::max(length, Dim(0)) == length)) {
      return length.isStatic() ? n.invalid("the windows are smaller than their padding")
                               : n.unsupported("windows with these strides over symbolic lengths");
    }
    inferred.push_back(length);
  }
  Value result = nn::maxUnpool(n.g, n.in(0), n.in(1), inferred);
  if (n.has(2)) {
    KILN_ASSIGN_OR_RETURN(const std::vector<Dim> wanted, n.dims(2));
    if (static_cast<int>(wanted.size()) != x.rank()) {
      return n.invalid(absl::StrCat("output_shape has ", wanted.size(), " entries, and x has rank ", x.rank()));
    }
    Shape high, none(std::vector<Dim>(wanted.size(), Dim(0)));
    for (int axis = 0; axis < inferred.rank(); ++axis) {
      const Dim more = wanted[static_cast<size_t>(axis)] - inferred[axis];
      if (!more.isStatic()) {
        return n.unsupported("output_shape over symbolic lengths");
      }
      if (more.value() < 0) {
        return n.invalid("output_shape " + Shape(wanted).toString() + " is smaller than the result, " +
                         inferred.toString());
      }
      high.push_back(more);
    }
    result = high == none || result.isPoisoned() ? result : pad(result, 0, none, high);
  }
  n.set(0, result);
  return {};
}

Status convertCol2Im(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::vector<Dim> lengths, n.dims(1));
  KILN_ASSIGN_OR_RETURN(const Numbers kernel, n.ints(2));
  KILN_ASSIGN_OR_RETURN(const ConvolutionAttributes a,
                        windowAttributes(n, static_cast<int>(lengths.size()) + 2, kernel));
  n.set(0, nn::col2im(n.g, n.in(0), Shape(lengths), {a.kernel, a.strides, a.dilations, {a.low, a.high}}));
  return {};
}

constexpr Converter kConverters[] = {
    {"AveragePool", convertAveragePool},
    {"Col2Im", convertCol2Im},
    {"Conv", convertConv},
    {"ConvTranspose", convertConvTranspose},
    {"DeformConv", convertDeformConv},
    {"GlobalAveragePool", convertGlobalAveragePool},
    {"GlobalLpPool", convertGlobalLpPool},
    {"GlobalMaxPool", convertGlobalMaxPool},
    {"LpPool", convertLpPool},
    {"MaxPool", convertMaxPool},
    {"MaxUnpool", convertMaxUnpool},
};

}  // namespace

std::span<const Converter> convolutionConverters() { return kConverters; }

}  // namespace kiln::onnx
