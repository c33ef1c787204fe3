// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// stop_gradient, optimization_barrier, assert_that, print and bind_dim: results are operands, and more happens.
#include "absl/strings/str_cat.h"
#include "ops/control/assert_that.h"
#include "ops/control/callee.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

Status sameAsOperand(ShapeContext& context) {
  context.results.push_back(context.operands[0]);
  return {};
}

Status copyOperand(ReferenceContext& context) {
  context.results[0] = *context.operands[0];
  return {};
}

}  // namespace

namespace stop_gradient {
Status inferShape(ShapeContext& context) { return sameAsOperand(context); }
Status reference(ReferenceContext& context) { return copyOperand(context); }
}  // namespace stop_gradient

namespace optimization_barrier {
Status inferShape(ShapeContext& context) {
  context.results.assign(context.operands.begin(), context.operands.end());
  return {};
}
Status reference(ReferenceContext& context) {
  for (size_t i = 0; i < context.operands.size(); ++i) {
    context.results[i] = *context.operands[i];
  }
  return {};
}
}  // namespace optimization_barrier

namespace assert_that {
Status inferShape(ShapeContext& context) { return sameAsOperand(context); }
Status reference(ReferenceContext& context) {
  const Tensor& condition = *context.operands[1];
  for (int64_t i = 0; i < condition.numElements(); ++i) {
    if (!condition.data<bool>()[i]) {
      if (const auto value = untakenValue(context.attribute<std::string>("message"))) {
        return makeError<ErrorId::kR0035>("'" + *value + "'");
      }
      return makeError<ErrorId::kR0043>("kiln.assert_that", context.attribute<std::string>("message"),
                                        absl::StrCat("element ", i, " of the condition is false"));
    }
  }
  return copyOperand(context);
}
}  // namespace assert_that

namespace print {
Status inferShape(ShapeContext& context) {
  const int64_t most = context.attribute<int64_t>("max_elements");
  if (most < 0) {
    return makeError<ErrorId::kO0133>("max_elements", most, "0 or more");
  }
  return sameAsOperand(context);
}
// What is printed has the node's name, which only the caller knows.
Status reference(ReferenceContext& context) { return copyOperand(context); }
}  // namespace print

namespace bind_dim {
Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkCount(context, 0, "length"));
  const std::string& symbol = context.attribute<std::string>("symbol");
  KILN_ASSIGN_OR_RETURN(Dim dim, Dim::parse(symbol));
  if (!dim.asSymbol()) {
    return makeError<ErrorId::kP0021>(symbol);
  }
  return sameAsOperand(context);
}
}  // namespace bind_dim

}  // namespace kiln::ops
