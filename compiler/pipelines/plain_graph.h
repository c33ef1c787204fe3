// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Training graphs as plain ones: what the compiler makes of an entry, as a graph that other systems can take.
#pragma once

#include "compiler/pipelines/options.h"
#include "graph/ir/graph.h"

namespace kiln::compiler {

/// The graph with only `entry`, its gradients, optimizer steps and other composite ops written out in simple ones. The
/// values that variables start from are weights of the graph, which has no entry `init`. Feeds, fetches and assigned
/// variables keep their names. Errors: those of initialValues() and of lowerGraph().
StatusOr<Graph> plainGraph(const Graph& graph, const Entry& entry, const CompileOptions& options = {});

}  // namespace kiln::compiler
