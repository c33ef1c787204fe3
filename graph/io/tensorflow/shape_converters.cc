// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What hands values on, shapes as values, and tensors made of numbers.
#include <algorithm>
#include <cmath>

#include "graph/io/tensorflow/node_import.h"

namespace kiln::tensorflow {
namespace {

Status convertIdentity(NodeImport& n) {
  n.forward(0, 0);
  return {};
}

Status convertIdentityN(NodeImport& n) {
  for (int i = 0; i < n.numInputs(); ++i) {
    n.forward(i, i);
  }
  return {};
}

// For an effect that Kiln's graphs do not have.
Status convertNothing(NodeImport&) { return {}; }

Status convertStopGradient(NodeImport& n) {
  n.set(0, stopGradient(n.in(0)));
  return {};
}

Status convertShape(NodeImport& n) {
  n.setDims(0, n.shape(0).dims(), n.type("out_type", i32), false);
  return {};
}

Status convertShapeN(NodeImport& n) {
  for (int i = 0; i < n.numInputs(); ++i) {
    n.setDims(i, n.shape(i).dims(), n.type("out_type", i32), false);
  }
  return {};
}

Status convertSize(NodeImport& n) {
  n.setDims(0, {n.shape(0).numElements()}, n.type("out_type", i32), true);
  return {};
}

Status convertRank(NodeImport& n) {
  n.setDims(0, {Dim(n.rank(0))}, i32, true);
  return {};
}

Status convertReshape(NodeImport& n) {
  const Value x = n.in(0);
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> shape, n.dims(1));
  n.set(0, reshape(x, Shape(std::move(shape))));
  return {};
}

Status convertExpandDims(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t axis, n.axis(1, n.rank(0) + 1));
  n.set(0, expandDims(n.in(0), axis));
  return {};
}

Status convertSqueeze(NodeImport& n) {
  const Value x = n.in(0);
  std::vector<int64_t> axes = n.ints("squeeze_dims");
  if (axes.empty()) {
    axes = n.ints("axis");
  }
  std::vector<char> drops(static_cast<size_t>(n.rank(0)), 0);
  for (const int64_t axis : axes) {
    const auto place = static_cast<size_t>(n.axisOf(axis, n.rank(0)));
    if (place < drops.size()) {
      drops[place] = 1;
    }
  }
  Shape kept;
  for (int i = 0; i < n.rank(0); ++i) {
    const bool isOne = n.shape(0)[i] == Dim(1);
    if (drops[static_cast<size_t>(i)] != 0 && !isOne) {
      return n.invalid("axis " + std::to_string(i) + " of " + n.shape(0).toString() + " has not the length 1");
    }
    if (axes.empty() && !n.shape(0)[i].isStatic()) {
      return n.unsupported("squeezing all axes of length 1 over symbolic lengths");
    }
    if (axes.empty() ? !isOne : drops[static_cast<size_t>(i)] == 0) {
      kept.push_back(n.shape(0)[i]);
    }
  }
  n.set(0, reshape(x, kept));
  return {};
}

Status convertCast(NodeImport& n) {
  n.set(0, cast(n.in(0), n.type("DstT", f32)));
  return {};
}

Status convertBitcast(NodeImport& n) {
  n.set(0, bitcast(n.in(0), n.type("type", f32)));
  return {};
}

Status convertFill(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> dims, n.dims(0));
  n.set(0, broadcastTo(n.in(1), Shape(std::move(dims))));
  return {};
}

template <int kValue>
Status convertLike(NodeImport& n) {
  n.set(0, full(n.g, n.shape(0), kValue, n.dtype(0)));
  return {};
}

Status convertBroadcastTo(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> dims, n.dims(1));
  n.set(0, broadcastTo(n.in(0), Shape(std::move(dims))));
  return {};
}

Status convertBroadcastArgs(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> a, n.dims(0));
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> b, n.dims(1));
  if (a.size() < b.size()) {
    std::swap(a, b);
  }
  for (size_t i = 0; i < b.size(); ++i) {
    Dim& length = a[a.size() - 1 - i];
    const Dim& other = b[b.size() - 1 - i];
    if (length == Dim(1)) {
      length = other;
    } else if (other != Dim(1) && other != length) {
      return length.isStatic() && other.isStatic() ? n.invalid("its shapes do not broadcast")
                                                   : n.unsupported("broadcast of symbolic lengths");
    }
  }
  n.setDims(0, std::move(a), n.dtype(0), false);
  return {};
}

Status convertRange(NodeImport& n) {
  const DType dtype = n.dtype(0);
  const auto start = n.tryDims(0), limit = n.tryDims(1), delta = n.tryDims(2);
  if (start && limit && delta && start->size() == 1 && limit->size() == 1 && delta->size() == 1) {
    const Dim distance = (*limit)[0] - (*start)[0];
    const Dim& step = (*delta)[0];
    if (step == Dim(0)) {
      return n.invalid("its step is 0");
    }
    Dim length;
    if (distance.isStatic() && step.isStatic()) {
      const int64_t by = step.value(), over = distance.value();
      length = std::max<int64_t>((over + by - (by > 0 ? 1 : -1)) / by, 0);
    } else if (step == Dim(1)) {
      length = distance;
    } else if (step.isStatic() && step.value() > 1) {
      length = Dim::ceilDiv(distance, step);
    } else {
      return n.unsupported("a range over symbolic lengths with the step " + step.toString());
    }
    const Value positions = iota(n.g, Shape{length}, 0, dtype);
    const bool isIota = (*start)[0] == Dim(0) && step == Dim(1);
    if (isIota) {
      n.set(0, positions);
      n.results()[0].iotaLength = length;
      return {};
    }
    const Value first = n.in(0);
    n.set(0, add(mul(positions, n.in(2)), first));
    return {};
  }
  KILN_ASSIGN_OR_RETURN(const double from, n.number(0));
  KILN_ASSIGN_OR_RETURN(const double to, n.number(1));
  KILN_ASSIGN_OR_RETURN(const double by, n.number(2));
  const double count = by == 0 ? -1 : std::ceil((to - from) / by);
  if (!(count <= 1e9) || by == 0) {
    return n.invalid("its numbers give no range");
  }
  const Value positions = iota(n.g, Shape{static_cast<int64_t>(std::max(count, 0.0))}, 0, i64);
  n.set(0, add(mul(cast(positions, dtype), by), from));
  return {};
}

Status convertLinSpace(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t count, n.integer(2));
  if (count < 1) {
    return n.invalid("it has " + std::to_string(count) + " numbers, wanted at least 1");
  }
  const Value first = n.in(0), last = n.in(1);
  if (count == 1) {
    n.set(0, reshape(first, Shape{1}));
    return {};
  }
  const Value positions = cast(iota(n.g, Shape{count}, 0, i64), n.dtype(0));
  const Value step = div(sub(last, first), static_cast<double>(count - 1));
  n.set(0, select(equal(positions, static_cast<double>(count - 1)), last, add(mul(positions, step), first)));
  return {};
}

constexpr Converter kConverters[] = {
    {"Assert", convertNothing},
    {"Bitcast", convertBitcast},
    {"BroadcastArgs", convertBroadcastArgs},
    {"BroadcastTo", convertBroadcastTo},
    {"Cast", convertCast},
    {"EnsureShape", convertIdentity},
    {"ExpandDims", convertExpandDims},
    {"Fill", convertFill},
    {"Identity", convertIdentity},
    {"IdentityN", convertIdentityN},
    {"LinSpace", convertLinSpace},
    {"LoopCond", convertIdentity},
    {"NoOp", convertNothing},
    {"OnesLike", convertLike<1>},
    {"PreventGradient", convertIdentity},
    {"Print", convertIdentity},
    {"PrintV2", convertNothing},
    {"Range", convertRange},
    {"Rank", convertRank},
    {"Reshape", convertReshape},
    {"Shape", convertShape},
    {"ShapeN", convertShapeN},
    {"Size", convertSize},
    {"Snapshot", convertIdentity},
    {"Squeeze", convertSqueeze},
    {"StopGradient", convertStopGradient},
    {"ZerosLike", convertLike<0>},
};

}  // namespace

std::span<const Converter> shapeConverters() { return kConverters; }

}  // namespace kiln::tensorflow
