// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compiler/pipelines/plain_graph.h"
#include "graph/io/graph_io.h"
#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx_export/exporter.h"
#include "proto/codec/safetensors.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/flags.h"
#include "tools/kiln/read_model.h"

namespace kiln::tools {
namespace {

struct ConvertCommand {
  std::string input, output;
  std::string entry;   // To export; empty: the model's only entry beside init.
  int64_t opset = 21;  // Of ai.onnx, for a model that is exported.
  ImportFlags import;
  bool json = false;
};

// What was written.
struct Converted {
  std::string state;  // The file of the variables' first values; empty: none.
  size_t numVariables = 0;
};

bool endsWith(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}
bool isKilnPath(const std::string& path) { return endsWith(path, ".pb") || graphFormOf(path) == GraphForm::kText; }

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

StatusOr<Converted> writeAsOnnx(const Graph& graph, const ConvertCommand& options) {
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
    return Converted{};
  }
  std::vector<NamedTensorView> state;
  for (const auto& [name, value] : model.state) {
    state.push_back({name, value->view()});
  }
  const std::string path =
      options.output.substr(0, options.output.size() - std::string(".onnx").size()) + ".state.safetensors";
  KILN_RETURN_IF_ERROR(writeSafetensors(path, state));
  return Converted{.state = path, .numVariables = state.size()};
}

// Writes a model in the form that the output's ending names: .onnx, or a graph of Kiln, binary (.pb) or text (.pbtxt).
// Entries that train go out with their gradients written out; NAME.state.safetensors then has the values that
// variables start from. Errors: KILN-T0005, T0006, T0009, and those of reading, importing, compiling and exporting.
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
  KILN_ASSIGN_OR_RETURN(const Graph graph, readModelGraph(options.input, options.import));
  Converted converted;
  if (isToOnnx) {
    KILN_ASSIGN_OR_RETURN(converted, writeAsOnnx(graph, options));
  } else {
    KILN_RETURN_IF_ERROR(writeGraph(graph, options.output));
  }
  if (options.json) {
    nlohmann::ordered_json json{{"input", options.input}, {"output", options.output}, {"state", nullptr}};
    if (!converted.state.empty()) {
      json["state"] = {{"file", converted.state}, {"variables", converted.numVariables}};
    }
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  } else if (!converted.state.empty()) {
    std::printf("%s: the values that the %zu variables among the inputs start from\n", converted.state.c_str(),
                converted.numVariables);
  }
  return {};
}

}  // namespace

void addConvertCommand(CLI::App& app, Status& status) {
  auto convert = std::make_shared<ConvertCommand>();
  CLI::App* command = app.add_subcommand("convert", "writes a model in another form");
  command->footer(
      "Examples: kiln convert digits.graph.pb digits.onnx --entry predict\n          kiln convert model.onnx "
      "model.graph.pb");
  command->add_option("FROM", convert->input, "a model that kiln run takes")->required();
  command->add_option("TO", convert->output, "NAME.onnx, NAME.graph.pb (binary) or NAME.pbtxt (text)")->required();
  command->add_option("--entry", convert->entry, "entry point to export; may be left out when there is one");
  command->add_option("--opset", convert->opset, "operator set of the ONNX model, 21 to 27; 21 by default");
  addImportFlags(*command, convert->import.shapes, convert->import.values);
  addJson(*command, convert->json);
  command->callback([convert, &status] { status = convertModel(*convert); });
}

}  // namespace kiln::tools
