// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/external_model.h"

#include <algorithm>

#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx/tensor_proto.h"
#include "graph/io/tensorflow/frozen_graph.h"

namespace kiln::tools {
namespace {

std::vector<ExternalPort> portsOf(const std::vector<onnx::ModelPort>& ports) {
  std::vector<ExternalPort> out;
  for (const onnx::ModelPort& port : ports) {
    auto dtype = onnx::storageType(port.elementType, port.name);
    out.push_back({port.name, dtype.ok() ? *dtype : DType::kInvalid, port.elementType});
  }
  return out;
}

StatusOr<std::optional<ExternalModel>> openTensorFlow(const std::string& path, const ExternalUse& use) {
  KILN_ASSIGN_OR_RETURN(wire::GraphDef def, readGraphDef(path));
  if (!tensorflow::isTensorFlowGraph(def)) {
    return std::nullopt;
  }
  KILN_ASSIGN_OR_RETURN(tensorflow::FrozenGraph graph, tensorflow::FrozenGraph::create(std::move(def), path));
  tensorflow::GraphUse graphUse{.outputs = use.fetched, .fed = {}};
  for (const std::string& name : use.fed) {
    const bool isNode =
        std::ranges::any_of(graph.proto().node(), [&](const auto& node) { return node.name() == name; });
    if (isNode) {
      graphUse.fed.push_back(name);
    }
  }
  for (size_t i = 0; use.fetched.empty() && i < graph.outputs().size(); ++i) {
    graphUse.outputs.push_back(graph.outputs()[i].name);
  }
  KILN_ASSIGN_OR_RETURN(const std::vector<tensorflow::GraphPort> inputs, graph.inputsFor(graphUse));
  ExternalModel external;
  for (const tensorflow::GraphPort& port : inputs) {
    external.inputs.push_back({.name = port.name, .dtype = port.dtype});
  }
  for (const std::string& name : graphUse.outputs) {
    external.outputs.push_back({.name = name});
  }
  external.import = [graph, graphUse](const ImportOptions& options) { return graph.import(options, graphUse); };
  return external;
}

}  // namespace

StatusOr<std::optional<ExternalModel>> openExternalModel(const std::string& path, const ExternalUse& use) {
  if (!onnx::isOnnxPath(path)) {
    return openTensorFlow(path, use);
  }
  KILN_ASSIGN_OR_RETURN(onnx::Model model, onnx::Model::read(path));
  ExternalModel external;
  external.inputs = portsOf(model.inputs());
  external.outputs = portsOf(model.outputs());
  external.import = [model](const ImportOptions& options) { return model.import(options); };
  return external;
}

}  // namespace kiln::tools
