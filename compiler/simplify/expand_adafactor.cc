// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/optimizer_step.h"

namespace kiln::compiler {
namespace {

// The distance from 1 to the next number.
double machineEpsilon(DType dtype) {
  switch (dtype) {
    case f16:
      return 0x1p-10;
    case bf16:
      return 0x1p-7;
    case f32:
      return 0x1p-23;
    default:
      return 0x1p-52;
  }
}

}  // namespace

llvm::SmallVector<Value> expandAdafactor(mlir::OpBuilder& b, mlir::Operation* op) {
  const Step s(b, op);
  const Term parameter = s.operand(0), gradient = s.operand(1), step = s.wideScalar(2), rate = s.wideScalar(3);
  const Shape shape = parameter.shape();
  const double count = static_cast<double>(shape.numElements().value());
  const double given = s.attribute("epsilon1");
  const double epsilon = given == 0 ? machineEpsilon(dtypeOf(op->getOperand(0).getType())) : given;

  const Term power = pow(step, s.attribute("beta2_decay"));
  const Term isNew = s.narrow(power), isOld = s.narrow(1 - power);
  const auto averaged = [&](unsigned state, const Term& now) { return isOld * s.operand(state) + isNew * now; };
  Term estimate = gradient, first = gradient, second = gradient;
  const bool isFactored = shape.rank() >= 2;
  if (isFactored) {
    const int rank = shape.rank();
    const double rows = static_cast<double>(shape[rank - 2].value()),
                 columns = static_cast<double>(shape[rank - 1].value());
    const Term squares = square(gradient);
    first = averaged(4, squares.sumOver(rank - 1, /*keepDims=*/true) / columns);
    second = averaged(5, squares.sumOver(rank - 2, /*keepDims=*/true) / rows);
    const Term mean = maximum(first.sumOver(rank - 2, /*keepDims=*/true) / rows, epsilon);
    estimate = first.spread(shape) * second.spread(shape) / mean.spread(shape);
  } else {
    first = estimate = averaged(4, square(gradient));
  }
  const Term update = gradient / sqrt(maximum(estimate, epsilon * epsilon));
  const auto rms = [&](const Term& x) { return sqrt(square(x).sum() / count); };
  const Term scale = maximum(rms(parameter), s.attribute("epsilon2")) * s.narrow(minimum(rate, 1 / sqrt(step))) /
                     maximum(rms(update) / s.attribute("clip_threshold"), 1);
  const Term kept = s.narrow(1 - rate * s.attribute("weight_decay"));
  const Term next = parameter * kept - scale * update;
  return isFactored ? s.results({next, first, second}) : s.results({next, first});
}

}  // namespace kiln::compiler
