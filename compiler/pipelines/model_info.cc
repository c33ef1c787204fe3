// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/model_info.h"

#include <memory>
#include <utility>

#include "graph/eval/interpreter.h"

namespace kiln::compiler {
namespace {

/// Initial values of so many elements in all take the interpreter a few milliseconds, far less than compiling `init`
/// does; from about ten times as many on, compiled code is sooner done.
constexpr int64_t kInterpretedInitElements = 200'000;

EntryInfo infoOf(const Graph& graph, const Entry& entry) {
  EntryInfo info;
  info.name = entry.name;
  for (const Port& port : entry.feeds) {
    info.feeds.push_back(port.name);
  }
  for (const Port& port : entry.fetches) {
    info.fetches.push_back(port.name);
  }
  for (NodeId target : entry.targets) {
    info.targets.push_back(graph.body().node(target).name);
  }
  return info;
}

}  // namespace

StatusOr<ModelInfo> modelInfoOf(const Graph& graph) {
  ModelInfo model;
  model.name = graph.name();
  for (const Entry& entry : graph.entries()) {
    model.entries.push_back(infoOf(graph, entry));
  }
  int64_t elements = 0;
  for (NodeId id : graph.variables()) {
    const Node& node = graph.body().node(id);
    VariableSpec spec;
    spec.name = node.name;
    spec.dtype = node.outputs[0].dtype;
    spec.dims = node.outputs[0].shape.staticDims();
    if (auto weight = graph.weights().find(node.name); weight != graph.weights().end()) {
      spec.initialValue = weight->second;
    } else {
      elements += checkedNumElements(spec.dims).value_or(kInterpretedInitElements) + 1;
    }
    model.variables.push_back(std::move(spec));
  }
  if (elements > 0 && elements <= kInterpretedInitElements && graph.findEntry(kInitEntry) != nullptr) {
    KILN_ASSIGN_OR_RETURN(VariableStore values, initialValues(graph));
    for (VariableSpec& variable : model.variables) {
      const Tensor* value = values.find(variable.name);
      if (variable.initialValue == nullptr && value != nullptr) {
        variable.initialValue = std::make_shared<const Tensor>(*value);
      }
    }
  }
  return model;
}

}  // namespace kiln::compiler
