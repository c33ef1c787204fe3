// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstring>

#include "ops/spec/shape_checks.h"

namespace kiln::ops::bitcast {

Status inferShape(ShapeContext& context) {
  const DType from = context.operands[0].dtype, to = context.attribute<DType>("to");
  if (bitWidth(from) != bitWidth(to) || !(isFloat(to) || isInteger(to))) {
    return makeError<ErrorId::kO0135>("result", toString(to),
                                      "numeric type of " + std::to_string(bitWidth(from)) + " bits");
  }
  return setResult(context, to, context.operands[0].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  if (x.numBytes() > 0) {
    std::memcpy(context.results[0].mutableData(), x.data(), static_cast<size_t>(x.numBytes()));
  }
  return Status();
}

}  // namespace kiln::ops::bitcast
