// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Resizing, sampling and regions of images.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "graph/io/onnx/node_import.h"
#include "graph/nn/regions.h"
#include "graph/nn/resize.h"
#include "graph/nn/sampling.h"

namespace kiln::onnx {
namespace {

using nn::ResizedAxis;
using nn::ResizeOptions;

// The entry of an attribute's text, or a status that says what is not known.
template <class T>
StatusOr<T> choice(NodeImport& n, const char* attribute, const char* otherwise,
                   const std::map<std::string, T>& choices) {
  const std::string text = n.text(attribute, otherwise);
  const auto found = choices.find(text);
  if (found == choices.end()) {
    return n.unsupported(absl::StrCat(attribute, " '", text, "'"));
  }
  return found->second;
}

StatusOr<ResizeOptions> resizeOptions(NodeImport& n) {
  using Coordinates = ResizeOptions::Coordinates;
  using Rounding = ResizeOptions::Rounding;
  ResizeOptions options;
  KILN_ASSIGN_OR_RETURN(options.mode, (choice<nn::Interpolation>(n, "mode", "nearest",
                                                                 {{"nearest", nn::Interpolation::kNearest},
                                                                  {"linear", nn::Interpolation::kLinear},
                                                                  {"cubic", nn::Interpolation::kCubic}})));
  KILN_ASSIGN_OR_RETURN(options.coordinates,
                        (choice<Coordinates>(n, "coordinate_transformation_mode", "half_pixel",
                                             {{"half_pixel", Coordinates::kHalfPixel},
                                              {"half_pixel_symmetric", Coordinates::kHalfPixelSymmetric},
                                              {"pytorch_half_pixel", Coordinates::kPytorchHalfPixel},
                                              {"align_corners", Coordinates::kAlignCorners},
                                              {"asymmetric", Coordinates::kAsymmetric},
                                              {"tf_crop_and_resize", Coordinates::kCropAndResize}})));
  KILN_ASSIGN_OR_RETURN(options.rounding, (choice<Rounding>(n, "nearest_mode", "round_prefer_floor",
                                                            {{"round_prefer_floor", Rounding::kPreferFloor},
                                                             {"round_prefer_ceil", Rounding::kPreferCeil},
                                                             {"floor", Rounding::kFloor},
                                                             {"ceil", Rounding::kCeil}})));
  options.cubicCoefficient = n.number("cubic_coeff_a", -0.75);
  options.excludeOutside = n.integer("exclude_outside", 0) != 0;
  options.antialias = n.integer("antialias", 0) != 0;
  options.extrapolation = n.number("extrapolation_value", 0);
  return options;
}

constexpr double kMaxLength = static_cast<double>(DimRange::kUnbounded);

// floor(length * scale), for a symbolic length when the scale is a fraction with a small denominator.
StatusOr<Dim> scaledLength(NodeImport& n, const Dim& length, double scale) {
  constexpr int64_t kMaxDenominator = 64;
  if (!(scale > 0) || !std::isfinite(scale) || scale > 1e9) {
    return n.invalid(absl::StrCat("the scale ", scale, " is no positive number"));
  }
  if (length.isStatic()) {
    const double scaled = std::floor(static_cast<double>(length.value()) * scale);
    if (scaled > kMaxLength) {
      return n.invalid(absl::StrCat("a length of ", scaled));
    }
    return Dim(static_cast<int64_t>(scaled));
  }
  for (int64_t denominator = 1; denominator <= kMaxDenominator; ++denominator) {
    const double numerator = scale * static_cast<double>(denominator);
    if (numerator == std::floor(numerator)) {
      return Dim::floorDiv(length * Dim(static_cast<int64_t>(numerator)), Dim(denominator));
    }
  }
  return n.unsupported(absl::StrCat("a scale of ", scale, " over symbolic lengths"));
}

// Lengths that keep the ratios of the axes, within or around those that are asked for.
Status keepAspectRatio(NodeImport& n, const std::string& policy, const Shape& x, std::vector<ResizedAxis>& axes) {
  std::vector<double> scales;
  for (const ResizedAxis& axis : axes) {
    const Dim& from = x[static_cast<int>(axis.axis)];
    if (!from.isStatic() || !axis.length.isStatic()) {
      return n.unsupported("keep_aspect_ratio_policy over symbolic lengths");
    }
    if (from.value() < 1) {
      return n.invalid("x is " + x.toString() + ", and its ratios are to be kept");
    }
    scales.push_back(static_cast<double>(axis.length.value()) / static_cast<double>(from.value()));
  }
  if (scales.empty()) {
    return {};
  }
  const double scale = policy == "not_larger" ? std::ranges::min(scales) : std::ranges::max(scales);
  for (ResizedAxis& axis : axes) {
    const double length = scale * static_cast<double>(x[static_cast<int>(axis.axis)].value());
    if (!(length <= kMaxLength)) {
      return n.invalid(absl::StrCat("a length of ", length));
    }
    axis.length = Dim(static_cast<int64_t>(std::floor(length + 0.5)));
    axis.scale = scale;
  }
  return {};
}

// The part of x that is read, when there is one.
Status readRegion(NodeImport& n, std::vector<ResizedAxis>& axes) {
  if (!n.has(1) || n.shape(1) == Shape{Dim(0)}) {
    return n.invalid("tf_crop_and_resize wants the input roi");
  }
  KILN_ASSIGN_OR_RETURN(const std::vector<double> region, n.numbers(1));
  if (region.size() != 2 * axes.size()) {
    return n.invalid(absl::StrCat("roi has ", region.size(), " entries, and ", axes.size(), " axes are resized"));
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i].begin = region[i];
    axes[i].end = region[axes.size() + i];
  }
  return {};
}

Status convertResize(NodeImport& n) {
  const Shape& x = n.shape(0);
  KILN_ASSIGN_OR_RETURN(const ResizeOptions options, resizeOptions(n));
  std::vector<int64_t> all(static_cast<size_t>(x.rank()));
  std::iota(all.begin(), all.end(), 0);
  std::vector<ResizedAxis> axes;
  for (int64_t axis : n.hasAttribute("axes") ? n.axesOf(n.ints("axes"), x.rank()) : all) {
    if (axis < 0 || axis >= x.rank()) {
      return n.invalid(absl::StrCat("axis ", axis, " of x, which is ", x.toString()));
    }
    axes.push_back({axis, x[static_cast<int>(axis)], {}, 0, 1});
  }
  auto isGiven = [&](int i) { return n.has(i) && !(n.shape(i) == Shape{Dim(0)}); };
  auto checkCount = [&](const char* name, size_t count) {
    return count == axes.size()
               ? Status()
               : n.invalid(absl::StrCat(name, " has ", count, " entries, and ", axes.size(), " axes are resized"));
  };
  const bool hasScales = isGiven(2), hasSizes = isGiven(3);
  if (hasScales == hasSizes && !axes.empty()) {
    return n.invalid("one of the inputs scales and sizes is given");
  }
  if (hasSizes) {
    KILN_ASSIGN_OR_RETURN(const std::vector<Dim> lengths, n.dims(3));
    KILN_RETURN_IF_ERROR(checkCount("sizes", lengths.size()));
    for (size_t i = 0; i < axes.size(); ++i) {
      axes[i].length = lengths[i];
    }
    const std::string policy = n.text("keep_aspect_ratio_policy", "stretch");
    if (policy == "not_larger" || policy == "not_smaller") {
      KILN_RETURN_IF_ERROR(keepAspectRatio(n, policy, x, axes));
    } else if (policy != "stretch") {
      return n.unsupported(absl::StrCat("keep_aspect_ratio_policy '", policy, "'"));
    }
  } else if (hasScales) {
    KILN_ASSIGN_OR_RETURN(const std::vector<double> scales, n.numbers(2));
    KILN_RETURN_IF_ERROR(checkCount("scales", scales.size()));
    for (size_t i = 0; i < axes.size(); ++i) {
      KILN_ASSIGN_OR_RETURN(axes[i].length, scaledLength(n, axes[i].length, scales[i]));
      axes[i].scale = scales[i];
    }
  }
  if (options.coordinates == ResizeOptions::Coordinates::kCropAndResize) {
    KILN_RETURN_IF_ERROR(readRegion(n, axes));
  }
  if (options.antialias && options.mode != nn::Interpolation::kNearest) {
    for (const ResizedAxis& axis : axes) {
      const Dim& from = x[static_cast<int>(axis.axis)];
      if (!(from == axis.length) && !(from.isStatic() && axis.length.isStatic())) {
        return n.unsupported("antialias over symbolic lengths");
      }
    }
  }
  // Axes that keep their length would only be in the way of symbolic ones.
  std::erase_if(axes, [&](const ResizedAxis& axis) {
    return x[static_cast<int>(axis.axis)] == axis.length && axis.scale.value_or(1) == 1 && axis.begin == 0 &&
           axis.end == 1;
  });
  Value result = n.in(0);
  if (n.integer("kiln_ceil_when_smaller", 0) != 0) {
    std::vector<ResizedAxis> smaller;
    std::ranges::copy_if(axes, std::back_inserter(smaller),
                         [](const ResizedAxis& a) { return a.scale.value_or(1) < 1; });
    std::erase_if(axes, [](const ResizedAxis& axis) { return axis.scale.value_or(1) < 1; });
    ResizeOptions upward = options;
    upward.rounding = ResizeOptions::Rounding::kCeil;
    result = nn::resize(n.g, result, smaller, upward);
  }
  n.set(0, nn::resize(n.g, result, axes, options), n.elementType(0));
  return {};
}

Status convertGridSample(NodeImport& n) {
  nn::GridSampleOptions options;
  KILN_ASSIGN_OR_RETURN(options.mode, (choice<nn::Interpolation>(n, "mode", "linear",
                                                                 {{"nearest", nn::Interpolation::kNearest},
                                                                  {"linear", nn::Interpolation::kLinear},
                                                                  {"bilinear", nn::Interpolation::kLinear},
                                                                  {"cubic", nn::Interpolation::kCubic},
                                                                  {"bicubic", nn::Interpolation::kCubic}})));
  KILN_ASSIGN_OR_RETURN(options.padding, (choice<nn::Outside>(n, "padding_mode", "zeros",
                                                              {{"zeros", nn::Outside::kZeros},
                                                               {"border", nn::Outside::kBorder},
                                                               {"reflection", nn::Outside::kReflection}})));
  options.alignCorners = n.integer("align_corners", 0) != 0;
  Value x = n.in(0);
  const DType dtype = n.dtype(0);
  const bool isWeighed = options.mode != nn::Interpolation::kNearest && !isFloat(dtype);
  const Value samples = nn::gridSample(n.g, isWeighed ? cast(x, f32) : x, n.in(1), options);
  n.set(0, isWeighed ? cast(samples, dtype) : samples, n.elementType(0));
  return {};
}

Status convertAffineGrid(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::vector<Dim> size, n.dims(1));
  if (size.size() < 3) {
    return n.invalid(absl::StrCat("size has ", size.size(), " entries, wanted batch, channels and spatial axes"));
  }
  const Shape lengths(std::vector<Dim>(size.begin() + 2, size.end()));
  n.set(0, nn::affineGrid(n.g, n.in(0), lengths, n.integer("align_corners", 0) != 0));
  return {};
}

Status convertRoiAlign(NodeImport& n) {
  nn::RoiAlignOptions options;
  options.height = n.integer("output_height", 1);
  options.width = n.integer("output_width", 1);
  options.samples = n.integer("sampling_ratio", 0);
  options.spatialScale = n.number("spatial_scale", 1);
  KILN_ASSIGN_OR_RETURN(options.halfPixel, (choice<bool>(n, "coordinate_transformation_mode", "half_pixel",
                                                         {{"half_pixel", true}, {"output_half_pixel", false}})));
  KILN_ASSIGN_OR_RETURN(options.takesLargest, (choice<bool>(n, "mode", "avg", {{"avg", false}, {"max", true}})));
  n.set(0, nn::roiAlign(n.g, n.in(0), n.in(1), n.in(2), options));
  return {};
}

Status convertMaxRoiPool(NodeImport& n) {
  const std::vector<int64_t> lengths = n.ints("pooled_shape");
  if (lengths.size() != 2) {
    return n.invalid(absl::StrCat("attribute pooled_shape is ", toString(Attribute(lengths))));
  }
  n.set(0, nn::maxRoiPool(n.g, n.in(0), n.in(1), lengths[0], lengths[1], n.number("spatial_scale", 1)));
  return {};
}

constexpr Converter kConverters[] = {
    {"AffineGrid", convertAffineGrid}, {"GridSample", convertGridSample}, {"MaxRoiPool", convertMaxRoiPool},
    {"Resize", convertResize},         {"RoiAlign", convertRoiAlign},
};

}  // namespace

std::span<const Converter> imageConverters() { return kConverters; }

}  // namespace kiln::onnx
