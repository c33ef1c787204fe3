// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Frozen graphs of TensorFlow, as `kiln inspect` sees them.
#pragma once

#include "graph/io/tensorflow/frozen_graph.h"
#include "tools/kiln/inspect.h"

namespace kiln::tools {

/// Prints what a graph holds, also one that cannot be imported; as --dot it is imported. Errors: those of importing it,
/// KILN-G0506.
Status inspectTensorFlow(const tensorflow::FrozenGraph& graph, InspectFormat format);

}  // namespace kiln::tools
