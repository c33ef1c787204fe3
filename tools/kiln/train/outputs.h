// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Where a trained model goes.
#pragma once

#include <string>

#include "compiler/pipelines/options.h"
#include "graph/ir/graph.h"
#include "runtime/session/session.h"

namespace kiln::train {

/// The graph with the session's values of all variables.
StatusOr<Graph> trainedGraph(const Graph& graph, const Session& session);

/// Whether the ending of `path` is one that writeModel() knows. Errors: KILN-T0031.
Status checkOutput(const std::string& path);

/// Writes the model by the ending of `path`: .pb or .pbtxt (a graph with its weights beside it), .onnx (the entry
/// predict), .kiln (an artifact with all entries). Errors: KILN-T0031 for another ending; those of writeGraph(),
/// writeOnnx() and compileArtifact().
Status writeModel(const Graph& trained, const std::string& path, const compiler::CompileOptions& options);

}  // namespace kiln::train
