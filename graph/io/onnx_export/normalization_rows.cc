// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Normalisation layers.
#include <algorithm>
#include <numeric>

#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

Status set(NodeExport& n, std::string value) {
  n.set(0, std::move(value));
  return {};
}

bool isHalf(DType dtype) { return dtype == f16 || dtype == bf16; }
DType wideOf(DType dtype) { return isHalf(dtype) ? f32 : dtype; }

Formula wide(NodeExport& n, const std::string& x, DType dtype) {
  return {n, n.cast(x, dtype, wideOf(dtype)), wideOf(dtype)};
}

struct Moments {
  Formula mean, variance, difference;
};
Moments momentsOf(const Formula& x, const std::vector<int64_t>& axes) {
  NodeExport& n = x.node();
  const Formula mean(n, n.reduce("ReduceMean", x.value(), axes, true), x.dtype());
  const Formula difference = x - mean;
  const Formula squares = difference * difference;
  return {mean, {n, n.reduce("ReduceMean", squares.value(), axes, true), x.dtype()}, difference};
}

// What a vector of channels becomes beside x, whose channels are an axis.
Formula beside(NodeExport& n, const std::string& vector, DType dtype, int64_t axis, int rank) {
  std::vector<int64_t> after;
  for (int64_t i = 1; i < rank - axis; ++i) {
    after.push_back(i);
  }
  return wide(n, n.unsqueeze(vector, after), dtype);
}

std::string narrowed(const Formula& x, DType dtype) { return x.node().cast(x.value(), x.dtype(), dtype); }

std::vector<int64_t> allBut(int rank, std::initializer_list<int64_t> kept) {
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (std::find(kept.begin(), kept.end(), axis) == kept.end()) {
      axes.push_back(axis);
    }
  }
  return axes;
}

Status writeBatchNorm(NodeExport& n) {
  const int64_t axis = n.axis("axis", n.rank());
  const std::vector<int64_t> axes = allBut(n.rank(), {axis});
  const Moments moments = momentsOf(wide(n, n.in(0), n.dtype()), axes);
  const Formula scale = beside(n, n.in(1), n.dtype(1), axis, n.rank());
  const Formula bias = beside(n, n.in(2), n.dtype(2), axis, n.rank());
  const Formula normal = moments.difference / (moments.variance + n.real("epsilon")).apply("Sqrt");
  n.set(0, narrowed(normal * scale + bias, n.dtype()));
  n.set(1, n.squeeze(moments.mean.value(), axes));
  n.set(2, n.squeeze(moments.variance.value(), axes));
  return {};
}

Status writeBatchNormInference(NodeExport& n) {
  const int64_t axis = n.axis("axis", n.rank());
  if (axis == 1) {
    return set(n, n.op("BatchNormalization", n.inputs(), {{"epsilon", n.real("epsilon")}}));
  }
  const auto channel = [&](int i) { return beside(n, n.in(i), n.dtype(i), axis, n.rank()); };
  const Formula x = wide(n, n.in(0), n.dtype());
  const Formula normal = (x - channel(3)) / (channel(4) + n.real("epsilon")).apply("Sqrt");
  return set(n, narrowed(normal * channel(1) + channel(2), n.dtype()));
}

Status writeLayerNorm(NodeExport& n) {
  return set(
      n, n.op("LayerNormalization", n.inputs(), {{"axis", n.axis("axis", n.rank())}, {"epsilon", n.real("epsilon")}}));
}

Status writeRmsNorm(NodeExport& n) {
  const int64_t axis = n.axis("axis", n.rank());
  constexpr int64_t kSince = 23;
  if (n.opset() >= kSince) {
    return set(n, n.op("RMSNormalization", n.inputs(), {{"axis", axis}, {"epsilon", n.real("epsilon")}}));
  }
  std::vector<int64_t> axes(static_cast<size_t>(n.rank() - axis));
  std::iota(axes.begin(), axes.end(), axis);
  const Formula x = wide(n, n.in(0), n.dtype());
  const Formula mean(n, n.reduce("ReduceMean", (x * x).value(), axes, true), x.dtype());
  const Formula normal = x / (mean + n.real("epsilon")).apply("Sqrt");
  return set(n, narrowed(normal * wide(n, n.in(1), n.dtype(1)), n.dtype()));
}

// Runs of channels: channels go behind the batch, and each group becomes one axis.
Status writeGroups(NodeExport& n, const Dim& groups) {
  const int64_t axis = n.axis("axis", n.rank());
  std::vector<int64_t> permutation = {0, axis}, back(static_cast<size_t>(n.rank()));
  Shape front = {n.shape()[0], n.shape()[static_cast<int>(axis)]};
  Dim inGroup = 1;
  for (int i = 1; i < n.rank(); ++i) {
    if (i != axis) {
      permutation.push_back(i);
      front.push_back(n.shape()[i]);
      inGroup = inGroup * n.shape()[i];
    }
  }
  for (size_t i = 0; i < permutation.size(); ++i) {
    back[static_cast<size_t>(permutation[i])] = static_cast<int64_t>(i);
  }
  const Dim channels = n.shape()[static_cast<int>(axis)];
  const std::optional<Dim> channelsInGroup = channels.dividedBy(groups);
  if (!channelsInGroup) {
    return n.unsupported("the number of channels is symbolic");
  }
  const Shape grouped = {n.shape()[0], groups, *channelsInGroup * inGroup};
  const std::string x = n.reshape(n.transpose(n.in(0), permutation), grouped);
  const Moments moments = momentsOf(wide(n, x, n.dtype()), {2});
  const Formula normal = moments.difference / (moments.variance + n.real("epsilon")).apply("Sqrt");
  const Formula channelsSecond(n, n.reshape(normal.value(), front), normal.dtype());
  const Formula result =
      channelsSecond * beside(n, n.in(1), n.dtype(1), 1, n.rank()) + beside(n, n.in(2), n.dtype(2), 1, n.rank());
  return set(n, n.transpose(narrowed(result, n.dtype()), back));
}
Status writeGroupNorm(NodeExport& n) { return writeGroups(n, n.integer("groups")); }

Status writeInstanceNorm(NodeExport& n) {
  const int64_t axis = n.axis("axis", n.rank());
  const Moments moments = momentsOf(wide(n, n.in(0), n.dtype()), allBut(n.rank(), {0, axis}));
  const Formula normal = moments.difference / (moments.variance + n.real("epsilon")).apply("Sqrt");
  const Formula result =
      normal * beside(n, n.in(1), n.dtype(1), axis, n.rank()) + beside(n, n.in(2), n.dtype(2), axis, n.rank());
  return set(n, narrowed(result, n.dtype()));
}

constexpr ExportRow kRows[] = {
    {"batch_norm", writeBatchNorm}, {"batch_norm_inference", writeBatchNormInference},
    {"group_norm", writeGroupNorm}, {"instance_norm", writeInstanceNorm},
    {"layer_norm", writeLayerNorm}, {"rms_norm", writeRmsNorm},
};

}  // namespace

std::span<const ExportRow> normalizationRows() { return kRows; }

}  // namespace kiln::onnx
