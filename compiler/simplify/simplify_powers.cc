// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Powers of known small exponents are products, quotients and square roots.
#include <cmath>

#include "compiler/dialect/op_factory.h"
#include "llvm/ADT/TypeSwitch.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_SIMPLIFYPOWERS
#include "compiler/simplify/passes.inc"

namespace {

// Deeper expressions are rare, and each level costs a step for every power.
constexpr int kMaxDepth = 8;

// Beyond it the roundings of the products pass the tolerance of pow.
constexpr double kMaxExponent = 3;

/// True when no element is below 0 or -0: where pow and square root agree on every value.
bool isNeverNegative(Value value, int depth = 0) {
  if (auto splat = splatValueOf(value)) {
    return *splat >= 0 && !std::signbit(*splat);
  }
  mlir::Operation* op = value.getDefiningOp();
  if (op == nullptr || depth == kMaxDepth) {
    return false;
  }
  auto all = [&] {
    return llvm::all_of(op->getOperands(), [&](Value operand) { return isNeverNegative(operand, depth + 1); });
  };
  return llvm::TypeSwitch<mlir::Operation*, bool>(op)
      .Case<ExpOp, AbsOp, SquareOp>([](auto) { return true; })
      .Case([&](MulOp mul) { return mul.getX() == mul.getY() || all(); })
      .Case<AddOp, DivOp, MaximumOp, SqrtOp>([&](auto) { return all(); })
      .Case<BroadcastOp, ReshapeOp, TransposeOp, SliceOp, ReduceSumOp, ReduceMeanOp, ReduceMaxOp>(
          [&](mlir::Operation* moved) { return isNeverNegative(moved->getOperand(0), depth + 1); })
      .Default([](mlir::Operation*) { return false; });
}

/// x to a positive exponent that is a multiple of 1/2, from x and, for halves, its root.
Value product(mlir::OpBuilder& b, mlir::Location loc, Value x, Value root, double exponent) {
  Value result;
  for (double left = exponent; left >= 1; left -= 1) {
    result = result ? mul(b, loc, result, x) : x;
  }
  if (exponent != std::floor(exponent)) {
    result = result ? mul(b, loc, result, root) : root;
  }
  return result;
}

Value expanded(PowOp pow) {
  auto exponent = splatValueOf(pow.getY());
  if (!exponent || *exponent == 0 || std::abs(*exponent) > kMaxExponent || *exponent * 2 != std::floor(*exponent * 2)) {
    return nullptr;
  }
  const bool isHalf = *exponent != std::floor(*exponent);
  if (isHalf && !isNeverNegative(pow.getX())) {
    return nullptr;
  }
  mlir::OpBuilder b(pow);
  const mlir::Location loc = pow.getLoc();
  Value x = pow.getX(), root = isHalf ? create(b, loc, "sqrt", x) : Value();
  if (*exponent < 0) {
    // Quotients first: two short divisions side by side, and no overflow on the way to a small result.
    const Value one = splatLike(b, loc, 1.0, x);
    x = div(b, loc, one, x);
    root = root ? div(b, loc, one, root) : root;
  }
  return product(b, loc, x, root, std::abs(*exponent));
}

class SimplifyPowers : public impl::SimplifyPowersBase<SimplifyPowers> {
  void runOnOperation() override {
    getOperation()->walk([](PowOp pow) {
      if (Value value = expanded(pow)) {
        pow.replaceAllUsesWith(value);
        pow->erase();
      }
    });
  }
};

}  // namespace
}  // namespace kiln::compiler
