// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolution and pooling. The operators want batch, channels and then the spatial axes.
#include <algorithm>
#include <numeric>

#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

std::vector<int64_t> inverseOf(const std::vector<int64_t>& permutation) {
  std::vector<int64_t> inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) {
    inverse[static_cast<size_t>(permutation[i])] = static_cast<int64_t>(i);
  }
  return inverse;
}

// The permutation that gives the axes of `layout` in the order `first`, `second`, then those left in their own order.
std::vector<int64_t> toFront(const std::string& layout, char first, char second) {
  std::vector<int64_t> permutation = {static_cast<int64_t>(layout.find(first)),
                                      static_cast<int64_t>(layout.find(second))};
  for (size_t i = 0; i < layout.size(); ++i) {
    if (layout[i] != first && layout[i] != second) {
      permutation.push_back(static_cast<int64_t>(i));
    }
  }
  return permutation;
}

// The same for a filter, whose spatial axes take the order that they have in the layout of x.
std::vector<int64_t> filterToFront(const std::string& filter, const std::string& layout, char first, char second) {
  std::vector<int64_t> permutation = {static_cast<int64_t>(filter.find(first)),
                                      static_cast<int64_t>(filter.find(second))};
  for (char letter : layout) {
    if (letter != 'N' && letter != 'C') {
      permutation.push_back(static_cast<int64_t>(filter.find(letter)));
    }
  }
  return permutation;
}

Shape permuted(const Shape& shape, const std::vector<int64_t>& permutation) {
  Shape result;
  for (int64_t axis : permutation) {
    result.push_back(shape[static_cast<int>(axis)]);
  }
  return result;
}

// Operand 0 with the operators' order of axes.
struct Image {
  std::string value;
  Shape shape;
  std::vector<int64_t> back;  // The permutation to the layout.
  int numSpatial = 0;
};
Image imageOf(NodeExport& n) {
  const std::vector<int64_t> permutation = toFront(n.attribute<std::string>("layout"), 'N', 'C');
  return {n.transpose(n.in(0), permutation), permuted(n.shape(), permutation), inverseOf(permutation), n.rank() - 2};
}

std::vector<int64_t> joined(std::vector<int64_t> first, const std::vector<int64_t>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// Negative padding leaves elements out, which the operators do not: they are cut off first.
struct Pads {
  std::vector<int64_t> low, high;
};
Pads cutNegative(NodeExport& n, std::string& x, const Shape& shape, int firstAxis) {
  Pads pads = {n.ints("low"), n.ints("high")};
  for (size_t i = 0; i < pads.low.size(); ++i) {
    const int axis = firstAxis + static_cast<int>(i);
    if (pads.low[i] < 0 || pads.high[i] < 0) {
      const int64_t front = std::max<int64_t>(-pads.low[i], 0), behind = std::max<int64_t>(-pads.high[i], 0);
      x = n.slice(x, axis, front, shape[axis] - Dim(behind));
      pads.low[i] = std::max<int64_t>(pads.low[i], 0);
      pads.high[i] = std::max<int64_t>(pads.high[i], 0);
    }
  }
  return pads;
}

Status writeConv(NodeExport& n) {
  if (!isFloat(n.dtype())) {
    return n.unsupported("the operator Conv is of floats, and it is of " + std::string(toString(n.dtype())));
  }
  Image image = imageOf(n);
  const std::vector<int64_t> order =
      filterToFront(n.attribute<std::string>("filter_layout"), n.attribute<std::string>("layout"), 'O', 'I');
  const Shape filter = permuted(n.shape(1), order);
  const Pads pads = cutNegative(n, image.value, image.shape, 2);
  std::vector<int64_t> kernel;
  for (int i = 2; i < filter.rank(); ++i) {
    kernel.push_back(filter[i].value());
  }
  const std::string result = n.op("Conv", {image.value, n.transpose(n.in(1), order)},
                                  {{"kernel_shape", kernel},
                                   {"strides", n.ints("strides")},
                                   {"dilations", n.ints("dilations")},
                                   {"pads", joined(pads.low, pads.high)},
                                   {"group", n.integer("groups")}});
  n.set(0, n.transpose(result, image.back));
  return {};
}

Status writeConvTranspose(NodeExport& n) {
  if (!isFloat(n.dtype())) {
    return n.unsupported("the operator ConvTranspose is of floats, and it is of " + std::string(toString(n.dtype())));
  }
  const std::vector<int64_t>&low = n.ints("low"), &high = n.ints("high");
  if (std::any_of(low.begin(), low.end(), [](int64_t pad) { return pad < 0; }) ||
      std::any_of(high.begin(), high.end(), [](int64_t pad) { return pad < 0; })) {
    return n.unsupported("the operator ConvTranspose has no negative padding");
  }
  const Image image = imageOf(n);
  const std::vector<int64_t> order =
      filterToFront(n.attribute<std::string>("filter_layout"), n.attribute<std::string>("layout"), 'I', 'O');
  const Shape filter = permuted(n.shape(1), order);
  std::vector<int64_t> kernel;
  for (int i = 2; i < filter.rank(); ++i) {
    kernel.push_back(filter[i].value());
  }
  const std::string result = n.op("ConvTranspose", {image.value, n.transpose(n.in(1), order)},
                                  {{"kernel_shape", kernel},
                                   {"strides", n.ints("strides")},
                                   {"dilations", n.ints("dilations")},
                                   {"pads", joined(low, high)},
                                   {"output_padding", n.ints("output_padding")},
                                   {"group", n.integer("groups")}});
  n.set(0, n.transpose(result, image.back));
  return {};
}

OnnxAttributes poolAttributes(NodeExport& n) {
  return {{"kernel_shape", n.ints("kernel")},
          {"strides", n.ints("strides")},
          {"dilations", n.ints("dilations")},
          {"pads", joined(n.ints("low"), n.ints("high"))},
          {"ceil_mode", int64_t{n.flag("ceil_mode")}}};
}

// The operator counts through the whole tensor; Kiln within the spatial axes of one channel.
std::string placesInChannel(NodeExport& n, const std::string& places, const Shape& image) {
  Dim size = 1;
  for (int i = 2; i < image.rank(); ++i) {
    size = size * image[i];
  }
  return n.op("Mod", {places, n.op("Max", {n.dimScalar(size), n.integer(1)})});
}

Status setPooled(NodeExport& n, const Image& image, const OnnxAttributes& attributes) {
  if (!isFloat(n.dtype()) && bitWidth(n.dtype()) != 8) {
    return n.unsupported("the operator MaxPool is of floats and 8-bit integers, and it is of " +
                         std::string(toString(n.dtype())));
  }
  const std::vector<std::string> results = n.ops("MaxPool", {image.value}, n.wants(1) ? 2 : 1, attributes);
  n.set(0, n.transpose(results[0], image.back));
  if (n.wants(1)) {
    n.set(1, n.transpose(placesInChannel(n, results[1], image.shape), image.back));
  }
  return {};
}

Status writeMaxPool(NodeExport& n) { return setPooled(n, imageOf(n), poolAttributes(n)); }

Status writeAvgPool(NodeExport& n) {
  const Image image = imageOf(n);
  OnnxAttributes attributes = poolAttributes(n);
  attributes.push_back({"count_include_pad", int64_t{n.flag("count_padding")}});
  n.set(0, n.transpose(n.op("AveragePool", {image.value}, attributes), image.back));
  return {};
}

// The kernel, which is also the stride, when all windows of all axes are equal.
std::optional<std::vector<int64_t>> equalWindows(const Image& image, const std::vector<int64_t>& sizes) {
  std::vector<int64_t> kernel;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t length = image.shape[static_cast<int>(i) + 2].value();
    if (length % sizes[i] != 0) {
      return std::nullopt;
    }
    kernel.push_back(length / sizes[i]);
  }
  return kernel;
}

Status writeAdaptiveAvgPool(NodeExport& n) {
  const Image image = imageOf(n);
  const std::vector<int64_t>& sizes = n.ints("output_size");
  if (auto kernel = equalWindows(image, sizes)) {
    const std::string result = n.op("AveragePool", {image.value}, {{"kernel_shape", *kernel}, {"strides", *kernel}});
    n.set(0, n.transpose(result, image.back));
    return {};
  }
  // Windows of several lengths: a matrix of weights for each axis.
  std::string x = image.value;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t length = image.shape[static_cast<int>(i) + 2].value();
    Tensor weights(n.dtype(), {length, sizes[i]});
    for (int64_t window = 0; window < sizes[i]; ++window) {
      const int64_t begin = window * length / sizes[i], end = ((window + 1) * length + sizes[i] - 1) / sizes[i];
      for (int64_t at = begin; at < end; ++at) {
        weights.set(at * sizes[i] + window, 1.0 / static_cast<double>(end - begin));
      }
    }
    std::vector<int64_t> exchange(static_cast<size_t>(n.rank()));
    std::iota(exchange.begin(), exchange.end(), 0);
    std::swap(exchange[i + 2], exchange.back());
    x = n.transpose(n.op("MatMul", {n.transpose(x, exchange), n.constant(weights)}), exchange);
  }
  n.set(0, n.transpose(x, image.back));
  return {};
}

// Windows of several lengths are read by tables of positions, the shorter ones with their last element repeated, which
// changes neither the largest value nor its first place.
Status writeUnequalMaxPool(NodeExport& n, const Image& image) {
  const std::vector<int64_t>& sizes = n.ints("output_size");
  std::string x = image.value;
  std::vector<std::vector<int64_t>> tables;  // Of each axis: [windows, longest], row-major.
  std::vector<int64_t> longest, permutation = {0, 1};
  Shape gathered = {image.shape[0], image.shape[1]};
  int64_t numInWindow = 1, numWindows = 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t length = image.shape[static_cast<int>(i) + 2].value();
    const auto begin = [&](int64_t window) { return window * length / sizes[i]; };
    const auto end = [&](int64_t window) { return ((window + 1) * length + sizes[i] - 1) / sizes[i]; };
    longest.push_back(0);
    for (int64_t window = 0; window < sizes[i]; ++window) {
      longest[i] = std::max(longest[i], end(window) - begin(window));
    }
    tables.emplace_back();
    for (int64_t window = 0; window < sizes[i]; ++window) {
      for (int64_t k = 0; k < longest[i]; ++k) {
        tables[i].push_back(std::min(begin(window) + k, end(window) - 1));
      }
    }
    x = n.op("Gather", {x, n.constant(Tensor::of<int64_t>({sizes[i], longest[i]}, tables[i]))},
             {{"axis", static_cast<int64_t>(2 + 2 * i)}});
    gathered.push_back(sizes[i]);
    permutation.push_back(static_cast<int64_t>(2 + 2 * i));
    numInWindow *= longest[i];
    numWindows *= sizes[i];
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    permutation.push_back(static_cast<int64_t>(3 + 2 * i));
  }
  Shape windows = gathered;
  windows.push_back(numInWindow);
  x = n.reshape(n.transpose(x, permutation), windows);
  const int64_t last = windows.rank() - 1;
  n.set(0, n.transpose(n.reduce("ReduceMax", x, {last}, false), image.back));
  if (!n.wants(1)) {
    return {};
  }
  // Where each place of each window lies in the channel.
  std::vector<int64_t> places;
  for (int64_t at = 0; at < numWindows * numInWindow; ++at) {
    int64_t window = at / numInWindow, inside = at % numInWindow, place = 0, stride = 1;
    for (size_t i = sizes.size(); i-- > 0;) {
      const int64_t row = window % sizes[i], column = inside % longest[i];
      place += tables[i][static_cast<size_t>(row * longest[i] + column)] * stride;
      stride *= image.shape[static_cast<int>(i) + 2].value();
      window /= sizes[i];
      inside /= longest[i];
    }
    places.push_back(place);
  }
  std::vector<int64_t> tableDims(sizes);
  tableDims.push_back(numInWindow);
  const std::string table = n.expand(n.constant(Tensor::of<int64_t>(tableDims, places)), windows);
  const std::string first = n.op("ArgMax", {x}, {{"axis", last}, {"keepdims", int64_t{1}}});
  const std::string found = n.op("GatherElements", {table, first}, {{"axis", last}});
  n.set(1, n.transpose(n.squeeze(found, {last}), image.back));
  return {};
}

Status writeAdaptiveMaxPool(NodeExport& n) {
  const Image image = imageOf(n);
  const auto kernel = equalWindows(image, n.ints("output_size"));
  return kernel ? setPooled(n, image, {{"kernel_shape", *kernel}, {"strides", *kernel}})
                : writeUnequalMaxPool(n, image);
}

// Each spatial axis becomes two, windows and places in them, by a table of positions.
Status writeUnfold(NodeExport& n) {
  const std::vector<int64_t>&kernel = n.ints("kernel"), &strides = n.ints("strides"), &dilations = n.ints("dilations");
  const int numSpatial = static_cast<int>(kernel.size());
  std::string x = n.in(0);
  const Pads pads = cutNegative(n, x, n.shape(), 1);
  std::vector<int64_t> around(static_cast<size_t>(2 * n.rank()), 0);
  bool hasPads = false;
  for (size_t i = 0; i < kernel.size(); ++i) {
    around[i + 1] = pads.low[i];
    around[static_cast<size_t>(n.rank()) + i + 1] = pads.high[i];
    hasPads |= pads.low[i] != 0 || pads.high[i] != 0;
  }
  if (hasPads) {
    x = n.op("Pad", {x, n.integers(around), n.in(1)});
  }
  for (int i = 0; i < numSpatial; ++i) {
    const Dim windows = n.result().shape[1 + i];
    std::vector<int64_t> offsets;
    for (int64_t k = 0; k < kernel[i]; ++k) {
      offsets.push_back(k * dilations[i]);
    }
    std::string places;
    if (windows.isStatic()) {
      std::vector<int64_t> all;
      for (int64_t window = 0; window < windows.value(); ++window) {
        for (int64_t offset : offsets) {
          all.push_back(window * strides[i] + offset);
        }
      }
      places = n.constant(Tensor::of<int64_t>({windows.value(), kernel[i]}, all));
    } else {
      const std::string starts = n.op("Mul", {n.range(windows), n.integer(strides[i])});
      places = n.op("Add", {n.unsqueeze(starts, {1}), n.integers(offsets)});
    }
    x = n.op("Gather", {x, places}, {{"axis", int64_t{1} + 2 * i}});
  }
  // [batch, o, k, o, k .., channels] to [batch, o, o .., k, k .., channels]
  std::vector<int64_t> permutation = {0};
  for (int part : {0, 1}) {
    for (int i = 0; i < numSpatial; ++i) {
      permutation.push_back(1 + 2 * i + part);
    }
  }
  permutation.push_back(1 + 2 * numSpatial);
  n.set(0, n.transpose(x, permutation));
  return {};
}

// [batch, o.., k.., channels]: all elements of a batch are added to rows of a tensor [batch, positions, channels], by
// the positions that unfold reads them from. One more row takes those from outside.
Status writeFold(NodeExport& n) {
  const std::vector<int64_t>&kernel = n.ints("kernel"), &strides = n.ints("strides"), &dilations = n.ints("dilations"),
        &low = n.ints("low");
  const int numSpatial = static_cast<int>(kernel.size());
  const Shape& lengths = n.result().shape;
  Dim numPlaces = 1, numElements = 1;
  std::string place, isOutside;
  for (int i = 0; i < numSpatial; ++i) {
    const Dim length = lengths[1 + i];
    // Positions along this axis as [o, k], put where the axes of x are.
    std::vector<int64_t> offsets;
    for (int64_t k = 0; k < kernel[i]; ++k) {
      offsets.push_back(k * dilations[i] - low[i]);
    }
    const std::string starts = n.op("Mul", {n.range(n.shape()[1 + i]), n.integer(strides[i])});
    std::string along = n.op("Add", {n.unsqueeze(starts, {1}), n.integers(offsets)});
    const std::string isOff =
        n.op("Or", {n.op("Less", {along, n.integer(0)}), n.op("GreaterOrEqual", {along, n.dimScalar(length)})});
    std::vector<int64_t> others;
    for (int axis = 0; axis < 2 * numSpatial; ++axis) {
      if (axis != i && axis != numSpatial + i) {
        others.push_back(axis);
      }
    }
    const std::string here = n.unsqueeze(along, others), off = n.unsqueeze(isOff, others);
    place = place.empty() ? here : n.op("Add", {n.op("Mul", {place, n.dimScalar(length)}), here});
    isOutside = isOutside.empty() ? off : n.op("Or", {isOutside, off});
    numPlaces = numPlaces * length;
    numElements = numElements * n.shape()[1 + i] * Dim(kernel[i]);
  }
  place = n.op("Where", {isOutside, n.dimScalar(numPlaces), place});
  // The batch goes behind, so that one list of positions does for all of it.
  const Dim batch = lengths[0], channels = lengths[numSpatial + 1];
  std::vector<int64_t> batchBehind(static_cast<size_t>(n.rank()));
  std::iota(batchBehind.begin(), batchBehind.end() - 2, 1);
  batchBehind[batchBehind.size() - 2] = 0;
  batchBehind.back() = n.rank() - 1;
  const std::string rows = n.reshape(n.transpose(n.in(0), batchBehind), {numElements, batch, channels});
  const std::string vectors = n.reshape(place, {numElements, 1});
  const std::string sums = n.op("ScatterND", {n.zeros({numPlaces + Dim(1), batch, channels}, n.dtype()), vectors, rows},
                                {{"reduction", std::string("add")}});
  const std::string inside = n.slice(sums, 0, 0, numPlaces);
  n.set(0, n.reshape(n.transpose(inside, {1, 0, 2}), lengths));
  return {};
}

// What the operators do not take; as windows and products it can be exported.
bool isOfIntegers(const Node&, DType dtype) { return !isFloat(dtype); }
bool isOfWideIntegers(const Node&, DType dtype) { return !isFloat(dtype) && bitWidth(dtype) != 8; }
bool hasNegativePadding(const Node& node, DType dtype) {
  for (const char* end : {"low", "high"}) {
    for (int64_t amount : node.attributes.get<std::vector<int64_t>>(end)) {
      if (amount < 0) {
        return true;
      }
    }
  }
  return isOfIntegers(node, dtype);
}

constexpr ExportRow kRows[] = {
    {"adaptive_avg_pool", writeAdaptiveAvgPool},
    {"adaptive_max_pool", writeAdaptiveMaxPool, {}, false, isOfWideIntegers},
    {"avg_pool", writeAvgPool},
    {"conv", writeConv, {}, false, isOfIntegers},
    {"conv_transpose", writeConvTranspose, {}, false, hasNegativePadding},
    {"fold", writeFold},
    {"max_pool", writeMaxPool, {}, false, isOfWideIntegers},
    {"unfold", writeUnfold},
};

}  // namespace

std::span<const ExportRow> convolutionRows() { return kRows; }

}  // namespace kiln::onnx
