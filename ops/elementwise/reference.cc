// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/elementwise/reference.h"

#include "ops/spec/shape_checks.h"

namespace kiln::ops::elementwise {
namespace {

Status checkEqualOperands(const ShapeContext& context) {
  const auto nameOf = [&](size_t i) { return std::string(context.op->operands[i].name); };
  for (size_t i = 1; i < context.operands.size(); ++i) {
    KILN_RETURN_IF_ERROR(checkSameType(context, 0, nameOf(0).c_str(), i, nameOf(i).c_str()));
  }
  return {};
}

}  // namespace

Status inferSameType(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkEqualOperands(context));
  return setResult(context, context.operands[0].dtype, context.operands[0].shape);
}

Status inferTest(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkEqualOperands(context));
  return setResult(context, boolean, context.operands[0].shape);
}

Status divisionByZero() { return makeError<ErrorId::kR0031>(); }

}  // namespace kiln::ops::elementwise
