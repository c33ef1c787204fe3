// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Adam and what is made from it. 1 - beta^step loses most of its digits in f32, since beta is near 1: it is computed in
// f64.
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/optimizer_step.h"

namespace kiln::compiler {
namespace {

class AdamStep : public Step {
 public:
  AdamStep(mlir::OpBuilder& b, mlir::Operation* op, unsigned stepOperand)
      : Step(b, op),
        count(wideScalar(stepOperand)),
        rate(wideScalar(stepOperand + 1)),
        beta1(attribute("beta1")),
        beta2(attribute("beta2")) {}
  /// 1 - beta^step, f64.
  Term correction(double beta) const { return 1 - pow(beta, count); }
  /// The learning rate over the correction of the first moment.
  Term correctedRate() const { return narrow(rate / correction(beta1)); }
  Term firstMoment(const Term& gradient) const { return beta1 * operand(2) + (1 - beta1) * gradient; }
  Term secondMoment(const Term& gradient) const { return beta2 * operand(3) + (1 - beta2) * square(gradient); }
  Term denominator(const Term& second) const {
    return sqrt(second) / narrow(sqrt(correction(beta2))) + attribute("epsilon");
  }

  Term count, rate;
  double beta1, beta2;
};

}  // namespace

llvm::SmallVector<Value> expandAdam(mlir::OpBuilder& b, mlir::Operation* op) {
  const AdamStep s(b, op, 4);
  const Term gradient = s.gradient(), first = s.firstMoment(gradient), second = s.secondMoment(gradient);
  return s.results({s.operand(0) - s.correctedRate() * first / s.denominator(second), first, second});
}

llvm::SmallVector<Value> expandAdamw(mlir::OpBuilder& b, mlir::Operation* op) {
  const AdamStep s(b, op, 4);
  const Term gradient = s.operand(1), first = s.firstMoment(gradient), second = s.secondMoment(gradient);
  const Term kept = s.narrow(1 - s.rate * s.attribute("weight_decay"));
  return s.results({s.operand(0) * kept - s.correctedRate() * first / s.denominator(second), first, second});
}

llvm::SmallVector<Value> expandAmsgrad(mlir::OpBuilder& b, mlir::Operation* op) {
  const AdamStep s(b, op, 5);
  const Term gradient = s.gradient(), first = s.firstMoment(gradient), second = s.secondMoment(gradient);
  const Term largest = maximum(s.operand(4), second);
  return s.results({s.operand(0) - s.correctedRate() * first / s.denominator(largest), first, second, largest});
}

llvm::SmallVector<Value> expandAdamax(mlir::OpBuilder& b, mlir::Operation* op) {
  const AdamStep s(b, op, 4);
  const Term gradient = s.gradient(), first = s.firstMoment(gradient);
  const Term largest = maximum(s.beta2 * s.operand(3), abs(gradient) + s.attribute("epsilon"));
  return s.results({s.operand(0) - s.correctedRate() * first / largest, first, largest});
}

llvm::SmallVector<Value> expandNadam(mlir::OpBuilder& b, mlir::Operation* op) {
  const AdamStep s(b, op, 5);
  const auto momentumAt = [&](const Term& step) {
    return s.beta1 * (1 - 0.5 * pow(0.96, step * s.attribute("momentum_decay")));
  };
  const Term product = s.wideScalar(4), now = momentumAt(s.count), next = momentumAt(s.count + 1);
  const Term ofGradient = s.narrow(s.rate * (1 - now) / (1 - product));
  const Term ofMoment = s.narrow(s.rate * next / (1 - product * next));
  const Term gradient = s.gradient(), first = s.firstMoment(gradient), second = s.secondMoment(gradient);
  const Term update = (ofGradient * gradient + ofMoment * first) / s.denominator(second);
  return s.results({s.operand(0) - update, first, second});
}

llvm::SmallVector<Value> expandLamb(mlir::OpBuilder& b, mlir::Operation* op) {
  const AdamStep s(b, op, 4);
  const double decay = s.attribute("weight_decay");
  const Term parameter = s.operand(0), gradient = s.operand(1);
  const Term first = s.firstMoment(gradient), second = s.secondMoment(gradient);
  Term direction = first / s.narrow(s.correction(s.beta1)) / s.denominator(second);
  if (decay != 0) {
    direction = direction + decay * parameter;
  }
  const Term ofParameter = square(parameter).sum(), ofDirection = square(direction).sum();
  const Term ratio = sqrt(ofParameter) / sqrt(ofDirection), one = ratio.with(1.0);
  const Term trust = choose(ofParameter > 0, choose(ofDirection > 0, ratio, one), one);
  return s.results({parameter - s.narrow(s.rate) * trust * direction, first, second});
}

}  // namespace kiln::compiler
