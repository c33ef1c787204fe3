// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Optimizer steps. What all elements share is computed once, in f64 where f32 would lose digits, and broadcast.
// Parameters of 16 bits are updated in f32 and rounded once.
#include "compiler/dialect/dag_builder.h"
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/optimizer_step.h"
#include "compiler/simplify/terms.h"

namespace kiln::compiler {

Step::Step(mlir::OpBuilder& b, mlir::Operation* op)
    : b_(b), op_(op), dtype_(dtypeOf(op->getOperand(0).getType())), working_(bitWidth(dtype_) < 32 ? f32 : dtype_) {}

Term Step::operand(unsigned i) const { return Term(b_, op_->getLoc(), op_->getOperand(i)).wide(); }

Term Step::wideScalar(unsigned i) const { return Term(b_, op_->getLoc(), op_->getOperand(i)).cast(f64); }

double Step::attribute(llvm::StringRef name) const { return floatAttributeOf(op_, name); }

Term Step::gradient() const {
  const double decay = attribute("weight_decay");
  return decay == 0 ? operand(1) : operand(1) + decay * operand(0);
}

llvm::SmallVector<Value> Step::results(std::initializer_list<Term> terms) const {
  llvm::SmallVector<Value> values;
  for (const Term& term : terms) {
    values.push_back(term.cast(dtype_).value());
  }
  return values;
}

llvm::SmallVector<Value> expandSgd(mlir::OpBuilder& b, mlir::Operation* op) {
  const Step s(b, op);
  return s.results({s.operand(0) - s.operand(2) * s.gradient()});
}

llvm::SmallVector<Value> expandMomentum(mlir::OpBuilder& b, mlir::Operation* op) {
  const Step s(b, op);
  const double momentum = s.attribute("momentum");
  const Term gradient = s.gradient(), velocity = momentum * s.operand(2) + gradient;
  const Term direction = llvm::cast<MomentumOp>(op).getNesterov() ? gradient + momentum * velocity : velocity;
  return s.results({s.operand(0) - s.operand(3) * direction, velocity});
}

llvm::SmallVector<Value> expandAdagrad(mlir::OpBuilder& b, mlir::Operation* op) {
  const Step s(b, op);
  const double decay = s.attribute("learning_rate_decay");
  const Term rate = s.wideScalar(4) / (1 + (s.wideScalar(3) - 1) * decay);
  const Term gradient = s.gradient(), sum = s.operand(2) + square(gradient);
  return s.results({s.operand(0) - s.narrow(rate) * gradient / (sqrt(sum) + s.attribute("epsilon")), sum});
}

llvm::SmallVector<Value> expandAdadelta(mlir::OpBuilder& b, mlir::Operation* op) {
  const Step s(b, op);
  const double rho = s.attribute("rho"), epsilon = s.attribute("epsilon");
  const Term gradient = s.gradient();
  const Term squares = rho * s.operand(2) + (1 - rho) * square(gradient);
  const Term delta = sqrt(s.operand(3) + epsilon) / sqrt(squares + epsilon) * gradient;
  const Term deltas = rho * s.operand(3) + (1 - rho) * square(delta);
  return s.results({s.operand(0) - s.operand(4) * delta, squares, deltas});
}

llvm::SmallVector<Value> expandRmsprop(mlir::OpBuilder& b, mlir::Operation* op) {
  const Step s(b, op);
  const double alpha = s.attribute("alpha"), epsilon = s.attribute("epsilon"), momentum = s.attribute("momentum");
  const bool isCentered = llvm::cast<RmspropOp>(op).getCentered();
  const Term gradient = s.gradient();
  const Term squares = alpha * s.operand(3) + (1 - alpha) * square(gradient);
  Term variance = squares, average = squares;
  if (isCentered) {
    average = alpha * s.operand(4) + (1 - alpha) * gradient;
    variance = squares - square(average);
  }
  Term direction = gradient / (sqrt(variance) + epsilon);
  if (momentum > 0) {
    direction = direction + momentum * s.operand(op->getNumOperands() - 1);
  }
  const Term parameter = s.operand(0) - s.operand(2) * direction;
  if (isCentered) {
    return momentum > 0 ? s.results({parameter, squares, average, direction})
                        : s.results({parameter, squares, average});
  }
  return momentum > 0 ? s.results({parameter, squares, direction}) : s.results({parameter, squares});
}

llvm::SmallVector<Value> expandLion(mlir::OpBuilder& b, mlir::Operation* op) {
  const Step s(b, op);
  const double beta1 = s.attribute("beta1"), beta2 = s.attribute("beta2"), decay = s.attribute("weight_decay");
  const Term parameter = s.operand(0), gradient = s.operand(1), momentum = s.operand(2);
  const Term sign = (beta1 * momentum + (1 - beta1) * gradient).apply("sign");
  const Term direction = decay == 0 ? sign : sign + decay * parameter;
  return s.results({parameter - s.operand(3) * direction, beta2 * momentum + (1 - beta2) * gradient});
}

}  // namespace kiln::compiler
