// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/inspect_onnx.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "graph/io/graph_io.h"
#include "graph/io/onnx/summary.h"
#include "graph/io/onnx/tensor_proto.h"

namespace kiln::tools {
namespace {

void printPorts(const char* title, const std::vector<onnx::ModelPort>& ports) {
  std::printf("\n%s\n", title);
  for (const onnx::ModelPort& port : ports) {
    std::printf("  %-34s %s\n", port.name.c_str(), onnx::typeText(port).c_str());
  }
}

void printTable(const onnx::Model& model, const onnx::ModelSummary& summary) {
  std::printf("model '%s': %lld nodes, ONNX format %lld%s%s\n", summary.name.c_str(),
              static_cast<long long>(summary.numNodes), static_cast<long long>(summary.irVersion),
              summary.producer.empty() ? "" : ", written by ", summary.producer.c_str());
  for (const auto& [domain, version] : summary.opsets) {
    std::printf("  operator set %s %lld\n", domain.c_str(), static_cast<long long>(version));
  }
  printPorts("inputs", model.inputs());
  printPorts("outputs", model.outputs());
  std::printf("\nweights\n  %lld tensors, %lld bytes\n\ndims\n", static_cast<long long>(summary.numWeights),
              static_cast<long long>(summary.weightBytes));
  for (const std::string& symbol : summary.symbols) {
    std::printf("  %s\n", symbol.c_str());
  }
  if (!summary.functions.empty()) {
    std::printf("\nfunctions\n");
    for (const onnx::FunctionSummary& function : summary.functions) {
      std::printf("  %-34s %lld nodes, %lld calls\n", function.name.c_str(), static_cast<long long>(function.numNodes),
                  static_cast<long long>(function.numCalls));
    }
  }
  std::printf("\nnodes by operator\n");
  for (const onnx::OperatorCount& row : summary.operators) {
    const char* note = row.isFunction ? "  a function of the model" : row.isSupported ? "" : "  not supported";
    std::printf("  %-34s %lld%s\n", row.name.c_str(), static_cast<long long>(row.count), note);
  }
}

nlohmann::ordered_json portsJson(const std::vector<onnx::ModelPort>& ports) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const onnx::ModelPort& port : ports) {
    nlohmann::ordered_json item{{"name", port.name}, {"type", onnx::elementTypeName(port.elementType)}};
    if (port.shape) {
      item["shape"] = nlohmann::ordered_json::array();
      for (const Dim& dim : *port.shape) {
        if (dim.isStatic()) {
          item["shape"].push_back(dim.value());
        } else {
          item["shape"].push_back(dim.toString());
        }
      }
    }
    list.push_back(std::move(item));
  }
  return list;
}

void printJson(const onnx::Model& model, const onnx::ModelSummary& summary) {
  using Json = nlohmann::ordered_json;
  Json json{{"name", summary.name},
            {"producer", summary.producer},
            {"irVersion", summary.irVersion},
            {"opsets", Json::object()},
            {"inputs", portsJson(model.inputs())},
            {"outputs", portsJson(model.outputs())},
            {"weights", {{"tensors", summary.numWeights}, {"bytes", summary.weightBytes}}},
            {"dims", summary.symbols},
            {"functions", Json::array()},
            {"nodes", summary.numNodes},
            {"operators", Json::array()}};
  for (const auto& [domain, version] : summary.opsets) {
    json["opsets"][domain] = version;
  }
  for (const onnx::FunctionSummary& function : summary.functions) {
    json["functions"].push_back({{"name", function.name}, {"nodes", function.numNodes}, {"calls", function.numCalls}});
  }
  for (const onnx::OperatorCount& row : summary.operators) {
    json["operators"].push_back(
        {{"name", row.name}, {"count", row.count}, {"isFunction", row.isFunction}, {"isSupported", row.isSupported}});
  }
  // Names are UTF-8 where they were checked; what is not is replaced, never thrown.
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

Status inspectOnnx(const std::string& path, InspectFormat format) {
  KILN_ASSIGN_OR_RETURN(onnx::Model model, onnx::Model::read(path));
  if (format == InspectFormat::kDot) {
    KILN_ASSIGN_OR_RETURN(Graph graph, importedGraph(path));
    std::printf("%s", toDot(graph).c_str());
    return {};
  }
  const onnx::ModelSummary summary = onnx::summarize(model);
  if (format == InspectFormat::kJson) {
    printJson(model, summary);
  } else {
    printTable(model, summary);
  }
  return {};
}

StatusOr<Graph> importedGraph(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(onnx::Model model, onnx::Model::read(path));
  KILN_ASSIGN_OR_RETURN(ImportedModel imported, model.import());
  for (const auto* needed : {&imported.neededValues, &imported.neededShapes}) {
    if (!needed->empty()) {
      return makeError<ErrorId::kG0506>("of the graph", needed->front());
    }
  }
  return imported.graph;
}

}  // namespace kiln::tools
