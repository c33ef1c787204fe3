// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolution, pooling and normalisation.
#include <algorithm>

#include "graph/io/tensorflow/node_import.h"

namespace kiln::tensorflow {
namespace {

// How the axes of an image lie, and the entries of lists that have one for each axis.
struct Format {
  std::string layout;
  std::vector<int> spatial;
  int channels = 0;

  std::vector<int64_t> spatialOf(const std::vector<int64_t>& list) const {
    std::vector<int64_t> out;
    for (const int axis : spatial) {
      out.push_back(list[static_cast<size_t>(axis)]);
    }
    return out;
  }
};

StatusOr<Format> formatOf(NodeImport& n, int rank, int numSpatial) {
  const std::string last = numSpatial == 3 ? "NDHWC" : "NHWC", first = numSpatial == 3 ? "NCDHW" : "NCHW";
  const std::string given = n.text("data_format", last);
  if (given != last && given != first) {
    return n.unsupported("data_format '" + given + "'");
  }
  if (rank != numSpatial + 2) {
    return n.invalid("its input has " + std::to_string(rank) + " axes, wanted " + std::to_string(numSpatial + 2));
  }
  Format format{.layout = given, .spatial = {}, .channels = given == last ? numSpatial + 1 : 1};
  for (int i = 0; i < numSpatial; ++i) {
    format.spatial.push_back(given == last ? i + 1 : i + 2);
  }
  return format;
}

// A list with an entry for each axis, which is 1 for the batch and the channels.
StatusOr<std::vector<int64_t>> perAxis(NodeImport& n, const Format& format, const char* name,
                                       std::vector<int64_t> list) {
  const size_t rank = format.layout.size();
  if (list.empty()) {
    list.assign(rank, 1);
  }
  if (list.size() != rank) {
    return n.invalid("attribute '" + std::string(name) + "' has " + std::to_string(list.size()) + " entries, wanted " +
                     std::to_string(rank));
  }
  if (list[0] != 1 || list[static_cast<size_t>(format.channels)] != 1) {
    return n.unsupported(std::string(name) + " over the batch or the channels");
  }
  return format.spatialOf(list);
}

StatusOr<Padding> paddingOf(NodeImport& n, const Format& format) {
  const std::string mode = n.text("padding", "");
  if (mode == "SAME") {
    return Padding::same();
  }
  if (mode == "VALID") {
    return Padding(0);
  }
  if (mode != "EXPLICIT") {
    return n.invalid("its padding is '" + mode + "'");
  }
  const std::vector<int64_t> borders = n.ints("explicit_paddings");
  if (borders.size() != 2 * format.layout.size()) {
    return n.invalid("explicit_paddings has " + std::to_string(borders.size()) + " entries");
  }
  Padding padding;
  for (const int axis : format.spatial) {
    padding.low.push_back(borders[2 * static_cast<size_t>(axis)]);
    padding.high.push_back(borders[2 * static_cast<size_t>(axis) + 1]);
  }
  return padding;
}

template <int kSpatial>
Status convertConv(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Format format, formatOf(n, n.rank(0), kSpatial));
  ConvOptions options{.layout = format.layout, .filterLayout = kSpatial == 3 ? "DHWIO" : "HWIO"};
  KILN_ASSIGN_OR_RETURN(options.strides, perAxis(n, format, "strides", n.ints("strides")));
  KILN_ASSIGN_OR_RETURN(options.dilations, perAxis(n, format, "dilations", n.ints("dilations")));
  KILN_ASSIGN_OR_RETURN(options.padding, paddingOf(n, format));
  const Value x = n.in(0), filter = n.in(1);
  if (n.rank(1) != kSpatial + 2) {
    return n.invalid("its filter is " + n.shape(1).toString());
  }
  // Fewer channels in the filter than in x: a group of channels each.
  const Dim &all = n.shape(0)[format.channels], &each = n.shape(1)[kSpatial];
  if (all.isStatic() && each.isStatic() && each.value() > 0 && all.value() % each.value() == 0) {
    options.groups = std::max<int64_t>(all.value() / each.value(), 1);
  }
  n.set(0, conv(x, filter, options));
  return {};
}

Status convertDepthwise(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Format format, formatOf(n, n.rank(0), 2));
  ConvOptions options{.layout = format.layout, .filterLayout = "HWIO"};
  KILN_ASSIGN_OR_RETURN(options.strides, perAxis(n, format, "strides", n.ints("strides")));
  KILN_ASSIGN_OR_RETURN(options.dilations, perAxis(n, format, "dilations", n.ints("dilations")));
  KILN_ASSIGN_OR_RETURN(options.padding, paddingOf(n, format));
  const Value x = n.in(0), filter = n.in(1);
  const Shape& taps = n.shape(1);
  if (n.rank(1) != 4 || !taps.isStatic()) {
    return n.invalid("its filter is " + taps.toString());
  }
  options.groups = taps[2].value();
  n.set(0, conv(x, reshape(filter, Shape{taps[0], taps[1], 1, taps[2] * taps[3]}), options));
  return {};
}

template <int kSpatial>
Status convertConvTranspose(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Format format, formatOf(n, n.rank(2), kSpatial));
  ConvTransposeOptions options{.layout = format.layout, .filterLayout = kSpatial == 3 ? "DHWOI" : "HWOI"};
  KILN_ASSIGN_OR_RETURN(options.strides, perAxis(n, format, "strides", n.ints("strides")));
  KILN_ASSIGN_OR_RETURN(options.dilations, perAxis(n, format, "dilations", n.ints("dilations")));
  KILN_ASSIGN_OR_RETURN(options.padding, paddingOf(n, format));
  KILN_ASSIGN_OR_RETURN(const std::vector<Dim> sizes, n.dims(0));
  const Value filter = n.in(1), x = n.in(2);
  const Shape& taps = n.shape(1);
  if (n.rank(1) != kSpatial + 2 || !taps.isStatic() || static_cast<int>(sizes.size()) != kSpatial + 2) {
    return n.invalid("its filter is " + taps.toString() + ", and its result has " + std::to_string(sizes.size()) +
                     " axes");
  }
  const bool isSame = options.padding.mode == Padding::Mode::kSame;
  bool isPlain = isSame;  // n * stride elements, which is known for symbols too
  for (int i = 0; i < kSpatial; ++i) {
    const auto at = static_cast<size_t>(i);
    const int axis = format.spatial[at];
    isPlain &= sizes[static_cast<size_t>(axis)] == n.shape(2)[axis] * Dim(options.strides[at]);
  }
  if (!isPlain) {
    Padding numbers = options.padding;
    numbers.mode = Padding::Mode::kNumbers;
    if (numbers.low.empty()) {
      numbers.low = {0};
      numbers.high = {0};
    }
    numbers.low.resize(kSpatial, numbers.low.back());
    numbers.high.resize(kSpatial, numbers.high.back());
    for (int i = 0; i < kSpatial; ++i) {
      const auto at = static_cast<size_t>(i);
      const int axis = format.spatial[at];
      const Dim &size = sizes[static_cast<size_t>(axis)], &given = n.shape(2)[axis];
      if (!size.isStatic() || !given.isStatic()) {
        return n.unsupported("a transposed convolution over symbolic lengths");
      }
      const int64_t stride = options.strides[at];
      const int64_t span = (taps[i].value() - 1) * options.dilations[at] + 1;
      if (isSame && stride > 0) {
        const int64_t total =
            std::max<int64_t>(((size.value() + stride - 1) / stride - 1) * stride + span - size.value(), 0);
        numbers.low[at] = total / 2;
        numbers.high[at] = total - total / 2;
      }
      const int64_t extra = size.value() - ((given.value() - 1) * stride + span - numbers.low[at] - numbers.high[at]);
      if (extra < 0 || extra >= std::max(stride, options.dilations[at])) {
        return n.invalid("its result cannot be " + Shape(sizes).toString());
      }
      options.outputPadding.push_back(extra);
    }
    options.padding = numbers;
  }
  n.set(0, convTranspose(x, filter, options));
  return {};
}

StatusOr<PoolOptions> poolOptionsOf(NodeImport& n, const Format& format, std::vector<int64_t> kernel,
                                    std::vector<int64_t> strides) {
  PoolOptions options{.layout = format.layout};
  KILN_ASSIGN_OR_RETURN(options.kernel, perAxis(n, format, "ksize", std::move(kernel)));
  KILN_ASSIGN_OR_RETURN(options.strides, perAxis(n, format, "strides", std::move(strides)));
  KILN_ASSIGN_OR_RETURN(options.padding, paddingOf(n, format));
  return options;
}

template <int kSpatial>
Status convertMaxPool(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Format format, formatOf(n, n.rank(0), kSpatial));
  KILN_ASSIGN_OR_RETURN(const PoolOptions options, poolOptionsOf(n, format, n.ints("ksize"), n.ints("strides")));
  n.set(0, maxPool(n.in(0), options));
  return {};
}

Status convertMaxPoolV2(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Format format, formatOf(n, n.rank(0), 2));
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> kernel, n.ints(1));
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> strides, n.ints(2));
  KILN_ASSIGN_OR_RETURN(const PoolOptions options, poolOptionsOf(n, format, std::move(kernel), std::move(strides)));
  n.set(0, maxPool(n.in(0), options));
  return {};
}

template <int kSpatial>
Status convertAvgPool(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Format format, formatOf(n, n.rank(0), kSpatial));
  KILN_ASSIGN_OR_RETURN(const PoolOptions options, poolOptionsOf(n, format, n.ints("ksize"), n.ints("strides")));
  n.set(0, avgPool(n.in(0), options, /*countPadding=*/false));
  return {};
}

Status convertFusedBatchNorm(NodeImport& n) {
  Value x = n.in(0), scale = n.in(1), offset = n.in(2), mean = n.in(3), variance = n.in(4);
  if (!n.status().ok()) {
    return n.status();
  }
  const std::string format = n.text("data_format", "NHWC");
  const int64_t axis = format == "NCHW" || format == "NCDHW" ? 1 : n.rank(0) - 1;
  const double epsilon = n.number("epsilon", 1e-4);
  // x may be narrower than its statistics, which are f32.
  const DType type = n.dtype(0);
  const bool isNarrow = type == f16 || type == bf16;
  x = isNarrow ? cast(x, f32) : x;
  Value y;
  if (n.boolean("is_training", true)) {
    y = batchNorm(x, scale, offset, axis, epsilon).result;
  } else {
    y = batchNormInference(x, scale, offset, mean, variance, axis, epsilon);
    n.forward(1, 3);
    n.forward(2, 4);
  }
  n.set(0, isNarrow ? cast(y, type) : y);
  return {};
}

Status convertBatchNormGlobal(NodeImport& n) {
  const Value x = n.in(0), mean = n.in(1), variance = n.in(2), offset = n.in(3);
  Value scale = n.in(4);
  if (!n.status().ok()) {
    return n.status();
  }
  if (!n.boolean("scale_after_normalization", true)) {
    scale = full(n.g, n.shape(4), 1, n.dtype(4));
  }
  n.set(0, batchNormInference(x, scale, offset, mean, variance, -1, n.number("variance_epsilon", 1e-3)));
  return {};
}

// x / (bias + alpha * sum of squares of the neighbouring channels) ^ beta (A. Krizhevsky et al., "ImageNet
// Classification with Deep Convolutional Neural Networks", NeurIPS 2012).
Status convertLrn(NodeImport& n) {
  const Value x = n.in(0);
  const int64_t radius = n.integer("depth_radius", 5);
  const double bias = n.number("bias", 1), alpha = n.number("alpha", 1), beta = n.number("beta", 0.5);
  if (n.rank(0) != 4 || radius < 0 || radius > 65536 || x.isPoisoned()) {
    return n.invalid("x is " + n.shape(0).toString() + ", and its depth_radius " + std::to_string(radius));
  }
  const Shape& shape = n.shape(0);
  const Dim &channels = shape[3], places = shape[0] * shape[1] * shape[2];
  const PoolOptions window{
      .kernel = {2 * radius + 1}, .strides = {1}, .padding = Padding({radius}, {radius}), .layout = "NCW"};
  const Value sums = mul(avgPool(reshape(square(x), Shape{places, 1, channels}), window), 2.0 * radius + 1);
  n.set(0, mul(x, pow(add(mul(reshape(sums, shape), alpha), bias), -beta)));
  return {};
}

constexpr Converter kConverters[] = {
    {"AvgPool", convertAvgPool<2>},
    {"AvgPool3D", convertAvgPool<3>},
    {"BatchNormWithGlobalNormalization", convertBatchNormGlobal},
    {"Conv2D", convertConv<2>},
    {"Conv2DBackpropInput", convertConvTranspose<2>},
    {"Conv3D", convertConv<3>},
    {"Conv3DBackpropInputV2", convertConvTranspose<3>},
    {"DepthwiseConv2dNative", convertDepthwise},
    {"FusedBatchNorm", convertFusedBatchNorm},
    {"FusedBatchNormV2", convertFusedBatchNorm},
    {"FusedBatchNormV3", convertFusedBatchNorm},
    {"LRN", convertLrn},
    {"MaxPool", convertMaxPool<2>},
    {"MaxPool3D", convertMaxPool<3>},
    {"MaxPoolV2", convertMaxPoolV2},
};

}  // namespace

std::span<const Converter> convolutionConverters() { return kConverters; }

}  // namespace kiln::tensorflow
