// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What segment_max and segment_min give for a segment without slices.
#pragma once

#include "proto/base/tensor.h"

namespace kiln::ops {

/// The highest or lowest finite number of a numeric dtype, as a scalar.
Tensor extremeOf(DType dtype, bool isHighest);

}  // namespace kiln::ops
