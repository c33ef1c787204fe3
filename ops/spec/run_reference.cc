// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/run_reference.h"

#include "ops/spec/loops.h"

namespace kiln {

StatusOr<std::vector<ValueType>> inferTypes(std::string_view op, const std::vector<ValueType>& operands,
                                            Attributes attributes,
                                            const std::vector<std::optional<std::vector<Dim>>>& shapeValues) {
  const OpSchema* schema = findOp(op);
  if (schema == nullptr) {
    return makeError<ErrorId::kO0106>(op);
  }
  ShapeContext context;
  context.operands = operands;
  context.shapeValues = shapeValues;
  KILN_RETURN_IF_ERROR(inferNode(*schema, attributes, context));
  return std::move(context.results);
}

StatusOr<std::vector<Tensor>> runReference(std::string_view op, const std::vector<Tensor>& operands,
                                           Attributes attributes,
                                           const std::map<std::string, int64_t, std::less<>>& symbols) {
  const OpSchema* schema = findOp(op);
  if (schema == nullptr || schema->reference == nullptr) {
    return makeError<ErrorId::kO0106>(op);
  }
  std::vector<ValueType> operandTypes;
  std::vector<std::optional<std::vector<Dim>>> shapeValues;
  std::vector<const Tensor*> pointers;
  for (const Tensor& operand : operands) {
    operandTypes.push_back({operand.dtype(), Shape::of(operand.dims())});
    auto& value = shapeValues.emplace_back();
    if (operand.dtype() == i64 && operand.rank() == 1) {
      std::vector<int64_t> numbers = ops::integersOf(operand);
      value = std::vector<Dim>(numbers.begin(), numbers.end());
    }
    pointers.push_back(&operand);
  }
  ShapeContext shapes;
  shapes.operands = operandTypes;
  shapes.shapeValues = shapeValues;
  KILN_RETURN_IF_ERROR(inferNode(*schema, attributes, shapes));
  const std::function<int64_t(std::string_view)> lookup = [&symbols](std::string_view name) {
    auto found = symbols.find(name);
    KILN_CHECK(found != symbols.end());
    return found->second;
  };
  std::vector<Tensor> results;
  for (ValueType& type : shapes.results) {
    std::vector<int64_t> dims;
    for (const Dim& dim : type.shape) {
      dims.push_back(dim.evaluate(lookup));
    }
    KILN_ASSIGN_OR_RETURN(Tensor result, Tensor::allocate(type.dtype, dims));
    type.shape = Shape::of(dims);
    results.push_back(std::move(result));
  }
  ReferenceContext context;
  context.operands = pointers;
  context.attributes = &attributes;
  context.resultTypes = shapes.results;
  context.symbolValue = &lookup;
  context.results = results;
  KILN_RETURN_IF_ERROR(schema->reference(context));
  return results;
}

}  // namespace kiln
