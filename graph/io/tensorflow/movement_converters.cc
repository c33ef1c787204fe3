// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Axes in another order, joining, cutting, borders and copies.
#include <algorithm>
#include <limits>

#include "graph/io/tensorflow/node_import.h"
#include "ops/spec/shape_checks.h"

namespace kiln::tensorflow {
namespace {

Status convertTranspose(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> order, n.axes(1, n.rank(0)));
  if (static_cast<int>(order.size()) != n.rank(0)) {
    return n.invalid("it orders " + std::to_string(order.size()) + " axes of a tensor of rank " +
                     std::to_string(n.rank(0)));
  }
  n.set(0, transpose(n.in(0), std::move(order)));
  return {};
}

Status concatenate(NodeImport& n, int first, int last, int axisInput) {
  if (first >= last) {
    return n.invalid("it has no tensors to join");
  }
  KILN_ASSIGN_OR_RETURN(const int64_t axis, n.axis(axisInput, n.rank(first)));
  std::vector<Value> parts;
  for (int i = first; i < last; ++i) {
    parts.push_back(n.in(i));
  }
  n.set(0, parts.size() == 1 ? parts[0] : concat(parts, axis));
  return {};
}

Status convertConcat(NodeImport& n) { return concatenate(n, 1, n.numInputs(), 0); }
Status convertConcatV2(NodeImport& n) { return concatenate(n, 0, n.numInputs() - 1, n.numInputs() - 1); }

Status convertPack(NodeImport& n) {
  if (n.numInputs() == 0) {
    return n.invalid("it has no tensors to stack");
  }
  n.set(0, stack(n.rest(), n.axisOf(n.integer("axis", 0), n.rank(0) + 1)));
  return {};
}

Status convertUnpack(NodeImport& n) {
  const int64_t axis = n.axisOf(n.integer("axis", 0), n.rank(0));
  const int64_t count = n.integer("num", 0);
  const Value x = n.in(0);
  if (x.isPoisoned() || !n.status().ok()) {
    return n.status();
  }
  if (n.shape(0)[static_cast<int>(axis)] != Dim(count) || count > 65536) {
    return n.invalid("axis " + std::to_string(axis) + " of " + n.shape(0).toString() + " is not " +
                     std::to_string(count) + " long");
  }
  const std::vector<Value> parts = split(x, count, axis);
  for (size_t i = 0; i < parts.size(); ++i) {
    n.set(static_cast<int>(i), squeeze(parts[i], axis));
  }
  return {};
}

Status convertSplit(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t axis, n.axis(0, n.rank(1)));
  const int64_t count = n.integer("num_split", 1);
  if (count < 1 || count > 65536) {
    return n.invalid("it gives " + std::to_string(count) + " parts");
  }
  const std::vector<Value> parts = split(n.in(1), count, axis);
  for (size_t i = 0; i < parts.size(); ++i) {
    n.set(static_cast<int>(i), parts[i]);
  }
  return {};
}

Status convertSplitV(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t axis, n.axis(2, n.rank(0)));
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> lengths, n.dims(1));
  const Value x = n.in(0);
  if (!n.status().ok() || x.isPoisoned()) {
    return n.status();
  }
  // One length of -1 is what the others leave.
  Dim rest = n.shape(0)[static_cast<int>(axis)];
  for (const Dim& length : lengths) {
    rest = length == Dim(-1) ? rest : rest - length;
  }
  std::ranges::replace(lengths, Dim(-1), rest);
  const std::vector<Value> parts = split(x, lengths, axis);
  for (size_t i = 0; i < parts.size(); ++i) {
    n.set(static_cast<int>(i), parts[i]);
  }
  return {};
}

Status convertTile(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> repeats, n.dims(1));
  Value x = n.in(0);
  if (static_cast<int>(repeats.size()) != n.rank(0)) {
    return n.invalid("it repeats " + std::to_string(repeats.size()) + " axes of a tensor of rank " +
                     std::to_string(n.rank(0)));
  }
  if (std::ranges::all_of(repeats, [](const Dim& dim) { return dim.isStatic(); })) {
    std::vector<int64_t> numbers;
    for (const Dim& dim : repeats) {
      numbers.push_back(dim.value());
    }
    n.set(0, tile(x, std::move(numbers)));
    return {};
  }
  // Each axis as two: the copies and what is copied.
  Shape pairs, spread, result;
  for (int i = 0; i < n.rank(0); ++i) {
    const Dim& length = n.shape(0)[i];
    pairs.push_back(1);
    pairs.push_back(length);
    spread.push_back(repeats[static_cast<size_t>(i)]);
    spread.push_back(length);
    result.push_back(repeats[static_cast<size_t>(i)] * length);
  }
  n.set(0, reshape(broadcastTo(reshape(x, pairs), spread), result));
  return {};
}

Status convertReverse(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> axes, n.axes(1, n.rank(0)));
  const Value x = n.in(0);
  n.set(0, axes.empty() ? x : reverse(x, std::move(axes)));
  return {};
}

struct Borders {
  std::vector<Dim> low, high;
};

// Rows of before and after, one for each axis.
StatusOr<Borders> bordersOf(NodeImport& n, int i) {
  KILN_ASSIGN_OR_RETURN(TensorPtr tensor, n.constant(i));
  if (tensor->rank() != 2 || tensor->dims()[0] != n.rank(0) || tensor->dims()[1] != 2) {
    return n.invalid("the borders are " + Shape::of(tensor->dims()).toString() + ", wanted [" +
                     std::to_string(n.rank(0)) + ", 2]");
  }
  Borders borders;
  for (int64_t axis = 0; axis < n.rank(0); ++axis) {
    borders.low.emplace_back(static_cast<int64_t>(tensor->at(2 * axis)));
    borders.high.emplace_back(static_cast<int64_t>(tensor->at(2 * axis + 1)));
    if (borders.low.back().value() < 0 || borders.high.back().value() < 0) {
      return n.invalid("a border is negative");
    }
  }
  return borders;
}

Status convertPad(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(Borders borders, bordersOf(n, 1));
  const Value x = n.in(0);
  const Value value = n.numInputs() > 2 ? n.in(2) : n.g.scalar(0, n.dtype(0));
  n.set(0, pad(x, value, Shape(std::move(borders.low)), Shape(std::move(borders.high))));
  return {};
}

Status convertMirrorPad(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Borders borders, bordersOf(n, 1));
  const std::string mode = n.text("mode", "REFLECT");
  if (mode != "REFLECT" && mode != "SYMMETRIC") {
    return n.invalid("its mode is '" + mode + "'");
  }
  Value x = n.in(0);
  if (mode == "REFLECT") {
    std::vector<int64_t> low, high;
    for (int i = 0; i < n.rank(0); ++i) {
      low.push_back(borders.low[static_cast<size_t>(i)].value());
      high.push_back(borders.high[static_cast<size_t>(i)].value());
    }
    // Axes without a border may have any length.
    n.set(0, padExtend(x, low, high, "reflect"));
    return {};
  }
  // The first and last elements are repeated too: parts of x, turned round.
  for (int i = 0; i < n.rank(0) && !x.isPoisoned(); ++i) {
    const int64_t low = borders.low[static_cast<size_t>(i)].value(),
                  high = borders.high[static_cast<size_t>(i)].value();
    if (low == 0 && high == 0) {
      continue;
    }
    const Dim length = x.shape()[i];
    if (length.isStatic() && std::max(low, high) > length.value()) {
      return n.invalid("a border is longer than its axis");
    }
    auto part = [&](const Dim& from, const Dim& to) {
      Shape starts(std::vector<Dim>(static_cast<size_t>(n.rank(0)), Dim(0))), ends = x.shape();
      starts[i] = from;
      ends[i] = to;
      return reverse(slice(x, starts, ends), {i});
    };
    std::vector<Value> parts;
    if (low > 0) {
      parts.push_back(part(0, low));
    }
    parts.push_back(x);
    if (high > 0) {
      parts.push_back(part(length - Dim(high), length));
    }
    x = concat(parts, i);
  }
  n.set(0, x);
  return {};
}

// x[starts .. ends by steps]. A slice is proven to lie inside x for all lengths; where symbols do not allow that, the
// elements are gathered, and one that is not there ends the run.
Value cut(NodeImport& n, Value x, const Shape& starts, const Shape& ends, std::vector<int64_t> steps) {
  if (x.isPoisoned()) {
    return x;
  }
  steps.resize(static_cast<size_t>(x.rank()), 1);
  Shape low = starts, high = ends;
  std::vector<int> gathered;
  for (int i = 0; i < x.rank(); ++i) {
    const bool isInside = ops::isNonNegative(starts[i]) && ops::isNonNegative(ends[i] - starts[i]) &&
                          ops::isNonNegative(x.shape()[i] - ends[i]);
    const bool isKnown = starts[i].isStatic() && ends[i].isStatic() && x.shape()[i].isStatic();
    if (!isInside && !isKnown) {
      gathered.push_back(i);
      low[i] = 0;
      high[i] = x.shape()[i];
    }
  }
  std::vector<int64_t> sliceSteps = steps;
  for (const int i : gathered) {
    sliceSteps[static_cast<size_t>(i)] = 1;
  }
  Value result = low == Shape(std::vector<Dim>(low.dims().size(), Dim(0))) && high == x.shape() &&
                         std::ranges::all_of(sliceSteps, [](int64_t step) { return step == 1; })
                     ? x
                     : slice(x, low, high, sliceSteps);
  for (const int i : gathered) {
    const int64_t step = steps[static_cast<size_t>(i)];
    Dim length = ends[i] - starts[i];
    length = ops::isNonNegative(length) ? length : Dim::max(length, 0);
    Value places = iota(n.g, Shape{Dim::ceilDiv(length, step)}, 0, i64);
    if (step != 1) {
      places = mul(places, static_cast<double>(step));
    }
    if (starts[i] != Dim(0)) {
      const Value start =
          n.g.makeNode("shape_value", {}, {{"shape", Shape{starts[i]}}}, "", std::source_location::current())[0];
      places = add(places, start);
    }
    result = gather(result, places, i);
  }
  return result;
}

// Elements of x along one axis from a place that only the run knows.
Value window(NodeImport& n, Value x, int axis, Value start, const Dim& length) {
  return gather(x, add(cast(iota(n.g, Shape{length}, 0, i64), i64), start), axis);
}

// Element i of a vector, as an i64 scalar.
Value element(Value vector, int i) { return cast(reshape(slice(vector, Shape{i}, Shape{i + 1}), Shape{}), i64); }

Status convertSlice(NodeImport& n) {
  Value x = n.in(0);
  const auto begin = n.tryDims(1), size = n.tryDims(2);
  const int rank = n.rank(0);
  if (!size || n.shape(1) != Shape{rank} || static_cast<int>(size->size()) != rank) {
    KILN_RETURN_IF_ERROR(n.dims(2).status());
    return n.invalid("begin is " + n.shape(1).toString() + " and size " + n.shape(2).toString() + ", wanted [" +
                     std::to_string(rank) + "]");
  }
  if (begin) {
    Shape starts, ends;
    for (int i = 0; i < rank; ++i) {
      const Dim& from = (*begin)[static_cast<size_t>(i)];
      const Dim& count = (*size)[static_cast<size_t>(i)];
      starts.push_back(from);
      ends.push_back(count == Dim(-1) ? n.shape(0)[i] : from + count);
    }
    n.set(0, cut(n, x, starts, ends, {}));
    return {};
  }
  const Value places = n.in(1);
  for (int i = 0; i < rank && !x.isPoisoned(); ++i) {
    const Dim& count = (*size)[static_cast<size_t>(i)];
    if (count == Dim(-1)) {
      return n.dims(1).status();  // the length depends on the start
    }
    if (count != x.shape()[i]) {
      x = window(n, x, i, element(places, i), count);
    }
  }
  n.set(0, x);
  return {};
}

// --- StridedSlice

// What is done to one axis of x, or a new axis.
struct Selection {
  enum class Kind { kAll, kRange, kIndex, kNew };
  Kind kind = Kind::kAll;
  Dim from = 0, to = 0;
  int64_t step = 1;
  bool isRunIndex = false;
  int place = 0;  ///< In begin and end.
};

// A place of an axis counted from its front, as Python counts: negative ones from the end.
Dim placed(const Dim& place, const Dim& length) {
  return place.isStatic() && place.value() < 0 ? length + place : place;
}

Dim clamped(const Dim& place, const Dim& length) {
  if (place.isStatic() && length.isStatic()) {
    return std::clamp<int64_t>(place.value(), 0, length.value());
  }
  return place;
}

// `end` when it is a number and the length a symbol, which may be smaller.
Dim atMost(const Dim& end, const Dim& length) {
  if (end.isStatic() && !length.isStatic()) {
    constexpr int64_t kBeyondAll = int64_t{1} << 30;
    return end.value() >= kBeyondAll ? length : Dim::min(end, length);
  }
  return end;
}

struct Masks {
  int64_t begin, end, ellipsis, newAxis, shrink;
};

StatusOr<std::vector<Selection>> selectionsOf(NodeImport& n, const Masks& masks) {
  const auto begin = n.tryDims(1), end = n.tryDims(2);
  KILN_ASSIGN_OR_RETURN(const std::vector<int64_t> steps, n.ints(3));
  const auto count = static_cast<int>(steps.size());
  if (n.shape(1) != Shape{count} || n.shape(2) != Shape{count} || count > 32) {
    return n.invalid("begin is " + n.shape(1).toString() + ", end " + n.shape(2).toString() + " and strides have " +
                     std::to_string(count) + " entries");
  }
  auto has = [](int64_t mask, int i) { return ((mask >> i) & 1) != 0; };
  int named = 0;
  for (int i = 0; i < count; ++i) {
    named += has(masks.ellipsis, i) || has(masks.newAxis, i) ? 0 : 1;
  }
  if (named > n.rank(0)) {
    return n.invalid("it selects from " + std::to_string(named) + " axes of a tensor of rank " +
                     std::to_string(n.rank(0)));
  }
  std::vector<Selection> selections;
  int axis = 0;
  for (int i = 0; i < count; ++i) {
    Selection selection{.place = i};
    if (has(masks.ellipsis, i)) {
      for (int k = named; k < n.rank(0); ++k, ++axis) {
        selections.push_back(selection);
      }
      named = n.rank(0);
      continue;
    }
    if (has(masks.newAxis, i)) {
      selection.kind = Selection::Kind::kNew;
      selections.push_back(selection);
      continue;
    }
    const Dim& length = n.shape(0)[axis++];
    selection.step = steps[static_cast<size_t>(i)];
    if (selection.step == 0) {
      return n.invalid("a stride is 0");
    }
    if (has(masks.shrink, i)) {
      selection.kind = Selection::Kind::kIndex;
      if (!begin) {
        selection.isRunIndex = true;
      } else {
        selection.from = placed((*begin)[static_cast<size_t>(i)], length);
        const bool isOutside =
            selection.from.isStatic() &&
            (selection.from.value() < 0 || (length.isStatic() && selection.from.value() >= length.value()));
        if (isOutside) {
          return n.invalid("index " + (*begin)[static_cast<size_t>(i)].toString() + " is outside of an axis of " +
                           length.toString());
        }
      }
      selections.push_back(selection);
      continue;
    }
    selection.kind = Selection::Kind::kRange;
    const bool isForward = selection.step > 0;
    const bool isOpenBegin = has(masks.begin, i), isOpenEnd = has(masks.end, i);
    if ((!isOpenBegin && !begin) || (!isOpenEnd && !end)) {
      KILN_RETURN_IF_ERROR(n.dims(isOpenBegin ? 2 : 1).status());
    }
    if (isForward) {
      selection.from = isOpenBegin ? Dim(0) : clamped(placed((*begin)[static_cast<size_t>(i)], length), length);
      selection.to =
          isOpenEnd ? length : atMost(clamped(placed((*end)[static_cast<size_t>(i)], length), length), length);
      if (selection.from.isStatic() && selection.to.isStatic()) {
        selection.to = std::max(selection.from.value(), selection.to.value());
      }
      const bool isAll = selection.from == Dim(0) && selection.to == length && selection.step == 1;
      selection.kind = isAll ? Selection::Kind::kAll : selection.kind;
    } else if (isOpenBegin && isOpenEnd && selection.step == -1) {
      selection.from = 0;
      selection.to = length;
    } else {
      // The elements that are taken, from the last one to the first.
      if (!length.isStatic()) {
        return n.unsupported("a negative stride over symbolic lengths");
      }
      auto known = [&](bool isOpen, const std::optional<std::vector<Dim>>& list, int64_t otherwise) -> int64_t {
        if (isOpen || !(*list)[static_cast<size_t>(i)].isStatic()) {
          return otherwise;
        }
        const int64_t given = (*list)[static_cast<size_t>(i)].value();
        return std::clamp<int64_t>(given < 0 ? given + length.value() : given, -1, length.value() - 1);
      };
      const int64_t first = known(isOpenBegin, begin, length.value() - 1), stop = known(isOpenEnd, end, -1);
      const int64_t by = -selection.step;
      const int64_t taken = first > stop ? (first - stop + by - 1) / by : 0;
      selection.from = taken == 0 ? 0 : first - (taken - 1) * by;
      selection.to = taken == 0 ? 0 : first + 1;
    }
    selections.push_back(selection);
  }
  return selections;
}

Status convertStridedSlice(NodeImport& n) {
  const Masks masks{n.integer("begin_mask", 0), n.integer("end_mask", 0), n.integer("ellipsis_mask", 0),
                    n.integer("new_axis_mask", 0), n.integer("shrink_axis_mask", 0)};
  KILN_ASSIGN_OR_RETURN(const std::vector<Selection> selections, selectionsOf(n, masks));
  Value x = n.in(0);
  if (x.isPoisoned()) {
    return {};
  }
  using Kind = Selection::Kind;
  Shape starts, ends = n.shape(0), kept;
  std::vector<int64_t> steps(static_cast<size_t>(n.rank(0)), 1), turned;
  for (int i = 0; i < n.rank(0); ++i) {
    starts.push_back(0);
  }
  bool isCut = false;
  int axis = 0;
  for (const Selection& selection : selections) {
    if (selection.kind == Kind::kNew) {
      continue;
    }
    if (selection.kind == Kind::kIndex && !selection.isRunIndex) {
      starts[axis] = selection.from;
      ends[axis] = selection.from + Dim(1);
      isCut = true;
    } else if (selection.kind == Kind::kRange) {
      starts[axis] = selection.from;
      ends[axis] = selection.to;
      steps[static_cast<size_t>(axis)] = selection.step < 0 ? -selection.step : selection.step;
      isCut = true;
      if (selection.step < 0) {
        turned.push_back(axis);
      }
    }
    ++axis;
  }
  if (isCut) {
    x = cut(n, x, starts, ends, steps);
  }
  if (!turned.empty()) {
    x = reverse(x, turned);
  }
  axis = 0;
  for (const Selection& selection : selections) {
    if (selection.kind == Kind::kIndex && selection.isRunIndex && !x.isPoisoned()) {
      x = gather(x, reshape(element(n.in(1), selection.place), Shape{1}), axis);
    }
    axis += selection.kind == Kind::kNew ? 0 : 1;
  }
  if (x.isPoisoned()) {
    n.set(0, x);
    return {};
  }
  axis = 0;
  for (const Selection& selection : selections) {
    if (selection.kind == Kind::kNew) {
      kept.push_back(1);
      continue;
    }
    if (selection.kind != Kind::kIndex) {
      kept.push_back(x.shape()[axis]);
    }
    ++axis;
  }
  for (; axis < x.rank(); ++axis) {
    kept.push_back(x.shape()[axis]);
  }
  n.set(0, kept == x.shape() ? x : reshape(x, kept));
  return {};
}

Status convertMatrixBandPart(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const int64_t below, n.integer(1));
  KILN_ASSIGN_OR_RETURN(const int64_t above, n.integer(2));
  Value x = n.in(0);
  if (below >= 0) {
    x = triangular(x, true, -below);
  }
  if (above >= 0) {
    x = triangular(x, false, above);
  }
  n.set(0, x);
  return {};
}

Status convertMatrixDiag(NodeImport& n) {
  n.set(0, diagonalMatrix(n.in(0)));
  return {};
}

Status convertMatrixDiagPart(NodeImport& n) {
  n.set(0, diagonal(n.in(0), 0, -2, -1));
  return {};
}

// Of the newer forms only what is plain: the main diagonal, of matrices that have no more than it needs.
Status convertMatrixDiagV3(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::vector<int64_t> offset, n.ints(1));
  KILN_ASSIGN_OR_RETURN(const int64_t rows, n.integer(2));
  KILN_ASSIGN_OR_RETURN(const int64_t columns, n.integer(3));
  KILN_ASSIGN_OR_RETURN(const double padding, n.number(4));
  if (offset != std::vector<int64_t>{0} || rows != -1 || columns != -1 || padding != 0) {
    return n.unsupported("other diagonals than the main one of square matrices");
  }
  return convertMatrixDiag(n);
}

Status convertMatrixDiagPartV3(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const std::vector<int64_t> offset, n.ints(1));
  if (offset != std::vector<int64_t>{0}) {
    return n.unsupported("other diagonals than the main one");
  }
  return convertMatrixDiagPart(n);
}

Status convertRoll(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> shifts, n.ints(1));
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> axes, n.ints(2));
  n.set(0, roll(n.in(0), std::move(shifts), std::move(axes)));
  return {};
}

constexpr Converter kConverters[] = {
    {"Concat", convertConcat},
    {"ConcatV2", convertConcatV2},
    {"MatrixBandPart", convertMatrixBandPart},
    {"MatrixDiag", convertMatrixDiag},
    {"MatrixDiagPart", convertMatrixDiagPart},
    {"MatrixDiagPartV2", convertMatrixDiagPartV3},
    {"MatrixDiagPartV3", convertMatrixDiagPartV3},
    {"MatrixDiagV2", convertMatrixDiagV3},
    {"MatrixDiagV3", convertMatrixDiagV3},
    {"MirrorPad", convertMirrorPad},
    {"Pack", convertPack},
    {"Pad", convertPad},
    {"PadV2", convertPad},
    {"ReverseV2", convertReverse},
    {"Roll", convertRoll},
    {"Slice", convertSlice},
    {"Split", convertSplit},
    {"SplitV", convertSplitV},
    {"StridedSlice", convertStridedSlice},
    {"Tile", convertTile},
    {"Transpose", convertTranspose},
    {"Unpack", convertUnpack},
};

}  // namespace

std::span<const Converter> movementConverters() { return kConverters; }

}  // namespace kiln::tensorflow
