// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// export_models FOLDER: writes each case as FOLDER/NAME/{model.onnx, input_I.npy, output_I.npy}; the outputs are those
// of the reference interpreter. check_exports.py takes it from there.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "compiler/pipelines/plain_graph.h"
#include "graph/eval/interpreter.h"
#include "graph/io/onnx_export/exporter.h"
#include "graph/io/onnx_export/op_cases.h"
#include "proto/codec/npy.h"
#include "tests/onnx/example_models.h"

namespace kiln::tests {
namespace {

Status writeTensors(const std::string& stem, const std::vector<Tensor>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    KILN_RETURN_IF_ERROR(writeNpy(stem + std::to_string(i) + ".npy", tensors[i]));
  }
  return {};
}

Status writeCase(const std::string& folder, const onnx::ExportedModel& model, const std::vector<Tensor>& feeds,
                 const std::vector<Tensor>& fetches) {
  std::filesystem::create_directories(folder);
  KILN_RETURN_IF_ERROR(onnx::writeExported(model, folder + "/model.onnx"));
  KILN_RETURN_IF_ERROR(writeTensors(folder + "/input_", feeds));
  return writeTensors(folder + "/output_", fetches);
}

Status writeModel(const std::string& folder, const ExampleModel& model, bool isExternal) {
  const Entry& entry = *model.graph.findEntry(model.entry);
  KILN_ASSIGN_OR_RETURN(const bool isTraining, onnx::needsPlainGraph(model.graph, model.entry));
  Graph graph = model.graph;
  if (isTraining) {
    KILN_ASSIGN_OR_RETURN(graph, compiler::plainGraph(model.graph, entry));
  }
  // Later operator sets too, and a data file.
  onnx::OnnxExportOptions options;
  if (isExternal) {
    options = {.opset = 23, .maxInlineBytes = 0};
  }
  KILN_ASSIGN_OR_RETURN(const onnx::ExportedModel exported, onnx::exportOnnx(graph, model.entry, options));
  // A step of the plain graph: variables are what it starts from, and the new values are outputs.
  const Entry& plain = *graph.findEntry(model.entry);
  KILN_ASSIGN_OR_RETURN(VariableStore variables, initialValues(graph));
  std::vector<TensorView> views(model.feeds.begin(), model.feeds.end());
  KILN_ASSIGN_OR_RETURN(std::vector<Tensor> fetches, Interpreter().evaluate(graph, plain, views, variables));
  std::vector<Tensor> feeds = model.feeds;
  const onnx::GraphProto& proto = exported.proto.graph();
  for (int i = static_cast<int>(feeds.size()); i < proto.input_size(); ++i) {
    feeds.push_back(*exported.state.at(proto.input(i).name()));
    fetches.push_back(*variables.find(proto.input(i).name()));
  }
  return writeCase(folder, exported, feeds, fetches);
}

Status run(const std::string& folder) {
  KILN_ASSIGN_OR_RETURN(const std::vector<ExampleModel> models, exampleModels());
  for (size_t i = 0; i < models.size(); ++i) {
    const Status status = writeModel(folder + "/" + models[i].name, models[i], i % 2 == 1);
    if (!status.ok()) {
      return annotate(status, models[i].name);
    }
  }
  KILN_ASSIGN_OR_RETURN(const std::vector<onnx::testing::OpCase> cases, onnx::testing::opCases());
  for (const onnx::testing::OpCase& opCase : cases) {
    // BitCast is the newest operator that an op needs.
    const int64_t opset = opCase.name == "bitcast" ? 26 : onnx::kOldestExportedOpset;
    StatusOr<onnx::ExportedModel> model = onnx::exportOnnx(opCase.graph, "predict", {.opset = opset});
    if (!model.ok()) {
      return annotate(model.status(), opCase.name);
    }
    KILN_RETURN_IF_ERROR(writeCase(folder + "/op_" + opCase.name, *model, opCase.feeds, opCase.fetches));
  }
  std::printf("%zu models, %zu ops\n", models.size(), cases.size());
  return {};
}

}  // namespace
}  // namespace kiln::tests

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: export_models FOLDER\n");
    return 1;
  }
  const kiln::Status status = kiln::tests::run(argv[1]);
  if (!status.ok()) {
    std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
