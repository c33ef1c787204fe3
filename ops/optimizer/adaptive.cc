// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Methods that scale each element by the size of its past gradients: adagrad, adadelta and rmsprop.
#include <cmath>

#include "ops/optimizer/checks.h"
#include "ops/spec/loops.h"

namespace kiln::ops {
namespace adagrad {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkOptimizer(context, {"parameter", "gradient", "square_sum"}, 3, 4));
  KILN_RETURN_IF_ERROR(checkStep(context, 3));
  context.results.assign(2, context.operands[0]);
  return {};
}

Status reference(ReferenceContext& context) {
  const double before = static_cast<double>(integerAt(*context.operands[3], 0) - 1);
  const double rate = context.operands[4]->at(0) / (1 + before * context.attribute<double>("learning_rate_decay"));
  const double epsilon = context.attribute<double>("epsilon"), decay = context.attribute<double>("weight_decay");
  for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
    const double p = context.operands[0]->at(i), g = context.operands[1]->at(i) + decay * p;
    const double sum = context.operands[2]->at(i) + g * g;
    context.results[0].set(i, p - rate * g / (std::sqrt(sum) + epsilon));
    context.results[1].set(i, sum);
  }
  return {};
}

}  // namespace adagrad

namespace adadelta {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkOptimizer(context, {"parameter", "gradient", "square_average", "delta_average"}, 4, 4));
  context.results.assign(3, context.operands[0]);
  return {};
}

Status reference(ReferenceContext& context) {
  const double rate = context.operands[4]->at(0), rho = context.attribute<double>("rho");
  const double epsilon = context.attribute<double>("epsilon"), decay = context.attribute<double>("weight_decay");
  for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
    const double p = context.operands[0]->at(i), g = context.operands[1]->at(i) + decay * p;
    const double square = rho * context.operands[2]->at(i) + (1 - rho) * g * g, old = context.operands[3]->at(i);
    const double delta = std::sqrt(old + epsilon) / std::sqrt(square + epsilon) * g;
    context.results[0].set(i, p - rate * delta);
    context.results[1].set(i, square);
    context.results[2].set(i, rho * old + (1 - rho) * delta * delta);
  }
  return {};
}

}  // namespace adadelta

namespace rmsprop {

Status inferShape(ShapeContext& context) {
  const size_t wanted =
      size_t{1} + (context.attribute<bool>("centered") ? 1 : 0) + (context.attribute<double>("momentum") > 0 ? 1 : 0);
  if (context.operands.size() != 3 + wanted) {
    return makeError<ErrorId::kO0101>(3 + wanted, " with these attributes", context.operands.size());
  }
  for (size_t i = 1; i < context.operands.size(); ++i) {
    if (i != 2) {
      KILN_RETURN_IF_ERROR(checkSameType(context, 0, "parameter", i, i == 1 ? "gradient" : "state"));
    }
  }
  KILN_RETURN_IF_ERROR(checkOptimizer(context, {"parameter"}, 1, 2));
  context.results.assign(1 + wanted, context.operands[0]);
  return {};
}

Status reference(ReferenceContext& context) {
  const double rate = context.operands[2]->at(0), alpha = context.attribute<double>("alpha");
  const double epsilon = context.attribute<double>("epsilon"), decay = context.attribute<double>("weight_decay");
  const double momentum = context.attribute<double>("momentum");
  const bool isCentered = context.attribute<bool>("centered");
  for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
    const double p = context.operands[0]->at(i), g = context.operands[1]->at(i) + decay * p;
    const double square = alpha * context.operands[3]->at(i) + (1 - alpha) * g * g;
    double variance = square;
    context.results[1].set(i, square);
    if (isCentered) {
      const double average = alpha * context.operands[4]->at(i) + (1 - alpha) * g;
      variance -= average * average;
      context.results[2].set(i, average);
    }
    double step = g / (std::sqrt(variance) + epsilon);
    if (momentum > 0) {
      step += momentum * context.operands.back()->at(i);
      context.results.back().set(i, step);
    }
    context.results[0].set(i, p - rate * step);
  }
  return {};
}

}  // namespace rmsprop
}  // namespace kiln::ops
