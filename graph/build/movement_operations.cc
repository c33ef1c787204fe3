// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/movement_operations.h"

#include "graph/build/builder_state.h"
#include "graph/build/operations.h"

namespace kiln {
namespace {

bool isUsable(const Operand& x) { return x.value.builder() != nullptr && !x.value.isPoisoned(); }

// The axis from the front of `count`, or nothing after an error.
std::optional<int> resolveAxis(const Operand& x, int64_t axis, int64_t count) {
  if (axis < -count || axis >= count) {
    x.value.builder()->addError(makeError<ErrorId::kG0224>(axis, -count, count), x.where);
    return std::nullopt;
  }
  return static_cast<int>(axis < 0 ? axis + count : axis);
}

}  // namespace

Value where(Operand condition, Operand x, Operand y) { return select(condition, x, y); }

Value stack(const std::vector<Value>& inputs, int64_t axis, std::source_location where) {
  std::vector<Value> parts;
  int64_t at = axis;
  for (const Value& input : inputs) {
    const Operand operand(input, where);
    if (isUsable(operand)) {
      at = axis < 0 ? axis + input.rank() + 1 : axis;
    }
    parts.push_back(expandDims(operand, axis));
  }
  return concat(parts, at, where);
}

std::vector<Value> split(Operand x, const std::vector<Dim>& lengths, int64_t axis) {
  const std::vector<Value> poisoned(lengths.size(), x.value);
  if (!isUsable(x)) {
    return poisoned;
  }
  GraphBuilder& g = *x.value.builder();
  const Shape shape = x.value.shape();
  const std::optional<int> at = resolveAxis(x, axis, shape.rank());
  Dim sum = 0;
  for (const Dim& length : lengths) {
    sum = sum + length;
  }
  if (at && !(sum == shape[*at])) {
    g.addError(makeError<ErrorId::kG0243>("lengths", Shape(lengths).toString(),
                                          "the sum " + shape[*at].toString() + ", the length of axis " +
                                              std::to_string(*at) + " of " + shape.toString()),
               x.where);
  }
  if (!at || !(sum == shape[*at])) {
    return std::vector<Value>(lengths.size(), g.state().poison());
  }
  std::vector<Value> parts;
  Shape starts(std::vector<Dim>(static_cast<size_t>(shape.rank()), Dim(0))), ends = shape;
  for (const Dim& length : lengths) {
    ends[*at] = starts[*at] + length;
    parts.push_back(slice(x, starts, ends));
    starts[*at] = ends[*at];
  }
  return parts;
}

std::vector<Value> split(Operand x, int64_t count, int64_t axis) {
  const auto parts = static_cast<size_t>(count < 1 ? 1 : count);
  if (!isUsable(x)) {
    return std::vector<Value>(parts, x.value);
  }
  GraphBuilder& g = *x.value.builder();
  const std::optional<int> at = resolveAxis(x, axis, x.value.rank());
  const std::optional<Dim> length = at && count >= 1 ? x.value.shape()[*at].dividedBy(Dim(count)) : std::nullopt;
  if (at && !length) {
    g.addError(makeError<ErrorId::kG0243>("count", count,
                                          "a divisor of " + x.value.shape()[*at].toString() + ", the length of axis " +
                                              std::to_string(*at) + " of " + x.value.shape().toString()),
               x.where);
  }
  if (!length) {
    return std::vector<Value>(parts, g.state().poison());
  }
  return split(x, std::vector<Dim>(parts, *length), *at);
}

Value outer(Operand x, Operand y) {
  if (!isUsable(x) || !isUsable(y)) {
    return mul(x, y);
  }
  return mul(reshape(x, {x.value.shape().numElements(), 1}), reshape(y, {1, y.value.shape().numElements()}));
}

Value diagonalMatrix(Operand x) {
  if (!isUsable(x)) {
    return x.value;
  }
  const int64_t rank = x.value.rank();
  if (!resolveAxis(x, -1, rank)) {
    return x.value.builder()->state().poison();
  }
  GraphBuilder& g = *x.value.builder();
  const Dim n = x.value.shape()[static_cast<int>(rank - 1)];
  const Shape matrix = {n, n};
  const Value isDiagonal =
      equal(Operand(iota(g, matrix, 0, i64, x.where), x.where), Operand(iota(g, matrix, 1, i64, x.where), x.where));
  return select(Operand(isDiagonal, x.where), expandDims(x, -1),
                Operand(g.scalar(0, x.value.dtype(), x.where), x.where));
}

Value einsum(std::string equation, const std::vector<Value>& inputs, std::source_location where) {
  std::vector<Operand> operands;
  for (const Value& input : inputs) {
    operands.emplace_back(input, where);
  }
  return detail::makeOperation("einsum", std::move(operands), {{"equation", std::move(equation)}});
}

}  // namespace kiln
