// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>

#include "graph/io/onnx/axis_values.h"
#include "graph/io/onnx/node_import.h"
#include "graph/nn/selection.h"

namespace kiln::onnx {
namespace {

// Indices as a tensor of i32 or i64.
Value indicesOf(NodeImport& n, int i) {
  const Value x = n.in(i);
  if (!x.isPoisoned() && !isInteger(x.dtype())) {
    n.fail(n.invalid("input " + std::to_string(i) + " has the type " + std::string(toString(x.dtype())) +
                     ", wanted an integer"));
    return n.g.poisoned();
  }
  return x.isPoisoned() || x.dtype() == i32 ? x : cast(x, i64);
}

Status convertGather(NodeImport& n) {
  const int64_t axis = n.axisOf(n.integer("axis", 0), n.rank(0));
  const Value indices = indicesOf(n, 1);
  KILN_RETURN_IF_ERROR(n.status());
  n.set(0, gather(n.in(0), indices, axis), n.elementType(0));
  return {};
}

// Whether the indices fit beside the axis, which the operations must be able to prove.
Status checkElements(NodeImport& n, int64_t axis) {
  const Shape &x = n.shape(0), &indices = n.shape(1);
  if (x.rank() != indices.rank()) {
    return n.invalid("indices " + indices.toString() + " have another rank than " + x.toString());
  }
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis && !isNeverNegative(x[i] - indices[i])) {
      const std::string what = "indices " + indices.toString() + " are longer than " + x.toString();
      return x[i].isStatic() && indices[i].isStatic() ? n.invalid(what)
                                                      : n.unsupported(what + " over symbolic lengths");
    }
  }
  return {};
}

Status convertGatherElements(NodeImport& n) {
  const int64_t axis = n.axisOf(n.integer("axis", 0), n.rank(0));
  const Value indices = indicesOf(n, 1);
  KILN_RETURN_IF_ERROR(n.status());
  KILN_RETURN_IF_ERROR(checkElements(n, axis));
  n.set(0, gatherElements(n.in(0), indices, axis), n.elementType(0));
  return {};
}

Status convertGatherNd(NodeImport& n) {
  const int64_t batch = n.integer("batch_dims", 0);
  const Shape& indices = n.shape(1);
  if (indices.rank() == 0 || batch < 0 || batch >= std::min(n.rank(0), indices.rank())) {
    return n.invalid("attribute 'batch_dims' is " + std::to_string(batch) + " for " + n.shape(0).toString() +
                     " and indices " + indices.toString());
  }
  if (!indices[indices.rank() - 1].isStatic()) {
    return n.unsupported("index vectors of symbolic lengths");
  }
  const Value places = indicesOf(n, 1);
  KILN_RETURN_IF_ERROR(n.status());
  if (indices[indices.rank() - 1] == Dim(0)) {
    return n.unsupported("index vectors without elements");
  }
  n.set(0, gatherNd(n.in(0), places, batch), n.elementType(0));
  return {};
}

StatusOr<std::string> reductionOf(NodeImport& n) {
  const std::string reduction = n.text("reduction", "none");
  if (reduction != "none" && reduction != "add" && reduction != "mul" && reduction != "max" && reduction != "min") {
    return n.unsupported("reduction '" + reduction + "'");
  }
  return reduction;
}

// scatter(x, updates) for the reduction; truths are added by `or` and multiplied by `and`, which are max and min.
Value scattered(NodeImport& n, std::string reduction,
                const std::function<Value(Value x, Value updates, const std::string& reduction)>& scatter) {
  const bool isBool = n.dtype(0) == boolean && reduction != "none";
  if (!isBool) {
    return scatter(n.in(0), n.in(2), reduction);
  }
  reduction = reduction == "add" ? "max" : reduction == "mul" ? "min" : reduction;
  return cast(scatter(cast(n.in(0), u8), cast(n.in(2), u8), reduction), boolean);
}

Status convertScatterElements(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::string reduction, reductionOf(n));
  const int64_t axis = n.axisOf(n.integer("axis", 0), n.rank(0));
  const Value indices = indicesOf(n, 1);
  KILN_RETURN_IF_ERROR(n.status());
  KILN_RETURN_IF_ERROR(checkElements(n, axis));
  if (n.shape(2) != n.shape(1)) {
    return n.invalid("updates " + n.shape(2).toString() + " have another shape than indices " + n.shape(1).toString());
  }
  n.set(0,
        scattered(
            n, reduction,
            [&](Value x, Value updates, const std::string& how) { return scatter(x, indices, updates, axis, how); }),
        n.elementType(0));
  return {};
}

Status convertScatterNd(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::string reduction, reductionOf(n));
  const Shape& indices = n.shape(1);
  if (indices.rank() == 0 || !indices[indices.rank() - 1].isStatic()) {
    return n.unsupported("index vectors of symbolic lengths");
  }
  const Value places = indicesOf(n, 1);
  KILN_RETURN_IF_ERROR(n.status());
  if (indices[indices.rank() - 1] == Dim(0)) {
    return n.unsupported("index vectors without elements");
  }
  n.set(0,
        scattered(n, reduction,
                  [&](Value x, Value updates, const std::string& how) { return scatterNd(x, places, updates, how); }),
        n.elementType(0));
  return {};
}

Status convertTopK(NodeImport& n) {
  const int axis = static_cast<int>(n.axisOf(n.integer("axis", -1), n.rank(0)));
  KILN_RETURN_IF_ERROR(n.status());
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> counts, dimsOrFound(n, 1, "topk"));
  if (counts.size() != 1) {
    return n.invalid("K has " + std::to_string(counts.size()) + " elements, wanted 1");
  }
  const Dim& k = counts[0];
  const Dim& length = n.shape(0)[axis];
  if (k.isStatic() && (k.value() < 0 || (length.isStatic() && k.value() > length.value()))) {
    return n.invalid("K is " + k.toString() + ", and the axis has " + length.toString() + " elements");
  }
  const bool isLargest = n.integer("largest", 1) != 0;
  const Value x = n.in(0);
  if (k.isStatic()) {
    auto [values, indices] = topK(x, k.value(), axis, isLargest);
    n.set(0, values);
    n.set(1, indices);
  } else {
    auto [values, indices] = sort(x, axis, isLargest);
    n.set(0, nn::firstAlong(values, asLength(n.g, k), axis));
    n.set(1, nn::firstAlong(indices, asLength(n.g, k), axis));
  }
  return {};
}

Status convertOneHot(NodeImport& n) {
  const Shape& indices = n.shape(0);
  const int rank = indices.rank() + 1;
  const int axis = static_cast<int>(n.axisOf(n.integer("axis", -1), rank));
  if (n.rank(2) != 1 || n.shape(2)[0] != Dim(2)) {
    return n.invalid("values are " + n.shape(2).toString() + ", wanted the two of off and on");
  }
  KILN_RETURN_IF_ERROR(n.status());
  Dim depth;
  if (n.dtype(1) == i64 || isInteger(n.dtype(1))) {
    KILN_ASSIGN_OR_RETURN(std::vector<Dim> depths, dimsOrFound(n, 1, "depth"));
    if (depths.size() != 1) {
      return n.invalid("depth has " + std::to_string(depths.size()) + " elements, wanted 1");
    }
    depth = depths[0];
  } else {
    KILN_ASSIGN_OR_RETURN(const double number, n.number(1));
    if (!(number >= 0 && number < 1e15)) {
      return n.invalid("depth is no length");
    }
    depth = static_cast<int64_t>(number);
  }
  if (isNegativeForm(depth)) {
    return n.invalid("depth is " + depth.toString());
  }
  depth = asLength(n.g, depth);
  const Value length = scalarOf(n.g, depth);
  const Value given = expandDims(cast(n.in(0), i64), axis);
  const Value at = select(less(given, 0), add(given, length), given);
  Shape line(std::vector<Dim>(static_cast<size_t>(rank), Dim(1)));
  line[axis] = depth;
  const Value isOn = equal(at, reshape(iota(n.g, {depth}), std::move(line)));
  const auto choice = [&](int64_t k) { return reshape(slice(n.in(2), {k}, {k + 1}), Shape{}); };
  n.set(0, select(isOn, choice(1), choice(0)), n.elementType(2));
  return {};
}

Status convertTensorScatter(NodeImport& n) {
  const Shape &cache = n.shape(0), &update = n.shape(1);
  const int rank = cache.rank();
  const int axis = static_cast<int>(n.axisOf(n.integer("axis", -2), rank));
  const std::string mode = n.text("mode", "linear");
  KILN_RETURN_IF_ERROR(n.status());
  if (mode != "linear" && mode != "circular") {
    return n.unsupported("mode '" + mode + "'");
  }
  if (axis == 0 || update.rank() != rank) {
    return n.invalid("the axis is that of the batch, or the update " + update.toString() + " has another rank than " +
                     cache.toString());
  }
  const Dim &length = cache[axis], &count = update[axis], &batch = cache[0];
  Value at = iota(n.g, {batch, count}, 1);
  if (n.has(2)) {
    at = add(at, expandDims(cast(n.in(2), i64), 1));
  }
  if (mode == "circular") {
    at = mod(at, maximum(scalarOf(n.g, length), 1));
  }
  // The axis beside that of the batch: slices are written at it.
  std::vector<int64_t> order = {0, axis};
  for (int i = 1; i < rank; ++i) {
    if (i != axis) {
      order.push_back(i);
    }
  }
  std::vector<int64_t> back(static_cast<size_t>(rank));
  for (int i = 0; i < rank; ++i) {
    back[static_cast<size_t>(order[static_cast<size_t>(i)])] = i;
  }
  const Value written = scatterSlices(transpose(n.in(0), order), at, transpose(n.in(1), order), 1, 1, false);
  n.set(0, transpose(written, back), n.elementType(0));
  return {};
}

}  // namespace

std::span<const Converter> indexingConverters() {
  static constexpr Converter kConverters[] = {
      {"Gather", convertGather},
      {"GatherElements", convertGatherElements},
      {"GatherND", convertGatherNd},
      {"OneHot", convertOneHot},
      {"Scatter", convertScatterElements},
      {"ScatterElements", convertScatterElements},
      {"ScatterND", convertScatterNd},
      {"TensorScatter", convertTensorScatter},
      {"TopK", convertTopK},
  };
  return kConverters;
}

}  // namespace kiln::onnx
