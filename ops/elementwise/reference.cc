// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/elementwise/reference.h"

#include "ops/spec/shape_checks.h"

namespace kiln::ops::elementwise {
namespace {

Status checkEqualOperands(const ShapeContext& context) {
  return context.operands.size() == 2 ? checkSameType(context, 0, "x", 1, "y") : Status();
}

}  // namespace

Status inferSameType(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkEqualOperands(context));
  return setResult(context, context.operands[0].dtype, context.operands[0].shape);
}

Status inferComparison(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkEqualOperands(context));
  return setResult(context, boolean, context.operands[0].shape);
}

Status divisionByZero() { return makeError<ErrorId::kR0031>(); }

}  // namespace kiln::ops::elementwise
