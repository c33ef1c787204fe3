// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions, softmax, running sums, and products of matrices.
#include "graph/io/tensorflow/node_import.h"

namespace kiln::tensorflow {
namespace {

using Reduce = Value (*)(Operand, std::vector<int64_t>, bool);

template <Reduce F>
Status convertReduction(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> axes, n.axes(1, n.rank(0)));
  const Value x = n.in(0);
  n.set(0, axes.empty() ? x : F(x, std::move(axes), n.boolean("keep_dims", false)));
  return {};
}

Status convertMean(NodeImport& n) {
  if (!isFloat(n.dtype(0))) {
    return n.unsupported("the mean of integers");
  }
  return convertReduction<reduceMean>(n);
}

template <Value (*F)(Operand, int64_t, bool)>
Status convertArgReduction(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t axis, n.axis(1, n.rank(0)));
  Value x = n.in(0);
  if (n.dtype(0) == boolean) {
    x = cast(x, i32);
  }
  n.set(0, cast(F(x, axis, false), n.type("output_type", i64)));
  return {};
}

template <Value (*F)(Operand, int64_t)>
Status convertSoftmax(NodeImport& n) {
  if (n.rank(0) < 1) {
    return n.invalid("its input is a scalar");
  }
  n.set(0, F(n.in(0), -1));
  return {};
}

template <Value (*F)(Operand, int64_t, bool, bool)>
Status convertCumulative(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t axis, n.axis(1, n.rank(0)));
  n.set(0, F(n.in(0), axis, n.boolean("exclusive", false), n.boolean("reverse", false)));
  return {};
}

Status convertL2Loss(NodeImport& n) {
  std::vector<int64_t> axes;
  for (int i = 0; i < n.rank(0); ++i) {
    axes.push_back(i);
  }
  const Value squares = square(n.in(0));
  n.set(0, mul(axes.empty() ? squares : reduceSum(squares, axes), 0.5));
  return {};
}

Status convertMatMul(NodeImport& n) {
  const Value a = n.in(0), b = n.in(1);
  if (n.rank(0) != 2 || n.rank(1) != 2) {
    return n.invalid("a is " + n.shape(0).toString() + " and b is " + n.shape(1).toString() + ", wanted matrices");
  }
  n.set(0, matmul(a, b, n.boolean("transpose_a", false), n.boolean("transpose_b", false)));
  return {};
}

Status convertBatchMatMul(NodeImport& n) {
  const Value a = n.in(0), b = n.in(1);
  if (n.rank(0) < 2 || n.rank(1) < 2) {
    return n.invalid("a is " + n.shape(0).toString() + " and b is " + n.shape(1).toString() + ", wanted matrices");
  }
  n.set(0, matmul(a, b, n.boolean("adj_x", false), n.boolean("adj_y", false)));
  return {};
}

Status convertEinsum(NodeImport& n) {
  n.set(0, einsum(n.text("equation", ""), n.rest()));
  return {};
}

constexpr Converter kConverters[] = {
    {"All", convertReduction<reduceAll>},          {"Any", convertReduction<reduceAny>},
    {"ArgMax", convertArgReduction<argmax>},       {"ArgMin", convertArgReduction<argmin>},
    {"BatchMatMul", convertBatchMatMul},           {"BatchMatMulV2", convertBatchMatMul},
    {"BatchMatMulV3", convertBatchMatMul},         {"Cumprod", convertCumulative<cumprod>},
    {"Cumsum", convertCumulative<cumsum>},         {"Einsum", convertEinsum},
    {"EuclideanNorm", convertReduction<reduceL2>}, {"L2Loss", convertL2Loss},
    {"LogSoftmax", convertSoftmax<logSoftmax>},    {"MatMul", convertMatMul},
    {"Max", convertReduction<reduceMax>},          {"Mean", convertMean},
    {"Min", convertReduction<reduceMin>},          {"Prod", convertReduction<reduceProd>},
    {"Softmax", convertSoftmax<softmax>},          {"Sum", convertReduction<reduceSum>},
};

}  // namespace

std::span<const Converter> reductionConverters() { return kConverters; }

}  // namespace kiln::tensorflow
