// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the optimizer ops check alike.
#pragma once

#include "ops/spec/shape_checks.h"

namespace kiln::ops {

/// Operands [1, count) have the type of operand 0, `parameter`, and operand `learningRate` is a scalar of its dtype.
/// `names` are those of the operands.
inline Status checkOptimizer(const ShapeContext& context, std::initializer_list<const char*> names, size_t count,
                             size_t learningRate) {
  const auto* name = names.begin();
  for (size_t i = 1; i < count; ++i) {
    KILN_RETURN_IF_ERROR(checkSameType(context, 0, name[0], i, name[i]));
  }
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, name[0], learningRate, "learning_rate"));
  return checkRank(context.operands[learningRate], "learning_rate", 0);
}

/// Operand `index`, called `name`, has this type. Errors: KILN-O0138.
inline Status checkType(const ShapeContext& context, size_t index, const char* name, const ValueType& wanted) {
  const ValueType& found = context.operands[index];
  return found == wanted ? Status() : Status(makeError<ErrorId::kO0138>(name, found.toString(), wanted.toString()));
}

/// Operand `index` is the number of the step. Errors: KILN-O0138.
inline Status checkStep(const ShapeContext& context, size_t index) {
  return checkType(context, index, "step", ValueType{i64, Shape()});
}

}  // namespace kiln::ops
