// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Normalisations.
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "graph/io/onnx/node_import.h"
#include "graph/io/onnx/operands.h"

namespace kiln::onnx {
namespace {

using Numbers = std::vector<int64_t>;

DType computeType(DType dtype) { return dtype == f64 ? f64 : f32; }

Numbers axesFrom(int first, int rank) {
  Numbers axes(static_cast<size_t>(std::max(rank - first, 0)));
  std::iota(axes.begin(), axes.end(), first);
  return axes;
}

// A vector along axis 1 of a tensor of that rank.
Value perChannel(Value vector, int rank) {
  Shape shape(std::vector<Dim>(static_cast<size_t>(rank - 1), Dim(1)));
  shape[0] = vector.shape()[0];
  return reshape(vector, std::move(shape));
}

// x [batch, channels, ..] and vectors of the inputs `first` up to `end` for its channels.
Status checkChannels(NodeImport& n, int first, int end) {
  const Shape& x = n.shape(0);
  if (x.rank() < 2) {
    return n.invalid("x is " + x.toString() + ", wanted a batch and channels");
  }
  for (int i = first; i < end; ++i) {
    const Shape& vector = n.shape(i);
    if (vector.rank() == 1 && vector[0] == x[1]) {
      continue;
    }
    if (vector.rank() == 1 && !(vector[0].isStatic() && x[1].isStatic())) {
      return n.unsupported("channels over symbolic lengths");
    }
    return n.invalid(absl::StrCat("input ", i, " is ", vector.toString(), ", and x, which is ", x.toString(), ", has ",
                                  x[1].toString(), " channels"));
  }
  return {};
}

// --- batches
// ----------------------------------------------------------------------------------------------------------

struct Affine {
  Value factor, offset;  // Of each channel, in `computeType`.
};

// scale / sqrt(variance + epsilon) and what is left: x * factor + offset is the result.
Affine affineOf(NodeImport& n, double epsilon, DType dtype) {
  const TensorPtr scale = n.tryConstant(1), bias = n.tryConstant(2), mean = n.tryConstant(3),
                  variance = n.tryConstant(4);
  if (scale && bias && mean && variance) {
    Tensor factor(dtype, scale->dims()), offset(dtype, scale->dims());
    for (int64_t i = 0; i < factor.numElements(); ++i) {
      const double times = scale->at(i) / std::sqrt(variance->at(i) + epsilon);
      factor.set(i, times);
      offset.set(i, bias->at(i) - mean->at(i) * times);
    }
    return {n.g.constant(std::move(factor), "factor"), n.g.constant(std::move(offset), "offset")};
  }
  auto in = [&](int i) { return cast(n.in(i), dtype); };
  const Value factor = in(1) / sqrt(in(4) + epsilon);
  return {factor, in(2) - in(3) * factor};
}

Status convertBatchNormalization(NodeImport& n) {
  KILN_RETURN_IF_ERROR(checkChannels(n, 1, 5));
  const double epsilon = n.number("epsilon", 1e-5), momentum = n.number("momentum", 0.9);
  const DType dtype = n.dtype(0);
  const Value x = n.in(0);
  if (n.integer("training_mode", 0) == 0) {
    if (n.wants(1)) {
      return n.unsupported("running statistics without training_mode");
    }
    const DType compute = computeType(dtype);
    const Affine affine = affineOf(n, epsilon, compute);
    n.set(0,
          cast(cast(x, compute) * perChannel(affine.factor, n.rank(0)) + perChannel(affine.offset, n.rank(0)), dtype));
    return {};
  }
  const auto batch = batchNorm(x, cast(n.in(1), dtype), cast(n.in(2), dtype), 1, epsilon);
  n.set(0, batch.result);
  auto blend = [&](int i, Value now) {
    const DType wide = computeType(n.dtype(i));
    return cast(cast(n.in(i), wide) * momentum + cast(now, wide) * (1 - momentum), n.dtype(i));
  };
  if (n.wants(1)) {
    n.set(1, blend(3, batch.mean));
  }
  if (n.wants(2)) {
    n.set(2, blend(4, batch.variance));
  }
  return {};
}

Status convertInstanceNormalization(NodeImport& n) {
  KILN_RETURN_IF_ERROR(checkChannels(n, 1, 3));
  const DType dtype = n.dtype(0);
  n.set(0, instanceNorm(n.in(0), cast(n.in(1), dtype), cast(n.in(2), dtype), 1, n.number("epsilon", 1e-5)));
  return {};
}

Status convertGroupNormalization(NodeImport& n) {
  const Shape& x = n.shape(0);
  const int64_t groups = n.integer("num_groups", 0);
  if (x.rank() < 2 || groups < 1) {
    return n.invalid(absl::StrCat("x is ", x.toString(), ", in ", groups, " groups"));
  }
  if (!x[1].isStatic()) {
    return n.unsupported("channels over symbolic lengths");
  }
  const int64_t channels = x[1].value();
  if (channels % groups != 0) {
    return n.invalid(absl::StrCat("num_groups ", groups, " does not divide the ", channels, " channels"));
  }
  const DType dtype = n.dtype(0);
  // Before operator set 21 scale and bias were those of groups.
  const bool isOfGroups = n.shape(1) == Shape{Dim(groups)} && n.shape(2) == Shape{Dim(groups)} && groups != channels;
  auto perChannelOf = [&](int i) {
    const Value vector = cast(n.in(i), dtype);
    if (!isOfGroups) {
      return vector;
    }
    return reshape(broadcastTo(reshape(vector, Shape{Dim(groups), Dim(1)}), Shape{Dim(groups), Dim(channels / groups)}),
                   Shape{Dim(channels)});
  };
  if (!isOfGroups) {
    KILN_RETURN_IF_ERROR(checkChannels(n, 1, 3));
  }
  n.set(0, groupNorm(n.in(0), perChannelOf(1), perChannelOf(2), groups, 1, n.number("epsilon", 1e-5)));
  return {};
}

// --- the last axes
// ----------------------------------------------------------------------------------------------------

// Input i, which broadcasts to the axes of x from `axis` on, with their lengths.
StatusOr<Value> overLastAxes(NodeImport& n, int i, int axis) {
  const Shape &x = n.shape(0), &given = n.shape(i);
  const Shape wanted(std::vector<Dim>(x.begin() + axis, x.end()));
  const int missing = wanted.rank() - given.rank();
  for (int at = 0; at < given.rank(); ++at) {
    const bool fits = missing + at >= 0 && (given[at] == Dim(1) || given[at] == wanted[missing + at]);
    if (!fits) {
      const bool isOpen = missing + at >= 0 && !(given[at].isStatic() && wanted[missing + at].isStatic());
      return isOpen ? n.unsupported("normalised axes over symbolic lengths")
                    : n.invalid(absl::StrCat("input ", i, " is ", given.toString(),
                                             ", and the normalised axes of x are ", wanted.toString()));
    }
  }
  const Value value = cast(n.in(i), n.dtype(0));
  return given == wanted ? value : broadcastTo(value, wanted);
}

Status convertLayerNormalization(NodeImport& n) {
  const int axis = static_cast<int>(n.axisOf(n.integer("axis", -1), n.rank(0)));
  if (axis < 0 || axis >= n.rank(0)) {
    return n.invalid(absl::StrCat("axis ", axis, " of x, which is ", n.shape(0).toString()));
  }
  const double epsilon = n.number("epsilon", 1e-5);
  const Value x = n.in(0);
  KILN_ASSIGN_OR_RETURN(const Value scale, overLastAxes(n, 1, axis));
  Value bias;
  if (n.has(2)) {
    KILN_ASSIGN_OR_RETURN(bias, overLastAxes(n, 2, axis));
  } else {
    bias = full(n.g, scale.shape(), 0, n.dtype(0));
  }
  n.set(0, layerNorm(x, scale, bias, axis, epsilon));
  if (n.wants(1) || n.wants(2)) {
    const Value wide = cast(x, computeType(n.dtype(0)));
    const Numbers axes = axesFrom(axis, n.rank(0));
    // The type of the statistics, stash_type, is f32 or bf16.
    const DType stash = n.integer("stash_type", 1) == TensorProto::BFLOAT16 ? bf16 : f32;
    n.set(1, cast(reduceMean(wide, axes, true), stash));
    n.set(2, cast(1 / sqrt(reduceVariance(wide, axes, true) + epsilon), stash));
  }
  return {};
}

Status convertRmsNormalization(NodeImport& n) {
  const int axis = static_cast<int>(n.axisOf(n.integer("axis", -1), n.rank(0)));
  if (axis < 0 || axis >= n.rank(0)) {
    return n.invalid(absl::StrCat("axis ", axis, " of x, which is ", n.shape(0).toString()));
  }
  KILN_ASSIGN_OR_RETURN(const Value scale, overLastAxes(n, 1, axis));
  n.set(0, rmsNorm(n.in(0), scale, axis, n.number("epsilon", 1e-5)));
  return {};
}

// --- others
// -----------------------------------------------------------------------------------------------------------

Status convertLpNormalization(NodeImport& n) {
  const int64_t axis = n.axisOf(n.integer("axis", -1), n.rank(0)), p = n.integer("p", 2);
  if (p != 1 && p != 2) {
    return n.invalid(absl::StrCat("attribute p is ", p, ", wanted 1 or 2"));
  }
  n.set(0, inWide(n.in(0), [&](Value x) {
          const Value norm = p == 1 ? reduceL1(x, {axis}, true) : reduceL2(x, {axis}, true);
          const Value isZero = equal(norm, 0);
          // Vectors of zeros stay what they are.
          return x / select(isZero, norm + 1, norm);
        }));
  return {};
}

Status convertMeanVarianceNormalization(NodeImport& n) {
  constexpr double kEpsilon = 1e-9;
  const Numbers axes = n.axesOf(n.ints("axes", {0, 2, 3}), n.rank(0));
  n.set(0, inWide(n.in(0), [&](Value x) {
          const Value centred = x - reduceMean(x, axes, true);
          return centred / (sqrt(reduceMean(square(centred), axes, true)) + kEpsilon);
        }));
  return {};
}

// Local response normalisation: each element by those at the same place of the channels around its own.
Status convertLrn(NodeImport& n) {
  const Shape& x = n.shape(0);
  const int64_t size = n.integer("size", 0);
  if (x.rank() < 2 || size < 1) {
    return n.invalid(absl::StrCat("x is ", x.toString(), ", and attribute size is ", size));
  }
  const double alpha = n.number("alpha", 1e-4), beta = n.number("beta", 0.75), bias = n.number("bias", 1);
  n.set(0, inWide(n.in(0), [&](Value wide) {
          // A mean pool along the channels; padding counts, so all windows have `size` elements.
          PoolOptions pool;
          pool.kernel = {size};
          pool.strides = {1};
          pool.padding = {{(size - 1) / 2}, {size / 2}};
          pool.layout = "NWC";
          const Shape flat{x[0], x[1], product(x, 2, x.rank())};
          const Value means = reshape(avgPool(square(reshape(wide, flat)), pool, true), x);
          return wide / pow(means * alpha + bias, beta);
        }));
  return {};
}

constexpr Converter kConverters[] = {
    {"BatchNormalization", convertBatchNormalization},
    {"GroupNormalization", convertGroupNormalization},
    {"InstanceNormalization", convertInstanceNormalization},
    {"LRN", convertLrn},
    {"LayerNormalization", convertLayerNormalization},
    {"LpNormalization", convertLpNormalization},
    {"MeanVarianceNormalization", convertMeanVarianceNormalization},
    {"RMSNormalization", convertRmsNormalization},
};

}  // namespace

std::span<const Converter> normalizationConverters() { return kConverters; }

}  // namespace kiln::onnx
