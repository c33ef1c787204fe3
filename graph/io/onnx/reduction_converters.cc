// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions, running sums, softmax, products of matrices.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph/io/onnx/operands.h"

namespace kiln::onnx {
namespace {

StatusOr<Value> inputOf(NodeImport& n, int i) {
  const Value value = n.in(i);
  if (n.has(i) && isStored(n.elementType(i))) {
    return n.unsupported("elements of type " + elementTypeName(n.elementType(i)));
  }
  return value;
}

// --- reductions over axes --------------------------------------------------------------------------------------------

using Reduction = Value (*)(Value x, const std::vector<int64_t>& axes, bool keepDims);

// Of integers in f64, and truncated at the end.
Value throughF64(Value x, const std::function<Value(Value)>& f) {
  return isInteger(x.dtype()) ? cast(f(cast(x, f64)), x.dtype()) : inWide(x, f);
}

Value meanOf(Value x, const std::vector<int64_t>& axes, bool keepDims) {
  if (!isInteger(x.dtype())) {
    return reduceMean(x, axes, keepDims);
  }
  Dim count = 1;
  for (int64_t axis : axes) {
    count = count * x.shape()[static_cast<int>(axis)];
  }
  // Of no elements: 0, as the conversion of NaN gives.
  const Value sum = reduceSum(cast(x, i64), axes, keepDims);
  return cast(sum / maximum(valueOf(*x.builder(), count), 1), x.dtype());
}

Value maxOf(Value x, const std::vector<int64_t>& axes, bool keepDims) {
  return x.dtype() == boolean ? reduceAny(x, axes, keepDims) : reduceMax(x, axes, keepDims);
}

Value minOf(Value x, const std::vector<int64_t>& axes, bool keepDims) {
  return x.dtype() == boolean ? reduceAll(x, axes, keepDims) : reduceMin(x, axes, keepDims);
}

Value l1Of(Value x, const std::vector<int64_t>& axes, bool keepDims) { return reduceSum(abs(x), axes, keepDims); }

Value l2Of(Value x, const std::vector<int64_t>& axes, bool keepDims) {
  return throughF64(x, [&](Value v) { return reduceL2(v, axes, keepDims); });
}

Value sumSquareOf(Value x, const std::vector<int64_t>& axes, bool keepDims) {
  return isInteger(x.dtype()) ? reduceSum(square(x), axes, keepDims)
                              : inWide(x, [&](Value v) { return reduceSum(square(v), axes, keepDims); });
}

Value logSumOf(Value x, const std::vector<int64_t>& axes, bool keepDims) {
  return throughF64(x, [&](Value v) { return log(reduceSum(v, axes, keepDims)); });
}

Value logSumExpOf(Value x, const std::vector<int64_t>& axes, bool keepDims) {
  return throughF64(x, [&](Value v) { return reduceLogSumExp(v, axes, keepDims); });
}

// What remains of a reduction over no axes: that of single elements.
Value sameOf(Value x) { return x; }
Value absOf(Value x) { return abs(x); }
Value squareOf(Value x) { return square(x); }
Value logOf(Value x) {
  return throughF64(x, [](Value v) { return log(v); });
}

// The axes of a reduction; nothing for none at all, which leaves elements as they are.
StatusOr<std::optional<std::vector<int64_t>>> axesOf(NodeImport& n, int rank) {
  std::vector<int64_t> axes;
  // An empty list needs no value.
  if (n.has(1) && n.shape(1) != Shape{0}) {
    KILN_ASSIGN_OR_RETURN(axes, n.ints(1));
  }
  if (axes.empty()) {
    if (n.integer("noop_with_empty_axes", 0) != 0) {
      return std::optional<std::vector<int64_t>>();
    }
    axes.resize(rank);
    std::iota(axes.begin(), axes.end(), 0);
  }
  axes = n.axesOf(std::move(axes), rank);
  KILN_RETURN_IF_ERROR(n.status());
  return std::optional(std::move(axes));
}

template <Reduction kReduce, Value (*kElement)(Value)>
Status reduce(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Value x, inputOf(n, 0));
  if (x.isPoisoned()) {
    n.set(0, x);
    return {};
  }
  KILN_ASSIGN_OR_RETURN(const auto axes, axesOf(n, x.rank()));
  if (x.dtype() == boolean && kReduce != &maxOf && kReduce != &minOf) {
    return n.invalid("it takes numbers, and its input is bool");
  }
  n.set(0, axes ? kReduce(x, *axes, n.integer("keepdims", 1) != 0) : kElement(x));
  return {};
}

// --- positions -------------------------------------------------------------------------------------------------------

template <Value (*kOp)(Operand, int64_t, bool)>
Status position(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Value x, inputOf(n, 0));
  const int64_t axis = n.axisOf(n.integer("axis", 0), n.rank(0));
  const bool keepDims = n.integer("keepdims", 1) != 0;
  KILN_RETURN_IF_ERROR(n.status());
  if (n.integer("select_last_index", 0) == 0) {
    n.set(0, kOp(x, axis, keepDims));
    return {};
  }
  const Value fromEnd = kOp(reverse(x, {axis}), axis, keepDims);
  n.set(0, valueOf(n.g, n.shape(0)[static_cast<int>(axis)] - Dim(1)) - fromEnd);
  return {};
}

// --- running sums and products ---------------------------------------------------------------------------------------

template <Value (*kOp)(Operand, int64_t, bool, bool)>
Status running(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Value x, inputOf(n, 0));
  int64_t axis = 0;
  // The only axis that there is needs no value.
  if (n.rank(0) != 1) {
    KILN_ASSIGN_OR_RETURN(axis, n.integer(1));
  }
  axis = n.axisOf(axis, n.rank(0));
  KILN_RETURN_IF_ERROR(n.status());
  const bool isExclusive = n.integer("exclusive", 0) != 0, isReverse = n.integer("reverse", 0) != 0;
  n.set(0, inWide(x, [&](Value v) { return kOp(v, axis, isExclusive, isReverse); }));
  return {};
}

// --- softmax ---------------------------------------------------------------------------------------------------------

Value hardmax(Value x, int64_t axis) {
  const Dim& length = x.shape()[static_cast<int>(axis)];
  if (length == Dim(0)) {
    return x;
  }
  Shape along;
  for (int i = 0; i < x.rank(); ++i) {
    along.push_back(i == axis ? length : Dim(1));
  }
  const Value positions = iota(*x.builder(), along, axis);
  return cast(equal(positions, argmax(x, axis, true)), x.dtype());
}

// Along an axis; before operator set 13 over all axes from this one on, together (kiln_flatten).
Status alongAxis(NodeImport& n, Value (*op)(Value x, int64_t axis)) {
  KILN_ASSIGN_OR_RETURN(const Value x, inputOf(n, 0));
  const int rank = n.rank(0);
  const bool isFlat = n.integer("kiln_flatten", 0) != 0;
  int64_t axis = n.integer("axis", -1);
  // Flattening may begin behind the last axis: every element is alone then.
  axis = isFlat && axis == rank ? axis : n.axisOf(axis, rank);
  KILN_RETURN_IF_ERROR(n.status());
  if (x.isPoisoned() || !isFlat || axis == rank - 1) {
    n.set(0, x.isPoisoned() ? x : op(x, axis));
    return {};
  }
  const Shape& shape = n.shape(0);
  const Shape rows{product(shape, 0, static_cast<int>(axis)), product(shape, static_cast<int>(axis), rank)};
  n.set(0, reshape(op(reshape(x, rows), 1), shape));
  return {};
}

Status convertSoftmax(NodeImport& n) {
  return alongAxis(n, [](Value x, int64_t axis) { return inWide(x, [&](Value v) { return softmax(v, axis); }); });
}

Status convertLogSoftmax(NodeImport& n) {
  return alongAxis(n, [](Value x, int64_t axis) { return inWide(x, [&](Value v) { return logSoftmax(v, axis); }); });
}

Status convertHardmax(NodeImport& n) { return alongAxis(n, hardmax); }

// --- products of matrices --------------------------------------------------------------------------------------------

// Whether two lengths may be summed over together.
Status checkInner(const NodeImport& n, const Shape& a, const Dim& lengthA, const Shape& b, const Dim& lengthB) {
  if (lengthA == lengthB) {
    return {};
  }
  const std::string shapes = a.toString() + " and " + b.toString();
  return lengthA.isStatic() && lengthB.isStatic() ? n.invalid("the inner lengths of " + shapes + " differ")
                                                  : n.unsupported("inner lengths that are symbolic: " + shapes);
}

Status convertMatMul(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Value> inputs, arithmeticInputs(n));
  if (inputs.size() != 2 || inputs[0].isPoisoned() || inputs[1].isPoisoned()) {
    n.set(0, n.g.poisoned());
    return inputs.size() != 2 ? n.invalid("it has no two inputs") : Status();
  }
  Value a = inputs[0], b = inputs[1];
  if (a.dtype() != b.dtype()) {
    return checkAlike(n, {a, b});
  }
  if (a.rank() == 0 || b.rank() == 0) {
    return n.invalid("a scalar is no matrix");
  }
  const bool isRow = a.rank() == 1, isColumn = b.rank() == 1;
  KILN_RETURN_IF_ERROR(
      checkInner(n, a.shape(), a.shape()[a.rank() - 1], b.shape(), b.shape()[isColumn ? 0 : b.rank() - 2]));
  if (a.rank() > 2 && b.rank() <= 2) {
    // One matrix for all: the axes before the last are one long batch, so that nothing is repeated.
    std::vector<Dim> dims = a.shape().dims();
    const Value matrix = isColumn ? expandDims(b, 1) : b;
    const Value rows = reshape(a, Shape{product(a.shape(), 0, a.rank() - 1), dims.back()});
    dims.pop_back();
    if (!isColumn) {
      dims.push_back(b.shape()[1]);
    }
    n.set(0, reshape(matmul(rows, matrix), Shape(std::move(dims))));
    return {};
  }
  a = isRow ? expandDims(a, 0) : a;
  b = isColumn ? expandDims(b, 1) : b;
  const auto batchOf = [](const Shape& s) { return Shape(std::vector<Dim>(s.begin(), s.end() - 2)); };
  KILN_RETURN_IF_ERROR(checkBroadcast(n, {batchOf(a.shape()), batchOf(b.shape())}));
  Value result = matmul(a, b);
  result = isColumn ? squeeze(result, -1) : result;
  n.set(0, isRow ? squeeze(result, isColumn ? -1 : -2) : result);
  return {};
}

// x times a factor, which is a fraction also for integers.
Value scaled(Value x, double factor) {
  if (factor == 1) {
    return x;
  }
  return isInteger(x.dtype()) && std::trunc(factor) != factor ? cast(cast(x, f64) * factor, x.dtype()) : x * factor;
}

Status convertGemm(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Value a, inputOf(n, 0));
  KILN_ASSIGN_OR_RETURN(const Value b, inputOf(n, 1));
  const double alpha = n.number("alpha", 1), beta = n.number("beta", 1);
  const bool transposeA = n.integer("transA", 0) != 0, transposeB = n.integer("transB", 0) != 0;
  KILN_RETURN_IF_ERROR(n.status());
  if (a.isPoisoned() || b.isPoisoned()) {
    n.set(0, n.g.poisoned());
    return {};
  }
  if (a.rank() != 2 || b.rank() != 2) {
    return n.invalid("its inputs are " + a.shape().toString() + " and " + b.shape().toString() +
                     ", wanted two matrices");
  }
  if (a.dtype() != b.dtype()) {
    return checkAlike(n, {a, b});
  }
  KILN_RETURN_IF_ERROR(
      checkInner(n, a.shape(), a.shape()[transposeA ? 0 : 1], b.shape(), b.shape()[transposeB ? 1 : 0]));
  Value result = scaled(matmul(a, b, transposeA, transposeB), alpha);
  if (n.has(2) && beta != 0) {
    KILN_ASSIGN_OR_RETURN(Value c, inputOf(n, 2));
    KILN_RETURN_IF_ERROR(checkAlike(n, {result, c}));
    if (!c.isPoisoned() && c.rank() > 2) {
      return n.invalid("C is " + c.shape().toString() + ", wanted at most two axes");
    }
    result = result + scaled(c, beta);
  }
  n.set(0, result);
  return {};
}

Status convertEinsum(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::vector<Value> inputs, arithmeticInputs(n));
  for (const Value& value : inputs) {
    if (!value.isPoisoned() && value.dtype() != n.dtype(0)) {
      return checkAlike(n, {inputs[0], value});
    }
  }
  n.set(0, einsum(n.text("equation", ""), inputs));
  return {};
}

Status convertDet(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Value x, inputOf(n, 0));
  n.set(0, inWide(x, [](Value v) { return det(v); }));
  return {};
}

Value sumOf(Value x, const std::vector<int64_t>& axes, bool keepDims) { return reduceSum(x, axes, keepDims); }
Value productOf(Value x, const std::vector<int64_t>& axes, bool keepDims) {
  return inWide(x, [&](Value v) { return reduceProd(v, axes, keepDims); });
}

constexpr Converter kConverters[] = {
    {"ReduceL1", reduce<l1Of, absOf>},
    {"ReduceL2", reduce<l2Of, absOf>},
    {"ReduceLogSum", reduce<logSumOf, logOf>},
    {"ReduceLogSumExp", reduce<logSumExpOf, sameOf>},
    {"ReduceMax", reduce<maxOf, sameOf>},
    {"ReduceMean", reduce<meanOf, sameOf>},
    {"ReduceMin", reduce<minOf, sameOf>},
    {"ReduceProd", reduce<productOf, sameOf>},
    {"ReduceSum", reduce<sumOf, sameOf>},
    {"ReduceSumSquare", reduce<sumSquareOf, squareOf>},
    {"ArgMax", position<&kiln::argmax>},
    {"ArgMin", position<&kiln::argmin>},
    {"CumSum", running<&kiln::cumsum>},
    {"CumProd", running<&kiln::cumprod>},
    {"Softmax", convertSoftmax},
    {"LogSoftmax", convertLogSoftmax},
    {"Hardmax", convertHardmax},
    {"MatMul", convertMatMul},
    {"Gemm", convertGemm},
    {"Einsum", convertEinsum},
    {"Det", convertDet},
};

}  // namespace

std::span<const Converter> reductionConverters() { return kConverters; }

}  // namespace kiln::onnx
