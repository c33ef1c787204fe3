// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Runs one op on tensors, without a graph.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ops/spec/schema.h"

namespace kiln {

/// Infers the result types of `op` for these tensors and attributes and computes the results by its reference. Integer
/// operands of rank 1 serve as shape operands; `symbols` gives dimension symbols their values. Errors: those of
/// inferNode and of the reference; KILN-O0106 for an op that is unknown or has no reference.
StatusOr<std::vector<Tensor>> runReference(std::string_view op, const std::vector<Tensor>& operands,
                                           Attributes attributes = {},
                                           const std::map<std::string, int64_t, std::less<>>& symbols = {});

/// The result types that inferNode gives. Operands of known shape values are given in `shapeValues`, by position.
StatusOr<std::vector<ValueType>> inferTypes(std::string_view op, const std::vector<ValueType>& operands,
                                            Attributes attributes = {},
                                            const std::vector<std::optional<std::vector<Dim>>>& shapeValues = {});

}  // namespace kiln
