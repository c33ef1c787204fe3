// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The loops around a kernel's expressions.
#pragma once

#include "compiler/codegen/cpu/expression_emitter.h"

namespace kiln::compiler {

/// What the outermost loop of a kernel runs over, and what one item of it costs. An item is an element, or a row of
/// them.
struct Schedule {
  enum class Sort {
    kElements,    ///< Items are elements, taken in vectors.
    kRows,        ///< Items are rows (`outer`), each with elements along `inner`, taken in vectors.
    kScalars,     ///< Items are elements, one at a time: their reductions run over the innermost axis.
    kReduceRows,  ///< As kRows, with results for the row and for its elements.
    kScatter,     ///< One item, which is all.
  };
  Sort sort = Sort::kElements;
  std::vector<Dim> outer;  ///< Without static axes of length 1. Of kElements: one dim, the number of elements.
  Dim inner = 1;           ///< Of kRows and kReduceRows.
  bool isFlat = false;     ///< Of kElements: the items are row-major positions of results of any shape.
  Dim work = 0;            ///< Element operations of the whole kernel.
  int64_t unroll = 2;      ///< Vectors in flight.

  Dim count() const;
};

/// Chooses the loops for a kernel that is not a contraction.
Schedule chooseSchedule(KernelOp kernel);

/// Emits items [begin, end).
void emitItems(ExpressionEmitter& emitter, const Schedule& schedule, mlir::Value begin, mlir::Value end);

}  // namespace kiln::compiler
