// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// vectorize, checkpoint, custom_gradient, tangents and jacobian: what a compiler pass makes of a function or of values.
#include "absl/strings/str_cat.h"
#include "ops/control/callee.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {

namespace vectorize {
Status inferShape(ShapeContext& context) {
  const auto& inAxes = context.attribute<std::vector<int64_t>>("in_axes");
  const auto& outAxes = context.attribute<std::vector<int64_t>>("out_axes");
  const std::span<const ValueType> inputs = context.operands;
  if (inAxes.empty() || inAxes.size() > inputs.size()) {
    return makeError<ErrorId::kO0145>("in_axes", absl::StrCat(inAxes.size(), " axes"),
                                      absl::StrCat("1 to ", inputs.size(), ", one for each mapped input"));
  }
  KILN_ASSIGN_OR_RETURN(Dim size, lengthAttribute(context, "size"));
  std::vector<ValueType> arguments;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i >= inAxes.size()) {
      arguments.push_back(inputs[i]);
      continue;
    }
    const Shape& shape = inputs[i].shape;
    if (inAxes[i] < 0 || inAxes[i] >= shape.rank()) {
      return makeError<ErrorId::kO0146>(i, inAxes[i], inputs[i].toString());
    }
    std::vector<Dim> dims = shape.dims();
    const auto axis = dims.begin() + inAxes[i];
    if (!(*axis == size)) {
      return makeError<ErrorId::kO0147>(i, axis->toString(), size.toString());
    }
    dims.erase(axis);
    arguments.push_back({inputs[i].dtype, Shape(std::move(dims)), inputs[i].kind});
  }
  const CalleeTypes& callee = context.callees[0];
  KILN_ASSIGN_OR_RETURN(std::vector<ValueType> results, resultsFor(callee, "function", arguments));
  if (results.size() != outAxes.size()) {
    return makeError<ErrorId::kO0148>(callee.name, results.size(),
                                      absl::StrCat("one for each of ", outAxes.size(), " out_axes"));
  }
  for (size_t i = 0; i < results.size(); ++i) {
    std::vector<Dim> dims = results[i].shape.dims();
    const int64_t rank = static_cast<int64_t>(dims.size()) + 1;
    if (outAxes[i] < 0 || outAxes[i] >= rank) {
      return makeError<ErrorId::kO0111>(outAxes[i], 0, rank, absl::StrCat("result ", i, " of one example"),
                                        results[i].shape.toString());
    }
    dims.insert(dims.begin() + outAxes[i], size);
    context.results.push_back({results[i].dtype, Shape(std::move(dims)), results[i].kind});
  }
  return {};
}
}  // namespace vectorize

namespace checkpoint {
Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(context.results, resultsFor(context.callees[0], "function", context.operands));
  return {};
}
}  // namespace checkpoint

namespace custom_gradient {
Status inferShape(ShapeContext& context) {
  const CalleeTypes &forward = context.callees[0], &backward = context.callees[1];
  KILN_ASSIGN_OR_RETURN(std::vector<ValueType> results, resultsFor(forward, "function", context.operands));
  std::vector<ValueType> arguments(context.operands.begin(), context.operands.end());
  arguments.insert(arguments.end(), results.begin(), results.end());
  const std::vector<ValueType> cotangents = floatsAmong(results), wanted = floatsAmong(context.operands);
  arguments.insert(arguments.end(), cotangents.begin(), cotangents.end());
  KILN_ASSIGN_OR_RETURN(std::vector<ValueType> given, resultsFor(backward, "backward function", arguments));
  if (given.size() != wanted.size()) {
    return makeError<ErrorId::kO0148>(backward.name, given.size(),
                                      absl::StrCat("one for each of ", wanted.size(), " float inputs"));
  }
  for (size_t i = 0; i < given.size(); ++i) {
    if (!(given[i] == wanted[i])) {
      return makeError<ErrorId::kO0145>(absl::StrCat("result ", i, " of ", backward.name), given[i].toString(),
                                        wanted[i].toString() + ", the type of its input");
    }
  }
  context.results = std::move(results);
  return {};
}
}  // namespace custom_gradient

namespace tangents {
Status inferShape(ShapeContext& context) {
  const int64_t numYs = context.attribute<int64_t>("num_ys"), numXs = context.attribute<int64_t>("num_xs");
  const int64_t numInputs = static_cast<int64_t>(context.operands.size());
  const bool inRange = numYs >= 1 && numXs >= 1 && numYs <= numInputs && numXs <= numInputs;
  if (!inRange || numInputs != numYs + 2 * numXs) {
    return makeError<ErrorId::kO0128>(numYs, numXs, numInputs);
  }
  for (int64_t i = 0; i < numYs + numXs; ++i) {
    if (!isFloat(context.operands[i].dtype)) {
      return makeError<ErrorId::kO0129>(i < numYs ? absl::StrCat("y ", i) : absl::StrCat("x ", i - numYs),
                                        context.operands[i].toString());
    }
  }
  for (int64_t i = 0; i < numXs; ++i) {
    KILN_RETURN_IF_ERROR(checkSameType(context, static_cast<size_t>(numYs + i), absl::StrCat("x ", i).c_str(),
                                       static_cast<size_t>(numYs + numXs + i), absl::StrCat("tangent ", i).c_str()));
  }
  context.results.assign(context.operands.begin(), context.operands.begin() + numYs);
  return {};
}
}  // namespace tangents

namespace jacobian {
Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "y", 1, "x"));
  std::vector<Dim> dims = context.operands[0].shape.dims();
  dims.insert(dims.end(), context.operands[1].shape.begin(), context.operands[1].shape.end());
  return setResult(context, context.operands[0].dtype, Shape(std::move(dims)));
}
}  // namespace jacobian

}  // namespace kiln::ops
