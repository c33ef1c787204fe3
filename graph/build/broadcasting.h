// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file From operands as written to operands as ops take them: numbers become constants, unequal shapes broadcasts.
/// Private to graph/build.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "graph/build/builder.h"

namespace kiln {

/// The values of the operands of one node; nothing after an error, which is recorded, or when one of them is poisoned.
std::optional<std::vector<Value>> operandValues(GraphBuilder& g, std::string_view op,
                                                const std::vector<Operand>& operands);

/// Broadcasts all axes but the last two of `a` and `b` to each other; false after an error.
bool broadcastBatches(Operand& a, Operand& b);

}  // namespace kiln
