// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/control/callee.h"

#include "absl/strings/str_cat.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
StatusOr<ValueType> substituteDims(const ValueType& type, const DimBindings& bindings) {
  Shape shape;
  for (const Dim& dim : type.shape) {
    for (const std::string& symbol : dim.symbols()) {
      if (!bindings.contains(symbol)) {
        return makeError<ErrorId::kO0127>(symbol);
      }
    }
    shape.push_back(dim.substitute(
        [&](std::string_view symbol) -> std::optional<Dim> { return bindings.at(std::string(symbol)); }));
  }
  return ValueType{type.dtype, std::move(shape), type.kind};
}

std::string listOf(std::span<const ValueType> types) {
  std::string text = "(";
  for (size_t i = 0; i < types.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", types[i].toString());
  }
  return text + ")";
}

StatusOr<std::vector<ValueType>> resultsFor(const CalleeTypes& callee, std::string_view role,
                                            std::span<const ValueType> arguments) {
  const std::vector<ValueType>& parameters = callee.parameters;
  auto mismatch = [&] { return makeError<ErrorId::kO0140>(role, callee.name, listOf(parameters), listOf(arguments)); };
  if (arguments.size() != parameters.size()) {
    return mismatch();
  }
  // Bare symbols bind first, wherever they stand; then every dim must agree with them.
  DimBindings bindings;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].dtype != parameters[i].dtype || arguments[i].shape.rank() != parameters[i].shape.rank()) {
      return mismatch();
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
      return mismatch();
    }
  }
  std::vector<ValueType> results;
  for (const ValueType& result : callee.results) {
    KILN_ASSIGN_OR_RETURN(ValueType type, substituteDims(result, bindings));
    results.push_back(std::move(type));
  }
  return results;
}

ValueType stepType() { return {i64, Shape{}, ValueKind::kTensor}; }

ValueType rowOf(const ValueType& type) {
  return {type.dtype, Shape(std::vector<Dim>(type.shape.begin() + 1, type.shape.end())), type.kind};
}

ValueType stackedOf(const ValueType& row, const Dim& length) {
  std::vector<Dim> dims = {length};
  dims.insert(dims.end(), row.shape.begin(), row.shape.end());
  return {row.dtype, Shape(std::move(dims)), row.kind};
}

std::vector<ValueType> floatsAmong(std::span<const ValueType> types) {
  std::vector<ValueType> floats;
  for (const ValueType& type : types) {
    if (isFloat(type.dtype)) {
      floats.push_back(type);
    }
  }
  return floats;
}

StatusOr<size_t> countAttribute(const ShapeContext& context, std::string_view name, size_t most) {
  const int64_t count = context.attribute<int64_t>(name);
  if (count < 0 || static_cast<uint64_t>(count) > most) {
    return makeError<ErrorId::kO0145>(name, count, absl::StrCat("0 to ", most, ", of the inputs"));
  }
  return static_cast<size_t>(count);
}

StatusOr<Dim> lengthAttribute(const ShapeContext& context, std::string_view name) {
  const Shape& length = context.attribute<Shape>(name);
  if (length.rank() != 1 || isNegative(length[0])) {
    return makeError<ErrorId::kO0145>(name, length.toString(), "one length that is not negative");
  }
  if (length[0].isStatic() && length[0].value() > DimRange::kUnbounded) {
    return makeError<ErrorId::kO0145>(name, length.toString(), absl::StrCat("at most ", DimRange::kUnbounded));
  }
  return length[0];
}

Status checkCount(const ShapeContext& context, size_t index, std::string_view name) {
  if (context.operands[index] != stepType()) {
    return makeError<ErrorId::kO0145>(name, context.operands[index].toString(), "an i64 scalar");
  }
  return {};
}

Status checkCarries(const CalleeTypes& body, std::span<const ValueType> carries, std::span<const ValueType> results) {
  if (results.size() < carries.size()) {
    return makeError<ErrorId::kO0148>(body.name, results.size(),
                                      absl::StrCat("one for each of ", carries.size(), " carries"));
  }
  for (size_t i = 0; i < carries.size(); ++i) {
    if (!(results[i] == carries[i])) {
      return makeError<ErrorId::kO0141>(i, carries[i].toString(), body.name, results[i].toString());
    }
  }
  return {};
}

StatusOr<std::vector<ValueType>> branchResults(const ShapeContext& context, std::span<const ValueType> arguments) {
  std::vector<ValueType> first;
  for (size_t i = 0; i < context.callees.size(); ++i) {
    const CalleeTypes& branch = context.callees[i];
    KILN_ASSIGN_OR_RETURN(std::vector<ValueType> results, resultsFor(branch, "branch", arguments));
    const std::string& firstName = context.callees[0].name;
    if (i == 0) {
      first = std::move(results);
      continue;
    }
    if (results.size() != first.size()) {
      return makeError<ErrorId::kO0142>("the number of results", firstName, first.size(), branch.name, results.size());
    }
    for (size_t j = 0; j < results.size(); ++j) {
      if (!(results[j] == first[j])) {
        return makeError<ErrorId::kO0142>(absl::StrCat("result ", j), firstName, first[j].toString(), branch.name,
                                          results[j].toString());
      }
    }
  }
  return first;
}

}  // namespace kiln::ops
