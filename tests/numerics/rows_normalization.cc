// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/sweep.h"

namespace kiln::numerics {
namespace {

using Lengths = std::vector<int64_t>;

// The tolerance is measured by the results for magnitudes. A bias that outweighs what is normalised keeps them from
// vanishing where an element comes near the mean.
Value feed(Sweep& s, const Lengths& dims, const Shape& shape) {
  Tensor tensor(s.dtype, dims);
  fill(tensor, "near one", s.numbers);
  return s.feedTensor(std::move(tensor), shape);
}
Value feed(Sweep& s, const Lengths& dims) { return feed(s, dims, Shape::of(dims)); }

struct Affine {
  Value scale, bias;
};
Affine affine(Sweep& s, const Lengths& dims) {
  Tensor bias(s.dtype, dims);
  for (int64_t i = 0; i < bias.numElements(); ++i) {
    bias.set(i, 16 + static_cast<double>(i % 5));
  }
  const Value scale = feed(s, dims);
  return {scale, s.feedTensor(std::move(bias))};
}

void batchNorms(Sweep& s, const Lengths& dims, const Shape& shape, int64_t axis) {
  const int64_t channels = dims[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(dims.size()) : axis)];
  const Affine a = affine(s, {channels});
  const auto normal = batchNorm(feed(s, dims, shape), a.scale, a.bias, axis);
  s.fetchAll({normal.result, normal.mean, normal.variance});
}

}  // namespace

void addNormalizationRows(SweepRows& rows) {
  rows["batch_norm"] = [](Sweep& s) {
    batchNorms(s, {6, 17}, {6, 17}, -1);
    batchNorms(s, {3, 5, 4, 7}, {3, 5, 4, 7}, -1);
    batchNorms(s, {3, 5, 4, 7}, {3, 5, 4, 7}, 1);
    batchNorms(s, {1, 4, 2}, {1, 4, 2}, 0);
    batchNorms(s, {4, 6, 3}, {n, 6, 3}, -1);
    batchNorms(s, {5, 0}, {5, 0}, -1);
  };
  rows["batch_norm_inference"] = [](Sweep& s) {
    const DType statistics = s.dtype == f16 || s.dtype == bf16 ? f32 : s.dtype;
    auto row = [&](const Lengths& dims, const Shape& shape, int64_t axis) {
      const int64_t channels = dims[static_cast<size_t>(axis)];
      const Affine a = affine(s, {channels});
      const Value mean = s.feedOf(statistics, {channels}, {channels}, "unit");
      const Value variance = s.feedOf(statistics, {channels}, {channels}, "near one");
      s.fetch(batchNormInference(feed(s, dims, shape), a.scale, a.bias, mean, variance, axis));
    };
    row({6, 17}, {6, 17}, 1);
    row({3, 5, 4, 7}, {3, 5, 4, 7}, 1);
    row({0, 3}, {0, 3}, 1);
    row({4, 6, 3}, {n, m, 3}, 2);
  };
  rows["layer_norm"] = [](Sweep& s) {
    auto row = [&](const Lengths& dims, const Shape& shape, int64_t axis, const Lengths& rest) {
      const Affine a = affine(s, rest);
      s.fetch(layerNorm(feed(s, dims, shape), a.scale, a.bias, axis));
    };
    row({5, 33}, {5, 33}, -1, {33});
    row({3, 4, 6}, {3, 4, 6}, 1, {4, 6});
    row({8}, {8}, 0, {8});
    row({0, 4}, {0, 4}, -1, {4});
    row({4, 6, 100}, {n, m, 100}, -1, {100});
  };
  rows["rms_norm"] = [](Sweep& s) {
    s.fetch(rmsNorm(feed(s, {5, 33}), feed(s, {33})));
    s.fetch(rmsNorm(feed(s, {3, 4, 6}), feed(s, {4, 6}), 1));
    s.fetch(rmsNorm(feed(s, {8}), feed(s, {8}), 0));
    s.fetch(rmsNorm(feed(s, {0, 4}), feed(s, {4})));
    s.fetch(rmsNorm(feed(s, {4, 6, 100}, {n, m, 100}), feed(s, {100})));
  };
  rows["instance_norm"] = [](Sweep& s) {
    auto row = [&](const Lengths& dims, const Shape& shape, int64_t axis) {
      const Affine a = affine(s, {dims[static_cast<size_t>(axis)]});
      s.fetch(instanceNorm(feed(s, dims, shape), a.scale, a.bias, axis));
    };
    row({3, 5, 4, 7}, {3, 5, 4, 7}, 3);
    row({3, 5, 4, 7}, {3, 5, 4, 7}, 1);
    row({0, 5, 2}, {0, 5, 2}, 2);
    row({4, 6, 3}, {n, m, 3}, 2);
  };
  rows["group_norm"] = [](Sweep& s) {
    auto row = [&](const Lengths& dims, const Shape& shape, int64_t groups, int64_t axis) {
      const Affine a = affine(s, {dims[static_cast<size_t>(axis)]});
      s.fetch(groupNorm(feed(s, dims, shape), a.scale, a.bias, groups, axis));
    };
    row({3, 5, 4, 6}, {3, 5, 4, 6}, 2, 3);
    row({3, 6, 4, 7}, {3, 6, 4, 7}, 3, 1);
    row({4, 8}, {4, 8}, 2, 1);
    row({0, 5, 2}, {0, 5, 2}, 2, 2);
    row({4, 6, 4}, {n, m, 4}, 4, 2);
  };
}

}  // namespace kiln::numerics
