// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/train/outputs.h"

#include <map>
#include <memory>

#include "compiler/pipelines/artifact.h"
#include "compiler/pipelines/plain_graph.h"
#include "graph/io/graph_io.h"
#include "graph/io/onnx_export/exporter.h"

namespace kiln::train {
namespace {

constexpr char kPredict[] = "predict";

Status writeAsOnnx(const Graph& trained, const std::string& path) {
  onnx::OnnxExportOptions options;
  options.dataFile = path.substr(path.rfind('/') + 1) + ".data";
  KILN_ASSIGN_OR_RETURN(const bool isComposite, onnx::needsPlainGraph(trained, kPredict));
  Graph graph = trained;
  if (isComposite) {
    KILN_ASSIGN_OR_RETURN(graph, compiler::plainGraph(trained, *trained.findEntry(kPredict)));
  }
  return onnx::writeOnnx(graph, kPredict, path, options);
}

}  // namespace

StatusOr<Graph> trainedGraph(const Graph& graph, const Session& session) {
  std::map<std::string, TensorPtr> weights;
  for (auto& [name, value] : session.variables()) {
    weights[name] = std::make_shared<const Tensor>(std::move(value));
  }
  return graph.withWeights(std::move(weights));
}

Status checkOutput(const std::string& path) {
  for (const char* ending : {".pb", ".pbtxt", ".onnx", ".kiln"}) {
    if (path.ends_with(ending)) {
      return {};
    }
  }
  return makeError<ErrorId::kT0031>("output '" + path + "'", "ends in none of .pb, .pbtxt, .onnx, .kiln");
}

Status writeModel(const Graph& trained, const std::string& path, const compiler::CompileOptions& options) {
  KILN_RETURN_IF_ERROR(checkOutput(path));
  if (path.ends_with(".onnx")) {
    return writeAsOnnx(trained, path);
  }
  if (path.ends_with(".kiln")) {
    compiler::ArtifactRequest request;
    request.compile = options;
    return compiler::compileArtifact(trained, request, path).status();
  }
  return writeGraph(trained, path);
}

}  // namespace kiln::train
