// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the graph tells of numbers that only the run knows.
#pragma once

#include <cstdint>
#include <optional>

#include "graph/build/builder.h"

namespace kiln {

/// b - a, when both are integers of one element that were made of the same value (or of none) by adding constants;
/// nothing otherwise. So the length of `x[i : i + 3]` is known where i is not.
std::optional<int64_t> knownDifference(const Value& a, const Value& b);

}  // namespace kiln
