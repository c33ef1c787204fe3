// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/selection.h"

#include <limits>
#include <string>

#include "graph/nn/layer_values.h"

namespace kiln::nn {
namespace {

using Where = std::source_location;

bool isUsable(const Value& x) { return x.builder() != nullptr && !x.isPoisoned(); }

bool isProvenNonNegative(const Dim& dim) { return Dim::max(dim, 0) == dim; }

Value positions(GraphBuilder& g, const Dim& count, Where where) { return iota(g, {count}, 0, i64, where); }

// The zeros of a vector that is to be written to.
Value zeros(GraphBuilder& g, const Dim& length, Where where) { return full(g, {length}, 0, i64, where); }

// result[indices[i]] = updates[i]
Value written(Value to, Value indices, Value updates) { return scatterSlices(to, indices, updates); }

// Where the mask [n] is true, in ascending order, with a dimension of its own.
Value positionsOf(GraphBuilder& g, Value mask, std::string_view name, Where where) {
  const Value isChosen = cast(mask, i64);
  const Value rank = cumsum(isChosen, 0);
  const Dim count = bindDim(g, reduceSum(isChosen), name, where);
  // Those that are not chosen are written to a place behind the last one.
  const Value all = written(zeros(g, count + 1, where), select(mask, sub(rank, 1), lengthValue(g, count, i64, where)),
                            positions(g, mask.shape()[0], where));
  return slice(all, {0}, {count});
}

Value flatten(Value x) { return reshape(x, {x.shape().numElements()}); }

Value isNotZero(GraphBuilder& g, Value x, Where where) {
  return x.dtype() == boolean ? x : notEqual(x, g.scalar(0, x.dtype(), where));
}

// Unequal, where NaNs are equal to each other.
Value differ(Value a, Value b) {
  if (a.dtype() == boolean) {
    return logicalXor(a, b);
  }
  const Value isOther = notEqual(a, b);
  return isFloat(a.dtype()) ? logicalAnd(isOther, logicalNot(logicalAnd(isNan(a), isNan(b)))) : isOther;
}

// bool has no order of its own.
Value sortable(Value x) { return x.dtype() == boolean ? cast(x, u8) : x; }

// The rows [n, width] in ascending order: sorted by the last column first, which later sorts keep among equals.
Value orderOfRows(GraphBuilder& g, Value rows, Where where) {
  const Value start = positions(g, rows.shape()[0], where);
  return scan(
             g, {start}, {sortable(transpose(rows, {1, 0}))},
             [](Value, const Values& carries, const Values& column) {
               const Value order = sort(gather(column[0], carries[0]), 0).indices;
               return std::pair(Values{gather(carries[0], order)}, Values());
             },
             {.name = "sort_rows", .length = {}, .reverse = true}, where)
      .carries[0];
}

}  // namespace

Value firstAlong(Value x, const Dim& count, int64_t axis, Where where) {
  if (!isUsable(x)) {
    return x;
  }
  const int at = static_cast<int>(axis < 0 ? axis + x.rank() : axis);
  if (count == x.shape()[at]) {
    return x;
  }
  if (isProvenNonNegative(x.shape()[at] - count)) {
    Shape ends = x.shape();
    ends[at] = count;
    return slice(Operand(x, where), Shape(std::vector<Dim>(static_cast<size_t>(x.rank()), Dim(0))), std::move(ends));
  }
  return gather(Operand(x, where), positions(*x.builder(), count, where), at);
}

Value nonZero(GraphBuilder& g, Value x, Where where) {
  if (!isUsable(x)) {
    return x;
  }
  const auto scope = g.scope("non_zero", where);
  const Shape shape = x.rank() == 0 ? Shape{1} : x.shape();
  const Value found = positionsOf(g, flatten(isNotZero(g, x, where)), "nonzero", where);
  Values rows;
  Value rest = found;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    Value row = rest;
    if (axis > 0) {
      // A length of 0 has no elements to be found, and is no divisor.
      const Value length = maximum(lengthValue(g, shape[axis], i64, where), 1);
      row = remainder(rest, length);
      rest = div(rest, length);
    }
    rows.insert(rows.begin(), expandDims(row, 0));
  }
  return concat(rows, 0, where);
}

Value compress(GraphBuilder& g, Value x, Value condition, std::optional<int64_t> axis, Where where) {
  if (!isUsable(x) || !isUsable(condition)) {
    return g.poisoned();
  }
  if (condition.dtype() != boolean || condition.rank() != 1) {
    return failLayer(g, "compress", "condition is no bool vector", where);
  }
  const int64_t rank = x.rank();
  if (axis && (*axis < -rank || *axis >= rank)) {
    return failLayer(g, "compress", "axis " + std::to_string(*axis) + " is outside of rank " + std::to_string(rank),
                     where);
  }
  const auto scope = g.scope("compress", where);
  const Value from = axis ? x : flatten(x);
  const int at = axis ? static_cast<int>(*axis < 0 ? *axis + rank : *axis) : 0;
  const Dim &length = from.shape()[at], &given = condition.shape()[0];
  if (length.isStatic() && given.isStatic() && given.value() > length.value()) {
    return failLayer(g, "compress",
                     "condition has " + given.toString() + " elements, and the axis only " + length.toString(), where);
  }
  return gather(from, positionsOf(g, condition, "compress", where), at);
}

UniqueResult unique(GraphBuilder& g, Value x, std::optional<int64_t> axis, bool isSorted, Where where) {
  const UniqueResult poisoned{g.poisoned(), g.poisoned(), g.poisoned(), g.poisoned()};
  if (!isUsable(x)) {
    return poisoned;
  }
  const int rank = x.rank();
  if (axis && (*axis < -rank || *axis >= rank)) {
    failLayer(g, "unique", "axis " + std::to_string(*axis) + " is outside of rank " + std::to_string(rank), where);
    return poisoned;
  }
  const auto scope = g.scope("unique", where);
  // Slices are rows of a matrix.
  std::vector<int64_t> toFront, toBack;
  Value rows = flatten(x);
  Shape rest;
  if (axis) {
    const int64_t at = *axis < 0 ? *axis + rank : *axis;
    toFront.push_back(at);
    for (int i = 0; i < rank; ++i) {
      if (i != at) {
        toFront.push_back(i);
        rest.push_back(x.shape()[i]);
      }
      toBack.push_back(i == at ? 0 : i < at ? i + 1 : i);
    }
    rows = reshape(transpose(x, toFront), {x.shape()[static_cast<int>(at)], rest.numElements()});
  }
  const Dim n = rows.shape()[0];
  const Value place = positions(g, n, where);
  const Value order = axis ? orderOfRows(g, rows, where) : sort(sortable(rows), 0).indices;
  const Value ordered = gather(rows, order);
  // A value begins where a row differs from the one before it.
  Value isOther = differ(ordered, gather(ordered, maximum(sub(place, 1), 0)));
  if (axis) {
    isOther = reduceAny(isOther, {1});
  }
  const Value isStart = logicalOr(equal(place, 0), isOther);
  const Value starts = positionsOf(g, isStart, "unique", where);
  const Dim count = starts.shape()[0];
  const Value group = sub(cumsum(cast(isStart, i64), 0), 1);
  const Value ends = slice(concat({starts, reshape(lengthValue(g, n, i64, where), {1})}, 0, where), {1}, {count + 1});
  UniqueResult result{.values = gather(ordered, starts),
                      .indices = gather(order, starts),
                      .inverse = written(zeros(g, n, where), order, group),
                      .counts = sub(ends, starts)};
  if (!isSorted) {
    const Value byFirst = sort(result.indices, 0).indices;
    result.values = gather(result.values, byFirst);
    result.indices = gather(result.indices, byFirst);
    result.counts = gather(result.counts, byFirst);
    const Value newPlace = written(zeros(g, count, where), byFirst, positions(g, count, where));
    result.inverse = gather(newPlace, result.inverse);
  }
  if (axis) {
    Shape shape{count};
    for (const Dim& length : rest) {
      shape.push_back(length);
    }
    result.values = transpose(reshape(result.values, shape), toBack);
  }
  return result;
}

namespace {

/// Boxes as their borders and areas, each [rows, candidates].
struct Borders {
  Value top, left, bottom, right, area;
};

Borders bordersOf(Value boxes, bool isCenterForm) {
  const int last = boxes.rank() - 1;
  const std::vector<Value> parts = split(boxes, 4, last);
  Values n;
  for (const Value& part : parts) {
    n.push_back(squeeze(part, last));
  }
  Borders b;
  if (isCenterForm) {
    const Value halfWidth = mul(n[2], 0.5), halfHeight = mul(n[3], 0.5);
    b = {sub(n[1], halfHeight), sub(n[0], halfWidth), add(n[1], halfHeight), add(n[0], halfWidth), {}};
  } else {
    b = {minimum(n[0], n[2]), minimum(n[1], n[3]), maximum(n[0], n[2]), maximum(n[1], n[3]), {}};
  }
  b.area = mul(sub(b.bottom, b.top), sub(b.right, b.left));
  return b;
}

}  // namespace

Value nonMaxSuppression(GraphBuilder& g, Value boxes, Value scores, Operand maxPerClass, Operand iouThreshold,
                        const NonMaxSuppressionOptions& options, Where where) {
  if (!isUsable(boxes) || !isUsable(scores)) {
    return g.poisoned();
  }
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.shape()[2] != Dim(4) || !isFloat(boxes.dtype()) ||
      boxes.dtype() != scores.dtype() || boxes.shape()[0] != scores.shape()[0] ||
      boxes.shape()[1] != scores.shape()[2]) {
    return failLayer(g, "non_max_suppression",
                     "boxes are " + boxes.shape().toString() + " and scores " + scores.shape().toString() +
                         ", wanted floats [batches, boxes, 4] and [batches, classes, boxes]",
                     where);
  }
  const auto scope = g.scope("non_max_suppression", where);
  const Dim batches = scores.shape()[0], classes = scores.shape()[1], n = scores.shape()[2];
  const Dim rows = batches * classes;
  const Value limit = maxPerClass.number ? g.scalar(*maxPerClass.number, i64, where) : maxPerClass.value;
  const Value threshold =
      iouThreshold.number ? g.scalar(*iouThreshold.number, boxes.dtype(), where) : iouThreshold.value;

  // Candidates first, by score; no class has more of them than `most`.
  Value keys = reshape(scores, {rows, n});
  Value numCandidates = broadcastTo(lengthValue(g, n, i64, where), {rows});
  Dim most = n;
  if (options.scoreThreshold) {
    const Value isCandidate = greater(keys, *options.scoreThreshold);
    const double lowest = -std::numeric_limits<double>::infinity();
    keys = select(isCandidate, keys, lowest);
    numCandidates = reduceSum(cast(isCandidate, i64), {1});
    most = bindDim(g, maximum(reduceMax(numCandidates), 0), "candidates", where);
  }
  const Value order = firstAlong(sort(keys, 1, /*descending=*/true).indices, most, 1, where);
  const Value candidates = gather(boxes, reshape(order, {batches, classes * most}), 1, 1);
  const Borders borders = bordersOf(reshape(candidates, {rows, most, 4}), options.isCenterForm);

  const Value column = iota(g, {rows, most}, 1, i64, where);
  const Value isAlive = less(column, expandDims(numCandidates, 1));
  const Value none = cast(full(g, {rows, most}, 0, u8, where), boolean);
  const Values last = whileLoop(
      g, {isAlive, none, g.scalar(0, i64, where)},
      [&](const Values& carries) { return logicalAnd(less(carries[2], limit), reduceAny(carries[0])); },
      [&](Value, const Values& carries) {
        // The best of each class that is left is the first one.
        const Value best = expandDims(argmax(cast(carries[0], i32), 1), 1);
        const Value isBest = logicalAnd(carries[0], equal(column, best));
        const auto ofBest = [&](const Value& border) { return gather(border, best, 1, 1); };
        const Value height =
            sub(minimum(borders.bottom, ofBest(borders.bottom)), maximum(borders.top, ofBest(borders.top)));
        const Value width =
            sub(minimum(borders.right, ofBest(borders.right)), maximum(borders.left, ofBest(borders.left)));
        const Value common = mul(relu(height), relu(width));
        const Value both = sub(add(borders.area, ofBest(borders.area)), common);
        const Value isSuppressed =
            logicalAnd(greater(common, 0), greater(div(common, select(greater(both, 0), both, 1)), threshold));
        const Value isLeft = logicalAnd(carries[0], logicalNot(logicalOr(isBest, isSuppressed)));
        return Values{isLeft, logicalOr(carries[1], isBest), add(carries[2], 1)};
      },
      {.name = "suppress"}, where);

  const Value found = positionsOf(g, flatten(last[1]), "selected", where);
  const Shape all{batches, classes, most};
  const Value columns[] = {iota(g, all, 0, i64, where), iota(g, all, 1, i64, where), order};
  Values picked;
  for (const Value& each : columns) {
    picked.push_back(expandDims(gather(flatten(each), found), 1));
  }
  return concat(picked, 1, where);
}

}  // namespace kiln::nn
