// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What every step of a loop would compute again is computed once before it.
#include "compiler/dialect/bound_dims.h"
#include "compiler/dialect/dialect.h"
#include "compiler/dialect/faults.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_HOISTINVARIANTS
#include "compiler/simplify/passes.inc"

namespace {

bool isWithin(Value value, mlir::Operation* op) { return op->isAncestor(value.getParentRegion()->getParentOp()); }

// A loop without steps must not run into a fault of its body.
bool mayMove(mlir::Operation& op, LoopOp loop, const std::set<std::string>& boundWithin) {
  if (op.hasTrait<mlir::OpTrait::IsTerminator>() || mayFault(&op) || mentionsAny(&op, boundWithin)) {
    return false;
  }
  bool isInvariant = true;
  op.walk([&](mlir::Operation* inner) {
    for (Value operand : inner->getOperands()) {
      isInvariant &= isWithin(operand, &op) || !isWithin(operand, loop);
    }
  });
  return isInvariant;
}

class HoistInvariants : public impl::HoistInvariantsBase<HoistInvariants> {
  void runOnOperation() override {
    // Inner loops first: what leaves one may leave the next.
    getOperation()->walk([&](LoopOp loop) {
      const std::set<std::string> boundWithin = symbolsBoundIn(loop);
      for (mlir::Region* region : {&loop.getCondition(), &loop.getBody()}) {
        if (region->empty()) {
          continue;
        }
        for (mlir::Operation& op : llvm::make_early_inc_range(region->front())) {
          if (mayMove(op, loop, boundWithin)) {
            op.moveBefore(loop);
            ++numHoisted;
          }
        }
      }
    });
  }
};

}  // namespace
}  // namespace kiln::compiler
