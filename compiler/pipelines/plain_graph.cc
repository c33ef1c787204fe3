// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/plain_graph.h"

#include <map>
#include <string>

#include "compiler/pipelines/compile.h"
#include "graph/eval/interpreter.h"

namespace kiln::compiler {

StatusOr<Graph> plainGraph(const Graph& graph, const Entry& entry, const CompileOptions& options) {
  KILN_ASSIGN_OR_RETURN(Graph plain, lowerGraph(graph, entry, Phase::kDifferentiate, options));
  std::map<std::string, TensorPtr> weights;
  std::vector<std::string> missing;
  for (NodeId id : plain.variables()) {
    const std::string& name = plain.body().node(id).name;
    auto found = graph.weights().find(name);
    if (found != graph.weights().end()) {
      weights[name] = found->second;
    } else {
      missing.push_back(name);
    }
  }
  if (!missing.empty()) {
    KILN_ASSIGN_OR_RETURN(const VariableStore initial, initialValues(graph));
    for (const std::string& name : missing) {
      if (const Tensor* value = initial.find(name)) {
        weights[name] = std::make_shared<const Tensor>(*value);
      }
    }
  }
  return plain.withWeights(std::move(weights));
}

}  // namespace kiln::compiler
