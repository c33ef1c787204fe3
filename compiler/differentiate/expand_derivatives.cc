// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/op_factory.h"
#include "compiler/differentiate/rules.h"
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/inline_calls.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

#define GEN_PASS_DEF_EXPANDDERIVATIVES
#include "compiler/differentiate/passes.inc"

namespace {

bool isFloatTensor(Value value) { return isFloat(dtypeOf(value.getType())); }

std::string nameOf(mlir::Operation* op) {
  std::string name = nodeNameOf(op->getLoc());
  return name.empty() ? op->getName().getStringRef().str() : name;
}

llvm::LogicalResult refuse(mlir::Operation* op, const std::string& why) {
  return emitStatus(op, makeError<ErrorId::kC0201>(nameOf(op), op->getName().stripDialect().str(), why));
}

/// The float values of a region that depend on its arguments.
class ActiveValues {
 public:
  explicit ActiveValues(mlir::Block& block) {
    for (mlir::BlockArgument argument : block.getArguments()) {
      if (isFloatTensor(argument)) {
        active_.insert(argument);
      }
    }
    for (mlir::Operation& op : block.without_terminator()) {
      if (llvm::any_of(op.getOperands(), [&](Value operand) { return contains(operand); })) {
        ops_.push_back(&op);
        for (Value result : op.getResults()) {
          if (isFloatTensor(result)) {
            active_.insert(result);
          }
        }
      }
    }
  }
  bool contains(Value value) const { return active_.contains(value); }
  /// The ops that read one, in order.
  llvm::ArrayRef<mlir::Operation*> ops() const { return ops_; }

 private:
  llvm::DenseSet<Value> active_;
  llvm::SmallVector<mlir::Operation*> ops_;
};

/// Moves the region's ops before `op`, with its arguments replaced, and replaces the results.
void inlineRegion(mlir::Operation* op, mlir::Block& block, mlir::ValueRange arguments, mlir::ValueRange results) {
  for (auto [argument, value] : llvm::zip(block.getArguments(), arguments)) {
    argument.replaceAllUsesWith(value);
  }
  // An argument that is a result itself has just been replaced.
  llvm::SmallVector<Value> replacements;
  for (Value result : results) {
    auto argument = llvm::dyn_cast<mlir::BlockArgument>(result);
    replacements.push_back(argument && argument.getOwner() == &block ? arguments[argument.getArgNumber()] : result);
  }
  block.getTerminator()->erase();
  op->getBlock()->getOperations().splice(op->getIterator(), block.getOperations());
  op->replaceAllUsesWith(replacements);
  op->erase();
}

/// Replaces the ops whose derivative is that of their expansion.
void expandBeforeRules(mlir::Region& body) {
  expandComposites(body, [](const OpSchema& op) { return op.gradient == GradientKind::kExpansion; });
}

llvm::LogicalResult expandVjp(VjpOp vjp) {
  expandBeforeRules(vjp.getBody());
  mlir::Block& block = vjp.getBody().front();
  mlir::Operation* yield = block.getTerminator();
  // Taken while arguments and values from outside are still told apart: they may become the same value.
  const ActiveValues active(block);
  mlir::OpBuilder b(yield);
  llvm::DenseMap<Value, Value> cotangents;
  auto accumulate = [&](Value value, Value cotangent, mlir::Location loc) {
    Value& sum = cotangents[value];
    sum = sum ? add(b, loc, sum, cotangent) : cotangent;
  };
  for (auto [i, y] : llvm::enumerate(yield->getOperands())) {
    if (active.contains(y)) {
      accumulate(y, vjp.getSeeds().empty() ? splatLike(b, vjp.getLoc(), 1.0, y) : vjp.getSeeds()[i], vjp.getLoc());
    }
  }
  for (mlir::Operation* op : llvm::reverse(active.ops())) {
    auto reached = llvm::find_if(op->getResults(), [&](Value result) { return cotangents.contains(result); });
    if (reached == op->getResults().end()) {
      continue;
    }
    const Rule rule = ruleOf(op);
    if (!rule) {
      return refuse(op, rule.why);
    }
    llvm::SmallVector<bool> wanted;
    for (Value operand : op->getOperands()) {
      wanted.push_back(active.contains(operand));
    }
    llvm::SmallVector<Value> gradients(op->getNumOperands());
    VjpContext context{{b, op->getLoc(), op}, cotangents[*reached], wanted, gradients};
    if (Status status = rule.vjp(context); !status.ok()) {
      return refuse(op, std::string(status.message()));
    }
    for (auto [operand, gradient] : llvm::zip(op->getOperands(), gradients)) {
      if (gradient && active.contains(operand)) {
        accumulate(operand, gradient, op->getLoc());
      }
    }
  }
  llvm::SmallVector<Value> results;
  for (mlir::BlockArgument argument : block.getArguments()) {
    Value gradient = cotangents.lookup(argument);
    results.push_back(gradient ? gradient : splatLike(b, vjp.getLoc(), 0.0, argument));
  }
  inlineRegion(vjp, block, vjp.getXs(), results);
  return llvm::success();
}

llvm::LogicalResult expandJvp(JvpOp jvp) {
  expandBeforeRules(jvp.getBody());
  mlir::Block& block = jvp.getBody().front();
  mlir::Operation* yield = block.getTerminator();
  const ActiveValues active(block);
  mlir::OpBuilder b(yield);
  llvm::DenseMap<Value, Value> tangents;
  for (auto [argument, tangent] : llvm::zip(block.getArguments(), jvp.getTangents())) {
    if (active.contains(argument)) {
      tangents[argument] = tangent;
    }
  }
  for (mlir::Operation* op : active.ops()) {
    llvm::SmallVector<Value> given;
    for (Value operand : op->getOperands()) {
      given.push_back(active.contains(operand) ? tangents.lookup(operand) : Value());
    }
    const bool isFloatResult = llvm::any_of(op->getResults(), isFloatTensor);
    if (!isFloatResult || llvm::none_of(given, [](Value tangent) { return static_cast<bool>(tangent); })) {
      continue;
    }
    const Rule rule = ruleOf(op);
    if (!rule) {
      return refuse(op, rule.why);
    }
    JvpContext context{{b, op->getLoc(), op}, given};
    auto tangent = rule.jvp(context);
    if (!tangent.ok()) {
      return refuse(op, std::string(tangent.status().message()));
    }
    if (*tangent) {
      tangents[op->getResult(0)] = *tangent;
    }
  }
  llvm::SmallVector<Value> results;
  for (Value y : yield->getOperands()) {
    Value tangent = active.contains(y) ? tangents.lookup(y) : Value();
    results.push_back(tangent ? tangent : splatLike(b, jvp.getLoc(), 0.0, y));
  }
  inlineRegion(jvp, block, jvp.getXs(), results);
  return llvm::success();
}

struct ExpandDerivatives : impl::ExpandDerivativesBase<ExpandDerivatives> {
  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    // Calls first, since a callee may hold regions of its own.
    inlineCalls(module, derivatives(module));
    // Innermost first.
    for (mlir::Operation* op : derivatives(module)) {
      auto vjp = llvm::dyn_cast<VjpOp>(op);
      if (llvm::failed(vjp ? expandVjp(vjp) : expandJvp(llvm::cast<JvpOp>(op)))) {
        return signalPassFailure();
      }
    }
  }

  static llvm::SmallVector<mlir::Operation*> derivatives(mlir::ModuleOp module) {
    llvm::SmallVector<mlir::Operation*> found;
    module.walk<mlir::WalkOrder::PostOrder>([&](mlir::Operation* op) {
      if (llvm::isa<VjpOp, JvpOp>(op)) {
        found.push_back(op);
      }
    });
    return found;
  }
};

}  // namespace
}  // namespace kiln::compiler
