// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Slice, Split, Pad and CenterCropPad: parts of axes, and more than them.
#include <algorithm>

#include "graph/build/known_values.h"
#include "graph/io/onnx/axis_values.h"
#include "graph/io/onnx/importer.h"
#include "graph/io/onnx/movement.h"

namespace kiln::onnx {
namespace {

// Where a slice of one axis begins, and how many elements it has.
struct Part {
  Dim start, length;
};

// A bound of an axis of n elements, from the front and limited to the axis. Of symbolic bounds nothing is limited: that
// they lie inside is checked in the run.
Dim boundOf(GraphBuilder& g, const Dim& bound, const Dim& n) {
  if (bound.isStatic()) {
    const int64_t at = bound.value();
    if (n.isStatic()) {
      return std::clamp<int64_t>(at < 0 ? at + n.value() : at, 0, n.value());
    }
    constexpr int64_t kFar = int64_t{1} << 30;
    if (at >= kFar || at <= -kFar) {
      return at > 0 ? n : Dim(0);
    }
    if (at == 0) {
      return at;
    }
    // An axis of a feed's length has one element.
    if (at == 1 && !isFoundByRun(n)) {
      return at;
    }
    return at == -1 ? asLength(g, n - 1) : at < 0 ? Dim::max(n + bound, 0) : Dim::min(bound, n);
  }
  return isNegativeForm(bound) ? n + bound : bound;
}

Part partOf(GraphBuilder& g, const Dim& start, const Dim& end, int64_t step, const Dim& n) {
  if (start == Dim(-1) && !n.isStatic() && !isFoundByRun(n) && end.isStatic() && end.value() > 0) {
    return {n - 1, 1};  // the last element
  }
  const Dim from = boundOf(g, start, n), to = boundOf(g, end, n);
  Dim length = to - from;
  if (!isNeverNegative(length)) {
    length = from.isStatic() && to.isStatic() ? Dim(0) : asLength(g, length);
  }
  return {from, Dim::ceilDiv(length, Dim(step))};
}

// Every step-th element from the start on; the start is not before the end.
StatusOr<Value> backwards(NodeImport& n, Value x, int axis, const Dim& start, const Dim& end, int64_t step) {
  const Dim& length = x.shape()[axis];
  if (!start.isStatic() || !end.isStatic()) {
    return n.unsupported("negative steps between symbolic bounds");
  }
  if (length.isStatic()) {
    const int64_t size = length.value();
    const int64_t first = std::clamp<int64_t>(start.value() < 0 ? start.value() + size : start.value(), -1, size - 1);
    const int64_t last = std::clamp<int64_t>(end.value() < 0 ? end.value() + size : end.value(), -1, size - 1);
    const int64_t count = first > last ? (first - last - step - 1) / -step : 0;
    const int64_t lowest = first + std::max<int64_t>(count - 1, 0) * step;
    return count == 0 ? partAlong(x, axis, Dim(0), Dim(0))
                      : reverse(partAlong(x, axis, Dim(lowest), Dim(count), -step), {axis});
  }
  constexpr int64_t kFar = int64_t{1} << 30;
  if ((start.value() == -1 || start.value() >= kFar) && end.value() <= -kFar) {
    const Value reversed = reverse(x, {axis});
    return partAlong(reversed, axis, Dim(0), Dim::ceilDiv(length, Dim(-step)), -step);
  }
  return n.unsupported("negative steps over symbolic lengths");
}

// Bounds that only the run knows: those of each axis are elements of the vectors.
Value sliceInRun(NodeImport& n, Value x, int axis, int64_t k, int64_t step) {
  const auto given = [&](int input) {
    const Value values = cast(n.in(input), i64);
    const bool isOne = values.isPoisoned() || values.shape().numElements() == Dim(1);
    return reshape(isOne ? values : slice(values, {k}, {k + 1}), Shape{});
  };
  // x[i : i + length] is as long wherever it is; that it lies inside is checked.
  if (const auto difference = knownDifference(given(1), given(2)); difference && *difference > 0) {
    return partAlong(x, axis, given(1), Dim::ceilDiv(Dim(*difference), Dim(step)),
                     n.g.constant(Tensor::scalar<int64_t>(step)));
  }
  const auto bound = [&](int input) {
    const Value at = given(input), length = scalarOf(n.g, x.shape()[axis]);
    return clamp(select(less(at, 0), add(at, length), at), n.g.constant(Tensor::scalar<int64_t>(0)), length);
  };
  const Value start = bound(1), end = bound(2);
  const Value count = div(add(maximum(sub(end, start), 0), step - 1), step);
  return partAlong(x, axis, start, bindDim(n.g, count, "slice"), n.g.constant(Tensor::scalar<int64_t>(step)));
}

}  // namespace

Status convertSlice(NodeImport& n) {
  const int rank = n.rank(0);
  // Their number is that of the axes; what they are may be left to the run.
  const Shape& bounds = n.shape(1);
  if (bounds.rank() > 1 || (bounds.rank() == 1 && !bounds[0].isStatic()) || n.shape(2) != bounds) {
    return n.invalid("starts and ends are no vectors of one length");
  }
  const auto count = static_cast<size_t>(bounds.rank() == 0 ? 1 : bounds[0].value());
  std::vector<int64_t> axes, steps(count, 1);
  for (size_t i = 0; i < count; ++i) {
    axes.push_back(static_cast<int64_t>(i));
  }
  if (n.has(3)) {
    KILN_ASSIGN_OR_RETURN(axes, n.ints(3));
  }
  if (n.has(4)) {
    KILN_ASSIGN_OR_RETURN(steps, n.ints(4));
  }
  if (axes.size() != count || steps.size() != count || std::ranges::find(steps, 0) != steps.end()) {
    return n.invalid("axes and steps have another length than starts, or a step is 0");
  }
  axes = n.axesOf(std::move(axes), rank);
  KILN_RETURN_IF_ERROR(n.status());
  const bool isRunTime = (!n.tryDims(1) && !n.importer().isKnowable(n.imported(1))) ||
                         (!n.tryDims(2) && !n.importer().isKnowable(n.imported(2)));
  Value x = n.in(0);
  if (x.isPoisoned() || count == 0) {
    n.set(0, x, n.elementType(0));
    return {};
  }
  if (isRunTime) {
    for (size_t i = 0; i < count; ++i) {
      if (steps[i] < 0) {
        return n.unsupported("negative steps between bounds that only the run knows");
      }
      x = sliceInRun(n, x, static_cast<int>(axes[i]), static_cast<int64_t>(i), steps[i]);
    }
    n.set(0, x, n.elementType(0));
    return {};
  }
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> starts, n.dims(1));
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> ends, n.dims(2));
  for (size_t i = 0; i < count; ++i) {
    const int axis = static_cast<int>(axes[i]);
    if (steps[i] < 0) {
      KILN_ASSIGN_OR_RETURN(x, backwards(n, x, axis, starts[i], ends[i], std::max<int64_t>(steps[i], -INT32_MAX)));
    } else {
      const int64_t step = std::min<int64_t>(steps[i], INT32_MAX);
      const Part part = partOf(n.g, starts[i], ends[i], step, x.shape()[axis]);
      x = partAlong(x, axis, part.start, part.length, step);
    }
  }
  n.set(0, x, n.elementType(0));
  return {};
}

Status convertSplit(NodeImport& n) {
  const int axis = static_cast<int>(n.axisOf(n.integer("axis", 0), n.rank(0)));
  KILN_RETURN_IF_ERROR(n.status());
  const Dim& whole = n.shape(0)[axis];
  std::vector<Dim> lengths;
  if (n.has(1)) {
    KILN_ASSIGN_OR_RETURN(lengths, n.dims(1));
    if (static_cast<int>(lengths.size()) != n.numOutputs()) {
      return n.invalid("there are " + std::to_string(lengths.size()) + " lengths for " +
                       std::to_string(n.numOutputs()) + " outputs");
    }
  } else {
    const int64_t count = n.integer("num_outputs", n.numOutputs());
    if (count != n.numOutputs() || count < 1) {
      return n.invalid("attribute 'num_outputs' is " + std::to_string(count) + ", and there are " +
                       std::to_string(n.numOutputs()) + " outputs");
    }
    const Dim part = Dim::ceilDiv(whole, Dim(count));
    Dim left = whole;
    for (int64_t i = 0; i < count; ++i) {
      // Of few elements the first parts have all.
      const Dim length = part * Dim(count) == whole ? part : i + 1 < count ? Dim::min(part, left) : left;
      lengths.push_back(length);
      left = left - length;
    }
  }
  Dim sum = 0;
  for (const Dim& length : lengths) {
    if (isNegativeForm(length)) {
      return n.invalid("a length is " + length.toString());
    }
    sum = sum + length;
  }
  if (!(sum == whole) && sum.isStatic() && whole.isStatic()) {
    return n.invalid("the lengths add up to " + sum.toString() + ", and the axis has " + whole.toString());
  }
  Dim start = 0;
  for (int i = 0; i < n.numOutputs(); ++i) {
    const Dim length = asLength(n.g, lengths[static_cast<size_t>(i)]);
    n.set(i, partAlong(n.in(0), axis, start, length), n.elementType(0));
    start = start + length;
  }
  return {};
}

namespace {

// Where each element of a padded axis comes from. Borders longer than the axis go on in the same way.
Value sourceOf(NodeImport& n, const std::string& mode, const Dim& length, const Dim& low, const Dim& result) {
  const Value at = sub(iota(n.g, {result}), scalarOf(n.g, low));
  const Value size = scalarOf(n.g, length), last = sub(size, 1);
  if (mode == "edge") {
    return clamp(at, n.g.constant(Tensor::scalar<int64_t>(0)), last);
  }
  if (mode == "wrap") {
    return mod(at, maximum(size, 1));
  }
  // There and back again in 2 * (size - 1) steps.
  const Value period = maximum(mul(last, 2), 1), phase = mod(at, period);
  return minimum(phase, sub(mul(last, 2), phase));
}

// The axis with a border of `value`; negative amounts take elements away.
Value withBorder(NodeImport& n, Value x, int axis, const Dim& low, const Dim& high, Value value) {
  const Dim length = x.shape()[axis];
  if (isNeverNegative(low) && isNeverNegative(high)) {
    const Shape none(std::vector<Dim>(static_cast<size_t>(x.rank()), Dim(0)));
    Shape before = none, after = none;
    before[axis] = low;
    after[axis] = high;
    return pad(x, value, std::move(before), std::move(after));
  }
  const Dim result = asLength(n.g, length + low + high);
  const Value at = sub(iota(n.g, {result}), scalarOf(n.g, low)), size = scalarOf(n.g, length);
  Value isInside = logicalAnd(greaterEqual(at, 0), less(at, size));
  if (length == Dim(0)) {
    Shape shape = x.shape();
    shape[axis] = result;
    return broadcastTo(value, std::move(shape));
  }
  Shape column(std::vector<Dim>(static_cast<size_t>(x.rank() - axis), Dim(1)));
  column[0] = result;
  isInside = reshape(isInside, std::move(column));
  const Value moved = takeAlong(x, axis, clamp(at, n.g.constant(Tensor::scalar<int64_t>(0)), sub(size, 1)));
  return select(isInside, moved, value);
}

}  // namespace

Status convertPad(NodeImport& n) {
  const int rank = n.rank(0);
  const std::string mode = n.text("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap") {
    return n.unsupported("mode '" + mode + "'");
  }
  std::vector<int64_t> axes;
  for (int i = 0; i < rank; ++i) {
    axes.push_back(i);
  }
  if (n.has(3)) {
    KILN_ASSIGN_OR_RETURN(axes, n.ints(3));
    axes = n.axesOf(std::move(axes), rank);
    KILN_RETURN_IF_ERROR(n.status());
  }
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> pads, dimsOrFound(n, 1, "pads"));
  if (pads.size() != 2 * axes.size()) {
    return n.invalid("there are " + std::to_string(pads.size()) + " pads for " + std::to_string(axes.size()) + " axes");
  }
  Value value = n.has(2) ? reshape(n.in(2), Shape{}) : n.g.constant(Tensor(n.dtype(0), std::vector<int64_t>{}));
  Value x = n.in(0);
  if (mode == "constant" && std::ranges::all_of(pads, isNeverNegative) && !x.isPoisoned()) {
    Shape low(std::vector<Dim>(static_cast<size_t>(rank), Dim(0))), high = low;
    for (size_t i = 0; i < axes.size(); ++i) {
      low[static_cast<int>(axes[i])] = pads[i];
      high[static_cast<int>(axes[i])] = pads[axes.size() + i];
    }
    n.set(0, pad(x, value, std::move(low), std::move(high)), n.elementType(0));
    return {};
  }
  for (size_t i = 0; i < axes.size() && !x.isPoisoned(); ++i) {
    const int axis = static_cast<int>(axes[i]);
    const Dim &low = pads[i], &high = pads[axes.size() + i], &length = x.shape()[axis];
    if (low == Dim(0) && high == Dim(0)) {
      continue;
    }
    const Dim result = length + low + high;
    if (isNegativeForm(result)) {
      return n.invalid("axis " + std::to_string(axis) + " of length " + length.toString() +
                       " has less than the pads take");
    }
    x = mode == "constant" ? withBorder(n, x, axis, low, high, value)
                           : takeAlong(x, axis, sourceOf(n, mode, length, low, asLength(n.g, result)));
  }
  n.set(0, x, n.elementType(0));
  return {};
}

Status convertCenterCropPad(NodeImport& n) {
  const int rank = n.rank(0);
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> wanted, n.dims(1));
  std::vector<int64_t> axes = n.ints("axes");
  if (!n.hasAttribute("axes")) {
    for (int i = 0; i < rank; ++i) {
      axes.push_back(i);
    }
  }
  axes = n.axesOf(std::move(axes), rank);
  KILN_RETURN_IF_ERROR(n.status());
  if (axes.size() != wanted.size()) {
    return n.invalid("there are " + std::to_string(wanted.size()) + " lengths for " + std::to_string(axes.size()) +
                     " axes");
  }
  Value x = n.in(0);
  const Value zero = n.g.constant(Tensor(n.dtype(0), std::vector<int64_t>{}));
  for (size_t i = 0; i < axes.size() && !x.isPoisoned(); ++i) {
    const int axis = static_cast<int>(axes[i]);
    const Dim length = x.shape()[axis], more = wanted[i] - length;
    if (isNeverNegative(more)) {
      const Dim low = Dim::floorDiv(more, Dim(2));
      x = withBorder(n, x, axis, low, more - low, zero);
    } else if (isNegativeForm(more)) {
      x = partAlong(x, axis, Dim::floorDiv(length - wanted[i], Dim(2)), wanted[i]);
    } else {
      return n.unsupported("cropping or padding, which of the two is open over symbolic lengths");
    }
  }
  n.set(0, x, n.elementType(0));
  return {};
}

}  // namespace kiln::onnx
