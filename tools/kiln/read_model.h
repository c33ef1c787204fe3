// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Models of any kind as graphs, for commands that need the whole of one.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "proto/base/status.h"

namespace kiln::tools {

/// What the command line says of inputs of models of other systems.
struct ImportFlags {
  std::vector<std::string> shapes;  ///< NAME=1,3,224,224
  std::vector<std::string> values;  ///< NAME=VALUE, as readFeed() takes it.
};

/// Reads a graph of Kiln, or imports a model of another system as the flags say; that has the entry `predict`. Errors:
/// those of reading and importing, KILN-T0002 and T0003 for flags, KILN-G0508 for inputs that the model lacks, and
/// KILN-T0034 for an artifact, and for a model whose shapes only its inputs tell, with the flags that would.
StatusOr<Graph> readModelGraph(const std::string& path, const ImportFlags& flags = {});

/// The file's name without folders and without the ending of a model's form: `digits` of `out/digits.graph.pb`.
std::string modelName(const std::string& path);

}  // namespace kiln::tools
