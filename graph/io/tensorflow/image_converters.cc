// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Images in another size, and pixels as channels.
#include <algorithm>
#include <cmath>

#include "graph/io/tensorflow/node_import.h"

namespace kiln::tensorflow {
namespace {

// No image is longer.
constexpr int64_t kMostPixels = int64_t{1} << 20;

struct Resize {
  int64_t in = 0, out = 0;
  bool alignsCorners = false, hasHalfPixels = false;

  // In the arithmetic of f32, which decides between neighbours as TensorFlow does.
  float scale() const {
    return alignsCorners && out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                    : static_cast<float>(in) / static_cast<float>(out);
  }
};

StatusOr<Resize> resizeOf(NodeImport& n, int axis, const std::vector<Dim>& sizes) {
  const Dim &in = n.shape(0)[axis], &out = sizes[static_cast<size_t>(axis - 1)];
  if (!in.isStatic() || !out.isStatic()) {
    return n.unsupported("an image of symbolic lengths in another size");
  }
  if (in.value() < 1 || out.value() < 1 || in.value() > kMostPixels || out.value() > kMostPixels) {
    return n.invalid("an axis of " + in.toString() + " pixels is to get " + out.toString());
  }
  const Resize resize{in.value(), out.value(), n.boolean("align_corners", false),
                      n.boolean("half_pixel_centers", false)};
  return resize.alignsCorners && resize.hasHalfPixels ? n.invalid("it has both align_corners and half_pixel_centers")
                                                      : StatusOr<Resize>(resize);
}

StatusOr<std::vector<Dim>> sizesOf(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> sizes, n.dims(1));
  if (n.rank(0) != 4 || sizes.size() != 2) {
    return n.invalid("the image is " + n.shape(0).toString() + ", and its new size has " +
                     std::to_string(sizes.size()) + " entries");
  }
  return sizes;
}

Value along(NodeImport& n, int axis, const std::vector<float>& weights) {
  std::vector<int64_t> shape(4, 1);
  shape[static_cast<size_t>(axis)] = static_cast<int64_t>(weights.size());
  return n.g.constant(Tensor::of<float>(shape, weights), "weights");
}

Value pixels(NodeImport& n, const std::vector<int64_t>& places) {
  return n.g.constant(Tensor::of<int64_t>({static_cast<int64_t>(places.size())}, places), "pixels");
}

Status convertResizeBilinear(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::vector<Dim> sizes, sizesOf(n));
  Value x = cast(n.in(0), f32);
  for (const int axis : {2, 1}) {
    KILN_ASSIGN_OR_RETURN(const Resize resize, resizeOf(n, axis, sizes));
    if (resize.in == resize.out) {
      continue;
    }
    std::vector<int64_t> low, high;
    std::vector<float> weights;
    for (int64_t i = 0; i < resize.out; ++i) {
      const float place = resize.hasHalfPixels ? (static_cast<float>(i) + 0.5F) * resize.scale() - 0.5F
                                               : static_cast<float>(i) * resize.scale();
      const float floor = std::floor(place);
      low.push_back(std::clamp<int64_t>(static_cast<int64_t>(floor), 0, resize.in - 1));
      high.push_back(std::clamp<int64_t>(static_cast<int64_t>(std::ceil(place)), 0, resize.in - 1));
      weights.push_back(place - floor);
    }
    const Value first = gather(x, pixels(n, low), axis), second = gather(x, pixels(n, high), axis);
    x = add(first, mul(sub(second, first), along(n, axis, weights)));
  }
  n.set(0, x);
  return {};
}

Status convertResizeNearest(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::vector<Dim> sizes, sizesOf(n));
  Value x = n.in(0);
  for (const int axis : {2, 1}) {
    KILN_ASSIGN_OR_RETURN(const Resize resize, resizeOf(n, axis, sizes));
    if (resize.in == resize.out) {
      continue;
    }
    std::vector<int64_t> places;
    for (int64_t i = 0; i < resize.out; ++i) {
      const float place = (static_cast<float>(i) + (resize.hasHalfPixels ? 0.5F : 0.0F)) * resize.scale();
      const float whole = resize.alignsCorners ? std::round(place) : std::floor(place);
      places.push_back(std::clamp<int64_t>(static_cast<int64_t>(whole), 0, resize.in - 1));
    }
    x = gather(x, pixels(n, places), axis);
  }
  n.set(0, x);
  return {};
}

// The weights of the four neighbours (R. Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981).
void addCubic(float distance, float a, std::vector<float>* weights) {
  auto near = [&](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  auto far = [&](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  weights[0].push_back(far(distance + 1));
  weights[1].push_back(near(distance));
  weights[2].push_back(near(1 - distance));
  weights[3].push_back(far(2 - distance));
}

Status convertResizeBicubic(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::vector<Dim> sizes, sizesOf(n));
  Value x = cast(n.in(0), f32);
  for (const int axis : {2, 1}) {
    KILN_ASSIGN_OR_RETURN(const Resize resize, resizeOf(n, axis, sizes));
    std::vector<int64_t> places[4];
    std::vector<float> weights[4];
    for (int64_t i = 0; i < resize.out; ++i) {
      const float place = resize.hasHalfPixels ? (static_cast<float>(i) + 0.5F) * resize.scale() - 0.5F
                                               : static_cast<float>(i) * resize.scale();
      const auto base = static_cast<int64_t>(std::floor(place));
      // TensorFlow has a table of weights with this many places between two pixels.
      constexpr float kPlaces = 1024;
      addCubic(std::nearbyint((place - std::floor(place)) * kPlaces) / kPlaces, resize.hasHalfPixels ? -0.5F : -0.75F,
               weights);
      float total = 0;
      for (int k = 0; k < 4; ++k) {
        const int64_t at = base - 1 + k;
        places[k].push_back(std::clamp<int64_t>(at, 0, resize.in - 1));
        // With half pixels, what lies outside has no weight and the others have it all.
        if (resize.hasHalfPixels && places[k].back() != at) {
          weights[k].back() = 0;
        }
        total += weights[k].back();
      }
      for (int k = 0; resize.hasHalfPixels && std::abs(total) > 1e-6F && k < 4; ++k) {
        weights[k].back() /= total;
      }
    }
    Value sum;
    for (int k = 0; k < 4; ++k) {
      const Value part = mul(gather(x, pixels(n, places[k]), axis), along(n, axis, weights[k]));
      sum = k == 0 ? part : add(sum, part);
    }
    x = sum;
  }
  n.set(0, x);
  return {};
}

// --- pixels and channels

struct Image {
  Dim batch, height, width, channels;
  Value x;  ///< Channels last.
  bool isFirst = false;
};

StatusOr<Image> imageOf(NodeImport& n) {
  const std::string format = n.text("data_format", "NHWC");
  if ((format != "NHWC" && format != "NCHW") || n.rank(0) != 4) {
    return n.unsupported("data_format '" + format + "' with " + std::to_string(n.rank(0)) + " axes");
  }
  Image image;
  image.isFirst = format == "NCHW";
  const Value given = n.in(0);
  image.x = image.isFirst ? transpose(given, {0, 2, 3, 1}) : given;
  if (image.x.isPoisoned()) {
    return n.invalid("its input was refused");
  }
  const Shape& shape = image.x.shape();
  image.batch = shape[0];
  image.height = shape[1];
  image.width = shape[2];
  image.channels = shape[3];
  return image;
}

void setImage(NodeImport& n, const Image& image, Value y) { n.set(0, image.isFirst ? transpose(y, {0, 3, 1, 2}) : y); }

StatusOr<Dim> divided(NodeImport& n, const Dim& length, int64_t by) {
  if (auto exact = by > 0 ? length.dividedBy(Dim(by)) : std::nullopt) {
    return *exact;
  }
  return length.isStatic() || by <= 0
             ? n.invalid("blocks of " + std::to_string(by) + " do not fit " + length.toString())
             : n.unsupported("blocks over symbolic lengths");
}

Status convertSpaceToDepth(NodeImport& n) {
  const int64_t block = n.integer("block_size", 1);
  KILN_ASSIGN_OR_RETURN(const Image image, imageOf(n));
  KILN_ASSIGN_OR_RETURN(const Dim rows, divided(n, image.height, block));
  KILN_ASSIGN_OR_RETURN(const Dim columns, divided(n, image.width, block));
  const Value parts = reshape(image.x, Shape{image.batch, rows, block, columns, block, image.channels});
  setImage(n, image,
           reshape(transpose(parts, {0, 1, 3, 2, 4, 5}),
                   Shape{image.batch, rows, columns, image.channels * Dim(block) * Dim(block)}));
  return {};
}

Status convertDepthToSpace(NodeImport& n) {
  const int64_t block = n.integer("block_size", 1);
  if (block < 1 || block > 65536) {
    return n.invalid("its block_size is " + std::to_string(block));
  }
  KILN_ASSIGN_OR_RETURN(const Image image, imageOf(n));
  KILN_ASSIGN_OR_RETURN(const Dim channels, divided(n, image.channels, block * block));
  const Value parts = reshape(image.x, Shape{image.batch, image.height, image.width, block, block, channels});
  setImage(n, image,
           reshape(transpose(parts, {0, 1, 3, 2, 4, 5}),
                   Shape{image.batch, image.height * Dim(block), image.width * Dim(block), channels}));
  return {};
}

struct Blocks {
  std::vector<int64_t> sizes, low, high;
};

StatusOr<Blocks> blocksOf(NodeImport& n) {
  Blocks blocks;
  KILN_ASSIGN_OR_RETURN(blocks.sizes, n.ints(1));
  KILN_ASSIGN_OR_RETURN(TensorPtr borders, n.constant(2));
  const auto count = static_cast<int64_t>(blocks.sizes.size());
  if (n.rank(0) < count + 1 || borders->dims() != std::vector<int64_t>{count, 2} ||
      std::ranges::any_of(blocks.sizes, [](int64_t size) { return size < 1 || size > 65536; })) {
    return n.invalid("its blocks do not fit " + n.shape(0).toString());
  }
  for (int64_t i = 0; i < count; ++i) {
    blocks.low.push_back(static_cast<int64_t>(borders->at(2 * i)));
    blocks.high.push_back(static_cast<int64_t>(borders->at(2 * i + 1)));
    if (blocks.low.back() < 0 || blocks.high.back() < 0) {
      return n.invalid("a border is negative");
    }
  }
  return blocks;
}

Status convertSpaceToBatch(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Blocks blocks, blocksOf(n));
  const auto count = static_cast<int>(blocks.sizes.size());
  const Shape& shape = n.shape(0);
  Shape low(std::vector<Dim>(static_cast<size_t>(n.rank(0)), Dim(0))), high = low, cut{shape[0]}, result{shape[0]};
  std::vector<int64_t> inner, outer = {0};
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    low[i + 1] = blocks.low[at];
    high[i + 1] = blocks.high[at];
    KILN_ASSIGN_OR_RETURN(const Dim places, divided(n, shape[i + 1] + low[i + 1] + high[i + 1], blocks.sizes[at]));
    cut.push_back(places);
    cut.push_back(blocks.sizes[at]);
    result[0] = result[0] * Dim(blocks.sizes[at]);
    result.push_back(places);
    inner.push_back(2 + 2 * i);
    outer.push_back(1 + 2 * i);
  }
  for (int i = count + 1; i < n.rank(0); ++i) {
    outer.push_back(cut.rank());
    cut.push_back(shape[i]);
    result.push_back(shape[i]);
  }
  inner.insert(inner.end(), outer.begin(), outer.end());
  const Value x = pad(n.in(0), n.g.scalar(0, n.dtype(0)), low, high);
  n.set(0, reshape(transpose(reshape(x, cut), inner), result));
  return {};
}

Status convertBatchToSpace(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Blocks blocks, blocksOf(n));
  const auto count = static_cast<int>(blocks.sizes.size());
  const Shape& shape = n.shape(0);
  int64_t all = 1;
  Shape cut;
  for (const int64_t size : blocks.sizes) {
    if (all > kMostPixels) {
      return n.invalid("its blocks are too large");
    }
    all *= size;
    cut.push_back(size);
  }
  KILN_ASSIGN_OR_RETURN(const Dim batch, divided(n, shape[0], all));
  for (int i = 0; i < n.rank(0); ++i) {
    cut.push_back(i == 0 ? batch : shape[i]);
  }
  std::vector<int64_t> order = {count};
  Shape joined{batch}, starts{0}, ends{batch};
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    order.push_back(count + 1 + i);
    order.push_back(i);
    const Dim length = shape[i + 1] * Dim(blocks.sizes[at]);
    joined.push_back(length);
    starts.push_back(blocks.low[at]);
    ends.push_back(length - Dim(blocks.high[at]));
  }
  for (int i = count + 1; i < n.rank(0); ++i) {
    order.push_back(count + i);
    joined.push_back(shape[i]);
    starts.push_back(0);
    ends.push_back(shape[i]);
  }
  const Value x = reshape(transpose(reshape(n.in(0), cut), order), joined);
  n.set(0, slice(x, starts, ends));
  return {};
}

constexpr Converter kConverters[] = {
    {"BatchToSpaceND", convertBatchToSpace},         {"DepthToSpace", convertDepthToSpace},
    {"ResizeBicubic", convertResizeBicubic},         {"ResizeBilinear", convertResizeBilinear},
    {"ResizeNearestNeighbor", convertResizeNearest}, {"SpaceToBatchND", convertSpaceToBatch},
    {"SpaceToDepth", convertSpaceToDepth},
};

}  // namespace

std::span<const Converter> imageConverters() { return kConverters; }

}  // namespace kiln::tensorflow
