// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/read_model.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "graph/io/graph_io.h"
#include "graph/io/onnx/tensor_proto.h"
#include "runtime/artifact/artifact_file.h"
#include "tools/kiln-run/feed.h"
#include "tools/kiln/external_model.h"

namespace kiln::tools {
namespace {

StatusOr<const ExternalPort*> findInput(const ExternalModel& model, const std::string& name) {
  auto input = std::ranges::find(model.inputs, name, &ExternalPort::name);
  if (input != model.inputs.end()) {
    return &*input;
  }
  std::vector<std::string> names;
  for (const ExternalPort& known : model.inputs) {
    names.push_back(known.name);
  }
  return makeError<ErrorId::kG0508>("input", name, nearestNames(name, names));
}

StatusOr<std::vector<int64_t>> parseDims(const FeedText& flag) {
  std::vector<int64_t> dims;
  const char* at = flag.value.data();
  const char* const end = at + flag.value.size();
  while (at != end) {
    int64_t dim = 0;
    const auto [next, error] = std::from_chars(at, end, dim);
    const bool isLast = next == end;
    if (error != std::errc() || dim < 0 || (!isLast && (*next != ',' || next + 1 == end))) {
      return makeError<ErrorId::kT0034>("--shape " + flag.name + "=" + flag.value +
                                        ": lengths are whole numbers with commas between, such as 1,3,224,224");
    }
    dims.push_back(dim);
    at = isLast ? end : next + 1;
  }
  return dims;
}

StatusOr<ImportOptions> importOptions(const ExternalModel& model, const ImportFlags& flags) {
  ImportOptions options;
  for (const std::string& text : flags.shapes) {
    KILN_ASSIGN_OR_RETURN(const FeedText flag, splitFeed(text));
    KILN_RETURN_IF_ERROR(findInput(model, flag.name).status());
    KILN_ASSIGN_OR_RETURN(options.shapes[flag.name], parseDims(flag));
  }
  const FeedReaders readers{.tensorProto = [](const std::string& path) { return onnx::readTensorFile(path); }};
  for (const std::string& text : flags.values) {
    KILN_ASSIGN_OR_RETURN(const FeedText flag, splitFeed(text));
    KILN_ASSIGN_OR_RETURN(const ExternalPort* input, findInput(model, flag.name));
    KILN_ASSIGN_OR_RETURN(Tensor value, readFeed(flag, input->dtype, readers));
    options.values[flag.name] = std::make_shared<const Tensor>(std::move(value));
  }
  return options;
}

// What a run would have told, as flags.
Status needsMore(const std::string& path, const ImportedModel& imported) {
  std::string what, flags;
  for (const std::string& name : imported.neededValues) {
    what += (what.empty() ? "the value of '" : ", the value of '") + name + "'";
    flags += " --value " + name + "=...";
  }
  for (const std::string& name : imported.neededShapes) {
    what += (what.empty() ? "the lengths of '" : ", the lengths of '") + name + "'";
    flags += " --shape " + name + "=1,...";
  }
  return makeError<ErrorId::kT0034>("'" + path + "': the model's shapes depend on " + what +
                                    ", which only a run tells; give" + flags +
                                    ", or let kiln run compile it anew for each");
}

}  // namespace

StatusOr<Graph> readModelGraph(const std::string& path, const ImportFlags& flags) {
  if (isArtifactPath(path)) {
    return makeError<ErrorId::kT0034>("'" + path +
                                      "' is an artifact, which holds code and no graph; give the model that it was "
                                      "compiled from");
  }
  KILN_ASSIGN_OR_RETURN(const std::optional<ExternalModel> external, openExternalModel(path));
  if (!external) {
    if (!flags.shapes.empty() || !flags.values.empty()) {
      return makeError<ErrorId::kT0034>("--shape and --value are for ONNX and TensorFlow models, and '" + path +
                                        "' is a graph of Kiln");
    }
    return readGraph(path);
  }
  KILN_ASSIGN_OR_RETURN(const ImportOptions options, importOptions(*external, flags));
  KILN_ASSIGN_OR_RETURN(ImportedModel imported, external->import(options));
  if (!imported.neededValues.empty() || !imported.neededShapes.empty()) {
    return needsMore(path, imported);
  }
  return std::move(imported.graph);
}

std::string modelName(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  for (const std::string ending : {".onnx", ".pbtxt", ".textproto", ".pb", ".kiln", ".graph"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) {
      name.resize(name.size() - ending.size());
    }
  }
  return name;
}

}  // namespace kiln::tools
