// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Runs graphs that came from damaged files.
#pragma once

#include "graph/ir/graph.h"

namespace kiln::fuzz {

/// Runs every entry of a small graph with zeros, by the interpreter; those whose values have too many elements for a
/// test are left out. Results do not matter; an error that has no id fails the test. Gives how many entries ran to
/// their end.
int evaluate(const Graph& graph);

}  // namespace kiln::fuzz
