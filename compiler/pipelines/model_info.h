// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What sessions and artifacts are told of a graph.
#pragma once

#include "graph/ir/graph.h"
#include "proto/base/status.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// The graph's entries and variables. A variable starts from the graph's weights; without one, from the value that
/// `init` has for it in the reference interpreter, when all such values are little work; and otherwise from running
/// `init`. One rule for sessions in this process and for artifacts, so that both start from the same bits. Errors:
/// those of evaluating `init`.
StatusOr<ModelInfo> modelInfoOf(const Graph& graph);

}  // namespace kiln::compiler
