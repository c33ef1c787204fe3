// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/eval/binding.h"

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
  // Bare symbols first: they tell the values that the other dims are checked with.
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
      const int64_t length = tensors[i]->dims()[axis];
      if (auto symbol = wanted.shape[axis].asSymbol(); symbol && values.emplace(*symbol, length).second) {
        boundBy.emplace(*symbol, ports[i].name);
        auto range = ranges.find(*symbol);
        if (range != ranges.end() && (length < range->second.min || length > range->second.max)) {
          return makeError<ErrorId::kG0305>(*symbol, length, range->second.min, range->second.max);
        }
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
