// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Gathers and scatters.
#include <limits>
#include <numeric>

#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

Status set(NodeExport& n, std::string value) {
  n.set(0, std::move(value));
  return {};
}

std::vector<int64_t> inverseOf(const std::vector<int64_t>& permutation) {
  std::vector<int64_t> inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) {
    inverse[static_cast<size_t>(permutation[i])] = static_cast<int64_t>(i);
  }
  return inverse;
}

Shape permuted(const Shape& shape, const std::vector<int64_t>& permutation) {
  Shape result;
  for (int64_t axis : permutation) {
    result.push_back(shape[static_cast<int>(axis)]);
  }
  return result;
}

// An axis moved to another place, as a permutation.
std::vector<int64_t> moved(int rank, int64_t axis, int64_t to) {
  std::vector<int64_t> permutation(static_cast<size_t>(rank));
  std::iota(permutation.begin(), permutation.end(), 0);
  permutation.erase(permutation.begin() + axis);
  permutation.insert(permutation.begin() + to, axis);
  return permutation;
}

// From [batch.., indices.., x between batch and axis, x after the axis], as the operators with index vectors have it,
// to gather's order, where the indices stand in the place of the axis.
std::vector<int64_t> toGatherOrder(int64_t batch, int64_t numIndexAxes, int64_t axis, int rank) {
  std::vector<int64_t> permutation(static_cast<size_t>(batch));
  std::iota(permutation.begin(), permutation.end(), 0);
  const auto add = [&](int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      permutation.push_back(begin + i);
    }
  };
  add(batch + numIndexAxes, axis - batch);
  add(batch, numIndexAxes);
  add(batch + numIndexAxes + axis - batch, rank - axis - 1);
  return permutation;
}

Status writeGather(NodeExport& n) {
  const int64_t axis = n.integer("axis"), batch = n.integer("batch_dims");
  if (batch == 0) {
    return set(n, n.op("Gather", {n.in(0), n.in(1)}, {{"axis", axis}}));
  }
  const std::string x = n.transpose(n.in(0), moved(n.rank(), axis, batch));
  const std::string vectors = n.unsqueeze(n.cast(n.in(1), n.dtype(1), i64), {n.rank(1)});
  const std::string picked = n.op("GatherND", {x, vectors}, {{"batch_dims", batch}});
  return set(n, n.transpose(picked, toGatherOrder(batch, n.rank(1) - batch, axis, n.rank())));
}

// The axis goes behind the batch axes, the batch is folded into it, and slices are written by index vectors.
Status writeScatterSlices(NodeExport& n, const std::string& reduction) {
  const int64_t axis = n.integer("axis"), batch = n.integer("batch_dims");
  const std::vector<int64_t> toFront = moved(n.rank(), axis, batch);
  const Shape front = permuted(n.shape(), toFront);
  const std::vector<int64_t> order = toGatherOrder(batch, n.rank(1) - batch, axis, n.rank());
  std::string x = n.transpose(n.in(0), toFront);
  std::string updates = n.transpose(n.in(2), inverseOf(order));
  std::string indices = n.cast(n.in(1), n.dtype(1), i64);
  if (batch > 0) {
    const Dim length = front[static_cast<int>(batch)];
    // Indices from the end are counted from the front, and then moved to the rows of their batch.
    const std::string isNegative = n.op("Less", {indices, n.integer(0)});
    indices = n.op("Where", {isNegative, n.op("Add", {indices, n.dimScalar(length)}), indices});
    Dim count = 1;
    Shape batchShape;
    for (int i = 0; i < n.rank(1); ++i) {
      batchShape.push_back(i < batch ? n.shape(1)[i] : Dim(1));
      count = i < batch ? count * n.shape(1)[i] : count;
    }
    const std::string offsets = n.op("Mul", {n.range(count), n.dimScalar(length)});
    indices = n.op("Add", {indices, n.op("Reshape", {offsets, n.dims(batchShape)}, {{"allowzero", int64_t{1}}})});
    Shape folded = {count * length};
    for (int i = static_cast<int>(batch) + 1; i < front.rank(); ++i) {
      folded.push_back(front[i]);
    }
    x = n.reshape(x, folded);
  }
  const std::string vectors = n.unsqueeze(indices, {n.rank(1)});
  std::string result = n.op("ScatterND", {x, vectors, updates}, {{"reduction", reduction}});
  if (batch > 0) {
    result = n.reshape(result, front);
  }
  return set(n, n.transpose(result, inverseOf(toFront)));
}
Status writeScatterAdd(NodeExport& n) { return writeScatterSlices(n, "add"); }
Status writeScatterAny(NodeExport& n) { return writeScatterSlices(n, n.attribute<std::string>("reduction")); }

Status writeGatherElements(NodeExport& n) {
  return set(n, n.op("GatherElements", {n.in(0), n.in(1)}, {{"axis", n.integer("axis")}}));
}
Status writeGatherNd(NodeExport& n) {
  return set(n,
             n.op("GatherND", {n.in(0), n.cast(n.in(1), n.dtype(1), i64)}, {{"batch_dims", n.integer("batch_dims")}}));
}
Status writeScatter(NodeExport& n) {
  return set(n, n.op("ScatterElements", n.inputs(),
                     {{"axis", n.integer("axis")}, {"reduction", n.attribute<std::string>("reduction")}}));
}
Status writeScatterNd(NodeExport& n) {
  return set(n, n.op("ScatterND", {n.in(0), n.cast(n.in(1), n.dtype(1), i64), n.in(2)},
                     {{"reduction", n.attribute<std::string>("reduction")}}));
}

Status writeEmbedding(NodeExport& n) {
  const std::string rows = n.op("Gather", {n.in(0), n.in(1)}, {{"axis", int64_t{0}}});
  const int64_t padding = n.integer("padding_idx");
  if (padding == -1) {
    return set(n, rows);
  }
  const std::string isPadding = n.op("Equal", {n.in(1), n.number(static_cast<double>(padding), n.dtype(1))});
  return set(n, n.where(n.unsqueeze(isPadding, {n.rank(1)}), n.number(0, n.dtype()), rows, n.dtype()));
}

Status writeIota(NodeExport& n) {
  const Shape& shape = n.result().shape;
  const int64_t axis = n.axis("axis", shape.rank());
  std::string steps = n.cast(n.range(shape[static_cast<int>(axis)]), i64, n.attribute<DType>("dtype"));
  if (shape.rank() == 1) {
    return set(n, steps);
  }
  std::vector<int64_t> others;
  for (int64_t i = 0; i < shape.rank(); ++i) {
    if (i != axis) {
      others.push_back(i);
    }
  }
  return set(n, n.expand(n.unsqueeze(steps, others), shape));
}

// A comparison with 0 .. depth - 1: runtimes have OneHot for few combinations of types.
Status writeOneHot(NodeExport& n) {
  const int64_t depth = n.integer("depth");
  const std::string indices = n.cast(n.in(0), n.dtype(0), i64);
  const std::string isNegative = n.op("Less", {indices, n.integer(0)});
  const std::string fromFront = n.op("Where", {isNegative, n.op("Add", {indices, n.integer(depth)}), indices});
  const std::string isIt = n.op("Equal", {n.unsqueeze(fromFront, {n.rank()}), n.range(depth)});
  return set(n, n.cast(isIt, boolean, n.attribute<DType>("dtype")));
}

// Slices of the data combined into segments that begin with a value.
std::string combineSegments(NodeExport& n, const std::string& data, const Shape& shape, DType dtype, double initial,
                            const char* reduction) {
  const std::string vectors = n.unsqueeze(n.cast(n.in(1), n.dtype(1), i64), {n.rank(1)});
  return n.op("ScatterND", {n.zeros(shape, dtype, initial), vectors, data}, {{"reduction", std::string(reduction)}});
}
Status writeSegmentSum(NodeExport& n) {
  return set(n, combineSegments(n, n.in(0), n.result().shape, n.dtype(), 0, "add"));
}

double largestOf(DType dtype) {
  switch (dtype) {
    case f16:
      return 65504;
    case bf16:
      return 0x1.FEp127;
    case f32:
      return std::numeric_limits<float>::max();
    case f64:
      return std::numeric_limits<double>::max();
    default:
      return std::numeric_limits<double>::infinity();  // Saturates.
  }
}
Status writeSegmentMax(NodeExport& n) {
  return set(n, combineSegments(n, n.in(0), n.result().shape, n.dtype(), -largestOf(n.dtype()), "max"));
}
Status writeSegmentMin(NodeExport& n) {
  return set(n, combineSegments(n, n.in(0), n.result().shape, n.dtype(), largestOf(n.dtype()), "min"));
}

Status writeSegmentMean(NodeExport& n) {
  const Shape& shape = n.result().shape;
  const std::string sums = combineSegments(n, n.in(0), shape, n.dtype(), 0, "add");
  const std::string counts = combineSegments(n, n.zeros(n.shape(1), n.dtype(), 1), {shape[0]}, n.dtype(), 0, "add");
  std::vector<int64_t> others;
  for (int i = 1; i < shape.rank(); ++i) {
    others.push_back(i);
  }
  const std::string divisors = n.unsqueeze(n.op("Max", {counts, n.number(1, n.dtype())}), others);
  return set(n, n.op("Div", {sums, divisors}));
}

constexpr ExportRow kRows[] = {
    {"embedding", writeEmbedding},
    {"gather", writeGather},
    {"gather_elements", writeGatherElements},
    {"gather_nd", writeGatherNd},
    {"iota", writeIota},
    {"one_hot", writeOneHot},
    {"scatter", writeScatter},
    {"scatter_add", writeScatterAdd},
    {"scatter_nd", writeScatterNd},
    {"scatter_slices", writeScatterAny},
    {"segment_max", writeSegmentMax},
    {"segment_mean", writeSegmentMean},
    {"segment_min", writeSegmentMin},
    {"segment_sum", writeSegmentSum},
};

}  // namespace

std::span<const ExportRow> indexingRows() { return kRows; }

}  // namespace kiln::onnx
