// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <map>

#include "ops/spec/shape_checks.h"

namespace kiln::ops::call {
namespace {

using Bindings = std::map<std::string, Dim>;

// The dim with the callee's symbols replaced by the caller's dims.
StatusOr<Dim> substitute(const Dim& dim, const Bindings& bindings) {
  Dim sum;
  for (const Dim::Term& term : dim.terms()) {
    Dim product(term.coefficient);
    for (const std::string& symbol : term.symbols) {
      auto bound = bindings.find(symbol);
      if (bound == bindings.end()) {
        return makeError<ErrorId::kO0127>(symbol);
      }
      product = product * bound->second;
    }
    sum = sum + product;
  }
  return sum;
}

StatusOr<Shape> substitute(const Shape& shape, const Bindings& bindings) {
  Shape result;
  for (const Dim& dim : shape) {
    KILN_ASSIGN_OR_RETURN(Dim replaced, substitute(dim, bindings));
    result.push_back(std::move(replaced));
  }
  return result;
}

}  // namespace

Status inferShape(ShapeContext& context) {
  std::span<const ValueType> arguments = context.operands, parameters = context.calleeParameters;
  if (arguments.size() != parameters.size()) {
    return makeError<ErrorId::kO0125>(context.attribute<std::string>("callee"), parameters.size(), arguments.size());
  }
  auto mismatch = [&](size_t i) {
    return makeError<ErrorId::kO0126>(i, arguments[i].toString(), parameters[i].toString());
  };
  // Bare symbols bind first, wherever they stand; then every dim must agree with them.
  Bindings bindings;
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
    KILN_ASSIGN_OR_RETURN(Shape wanted, substitute(parameters[i].shape, bindings));
    if (!(wanted == arguments[i].shape)) {
      return mismatch(i);
    }
  }
  for (const ValueType& result : context.calleeResults) {
    KILN_ASSIGN_OR_RETURN(Shape shape, substitute(result.shape, bindings));
    context.results.push_back({result.dtype, std::move(shape), result.kind});
  }
  return {};
}

}  // namespace kiln::ops::call
