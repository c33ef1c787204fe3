// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Reductions beside sum, mean and max; part of operations.h, which explains Operand and how errors come.
#pragma once

#include "graph/build/builder.h"

namespace kiln {

/// The product over `axes`, all by default; as in all of these, reduced axes vanish, or stay with length 1 when
/// keepDims.
Value reduceProd(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceProd(Operand x);
/// The smallest value over `axes`; NaN when one is.
Value reduceMin(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceMin(Operand x);
/// Whether any or every element of a bool tensor is true.
Value reduceAny(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceAny(Operand x);
Value reduceAll(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceAll(Operand x);
/// Sum of magnitudes, and root of the sum of squares.
Value reduceL1(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceL1(Operand x);
Value reduceL2(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceL2(Operand x);
/// log(sum(exp(x))), without overflow.
Value reduceLogSumExp(Operand x, std::vector<int64_t> axes, bool keepDims = false);
Value reduceLogSumExp(Operand x);
/// The mean square of what elements differ from their mean; with `correction`, of n elements, the sum of squares is
/// divided by n - correction (1 for a sample).
Value reduceVariance(Operand x, std::vector<int64_t> axes, bool keepDims = false, int64_t correction = 0);
Value reduceVariance(Operand x);
/// The i64 index of the first smallest value along an axis.
Value argmin(Operand x, int64_t axis = -1, bool keepDims = false);

}  // namespace kiln
