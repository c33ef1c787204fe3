// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstdio>
#include <map>
#include <memory>

#include "graph/io/graph_io.h"
#include "graph/io/onnx/onnx_model.h"
#include "runtime/artifact/artifact_file.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/flags.h"
#include "tools/kiln/inspect.h"
#include "tools/kiln/inspect_artifact.h"
#include "tools/kiln/inspect_onnx.h"
#include "tools/kiln/inspect_tensorflow.h"

namespace kiln::tools {
namespace {

void printPorts(const Graph& graph, const char* kind, const std::vector<Port>& ports) {
  for (const Port& port : ports) {
    std::printf("    %-7s %-24s %s\n", kind, port.name.c_str(), graph.body().type(port.value).toString().c_str());
  }
}

void printTable(const Graph& graph) {
  std::printf("graph '%s': %zu nodes\n\nentries\n", graph.name().c_str(), graph.body().nodes.size());
  for (const Entry& entry : graph.entries()) {
    std::printf("  %s\n", entry.name.c_str());
    printPorts(graph, "feed", entry.feeds);
    printPorts(graph, "fetch", entry.fetches);
    for (NodeId target : entry.targets) {
      std::printf("    %-7s %s\n", "target", graph.body().node(target).name.c_str());
    }
  }
  std::printf("\nvariables\n");
  int64_t parameters = 0;
  for (NodeId id : graph.variables()) {
    const Node& variable = graph.body().node(id);
    std::printf("  %-34s %-16s %s\n", variable.name.c_str(), variable.outputs[0].toString().c_str(),
                graph.weights().count(variable.name) > 0 ? "from the weights file" : "made by init");
    parameters += variable.outputs[0].shape.numElements().value();
  }
  std::printf("  %lld elements in all\n\ndims\n", static_cast<long long>(parameters));
  for (const auto& [name, range] : graph.symbols()) {
    std::string max = range.max == DimRange::kUnbounded ? "any" : std::to_string(range.max);
    std::printf("  %s: %lld to %s\n", name.c_str(), static_cast<long long>(range.min), max.c_str());
  }
  std::printf("\nnodes by op\n");
  std::map<std::string_view, int> counts;
  for (const Node& node : graph.body().nodes) {
    ++counts[node.op->name];
  }
  for (const auto& [op, count] : counts) {
    std::printf("  %-24s %d\n", std::string(op).c_str(), count);
  }
}

bool isLowering(const LowerCommand& lower) {
  return !lower.compileTo.empty() || lower.dumpPlan || lower.timePasses || lower.verifyEach || lower.memLimit > 0;
}

// Prints what a model holds.
Status inspectModel(const std::string& model, InspectFormat format) {
  if (onnx::isOnnxPath(model)) {
    return inspectOnnx(model, format);
  }
  KILN_ASSIGN_OR_RETURN(wire::GraphDef def, readGraphDef(model));
  if (tensorflow::isTensorFlowGraph(def)) {
    KILN_ASSIGN_OR_RETURN(const auto frozen, tensorflow::FrozenGraph::create(std::move(def), model));
    return inspectTensorFlow(frozen, format);
  }
  KILN_ASSIGN_OR_RETURN(Graph graph, readGraph(model));
  switch (format) {
    case InspectFormat::kTable:
      printTable(graph);
      break;
    case InspectFormat::kJson:
      std::printf("%s\n", toJson(graph).c_str());
      break;
    case InspectFormat::kDot:
      std::printf("%s", toDot(graph).c_str());
      break;
  }
  return Status();
}

struct InspectCommand {
  bool json = false, dot = false;
  LowerCommand lower;
};

}  // namespace

void addInspectCommand(CLI::App& app, Status& status) {
  auto inspect = std::make_shared<InspectCommand>();
  LowerCommand& lower = inspect->lower;
  CLI::App* command = app.add_subcommand("inspect", "shows the entries, variables, dims and nodes of a model");
  command->footer(
      "Examples: kiln inspect digits.graph.pb --dot | dot -Tsvg > digits.svg\n          kiln inspect digits.graph.pb "
      "--entry train_step --dump-plan --timing\n          kiln inspect model.kiln --json");
  addModel(*command, lower.model);
  CLI::Option* jsonFlag = addJson(*command, inspect->json);
  command->add_flag("--dot", inspect->dot, "as a Graphviz graph")->excludes(jsonFlag);
  CLI::Option* entryOption = command->add_option("--entry", lower.entry, "entry to compile, for the flags below");
  command
      ->add_option("--compile-to", lower.compileTo,
                   "print the entry after this phase: import, simplify, differentiate, fuse, plan, codegen")
      ->needs(entryOption);
  command->add_flag("--dump-plan", lower.dumpPlan, "print the memory plan: buffers, peak, lower bound")
      ->needs(entryOption);
  command->add_flag("--timing", lower.timePasses, "print the time of each phase and pass")->needs(entryOption);
  addMemLimit(*command, lower.memLimit)->needs(entryOption);
  command->add_flag("--verify-each", lower.verifyEach, "check the module after every pass")->needs(entryOption);
  command->callback([inspect, &status] {
    const LowerCommand& lower = inspect->lower;
    const InspectFormat format = inspect->json  ? InspectFormat::kJson
                                 : inspect->dot ? InspectFormat::kDot
                                                : InspectFormat::kTable;
    if (isArtifactPath(lower.model)) {
      status = isLowering(lower)
                   ? makeError<ErrorId::kT0034>("'" + lower.model +
                                                "' is an artifact: how an entry is compiled, its model shows")
                   : inspectArtifact(lower.model, lower.entry, format);
    } else {
      status = lower.entry.empty() ? inspectModel(lower.model, format) : lowerModel(lower);
    }
  });
}

}  // namespace kiln::tools
