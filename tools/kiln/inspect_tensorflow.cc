// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/inspect_tensorflow.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "graph/io/graph_io.h"

namespace kiln::tools {
namespace {

using tensorflow::FrozenGraph;
using tensorflow::GraphPort;

std::string typeOf(const GraphPort& port) {
  const std::string dtype =
      port.dtype == DType::kInvalid ? "of a type that Kiln does not compute with" : std::string(toString(port.dtype));
  return dtype + (port.shape ? port.shape->toString() : " of any rank") + (port.hasDefault ? ", has a default" : "");
}

void printTable(const FrozenGraph& graph) {
  const auto& def = graph.proto();
  std::printf("graph of TensorFlow: %d nodes, %d functions\n\ninputs\n", def.node_size(),
              def.library().function_size());
  for (const GraphPort& port : graph.inputs()) {
    std::printf("  %-34s %s\n", port.name.c_str(), typeOf(port).c_str());
  }
  std::printf("\noutputs\n");
  for (const GraphPort& port : graph.outputs()) {
    std::printf("  %s\n", port.name.c_str());
  }
  std::printf("\nnodes by op\n");
  for (const tensorflow::OpCount& row : graph.operations()) {
    std::printf("  %-34s %lld%s\n", row.op.c_str(), static_cast<long long>(row.count),
                row.isSupported ? "" : "  not supported");
  }
}

void printJson(const FrozenGraph& graph) {
  using Json = nlohmann::ordered_json;
  Json json{{"nodes", graph.proto().node_size()},
            {"functions", graph.proto().library().function_size()},
            {"inputs", Json::array()},
            {"outputs", Json::array()},
            {"operators", Json::array()}};
  for (const GraphPort& port : graph.inputs()) {
    Json item{{"name", port.name}, {"type", toString(port.dtype)}, {"hasDefault", port.hasDefault}};
    if (port.shape) {
      item["shape"] = Json::array();
      for (const Dim& dim : *port.shape) {
        dim.isStatic() ? item["shape"].push_back(dim.value()) : item["shape"].push_back(dim.toString());
      }
    }
    json["inputs"].push_back(std::move(item));
  }
  for (const GraphPort& port : graph.outputs()) {
    json["outputs"].push_back({{"name", port.name}});
  }
  for (const tensorflow::OpCount& row : graph.operations()) {
    json["operators"].push_back({{"name", row.op}, {"count", row.count}, {"isSupported", row.isSupported}});
  }
  // Names are UTF-8 where they were checked; what is not is replaced, never thrown.
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

Status inspectTensorFlow(const FrozenGraph& graph, InspectFormat format) {
  if (format == InspectFormat::kTable) {
    printTable(graph);
  } else if (format == InspectFormat::kJson) {
    printJson(graph);
  } else {
    KILN_ASSIGN_OR_RETURN(ImportedModel imported, graph.import());
    for (const auto* needed : {&imported.neededValues, &imported.neededShapes}) {
      if (!needed->empty()) {
        return makeError<ErrorId::kG0506>("of the graph", needed->front());
      }
    }
    std::printf("%s", toDot(imported.graph).c_str());
  }
  return {};
}

}  // namespace kiln::tools
