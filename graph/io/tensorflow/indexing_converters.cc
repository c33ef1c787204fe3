// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elements by their places.
#include <algorithm>

#include "graph/io/tensorflow/node_import.h"

namespace kiln::tensorflow {
namespace {

// Indices in a type that gather takes.
Value asIndex(Value indices) {
  return indices.isPoisoned() || indices.dtype() == i32 || indices.dtype() == i64 ? indices : cast(indices, i64);
}

Status convertGather(NodeImport& n) {
  const Value x = n.in(0);
  n.set(0, gather(x, asIndex(n.in(1)), 0));
  return {};
}

Status convertGatherV2(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t axis, n.axis(2, n.rank(0)));
  const Value x = n.in(0), indices = asIndex(n.in(1));
  const int64_t batch = n.integer("batch_dims", 0);
  n.set(0, gather(x, indices, axis, batch < 0 ? batch + n.rank(1) : batch));
  return {};
}

Status convertGatherNd(NodeImport& n) {
  const Value x = n.in(0), indices = asIndex(n.in(1));
  if (n.rank(1) > 0 && n.shape(1)[n.rank(1) - 1] == Dim(0)) {
    return n.unsupported("indices of no axes");
  }
  n.set(0, gatherNd(x, indices));
  return {};
}

Status convertScatterNd(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> shape, n.dims(2));
  const Value indices = asIndex(n.in(0)), updates = n.in(1);
  n.set(0, scatterNd(full(n.g, Shape(std::move(shape)), 0, n.dtype(1)), indices, updates, "add"));
  return {};
}

Status scatterInto(NodeImport& n, const char* reduction) {
  const Value x = n.in(0), indices = asIndex(n.in(1));
  n.set(0, scatterNd(x, indices, n.in(2), reduction));
  return {};
}
Status convertTensorScatterUpdate(NodeImport& n) { return scatterInto(n, "none"); }
Status convertTensorScatterAdd(NodeImport& n) { return scatterInto(n, "add"); }
Status convertTensorScatterMax(NodeImport& n) { return scatterInto(n, "max"); }
Status convertTensorScatterMin(NodeImport& n) { return scatterInto(n, "min"); }

Status convertTensorScatterSub(NodeImport& n) {
  const Value x = n.in(0), indices = asIndex(n.in(1));
  n.set(0, scatterNd(x, indices, neg(n.in(2)), "add"));
  return {};
}

Status convertOneHot(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::vector<Dim> depth, n.dims(1));
  if (depth.size() != 1 || n.numInputs() != 4) {
    return n.invalid("its depth is no number");
  }
  const int rank = n.rank(0) + 1;
  const int64_t axis = n.axisOf(n.integer("axis", -1), rank);
  const Value indices = expandDims(asIndex(n.in(0)), axis);
  if (indices.isPoisoned()) {
    n.set(0, indices);
    return {};
  }
  Shape places(std::vector<Dim>(static_cast<size_t>(rank), Dim(1)));
  places[static_cast<int>(axis)] = depth[0];
  const Value on = n.in(2);
  n.set(0, select(equal(indices, iota(n.g, places, axis, indices.dtype())), on, n.in(3)));
  return {};
}

Status topOf(NodeImport& n, int64_t k) {
  if (n.rank(0) < 1) {
    return n.invalid("its input is a scalar");
  }
  const TopKResult top = topK(n.in(0), k);
  n.set(0, top.values);
  n.set(1, top.indices.isPoisoned() ? top.indices : cast(top.indices, n.type("index_type", i32)));
  return {};
}
Status convertTopKV2(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t k, n.integer(1));
  return topOf(n, k);
}
Status convertTopK(NodeImport& n) { return topOf(n, n.integer("k", 1)); }

// The first elements of each sequence in the opposite order; the others stay.
Status convertReverseSequence(NodeImport& n) {
  const int rank = n.rank(0);
  const int64_t batch = n.axisOf(n.integer("batch_dim", 0), rank), time = n.axisOf(n.integer("seq_dim", 0), rank);
  if (batch == time || rank < 2) {
    return n.invalid("its axes of the batch and of time are the same");
  }
  std::vector<int64_t> order = {batch, time}, back(static_cast<size_t>(rank));
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (axis != batch && axis != time) {
      order.push_back(axis);
    }
  }
  for (size_t i = 0; i < order.size(); ++i) {
    back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  }
  const Value x = transpose(n.in(0), order);
  if (x.isPoisoned()) {
    n.set(0, x);
    return {};
  }
  const Value lengths = expandDims(cast(n.in(1), i64), 1);
  const Value places = iota(n.g, Shape{1, x.shape()[1]}, 1, i64);
  const Value from = select(less(places, lengths), sub(sub(lengths, 1), places), places);
  n.set(0, transpose(gather(x, from, 1, 1), back));
  return {};
}

Status convertInvertPermutation(NodeImport& n) {
  const Value order = n.in(0);
  if (order.isPoisoned() || n.rank(0) != 1) {
    return n.invalid("it is no vector");
  }
  n.set(0, scatterSlices(full(n.g, n.shape(0), 0, n.dtype(0)), order, iota(n.g, n.shape(0), 0, n.dtype(0))));
  return {};
}

template <Value (*F)(Operand, Operand, int64_t)>
Status convertUnsortedSegment(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t count, n.integer(2));
  const Value x = n.in(0);
  n.set(0, F(x, asIndex(n.in(1)), count));
  return {};
}

constexpr Converter kConverters[] = {
    {"Gather", convertGather},
    {"GatherNd", convertGatherNd},
    {"GatherV2", convertGatherV2},
    {"InvertPermutation", convertInvertPermutation},
    {"OneHot", convertOneHot},
    {"ReverseSequence", convertReverseSequence},
    {"ScatterNd", convertScatterNd},
    {"TensorScatterAdd", convertTensorScatterAdd},
    {"TensorScatterMax", convertTensorScatterMax},
    {"TensorScatterMin", convertTensorScatterMin},
    {"TensorScatterSub", convertTensorScatterSub},
    {"TensorScatterUpdate", convertTensorScatterUpdate},
    {"TopK", convertTopK},
    {"TopKV2", convertTopKV2},
    {"UnsortedSegmentSum", convertUnsortedSegment<segmentSum>},
};

}  // namespace

std::span<const Converter> indexingConverters() { return kConverters; }

}  // namespace kiln::tensorflow
