// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Adam and what is made from it.
#include <algorithm>
#include <cmath>

#include "ops/optimizer/checks.h"
#include "ops/spec/loops.h"

namespace kiln::ops {
namespace {

// The numbers of a step that do not depend on the element.
struct Adam {
  explicit Adam(const ReferenceContext& context, size_t stepOperand)
      : step(static_cast<double>(integerAt(*context.operands[stepOperand], 0))),
        rate(context.operands[stepOperand + 1]->at(0)),
        beta1(context.attribute<double>("beta1")),
        beta2(context.attribute<double>("beta2")),
        epsilon(context.attribute<double>("epsilon")),
        decay(context.attribute<double>("weight_decay")),
        correction1(1 - std::pow(beta1, step)),
        correction2(1 - std::pow(beta2, step)) {}
  double firstMoment(double m, double g) const { return beta1 * m + (1 - beta1) * g; }
  double secondMoment(double v, double g) const { return beta2 * v + (1 - beta2) * g * g; }
  double denominator(double v) const { return std::sqrt(v) / std::sqrt(correction2) + epsilon; }

  double step, rate, beta1, beta2, epsilon, decay, correction1, correction2;
};

Status inferMoments(ShapeContext& context, std::initializer_list<const char*> names) {
  const size_t count = names.size();
  KILN_RETURN_IF_ERROR(checkOptimizer(context, names, count, count + 1));
  KILN_RETURN_IF_ERROR(checkStep(context, count));
  // New values of the parameter and of each moment.
  context.results.assign(count - 1, context.operands[0]);
  return {};
}

}  // namespace

namespace adam {

Status inferShape(ShapeContext& context) {
  return inferMoments(context, {"parameter", "gradient", "first_moment", "second_moment"});
}

Status reference(ReferenceContext& context) {
  const Adam c(context, 4);
  for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
    const double p = context.operands[0]->at(i), g = context.operands[1]->at(i) + c.decay * p;
    const double m = c.firstMoment(context.operands[2]->at(i), g), v = c.secondMoment(context.operands[3]->at(i), g);
    context.results[0].set(i, p - c.rate / c.correction1 * m / c.denominator(v));
    context.results[1].set(i, m);
    context.results[2].set(i, v);
  }
  return {};
}

}  // namespace adam

namespace adamw {

Status inferShape(ShapeContext& context) {
  return inferMoments(context, {"parameter", "gradient", "first_moment", "second_moment"});
}

Status reference(ReferenceContext& context) {
  const Adam c(context, 4);
  for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
    const double p = context.operands[0]->at(i) * (1 - c.rate * c.decay), g = context.operands[1]->at(i);
    const double m = c.firstMoment(context.operands[2]->at(i), g), v = c.secondMoment(context.operands[3]->at(i), g);
    context.results[0].set(i, p - c.rate / c.correction1 * m / c.denominator(v));
    context.results[1].set(i, m);
    context.results[2].set(i, v);
  }
  return {};
}

}  // namespace adamw

namespace amsgrad {

Status inferShape(ShapeContext& context) {
  return inferMoments(context, {"parameter", "gradient", "first_moment", "second_moment", "max_second_moment"});
}

Status reference(ReferenceContext& context) {
  const Adam c(context, 5);
  for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
    const double p = context.operands[0]->at(i), g = context.operands[1]->at(i) + c.decay * p;
    const double m = c.firstMoment(context.operands[2]->at(i), g), v = c.secondMoment(context.operands[3]->at(i), g);
    const double old = context.operands[4]->at(i), largest = v > old || std::isnan(v) ? v : old;
    context.results[0].set(i, p - c.rate / c.correction1 * m / c.denominator(largest));
    context.results[1].set(i, m);
    context.results[2].set(i, v);
    context.results[3].set(i, largest);
  }
  return {};
}

}  // namespace amsgrad

namespace adamax {

Status inferShape(ShapeContext& context) {
  return inferMoments(context, {"parameter", "gradient", "first_moment", "infinity_norm"});
}

Status reference(ReferenceContext& context) {
  const Adam c(context, 4);
  for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
    const double p = context.operands[0]->at(i), g = context.operands[1]->at(i) + c.decay * p;
    const double m = c.firstMoment(context.operands[2]->at(i), g);
    const double old = c.beta2 * context.operands[3]->at(i), size = std::fabs(g) + c.epsilon;
    const double u = size > old || std::isnan(size) ? size : old;
    context.results[0].set(i, p - c.rate / c.correction1 * m / u);
    context.results[1].set(i, m);
    context.results[2].set(i, u);
  }
  return {};
}

}  // namespace adamax

namespace nadam {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkOptimizer(context, {"parameter", "gradient", "first_moment", "second_moment"}, 4, 6));
  KILN_RETURN_IF_ERROR(checkType(context, 4, "momentum_product", ValueType{f64, Shape()}));
  KILN_RETURN_IF_ERROR(checkStep(context, 5));
  context.results.assign(3, context.operands[0]);
  return {};
}

Status reference(ReferenceContext& context) {
  const Adam c(context, 5);
  const double psi = context.attribute<double>("momentum_decay"), product = context.operands[4]->at(0);
  const auto momentumAt = [&](double step) { return c.beta1 * (1 - 0.5 * std::pow(0.96, step * psi)); };
  const double mu = momentumAt(c.step), next = momentumAt(c.step + 1);
  const double ofGradient = c.rate * (1 - mu) / (1 - product), ofMoment = c.rate * next / (1 - product * next);
  for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
    const double p = context.operands[0]->at(i), g = context.operands[1]->at(i) + c.decay * p;
    const double m = c.firstMoment(context.operands[2]->at(i), g), v = c.secondMoment(context.operands[3]->at(i), g);
    context.results[0].set(i, p - (ofGradient * g + ofMoment * m) / c.denominator(v));
    context.results[1].set(i, m);
    context.results[2].set(i, v);
  }
  return {};
}

}  // namespace nadam

namespace lamb {

Status inferShape(ShapeContext& context) {
  return inferMoments(context, {"parameter", "gradient", "first_moment", "second_moment"});
}

Status reference(ReferenceContext& context) {
  const Adam c(context, 4);
  const int64_t count = context.results[0].numElements();
  std::vector<double> direction;
  double ofParameter = 0, ofDirection = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double p = context.operands[0]->at(i), g = context.operands[1]->at(i);
    const double m = c.firstMoment(context.operands[2]->at(i), g), v = c.secondMoment(context.operands[3]->at(i), g);
    direction.push_back(m / c.correction1 / c.denominator(v) + c.decay * p);
    ofParameter += p * p;
    ofDirection += direction.back() * direction.back();
    context.results[1].set(i, m);
    context.results[2].set(i, v);
  }
  const double trust = ofParameter > 0 && ofDirection > 0 ? std::sqrt(ofParameter) / std::sqrt(ofDirection) : 1;
  for (int64_t i = 0; i < count; ++i) {
    context.results[0].set(i, context.operands[0]->at(i) - c.rate * trust * direction[static_cast<size_t>(i)]);
  }
  return {};
}

}  // namespace lamb
}  // namespace kiln::ops
