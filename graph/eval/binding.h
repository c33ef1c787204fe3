// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Numbers for dimension symbols, taken from the shapes of what is fed. Private to graph/eval.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

using SymbolValues = std::map<std::string, int64_t, std::less<>>;

/// Checks the tensors against the types of `ports` and gives every symbol its number. Errors: KILN-G0302, G0303, G0305.
StatusOr<SymbolValues> bindSymbols(const Body& body, const std::vector<Port>& ports,
                                   const std::vector<std::shared_ptr<const Tensor>>& tensors,
                                   const std::map<std::string, DimRange>& ranges);

}  // namespace kiln
