// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// if_else and switch_case: one of several functions runs.
#include "ops/control/callee.h"

namespace kiln::ops {

namespace if_else {
Status inferShape(ShapeContext& context) {
  const ValueType& condition = context.operands[0];
  if (condition.shape.rank() != 0) {
    return makeError<ErrorId::kO0143>(condition.toString());
  }
  KILN_ASSIGN_OR_RETURN(context.results, branchResults(context, context.operands.subspan(1)));
  return {};
}
}  // namespace if_else

namespace switch_case {
Status inferShape(ShapeContext& context) {
  if (context.operands[0].shape.rank() != 0) {
    return makeError<ErrorId::kO0145>("index", context.operands[0].toString(), "a scalar");
  }
  if (context.callees.empty()) {
    return makeError<ErrorId::kO0145>("branches", "[]", "at least one function");
  }
  KILN_ASSIGN_OR_RETURN(context.results, branchResults(context, context.operands.subspan(1)));
  return {};
}
}  // namespace switch_case

}  // namespace kiln::ops
