// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/eval/binding.h"

#include <algorithm>

#include "graph/ir/linear_dim.h"

namespace kiln {

StatusOr<SymbolValues> bindSymbols(const Body& body, const std::vector<Port>& ports,
                                   const std::vector<std::shared_ptr<const Tensor>>& tensors,
                                   const std::map<std::string, DimRange>& ranges) {
  SymbolValues values;
  std::map<std::string, std::string, std::less<>> boundBy;
  auto mismatch = [&](size_t i, const std::string& reason) {
    return makeError<ErrorId::kG0303>(ports[i].name, Shape::of(tensors[i]->dims()).toString(),
                                      body.type(ports[i].value).shape.toString(), reason);
  };
  const auto bind = [&](size_t i, int axis, const LinearDim& linear) -> Status {
    // What has no whole solution does not fit, which the check of all dims says.
    const std::optional<int64_t> value = linear.solve(tensors[i]->dims()[axis]);
    if (!value || !values.emplace(linear.symbol, *value).second) {
      return {};
    }
    boundBy.emplace(linear.symbol, ports[i].name);
    auto range = ranges.find(linear.symbol);
    const DimRange wanted = range == ranges.end() ? DimRange{} : range->second;
    if (*value < std::max<int64_t>(wanted.min, 0) || *value > wanted.max) {
      return makeError<ErrorId::kG0305>(linear.symbol, *value, wanted.min, wanted.max);
    }
    return {};
  };
  // Bare symbols first, then those that follow from 2*n+1: they tell the values that the other dims are checked with.
  for (size_t i = 0; i < ports.size(); ++i) {
    const ValueType& wanted = body.type(ports[i].value);
    if (tensors[i]->dtype() != wanted.dtype) {
      return makeError<ErrorId::kG0302>(ports[i].name, toString(tensors[i]->dtype()), toString(wanted.dtype));
    }
    if (tensors[i]->rank() != wanted.shape.rank()) {
      return mismatch(
          i, "it has rank " + std::to_string(tensors[i]->rank()) + ", wanted " + std::to_string(wanted.shape.rank()));
    }
    for (int axis = 0; axis < wanted.shape.rank(); ++axis) {
      if (auto symbol = wanted.shape[axis].asSymbol()) {
        KILN_RETURN_IF_ERROR(bind(i, axis, {.symbol = *symbol}));
      }
    }
  }
  for (size_t i = 0; i < ports.size(); ++i) {
    const Shape& wanted = body.type(ports[i].value).shape;
    for (int axis = 0; axis < wanted.rank(); ++axis) {
      if (auto linear = linearDim(wanted[axis])) {
        KILN_RETURN_IF_ERROR(bind(i, axis, *linear));
      }
    }
  }
  for (size_t i = 0; i < ports.size(); ++i) {
    const Shape& wanted = body.type(ports[i].value).shape;
    for (int axis = 0; axis < wanted.rank(); ++axis) {
      bool isKnown = true;
      const int64_t length = wanted[axis].evaluate([&](std::string_view symbol) {
        auto found = values.find(symbol);
        isKnown = isKnown && found != values.end();
        return found == values.end() ? 0 : found->second;
      });
      if (!isKnown && linearDim(wanted[axis])) {
        return mismatch(i, "dimension " + std::to_string(axis) + " is " + std::to_string(tensors[i]->dims()[axis]) +
                               ", wanted " + wanted[axis].toString());
      }
      if (isKnown && length != tensors[i]->dims()[axis]) {
        auto symbol = wanted[axis].asSymbol();
        return mismatch(i, "dimension " + std::to_string(axis) + " is " + std::to_string(tensors[i]->dims()[axis]) +
                               ", wanted " + std::to_string(length) +
                               (symbol ? " (" + *symbol + " of feed '" + boundBy.at(*symbol) + "')" : ""));
      }
    }
  }
  return values;
}

}  // namespace kiln
