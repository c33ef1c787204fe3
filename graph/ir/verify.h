// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The checks behind Graph::create, for those who report errors earlier.
#pragma once

#include <string_view>

#include "graph/ir/diagnostics.h"
#include "graph/ir/graph.h"

namespace kiln {

/// OK for names of nodes, functions, entries and scopes. Errors: KILN-G0004.
Status checkName(std::string_view name);

/// Adds all that is wrong with one entry of a body whose nodes are valid: KILN-G0010 to G0014, G0034, G0035.
void checkEntry(const Body& body, const Entry& entry, ErrorList& errors);

/// Adds an error for each node of `slice` that needs a dimension symbol that no `feeds` has as an axis and no bind_dim
/// node before it binds. `source` names where symbols come from: `feed of entry 'predict'`.
void checkSymbols(const Body& body, const std::vector<NodeId>& slice, const std::vector<ValueRef>& feeds,
                  std::string_view source, ErrorList& errors);

/// Adds the node `random_state/advance` to the targets when the entry draws random numbers and does not set the state
/// itself. `advance` is that node, or null when the graph has none.
void addRandomAdvance(const Body& body, const Node* advance, Entry& entry);

}  // namespace kiln
