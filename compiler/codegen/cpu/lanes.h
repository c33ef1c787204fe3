// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Where a value is wanted, and what it is there: indices and values of several lanes at once.
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "mlir/IR/Value.h"

namespace kiln::compiler {

/// The lanes of a loop iteration: `unroll` vectors of `width` lanes. Width 1 means scalars and no vectors.
struct Lanes {
  int64_t width = 1;
  int64_t unroll = 1;
  mlir::Value mask;  ///< Which lanes exist, when not all do: the last, partial iteration. Only with unroll 1.
  int level = 0;     ///< The scope in which the lanes began: what depends on them cannot be computed outside it.
  bool isScalar() const { return width == 1; }
};

/// A position along one axis, for every lane: `base + lane * step`, lanes counted through all vectors; or any
/// positions.
struct Index {
  mlir::Value base;                           ///< i64
  int64_t step = 0;                           ///< 0: the same for all lanes
  llvm::SmallVector<mlir::Value, 4> general;  ///< When not empty, one vector of i64 for each of the `unroll` vectors.
  bool isUniform() const { return step == 0 && general.empty(); }
};

/// The position of an element: one index for each axis, or, flat, one for the row-major order of all.
struct Place {
  bool isFlat = false;
  llvm::SmallVector<Index, 4> at;
  bool isUniform() const {
    for (const Index& index : at) {
      if (!index.isUniform()) {
        return false;
      }
    }
    return true;
  }
};

/// The value of every lane: one scalar when all have the same, else `unroll` vectors.
struct Pack {
  llvm::SmallVector<mlir::Value, 4> values;
  bool isUniform = true;
};

}  // namespace kiln::compiler
