// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstdio>
#include <string>
#include <vector>

#include "compiler/pipelines/plain_graph.h"
#include "graph/io/graph_io.h"
#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx_export/exporter.h"
#include "proto/codec/safetensors.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/external_model.h"

namespace kiln::tools {
namespace {

bool endsWith(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}
bool isKilnPath(const std::string& path) { return endsWith(path, ".pb") || graphFormOf(path) == GraphForm::kText; }

// Any model that Kiln reads, as a graph.
StatusOr<Graph> readModel(const ConvertCommand& options) {
  KILN_ASSIGN_OR_RETURN(const std::optional<ExternalModel> external, openExternalModel(options.input));
  if (!external) {
    return readGraph(options.input);
  }
  KILN_ASSIGN_OR_RETURN(ImportedModel imported, external->import({}));
  for (const std::vector<std::string>* needed : {&imported.neededValues, &imported.neededShapes}) {
    if (!needed->empty()) {
      const std::string what = needed == &imported.neededValues ? "values" : "lengths";
      std::string names;
      for (const std::string& name : *needed) {
        names += (names.empty() ? "'" : ", '") + name + "'";
      }
      return makeError<ErrorId::kT0009>(options.input, options.output,
                                        "its shapes depend on the " + what + " of " + names +
                                            ", which only a run tells; `kiln run` takes it as it is");
    }
  }
  return std::move(imported.graph);
}

// The entry that was asked for, or the only one beside init.
StatusOr<const Entry*> chooseEntry(const Graph& graph, const ConvertCommand& options) {
  std::vector<std::string> names;
  for (const Entry& entry : graph.entries()) {
    if (entry.name == options.entry) {
      return &entry;
    }
    if (entry.name != kInitEntry) {
      names.push_back(entry.name);
    }
  }
  if (!options.entry.empty()) {
    return makeError<ErrorId::kT0006>(options.input, options.entry, nearestNames(options.entry, names));
  }
  if (names.size() == 1) {
    return graph.findEntry(names[0]);
  }
  if (names.empty()) {
    return makeError<ErrorId::kT0009>(options.input, options.output, "the graph has no entry to export");
  }
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return makeError<ErrorId::kT0005>(options.input, list);
}

Status writeAsOnnx(const Graph& graph, const ConvertCommand& options) {
  KILN_ASSIGN_OR_RETURN(const Entry* entry, chooseEntry(graph, options));
  onnx::OnnxExportOptions written;
  written.opset = options.opset;
  const size_t slash = options.output.rfind('/');
  written.dataFile = (slash == std::string::npos ? options.output : options.output.substr(slash + 1)) + ".data";
  KILN_ASSIGN_OR_RETURN(const bool isTraining, onnx::needsPlainGraph(graph, entry->name));
  Graph plain = graph;
  if (isTraining) {
    KILN_ASSIGN_OR_RETURN(plain, compiler::plainGraph(graph, *entry));
  }
  KILN_ASSIGN_OR_RETURN(const onnx::ExportedModel model, onnx::exportOnnx(plain, entry->name, written));
  KILN_RETURN_IF_ERROR(onnx::writeExported(model, options.output));
  if (model.state.empty()) {
    return {};
  }
  std::vector<NamedTensorView> state;
  for (const auto& [name, value] : model.state) {
    state.push_back({name, value->view()});
  }
  const std::string path =
      options.output.substr(0, options.output.size() - std::string(".onnx").size()) + ".state.safetensors";
  KILN_RETURN_IF_ERROR(writeSafetensors(path, state));
  std::printf("%s: the values that the %zu variables among the inputs start from\n", path.c_str(), state.size());
  return {};
}

}  // namespace

Status convertModel(const ConvertCommand& options) {
  const bool isToOnnx = onnx::isOnnxPath(options.output);
  if (!isToOnnx && !isKilnPath(options.output)) {
    return makeError<ErrorId::kT0009>(options.input, options.output,
                                      "the second name ends in none of .onnx, .pb, .pbtxt");
  }
  if (!onnx::isOnnxPath(options.input) && !isKilnPath(options.input)) {
    return makeError<ErrorId::kT0009>(options.input, options.output,
                                      "the first name ends in none of .onnx, .pb, .pbtxt");
  }
  KILN_ASSIGN_OR_RETURN(const Graph graph, readModel(options));
  return isToOnnx ? writeAsOnnx(graph, options) : writeGraph(graph, options.output);
}

}  // namespace kiln::tools
