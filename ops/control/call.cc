// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/control/callee.h"

namespace kiln::ops::call {

Status inferShape(ShapeContext& context) {
  const CalleeTypes& callee = context.callees[0];
  std::span<const ValueType> arguments = context.operands, parameters = callee.parameters;
  if (arguments.size() != parameters.size()) {
    return makeError<ErrorId::kO0125>(callee.name, parameters.size(), arguments.size());
  }
  auto mismatch = [&](size_t i) {
    return makeError<ErrorId::kO0126>(i, arguments[i].toString(), parameters[i].toString());
  };
  // Bare symbols bind first, wherever they stand; then every dim must agree with them.
  DimBindings bindings;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].dtype != parameters[i].dtype || arguments[i].shape.rank() != parameters[i].shape.rank()) {
      return mismatch(i);
    }
    for (int axis = 0; axis < parameters[i].shape.rank(); ++axis) {
      if (auto symbol = parameters[i].shape[axis].asSymbol()) {
        bindings.emplace(*symbol, arguments[i].shape[axis]);
      }
    }
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    KILN_ASSIGN_OR_RETURN(ValueType wanted, substituteDims(parameters[i], bindings));
    if (!(wanted.shape == arguments[i].shape)) {
      return mismatch(i);
    }
  }
  for (const ValueType& result : callee.results) {
    KILN_ASSIGN_OR_RETURN(ValueType type, substituteDims(result, bindings));
    context.results.push_back(std::move(type));
  }
  return {};
}

}  // namespace kiln::ops::call
