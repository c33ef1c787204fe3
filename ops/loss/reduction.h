// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the losses share: the attribute `reduction`.
#pragma once

#include <vector>

#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {

/// Sets the result of a loss with this shape before its reduction. Errors: KILN-O0133 for an unknown reduction;
/// `batchmean` is known when `hasBatchMean`, and needs a first axis (KILN-O0110).
Status inferReduced(ShapeContext& context, DType dtype, const Shape& shape, bool hasBatchMean = false);

/// Writes losses as the attribute `reduction` says: each, their sum, or their sum over `count` (NaN when that is 0).
Status writeReduced(ReferenceContext& context, const std::vector<double>& losses, double count);
/// writeReduced() with the number of losses as the count.
Status writeReduced(ReferenceContext& context, const std::vector<double>& losses);

/// Operand `index` is named `name` and has the shape of operand `of` without its last axis. Errors: KILN-O0110 when
/// there is no such axis, KILN-O0109.
Status checkWithoutLastAxis(const ShapeContext& context, size_t of, const char* nameOf, size_t index, const char* name);

}  // namespace kiln::ops
