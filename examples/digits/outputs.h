// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The files that a run reads and writes beside data and checkpoints.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "runtime/session/session.h"

namespace digits {

/// Gives variables the values of a .safetensors file, converted to `dtype`.
kiln::Status setVariables(kiln::Session& session, const std::string& path, kiln::DType dtype);

/// Writes a JSON array: the shortest decimals that read back to the same doubles.
kiln::Status writeLosses(const std::string& path, const std::vector<double>& losses);

/// Writes the graph with the session's values as its weights.
kiln::Status exportGraph(const kiln::Graph& graph, kiln::Session& session, const std::string& path);

}  // namespace digits
