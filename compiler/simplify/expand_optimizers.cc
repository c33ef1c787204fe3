// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Optimizer steps. Factors of rank 0 are computed once and broadcast.
#include "compiler/simplify/expand_composites.h"

namespace kiln::compiler {
namespace {

// The ops of one step over tensors of one shape.
class Step {
 public:
  Step(mlir::OpBuilder& b, mlir::Location loc, Value parameter)
      : b_(b), loc_(loc), parameter_(parameter), type_(valueType(parameter.getType())) {}

  Value plus(Value x, Value y) { return add(b_, loc_, x, y); }
  Value minus(Value x, Value y) { return sub(b_, loc_, x, y); }
  Value times(Value x, Value y) { return mul(b_, loc_, x, y); }
  Value over(Value x, Value y) { return div(b_, loc_, x, y); }
  Value root(Value x) { return create(b_, loc_, "sqrt", x); }
  Value scaled(double factor, Value x) { return times(constant(factor), x); }
  Value constant(double value) { return splat(b_, loc_, value, type_); }
  Value spread(Value scalar) { return broadcastTo(b_, loc_, scalar, type_.shape); }
  Value decayed(Value gradient, double decay) {
    return decay == 0 ? gradient : plus(gradient, scaled(decay, parameter_));
  }

 private:
  mlir::OpBuilder& b_;
  mlir::Location loc_;
  Value parameter_;
  ValueType type_;
};

}  // namespace

llvm::SmallVector<Value> expandSgd(mlir::OpBuilder& b, mlir::Operation* op) {
  auto sgd = llvm::cast<SgdOp>(op);
  Step step(b, op->getLoc(), sgd.getParameter());
  Value gradient = step.decayed(sgd.getGradient(), sgd.getWeightDecay().convertToDouble());
  return {step.minus(sgd.getParameter(), step.times(step.spread(sgd.getLearningRate()), gradient))};
}

llvm::SmallVector<Value> expandMomentum(mlir::OpBuilder& b, mlir::Operation* op) {
  auto momentum = llvm::cast<MomentumOp>(op);
  Step step(b, op->getLoc(), momentum.getParameter());
  double factor = momentum.getMomentum().convertToDouble();
  Value gradient = step.decayed(momentum.getGradient(), momentum.getWeightDecay().convertToDouble());
  Value velocity = step.plus(step.scaled(factor, momentum.getVelocity()), gradient);
  Value direction = momentum.getNesterov() ? step.plus(gradient, step.scaled(factor, velocity)) : velocity;
  return {step.minus(momentum.getParameter(), step.times(step.spread(momentum.getLearningRate()), direction)),
          velocity};
}

llvm::SmallVector<Value> expandAdam(mlir::OpBuilder& b, mlir::Operation* op) {
  auto adam = llvm::cast<AdamOp>(op);
  mlir::Location loc = op->getLoc();
  Step step(b, loc, adam.getParameter());
  double beta1 = adam.getBeta1().convertToDouble();
  double beta2 = adam.getBeta2().convertToDouble();
  DType dtype = dtypeOf(adam.getParameter().getType());
  ValueType scalar{f64, Shape()};

  // 1 - beta^step loses most of its digits in f32 (beta2 is near 1), so the corrections are computed in f64, once a
  // step.
  Value count = castTo(b, loc, adam.getStep(), f64);
  auto correction = [&](double beta) {
    Value power = create(b, loc, "pow", {splat(b, loc, beta, scalar), count});
    return sub(b, loc, splat(b, loc, 1, scalar), power);
  };
  Value rate = div(b, loc, castTo(b, loc, adam.getLearningRate(), f64), correction(beta1));
  Value root = create(b, loc, "sqrt", correction(beta2));

  Value gradient = step.decayed(adam.getGradient(), adam.getWeightDecay().convertToDouble());
  Value first = step.plus(step.scaled(beta1, adam.getFirstMoment()), step.scaled(1 - beta1, gradient));
  Value second =
      step.plus(step.scaled(beta2, adam.getSecondMoment()), step.scaled(1 - beta2, step.times(gradient, gradient)));
  Value denominator = step.plus(step.over(step.root(second), step.spread(castTo(b, loc, root, dtype))),
                                step.constant(adam.getEpsilon().convertToDouble()));
  Value update = step.over(step.times(step.spread(castTo(b, loc, rate, dtype)), first), denominator);
  return {step.minus(adam.getParameter(), update), first, second};
}

}  // namespace kiln::compiler
