// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx_export/exporter.h"

#include <map>

#include "graph/io/onnx_export/graph_exporter.h"
#include "proto/codec/file.h"

namespace kiln::onnx {
namespace {

const std::map<std::string_view, const ExportRow*>& allRows() {
  static const auto& rows = *new std::map<std::string_view, const ExportRow*>([] {
    std::map<std::string_view, const ExportRow*> all;
    for (std::span<const ExportRow> family : {elementwiseRows(), activationRows(), contractionRows(), reductionRows(),
                                              movementRows(), indexingRows(), convolutionRows(), normalizationRows(),
                                              lossRows(), optimizerRows(), randomRows(), controlRows(), stateRows()}) {
      for (const ExportRow& row : family) {
        all.emplace(row.op, &row);
      }
    }
    return all;
  }());
  return rows;
}

StatusOr<const Entry*> entryOf(const Graph& graph, std::string_view name) {
  if (const Entry* entry = graph.findEntry(name)) {
    return entry;
  }
  std::vector<std::string> known;
  for (const Entry& entry : graph.entries()) {
    known.push_back(entry.name);
  }
  return makeError<ErrorId::kG0508>("entry", name, nearestNames(name, known));
}

std::string fileNameOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool isForCompiler(const Graph& graph, const Body& body, const std::vector<NodeId>& roots) {
  for (NodeId id : body.slice(roots)) {
    const Node& node = body.node(id);
    const ExportRow* row = findRow(node.op->name);
    if (row != nullptr && row->isForCompiler) {
      return true;
    }
    if (row != nullptr && row->needsCompiler != nullptr && row->needsCompiler(node, body.type(node.inputs[0]).dtype)) {
      return true;
    }
    for (const std::string& callee : calleesOf(*node.op, node.attributes)) {
      const Function& function = graph.functions().at(callee);
      std::vector<NodeId> results;
      for (ValueRef result : function.results) {
        results.push_back(result.node);
      }
      if (isForCompiler(graph, function.body, results)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

const ExportRow* findRow(std::string_view op) {
  auto found = allRows().find(op);
  return found == allRows().end() ? nullptr : found->second;
}

std::optional<ExportInfo> exportInfoOf(std::string_view op) {
  const ExportRow* row = findRow(op);
  if (row == nullptr) {
    return std::nullopt;
  }
  const ExportKind kind = row->write != nullptr ? ExportKind::kDirect
                          : row->isForCompiler  ? ExportKind::kCompiler
                                                : ExportKind::kRefused;
  return ExportInfo{kind, row->reason};
}

StatusOr<bool> needsPlainGraph(const Graph& graph, std::string_view entry) {
  KILN_ASSIGN_OR_RETURN(const Entry* found, entryOf(graph, entry));
  std::vector<NodeId> roots = assignsOf(graph.body(), found->targets);
  for (const Port& port : found->fetches) {
    roots.push_back(port.value.node);
  }
  return isForCompiler(graph, graph.body(), roots);
}

StatusOr<ExportedModel> exportOnnx(const Graph& graph, std::string_view entry, const OnnxExportOptions& options) {
  KILN_ASSIGN_OR_RETURN(const Entry* found, entryOf(graph, entry));
  if (options.opset < kOldestExportedOpset || options.opset > kNewestExportedOpset) {
    return makeError<ErrorId::kG0510>("entry '" + found->name + "'",
                                      "the operator set " + std::to_string(options.opset) + " is not one of " +
                                          std::to_string(kOldestExportedOpset) + " to " +
                                          std::to_string(kNewestExportedOpset));
  }
  return GraphExporter(graph, *found, options).run();
}

Status writeExported(const ExportedModel& model, const std::string& path) {
  if (!model.external.empty()) {
    const std::string padding(4096, '\0');
    std::vector<std::span<const uint8_t>> pieces;
    int64_t written = 0;
    const auto add = [&](const void* data, int64_t numBytes) {
      pieces.emplace_back(static_cast<const uint8_t*>(data), static_cast<size_t>(numBytes));
      written += numBytes;
    };
    for (const ExternalTensor& external : model.external) {
      add(padding.data(), external.offset - written);
      add(external.tensor->data(), external.tensor->numBytes());
    }
    KILN_RETURN_IF_ERROR(writeFileAtomically(path + ".data", pieces));
  }
  std::string bytes;
  if (!model.proto.SerializeToString(&bytes)) {
    return makeError<ErrorId::kP0004>(path, "a protobuf message holds less than 2 GB");
  }
  return writeFileAtomically(path, bytes);
}

Status writeOnnx(const Graph& graph, std::string_view entry, const std::string& path, OnnxExportOptions options) {
  options.dataFile = fileNameOf(path) + ".data";
  KILN_ASSIGN_OR_RETURN(const ExportedModel model, exportOnnx(graph, entry, options));
  return writeExported(model, path);
}

}  // namespace kiln::onnx
