// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// assign and group: what a run changes. That the first operand of assign is a variable is checked by graph/build.
#include "ops/spec/shape_checks.h"

namespace kiln::ops {

namespace assign {
Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameType(context, 0, "variable", 1, "value"));
  return setResult(context, context.operands[1].dtype, context.operands[1].shape);
}
}  // namespace assign

namespace group {
Status inferShape(ShapeContext&) { return {}; }
}  // namespace group

}  // namespace kiln::ops
