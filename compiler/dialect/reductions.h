// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Which ops are reductions, and what they reduce: the one list that fusion and code generation share.
#pragma once

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// Reductions to an index, along one `axis`.
inline bool isArgReductionOp(mlir::Operation* op) { return llvm::isa<ArgmaxOp, ArgminOp>(op); }

/// Ops that join the elements over axes to one, which code generation writes as a loop with an accumulator.
inline bool isReductionOp(mlir::Operation* op) {
  return isArgReductionOp(op) ||
         llvm::isa<ReduceSumOp, ReduceMeanOp, ReduceProdOp, ReduceMaxOp, ReduceMinOp, ReduceAnyOp, ReduceAllOp>(op);
}

/// For each axis of the operand of a reduction: whether it is reduced.
inline llvm::SmallVector<bool> reducedAxes(mlir::Operation* op) {
  const int rank = shapeOf(op->getOperand(0).getType()).rank();
  llvm::SmallVector<bool> reduced(rank, false);
  const auto mark = [&](int64_t axis) { reduced[axis < 0 ? axis + rank : axis] = true; };
  if (isArgReductionOp(op)) {
    mark(op->getAttrOfType<mlir::IntegerAttr>("axis").getInt());
  } else {
    llvm::for_each(op->getAttrOfType<mlir::DenseI64ArrayAttr>("axes").asArrayRef(), mark);
  }
  return reduced;
}

}  // namespace kiln::compiler
