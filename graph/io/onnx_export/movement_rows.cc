// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shapes and arrangement.
#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

Status set(NodeExport& n, std::string value) {
  n.set(0, std::move(value));
  return {};
}

Status writeBroadcast(NodeExport& n) { return set(n, n.expand(n.in(0), n.result().shape)); }
Status writeReshape(NodeExport& n) { return set(n, n.reshape(n.in(0), n.result().shape)); }
Status writeTranspose(NodeExport& n) { return set(n, n.transpose(n.in(0), n.ints("permutation"))); }
Status writeConcat(NodeExport& n) { return set(n, n.op("Concat", n.inputs(), {{"axis", n.integer("axis")}})); }

Status writeSlice(NodeExport& n) {
  const std::vector<int64_t>& steps = n.ints("steps");
  const std::optional<Shape> starts = n.shapeOperand(1), ends = n.shapeOperand(2);
  if (!starts || !ends) {
    std::vector<int64_t> axes(static_cast<size_t>(n.rank()));
    std::iota(axes.begin(), axes.end(), 0);
    return set(n, n.op("Slice", {n.in(0), n.in(1), n.in(2), n.integers(axes), n.integers(steps)}));
  }
  std::vector<int64_t> axes, cutSteps;
  Shape from, to;
  for (int axis = 0; axis < n.rank(); ++axis) {
    if (!((*starts)[axis] == Dim(0)) || !((*ends)[axis] == n.shape()[axis]) || steps[axis] != 1) {
      axes.push_back(axis);
      cutSteps.push_back(steps[axis]);
      from.push_back((*starts)[axis]);
      to.push_back((*ends)[axis]);
    }
  }
  if (axes.empty()) {
    return set(n, n.in(0));
  }
  return set(n, n.op("Slice", {n.in(0), n.dims(from), n.dims(to), n.integers(axes), n.integers(cutSteps)}));
}

// `amount` copies of the value between neighbours along an axis of length n: they are put after each element, and
// those after the last are cut off.
std::string spread(NodeExport& n, std::string x, const std::string& value, const Shape& shape, int axis,
                   int64_t amount) {
  const int rank = shape.rank();
  std::vector<int64_t> pads(static_cast<size_t>(2 * (rank + 1)), 0);
  pads[static_cast<size_t>(rank + 1 + axis + 1)] = amount;
  x = n.op("Pad", {n.unsqueeze(x, {axis + 1}), n.integers(pads), value});
  Shape merged = shape;
  merged[axis] = shape[axis] * Dim(amount + 1);
  return n.slice(n.reshape(x, merged), axis, 0, merged[axis] - Dim(amount));
}

Status writePad(NodeExport& n) {
  std::string x = n.in(0);
  Shape shape = n.shape();
  const std::vector<int64_t>& interior = n.ints("interior");
  for (int axis = 0; axis < n.rank(); ++axis) {
    if (interior[axis] != 0) {
      x = spread(n, x, n.in(1), shape, axis, interior[axis]);
      shape[axis] = shape[axis] * Dim(interior[axis] + 1) - Dim(interior[axis]);
    }
  }
  const std::optional<Shape> low = n.shapeOperand(2), high = n.shapeOperand(3);
  if (!low || !high) {
    return set(n, n.op("Pad", {x, n.op("Concat", {n.in(2), n.in(3)}, {{"axis", int64_t{0}}}), n.in(1)}));
  }
  std::vector<Dim> pads = low->dims();
  pads.insert(pads.end(), high->begin(), high->end());
  const bool isNothing = std::all_of(pads.begin(), pads.end(), [](const Dim& d) { return d == Dim(0); });
  return set(n, isNothing ? x : n.op("Pad", {x, n.dims(Shape(std::move(pads))), n.in(1)}));
}

Status writePadExtend(NodeExport& n) {
  std::vector<int64_t> pads = n.ints("low");
  const std::vector<int64_t>& high = n.ints("high");
  pads.insert(pads.end(), high.begin(), high.end());
  return set(n, n.op("Pad", {n.in(0), n.integers(pads)}, {{"mode", n.attribute<std::string>("mode")}}));
}

Status writeReverse(NodeExport& n) {
  const std::vector<int64_t> axes = n.axes("axes", n.rank());
  if (axes.empty()) {
    return set(n, n.in(0));
  }
  const std::vector<int64_t> last(axes.size(), -1), beforeFirst(axes.size(), std::numeric_limits<int64_t>::min());
  return set(n,
             n.op("Slice", {n.in(0), n.integers(last), n.integers(beforeFirst), n.integers(axes), n.integers(last)}));
}

Status writeRoll(NodeExport& n) {
  const std::vector<int64_t>&shifts = n.ints("shifts"), &axes = n.ints("axes");
  std::string x = n.in(0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = axes[i] < 0 ? axes[i] + n.rank() : axes[i];
    const std::string length = n.dimVector(n.shape()[static_cast<int>(axis)]);
    // What lies from here on comes to the front. Max: an empty axis stays so.
    const std::string split =
        n.op("Sub", {length, n.op("Mod", {n.integers({shifts[i]}), n.op("Max", {length, n.integers({1})})})});
    const std::string along = n.integers({axis});
    x = n.op("Concat", {n.op("Slice", {x, split, length, along}), n.op("Slice", {x, n.integers({0}), split, along})},
             {{"axis", axis}});
  }
  return set(n, x);
}

Status writeTile(NodeExport& n) { return set(n, n.op("Tile", {n.in(0), n.integers(n.ints("repeats"))})); }

Status writeTriangular(NodeExport& n) {
  return set(n, n.op("Trilu", {n.in(0), n.integer(n.integer("k"))}, {{"upper", int64_t{n.flag("upper")}}}));
}

// The two axes go to the front, where index pairs name elements; the diagonal goes to the end.
Status writeDiagonal(NodeExport& n) {
  const int64_t rows = n.axis("axis1", n.rank()), columns = n.axis("axis2", n.rank()), offset = n.integer("offset");
  std::vector<int64_t> permutation = {rows, columns};
  for (int64_t axis = 0; axis < n.rank(); ++axis) {
    if (axis != rows && axis != columns) {
      permutation.push_back(axis);
    }
  }
  const int resultRank = n.rank() - 1;
  const std::string steps = n.unsqueeze(n.range(n.result().shape[resultRank - 1]), {1});
  const std::string pairs = n.op("Concat",
                                 {n.op("Add", {steps, n.integer(std::max<int64_t>(-offset, 0))}),
                                  n.op("Add", {steps, n.integer(std::max<int64_t>(offset, 0))})},
                                 {{"axis", int64_t{1}}});
  std::vector<int64_t> back;
  for (int64_t axis = 1; axis < resultRank; ++axis) {
    back.push_back(axis);
  }
  back.push_back(0);
  return set(n, n.transpose(n.op("GatherND", {n.transpose(n.in(0), permutation), pairs}), back));
}

constexpr ExportRow kRows[] = {
    {"broadcast", writeBroadcast},  {"concat", writeConcat},
    {"diagonal", writeDiagonal},    {"pad", writePad},
    {"pad_extend", writePadExtend}, {"reshape", writeReshape},
    {"reverse", writeReverse},      {"roll", writeRoll},
    {"slice", writeSlice},          {"tile", writeTile},
    {"transpose", writeTranspose},  {"triangular", writeTriangular},
};

}  // namespace

std::span<const ExportRow> movementRows() { return kRows; }

}  // namespace kiln::onnx
