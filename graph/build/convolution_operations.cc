// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/convolution_operations.h"

#include <algorithm>
#include <optional>

#include "graph/build/builder_state.h"
#include "graph/build/operations.h"
#include "ops/convolution/windows.h"

namespace kiln {
namespace {

using ops::Window;
using Numbers = std::vector<int64_t>;

bool isUsable(const Operand& x) { return x.value.builder() != nullptr && !x.value.isPoisoned(); }

Value fail(const Operand& x, Status status) {
  x.value.builder()->addError(std::move(status), x.where);
  return x.value.builder()->poisoned();
}

ValueType typeOf(const Operand& x) { return {x.value.dtype(), x.value.shape()}; }

// Channels last for a tensor of this rank; nothing for a rank that no layout has.
std::string defaultLayout(int rank, std::string_view first, std::string_view last) {
  const std::string_view letters = "DHW";
  const int spatial = std::clamp(rank - 2, 1, 3);
  return std::string(first) + std::string(letters.substr(static_cast<size_t>(3 - spatial))) + std::string(last);
}

std::string layoutOf(const std::string& given, const Operand& x) {
  return given.empty() ? defaultLayout(x.value.rank(), "N", "C") : given;
}

// One entry for each of `count` axes.
Numbers spread(Numbers given, size_t count, int64_t otherwise) {
  if (given.empty()) {
    given = {otherwise};
  }
  if (given.size() == 1) {
    given.assign(count, given[0]);
  }
  return given;
}

struct Paddings {
  Numbers low, high;
};

// The padding in numbers. Of kSame: what windows of these spans need.
StatusOr<Paddings> paddingsOf(const Padding& padding, const Numbers& kernel, const Numbers& strides,
                              const Numbers& dilations, const ops::Layout& layout, const ValueType& x) {
  const size_t count = layout.spatial.size();
  if (padding.mode == Padding::Mode::kNumbers) {
    return Paddings{spread(padding.low, count, 0), spread(padding.high, count, 0)};
  }
  Paddings result;
  for (size_t i = 0; i < count; ++i) {
    // What is wrong with these numbers the op says.
    const Window window{kernel[std::min(i, kernel.size() - 1)], strides[std::min(i, strides.size() - 1)],
                        dilations[std::min(i, dilations.size() - 1)], 0, 0};
    const Dim& length = x.shape[layout.spatial[i]];
    int64_t total = window.span() - 1;
    if (window.stride != 1) {
      if (!length.isStatic() || window.stride < 1) {
        return makeError<ErrorId::kO0134>(length.toString(), layout.spatial[i], window.stride);
      }
      const int64_t outputs = (length.value() + window.stride - 1) / window.stride;
      total = std::max<int64_t>((outputs - 1) * window.stride + window.span() - length.value(), 0);
    }
    const int64_t less = total / 2, more = total - less;
    result.low.push_back(padding.mode == Padding::Mode::kSame ? less : more);
    result.high.push_back(padding.mode == Padding::Mode::kSame ? more : less);
  }
  return result;
}

// How a convolution reads its operands. The lengths of the taps are 1 where the filter's are no numbers, of which the
// op speaks.
struct FilterAxes {
  std::string layout, filterLayout;
  ops::Layout image;
  Numbers kernel;
};

StatusOr<FilterAxes> filterAxesOf(const Operand& x, const Operand& filter, const std::string& layout,
                                  const std::string& filterLayout) {
  FilterAxes axes{
      layoutOf(layout, x), filterLayout.empty() ? defaultLayout(filter.value.rank(), "", "IO") : filterLayout, {}, {}};
  KILN_ASSIGN_OR_RETURN(axes.image, ops::parseLayout(axes.layout, typeOf(x), "x"));
  KILN_ASSIGN_OR_RETURN(const ops::FilterLayout parts,
                        ops::parseFilterLayout(axes.filterLayout, axes.layout, typeOf(filter)));
  for (int axis : parts.spatial) {
    const Dim& length = filter.value.shape()[axis];
    axes.kernel.push_back(length.isStatic() ? std::max<int64_t>(length.value(), 1) : 1);
  }
  return axes;
}

std::vector<Value> makePool(const char* op, const Operand& x, const PoolOptions& options, Attributes attributes) {
  const std::string layout = layoutOf(options.layout, x);
  StatusOr<ops::Layout> axes = ops::parseLayout(layout, typeOf(x), "x");
  if (!axes.ok()) {
    return {fail(x, axes.status())};
  }
  const size_t count = axes->spatial.size();
  const Numbers kernel = spread(options.kernel, count, 1);
  const Numbers strides = options.strides.empty() ? kernel : spread(options.strides, count, 1);
  const Numbers dilations = spread(options.dilations, count, 1);
  StatusOr<Paddings> padding = paddingsOf(options.padding, kernel, strides, dilations, *axes, typeOf(x));
  if (!padding.ok()) {
    return {fail(x, padding.status())};
  }
  attributes.set("kernel", kernel);
  attributes.set("strides", strides);
  attributes.set("dilations", dilations);
  attributes.set("low", padding->low);
  attributes.set("high", padding->high);
  attributes.set("ceil_mode", options.ceilMode);
  attributes.set("layout", layout);
  return x.value.builder()->makeNode(op, {x.value}, std::move(attributes), "", x.where);
}

MaxPoolResult valuesAndIndices(const std::vector<Value>& results) { return {results.front(), results.back()}; }

Attributes windowAttributes(const WindowOptions& options, size_t count) {
  const Numbers kernel = spread(options.kernel, count, 1);
  return {{"kernel", kernel},
          {"strides", spread(options.strides, count, 1)},
          {"dilations", spread(options.dilations, count, 1)},
          {"low", spread(options.padding.low, count, 0)},
          {"high", spread(options.padding.high, count, 0)}};
}

}  // namespace

Value conv(Operand x, Operand filter, const ConvOptions& options) {
  if (!isUsable(x) || !isUsable(filter)) {
    return isUsable(x) ? filter.value : x.value;
  }
  StatusOr<FilterAxes> axes = filterAxesOf(x, filter, options.layout, options.filterLayout);
  if (!axes.ok()) {
    return fail(x, axes.status());
  }
  const size_t count = axes->kernel.size();
  const Numbers strides = spread(options.strides, count, 1), dilations = spread(options.dilations, count, 1);
  StatusOr<Paddings> padding = paddingsOf(options.padding, axes->kernel, strides, dilations, axes->image, typeOf(x));
  if (!padding.ok()) {
    return fail(x, padding.status());
  }
  return detail::makeOperation("conv", {x, filter},
                               {{"strides", strides},
                                {"dilations", dilations},
                                {"low", padding->low},
                                {"high", padding->high},
                                {"groups", options.groups},
                                {"layout", axes->layout},
                                {"filter_layout", axes->filterLayout}});
}

Value convTranspose(Operand x, Operand filter, const ConvTransposeOptions& options) {
  if (!isUsable(x) || !isUsable(filter)) {
    return isUsable(x) ? filter.value : x.value;
  }
  StatusOr<FilterAxes> axes = filterAxesOf(x, filter, options.layout, options.filterLayout);
  if (!axes.ok()) {
    return fail(x, axes.status());
  }
  const size_t count = axes->kernel.size();
  const Numbers strides = spread(options.strides, count, 1), dilations = spread(options.dilations, count, 1);
  Numbers outputPadding = spread(options.outputPadding, count, 0);
  Numbers low = spread(options.padding.low, count, 0), high = spread(options.padding.high, count, 0);
  if (options.padding.mode != Padding::Mode::kNumbers) {
    for (size_t i = 0; i < count && strides.size() == count && dilations.size() == count; ++i) {
      // n * stride = (n - 1) * stride + span - low - high + output_padding
      const int64_t excess = Window{axes->kernel[i], strides[i], dilations[i], 0, 0}.span() - strides[i];
      const int64_t total = std::max<int64_t>(excess, 0), less = total / 2, more = total - less;
      low[i] = options.padding.mode == Padding::Mode::kSame ? less : more;
      high[i] = total - low[i];
      outputPadding[std::min(i, outputPadding.size() - 1)] = std::max<int64_t>(-excess, 0);
    }
  }
  return detail::makeOperation("conv_transpose", {x, filter},
                               {{"strides", strides},
                                {"dilations", dilations},
                                {"low", low},
                                {"high", high},
                                {"output_padding", outputPadding},
                                {"groups", options.groups},
                                {"layout", axes->layout},
                                {"filter_layout", axes->filterLayout}});
}

MaxPoolResult maxPoolWithIndices(Operand x, const PoolOptions& options) {
  return isUsable(x) ? valuesAndIndices(makePool("max_pool", x, options, {})) : MaxPoolResult{x.value, x.value};
}

Value maxPool(Operand x, const PoolOptions& options) { return maxPoolWithIndices(x, options).values; }

Value avgPool(Operand x, const PoolOptions& options, bool countPadding) {
  return isUsable(x) ? makePool("avg_pool", x, options, {{"count_padding", countPadding}})[0] : x.value;
}

Value adaptiveAvgPool(Operand x, std::vector<int64_t> outputSize, std::string layout) {
  if (!isUsable(x)) {
    return x.value;
  }
  const size_t count = static_cast<size_t>(std::max(x.value.rank() - 2, 1));
  return x.value.builder()->makeNode(
      "adaptive_avg_pool", {x.value},
      {{"output_size", spread(std::move(outputSize), count, 1)}, {"layout", layoutOf(layout, x)}}, "", x.where)[0];
}

MaxPoolResult adaptiveMaxPool(Operand x, std::vector<int64_t> outputSize, std::string layout) {
  if (!isUsable(x)) {
    return {x.value, x.value};
  }
  const size_t count = static_cast<size_t>(std::max(x.value.rank() - 2, 1));
  return valuesAndIndices(x.value.builder()->makeNode(
      "adaptive_max_pool", {x.value},
      {{"output_size", spread(std::move(outputSize), count, 1)}, {"layout", layoutOf(layout, x)}}, "", x.where));
}

namespace {

// The spatial axes, or nothing after an error.
std::optional<Numbers> spatialAxes(const Operand& x, const std::string& layout) {
  StatusOr<ops::Layout> axes = ops::parseLayout(layoutOf(layout, x), typeOf(x), "x");
  if (!axes.ok()) {
    fail(x, axes.status());
    return std::nullopt;
  }
  return Numbers(axes->spatial.begin(), axes->spatial.end());
}

}  // namespace

Value globalAvgPool(Operand x, std::string layout, bool keepDims) {
  if (!isUsable(x)) {
    return x.value;
  }
  const std::optional<Numbers> axes = spatialAxes(x, layout);
  return axes ? reduceMean(x, *axes, keepDims) : x.value.builder()->poisoned();
}

Value globalMaxPool(Operand x, std::string layout, bool keepDims) {
  if (!isUsable(x)) {
    return x.value;
  }
  const std::optional<Numbers> axes = spatialAxes(x, layout);
  return axes ? reduceMax(x, *axes, keepDims) : x.value.builder()->poisoned();
}

Value unfold(Operand x, Operand value, const WindowOptions& options) {
  if (!isUsable(x)) {
    return x.value;
  }
  GraphBuilder& g = *x.value.builder();
  const Value filling = value.number ? g.scalar(*value.number, x.value.dtype(), value.where) : value.value;
  const int rank = x.value.rank();
  const size_t count = static_cast<size_t>(std::max(rank - 2, 1));
  Attributes attributes = windowAttributes(options, count);
  if (options.padding.mode != Padding::Mode::kNumbers && rank > 2) {
    ops::Layout layout;
    for (int axis = 1; axis + 1 < rank; ++axis) {
      layout.spatial.push_back(axis);
    }
    StatusOr<Paddings> padding =
        paddingsOf(options.padding, attributes.get<Numbers>("kernel"), attributes.get<Numbers>("strides"),
                   attributes.get<Numbers>("dilations"), layout, typeOf(x));
    if (!padding.ok()) {
      return fail(x, padding.status());
    }
    attributes.set("low", padding->low);
    attributes.set("high", padding->high);
  }
  return g.makeNode("unfold", {x.value, filling}, std::move(attributes), "", x.where)[0];
}

Value fold(Operand x, Shape lengths, const WindowOptions& options) {
  if (!isUsable(x)) {
    return x.value;
  }
  GraphBuilder& g = *x.value.builder();
  const size_t count = static_cast<size_t>(std::max(lengths.rank(), 1));
  const Value shape = g.makeNode("shape_value", {}, {{"shape", std::move(lengths)}}, "", x.where)[0];
  return g.makeNode("fold", {x.value, shape}, windowAttributes(options, count), "", x.where)[0];
}

Value dropout(Operand x, double rate) {
  if (!isUsable(x)) {
    return x.value;
  }
  GraphBuilder& g = *x.value.builder();
  return g.makeNode("dropout", {x.value, g.randomState(x.where)}, {{"op_id", g.nextRandomOpId()}, {"rate", rate}}, "",
                    x.where)[0];
}

}  // namespace kiln
