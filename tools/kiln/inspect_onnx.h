// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file ONNX models, as `kiln inspect` sees them.
#pragma once

#include <string>

#include "graph/ir/graph.h"
#include "tools/kiln/inspect.h"

namespace kiln::tools {

/// Prints what a model holds, also one that cannot be imported; as --dot it is imported.
Status inspectOnnx(const std::string& path, InspectFormat format);

/// The graph of a model whose shapes no input's value decides. Errors: those of reading and importing it, KILN-G0506.
StatusOr<Graph> importedGraph(const std::string& path);

}  // namespace kiln::tools
