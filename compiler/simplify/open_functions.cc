// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/open_functions.h"

#include "compiler/dialect/attributes.h"
#include "compiler/dialect/diagnostics.h"
#include "llvm/ADT/TypeSwitch.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

namespace kiln::compiler {
namespace {

mlir::RankedTensorType stepType(mlir::MLIRContext* context) { return tensorType(context, i64, {}); }

class Opener {
 public:
  Opener(mlir::Operation* op, mlir::SymbolTable& symbols)
      : op_(op), symbols_(symbols), b_(op), prefix_(nodeNameOf(op->getLoc()) + "//") {}

  mlir::Operation* open() {
    return llvm::TypeSwitch<mlir::Operation*, mlir::Operation*>(op_)
        .Case([&](IfElseOp op) {
          return branch(op.getCondition(), op.getInputs(), {op.getThenBranchAttr(), op.getElseBranchAttr()});
        })
        .Case([&](SwitchCaseOp op) {
          return branch(op.getIndex(), op.getInputs(),
                        llvm::to_vector(op.getBranches().getAsRange<mlir::FlatSymbolRefAttr>()));
        })
        .Case([&](WhileLoopOp op) {
          const int64_t maxSteps = static_cast<int64_t>(op.getMaxSteps());
          ShapeAttr length = maxSteps < 0 ? ShapeAttr() : ShapeAttr::get(op->getContext(), Shape{Dim(maxSteps)});
          return loop(nullptr, op.getInputs(), op.getNumCarries(), 0, length, false, op.getConditionAttr(),
                      op.getBodyAttr());
        })
        .Case([&](ForRangeOp op) {
          return loop(op.getCount(), op.getInputs(), op.getNumCarries(), 0, ShapeAttr(), false, nullptr,
                      op.getBodyAttr());
        })
        .Case([&](ScanOp op) {
          return loop(nullptr, op.getInputs(), op.getNumCarries(), op.getNumScanned(), op.getLengthAttr(),
                      op.getReverse(), nullptr, op.getBodyAttr());
        })
        .Case([&](VectorizeOp op) { return vectorize(op); })
        .Case([&](CheckpointOp op) {
          auto made = RecomputeOp::create(b_, op.getLoc(), op.getResultTypes(), op.getInputs());
          fill(made.getBody(), op.getCalleeAttr(), op.getInputs().getTypes(), {});
          return made.getOperation();
        })
        .Case([&](CustomGradientOp op) {
          auto made = CustomVjpOp::create(b_, op.getLoc(), op.getResultTypes(), op.getInputs());
          fill(made.getForward(), op.getForwardAttr(), op.getInputs().getTypes(), {});
          fill(made.getBackward(), op.getBackwardAttr(), functionOf(op.getBackwardAttr()).getArgumentTypes(), {});
          return made.getOperation();
        })
        .Default([](mlir::Operation*) { return nullptr; });
  }

 private:
  mlir::func::FuncOp functionOf(mlir::FlatSymbolRefAttr name) {
    auto function = symbols_.lookup<mlir::func::FuncOp>(name.getValue());
    KILN_CHECK(function != nullptr);
    return function;
  }

  // Makes the region's block with arguments of these types, and copies the function into it: its first parameters are
  // the arguments, the others the captured values.
  void fill(mlir::Region& region, mlir::FlatSymbolRefAttr name, mlir::TypeRange arguments, mlir::ValueRange captured) {
    mlir::func::FuncOp function = functionOf(name);
    mlir::OpBuilder::InsertionGuard guard(b_);
    mlir::Block* block = b_.createBlock(&region);
    mlir::IRMapping mapping;
    mlir::Block& body = function.getBody().front();
    for (auto [i, type] : llvm::enumerate(arguments)) {
      mlir::BlockArgument parameter = body.getArgument(static_cast<unsigned>(i));
      mapping.map(parameter, block->addArgument(type, renamed(parameter.getLoc())));
    }
    for (auto [parameter, value] : llvm::zip(body.getArguments().drop_front(arguments.size()), captured)) {
      mapping.map(parameter, value);
    }
    for (mlir::Operation& inner : body.without_terminator()) {
      b_.clone(inner, mapping)->walk([&](mlir::Operation* copy) { copy->setLoc(renamed(copy->getLoc())); });
    }
    llvm::SmallVector<Value> results;
    for (Value result : body.getTerminator()->getOperands()) {
      results.push_back(mapping.lookup(result));
    }
    YieldOp::create(b_, op_->getLoc(), results);
  }

  mlir::Location renamed(mlir::Location location) {
    return mlir::NameLoc::get(b_.getStringAttr(prefix_ + nodeNameOf(location)), location);
  }

  mlir::Operation* branch(Value selector, mlir::ValueRange inputs, llvm::ArrayRef<mlir::FlatSymbolRefAttr> functions) {
    auto made =
        BranchOp::create(b_, op_->getLoc(), op_->getResultTypes(), selector, static_cast<unsigned>(functions.size()));
    for (auto [region, function] : llvm::zip(made.getBranches(), functions)) {
      fill(region, function, {}, inputs);
    }
    return made;
  }

  mlir::Operation* loop(Value count, mlir::ValueRange inputs, uint64_t numCarries, uint64_t numScanned,
                        ShapeAttr length, bool isReverse, mlir::FlatSymbolRefAttr condition,
                        mlir::FlatSymbolRefAttr body) {
    mlir::ValueRange carries = inputs.take_front(numCarries), rest = inputs.drop_front(numCarries);
    mlir::ValueRange scanned = rest.take_front(numScanned), captured = rest.drop_front(numScanned);
    auto made = LoopOp::create(b_, op_->getLoc(), op_->getResultTypes(), count, carries, scanned, length, isReverse);
    if (condition) {
      fill(made.getCondition(), condition, carries.getTypes(), captured);
    }
    llvm::SmallVector<mlir::Type> arguments{stepType(op_->getContext())};
    llvm::append_range(arguments, functionOf(body).getArgumentTypes().slice(1, numCarries + numScanned));
    fill(made.getBody(), body, arguments, captured);
    return made;
  }

  mlir::Operation* vectorize(VectorizeOp op) {
    const size_t numMapped = op.getInAxes().size();
    mlir::ValueRange mapped = op.getInputs().take_front(numMapped);
    auto axesOf = [](llvm::ArrayRef<int64_t> axes, mlir::TypeRange types) {
      llvm::SmallVector<int64_t> counted;
      for (auto [axis, type] : llvm::zip(axes, types)) {
        counted.push_back(axis < 0 ? axis + shapeOf(type).rank() : axis);
      }
      return counted;
    };
    auto made = VmapOp::create(b_, op.getLoc(), op.getResultTypes(), mapped, axesOf(op.getInAxes(), mapped.getTypes()),
                               axesOf(op.getOutAxes(), op.getResultTypes()), op.getSize());
    fill(made.getBody(), op.getCalleeAttr(), functionOf(op.getCalleeAttr()).getArgumentTypes().take_front(numMapped),
         op.getInputs().drop_front(numMapped));
    return made;
  }

  mlir::Operation* op_;
  mlir::SymbolTable& symbols_;
  mlir::OpBuilder b_;
  std::string prefix_;
};

}  // namespace

bool namesRegions(mlir::Operation* op) {
  return llvm::isa<IfElseOp, SwitchCaseOp, WhileLoopOp, ForRangeOp, ScanOp, VectorizeOp, CheckpointOp,
                   CustomGradientOp>(op);
}

void openFunctions(mlir::Operation* op, mlir::SymbolTable& symbols) {
  mlir::Operation* made = Opener(op, symbols).open();
  KILN_CHECK(made != nullptr);
  op->replaceAllUsesWith(made->getResults());
  op->erase();
}

}  // namespace kiln::compiler
