// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// while_loop, for_range and scan: a body runs again and again.
#include "absl/strings/str_cat.h"
#include "ops/control/callee.h"

namespace kiln::ops {
namespace {

std::vector<ValueType> withStep(std::span<const ValueType> inputs) {
  std::vector<ValueType> arguments = {stepType()};
  arguments.insert(arguments.end(), inputs.begin(), inputs.end());
  return arguments;
}

}  // namespace

namespace while_loop {
Status inferShape(ShapeContext& context) {
  const CalleeTypes &condition = context.callees[0], &body = context.callees[1];
  KILN_ASSIGN_OR_RETURN(size_t numCarries, countAttribute(context, "num_carries", context.operands.size()));
  const int64_t maxSteps = context.attribute<int64_t>("max_steps");
  if (maxSteps < -1 || maxSteps > DimRange::kUnbounded) {
    return makeError<ErrorId::kO0145>("max_steps", maxSteps,
                                      absl::StrCat("0 to ", DimRange::kUnbounded, ", or -1 for no limit"));
  }
  KILN_ASSIGN_OR_RETURN(std::vector<ValueType> holds, resultsFor(condition, "condition", context.operands));
  if (holds.size() != 1) {
    return makeError<ErrorId::kO0148>(condition.name, holds.size(), "one bool");
  }
  if (holds[0].dtype != boolean || holds[0].shape.rank() != 0) {
    return makeError<ErrorId::kO0143>(holds[0].toString());
  }
  KILN_ASSIGN_OR_RETURN(std::vector<ValueType> results, resultsFor(body, "body", withStep(context.operands)));
  KILN_RETURN_IF_ERROR(checkCarries(body, context.operands.first(numCarries), results));
  if (results.size() > numCarries && maxSteps < 0) {
    return makeError<ErrorId::kO0148>(body.name, results.size(),
                                      absl::StrCat(numCarries, ", since values are stacked only under max_steps"));
  }
  for (size_t i = 0; i < results.size(); ++i) {
    context.results.push_back(i < numCarries ? results[i] : stackedOf(results[i], Dim(maxSteps)));
  }
  return {};
}
}  // namespace while_loop

namespace for_range {
Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkCount(context, 0, "count"));
  const std::span<const ValueType> inputs = context.operands.subspan(1);
  KILN_ASSIGN_OR_RETURN(size_t numCarries, countAttribute(context, "num_carries", inputs.size()));
  const CalleeTypes& body = context.callees[0];
  KILN_ASSIGN_OR_RETURN(std::vector<ValueType> results, resultsFor(body, "body", withStep(inputs)));
  KILN_RETURN_IF_ERROR(checkCarries(body, inputs.first(numCarries), results));
  if (results.size() != numCarries) {
    return makeError<ErrorId::kO0148>(body.name, results.size(),
                                      absl::StrCat("one for each of ", numCarries, " carries"));
  }
  context.results = std::move(results);
  return {};
}
}  // namespace for_range

namespace scan {
Status inferShape(ShapeContext& context) {
  const std::span<const ValueType> inputs = context.operands;
  KILN_ASSIGN_OR_RETURN(size_t numCarries, countAttribute(context, "num_carries", inputs.size()));
  KILN_ASSIGN_OR_RETURN(size_t numScanned, countAttribute(context, "num_scanned", inputs.size() - numCarries));
  KILN_ASSIGN_OR_RETURN(Dim length, lengthAttribute(context, "length"));
  std::vector<ValueType> arguments = withStep(inputs.first(numCarries));
  for (size_t i = 0; i < inputs.size() - numCarries; ++i) {
    const ValueType& input = inputs[numCarries + i];
    if (i >= numScanned) {
      arguments.push_back(input);
      continue;
    }
    if (input.shape.rank() == 0 || !(input.shape[0] == length)) {
      return makeError<ErrorId::kO0144>(i, input.toString(), length.toString());
    }
    arguments.push_back(rowOf(input));
  }
  const CalleeTypes& body = context.callees[0];
  KILN_ASSIGN_OR_RETURN(std::vector<ValueType> results, resultsFor(body, "body", arguments));
  KILN_RETURN_IF_ERROR(checkCarries(body, inputs.first(numCarries), results));
  for (size_t i = 0; i < results.size(); ++i) {
    context.results.push_back(i < numCarries ? results[i] : stackedOf(results[i], length));
  }
  return {};
}
}  // namespace scan

}  // namespace kiln::ops
