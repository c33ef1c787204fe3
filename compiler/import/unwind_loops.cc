// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/import/unwind_loops.h"

#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/op_factory.h"
#include "mlir/IR/IRMapping.h"

namespace kiln::compiler {
namespace {

using Values = llvm::SmallVector<Value>;

Shape withRows(const Dim& rows, const Shape& shape) {
  Shape result{rows};
  for (const Dim& dim : shape) {
    result.push_back(dim);
  }
  return result;
}

// The number of steps as a dim; one that only the run knows becomes a symbol of its own. `count` becomes what binds it,
// which the loops read, so that they come after it.
Dim lengthOf(mlir::OpBuilder& b, UnwindOp unwind, int number, Value& count) {
  if (unwind.getLength()) {
    return unwind.getLength()->getShape()[0];
  }
  const std::string symbol = "unwind_" + std::to_string(number) + ".steps";
  count = create(b, unwind.getLoc(), "bind_dim", count, b.getNamedAttr("symbol", b.getStringAttr(symbol)));
  return Dim::symbol(symbol);
}

void unwindToLoops(UnwindOp unwind, int number) {
  mlir::OpBuilder b(unwind);
  const mlir::Location loc = unwind.getLoc();
  Value count = unwind.getCount();
  const Dim length = lengthOf(b, unwind, number, count);
  const ShapeAttr lengthAttr = ShapeAttr::get(b.getContext(), Shape{length});
  const size_t numCarries = unwind.getInits().size(), numCotangents = unwind.getCotangents().size();

  // Forward: the carries before every step are stacked.
  llvm::SmallVector<mlir::Type> types(unwind.getInits().getTypes());
  for (Value init : unwind.getInits()) {
    const ValueType type = valueType(init.getType());
    types.push_back(tensorType(b.getContext(), type.dtype, withRows(length, type.shape)));
  }
  auto forward = LoopOp::create(b, loc, types, count, unwind.getInits(), unwind.getScanned(), lengthAttr, false);
  forward.getBody().takeBody(unwind.getStep());
  mlir::Operation* yield = forward.getBodyBlock().getTerminator();
  yield->insertOperands(yield->getNumOperands(),
                        Values(forward.getCarryArguments().begin(), forward.getCarryArguments().end()));

  // Backward: the adjoint's arguments are the step, the carries, the cotangents and the rows; a loop has rows last.
  Values scanned(forward.getResults().drop_front(numCarries));
  llvm::append_range(scanned, unwind.getScanned());
  auto backward =
      LoopOp::create(b, loc, unwind.getResultTypes(), count, unwind.getCotangents(), scanned, lengthAttr, true);
  mlir::Block& from = unwind.getAdjoint().front();
  mlir::OpBuilder::InsertionGuard guard(b);
  mlir::Block* body = b.createBlock(&backward.getBody());
  mlir::IRMapping mapping;
  auto take = [&](size_t first, size_t number) {
    for (size_t i = first; i < first + number; ++i) {
      mlir::BlockArgument argument = from.getArgument(static_cast<unsigned>(i));
      mapping.map(argument, body->addArgument(argument.getType(), argument.getLoc()));
    }
  };
  take(0, 1);
  take(1 + numCarries, numCotangents);
  take(1, numCarries);
  take(1 + numCarries + numCotangents, from.getNumArguments() - 1 - numCarries - numCotangents);
  for (mlir::Operation& op : from) {
    b.clone(op, mapping);
  }
  unwind->replaceAllUsesWith(backward.getResults());
  unwind->erase();
}

}  // namespace

void unwindToLoops(mlir::ModuleOp module) {
  llvm::SmallVector<UnwindOp> found;
  module.walk([&](UnwindOp unwind) { found.push_back(unwind); });
  for (auto [number, unwind] : llvm::enumerate(found)) {
    unwindToLoops(unwind, static_cast<int>(number));
  }
}

}  // namespace kiln::compiler
