// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/axis_values.h"

#include <algorithm>

#include "graph/io/onnx/importer.h"

namespace kiln::onnx {
namespace {

// Symbols of bindDim() end in a point and a number.
bool isFoundByRun(const std::string& symbol) {
  const size_t point = symbol.rfind('.');
  return point != std::string::npos && point + 1 < symbol.size() &&
         std::all_of(symbol.begin() + static_cast<std::ptrdiff_t>(point) + 1, symbol.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool isFoundByRun(const Dim& dim) {
  const std::vector<std::string> symbols = dim.symbols();
  return std::any_of(symbols.begin(), symbols.end(), [](const std::string& symbol) { return isFoundByRun(symbol); });
}

bool isNeverNegative(const Dim& dim) { return Dim::max(dim, 0) == dim; }

bool isNegativeForm(const Dim& dim) {
  return dim.isStatic() ? dim.value() < 0 : Dim::max(Dim(-1) * dim, 0) == Dim(-1) * dim;
}

Dim asLength(GraphBuilder& g, const Dim& dim) {
  if (isNeverNegative(dim)) {
    return dim;
  }
  if (auto symbol = (dim + 1).asSymbol(); symbol && !isFoundByRun(*symbol)) {
    g.dim(*symbol, 1, DimRange::kUnbounded);
    return dim;
  }
  return Dim::max(dim, 0);
}

Value scalarOf(GraphBuilder& g, const Dim& length) {
  if (length.isStatic()) {
    return g.constant(Tensor::scalar<int64_t>(length.value()));
  }
  const Value shape = g.makeNode("shape_value", {}, {{"shape", Shape{length}}}, "", std::source_location::current())[0];
  return reshape(shape, Shape{});
}

Value takeAlong(Value x, int axis, Value indices) {
  return detail::makeOperation("gather", {x, indices},
                               {{"axis", int64_t{axis}}, {"batch_dims", int64_t{0}}, {"allow_negative", false}});
}

Value partAlong(Value x, int axis, const Dim& start, const Dim& length, int64_t step) {
  if (x.isPoisoned()) {
    return x;
  }
  const Dim& whole = x.shape()[axis];
  if (step == 1 && start == Dim(0) && length == whole) {
    return x;
  }
  // Up to one behind the last one.
  const Dim end = length == Dim(0) ? start : start + (length - 1) * Dim(step) + 1;
  GraphBuilder& g = *x.builder();
  if (step > 0 && isNeverNegative(start) && isNeverNegative(end - start) && isNeverNegative(whole - end) &&
      Dim::ceilDiv(end - start, Dim(step)) == length) {
    Shape starts(std::vector<Dim>(static_cast<size_t>(x.rank()), Dim(0))), ends = x.shape();
    std::vector<int64_t> steps(static_cast<size_t>(x.rank()), 1);
    starts[axis] = start;
    ends[axis] = end;
    steps[static_cast<size_t>(axis)] = step;
    return slice(x, std::move(starts), std::move(ends), std::move(steps));
  }
  return partAlong(x, axis, scalarOf(g, start), length, scalarOf(g, Dim(step)));
}

Value partAlong(Value x, int axis, Value start, const Dim& length, Value step) {
  if (x.isPoisoned()) {
    return x;
  }
  return takeAlong(x, axis, add(mul(iota(*x.builder(), {length}), step), start));
}

StatusOr<std::vector<Dim>> dimsOrFound(NodeImport& n, int i, std::string_view name) {
  if (auto known = n.tryDims(i)) {
    return *std::move(known);
  }
  const Imported& input = n.imported(i);
  constexpr int64_t kMostAxes = 64;  // Of a list that names a length for each.
  const bool isList = input.shape.rank() == 0 ||
                      (input.shape.rank() == 1 && input.shape[0].isStatic() && input.shape[0].value() <= kMostAxes);
  if (!isList || !isInteger(input.dtype) || n.importer().isKnowable(input)) {
    return n.dims(i);
  }
  const Value values = cast(n.in(i), i64);
  std::vector<Dim> found;
  const int64_t count = input.shape.rank() == 0 ? 1 : input.shape[0].value();
  for (int64_t k = 0; k < count; ++k) {
    const Value one = input.shape.rank() == 0 ? values : slice(values, {k}, {k + 1});
    found.push_back(bindDim(n.g, reshape(one, Shape{}), name));
  }
  return found;
}

Value integerScalar(NodeImport& n, int i) {
  const Value x = n.in(i);
  if (x.isPoisoned()) {
    return x;
  }
  if (!isInteger(x.dtype()) || x.shape().numElements() != Dim(1)) {
    n.fail(n.invalid("input " + std::to_string(i) + " is " + std::string(toString(x.dtype())) + x.shape().toString() +
                     ", wanted one integer"));
    return n.g.poisoned();
  }
  return cast(reshape(x, Shape{}), i64);
}

}  // namespace kiln::onnx
