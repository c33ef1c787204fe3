// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>

#include "compiler/jit/session.h"
#include "graph/io/graph_io.h"
#include "graph/io/onnx/tensor_proto.h"
#include "proto/codec/npy.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/external_model.h"
#include "tools/kiln/feed.h"

namespace kiln::tools {
namespace {

constexpr int64_t kPrintedElements = 64;

std::vector<std::string> entryNames(const Graph& graph) {
  std::vector<std::string> names;
  for (const Entry& entry : graph.entries()) {
    if (entry.name != kInitEntry) {
      names.push_back(entry.name);
    }
  }
  return names;
}

// The entry to run: the one that is named, or the only one. Null: none is needed, because fetches say what to run.
StatusOr<const Entry*> chooseEntry(const Graph& graph, const RunCommand& options) {
  std::vector<std::string> names = entryNames(graph);
  if (!options.entry.empty()) {
    const Entry* entry = graph.findEntry(options.entry);
    if (entry == nullptr) {
      return makeError<ErrorId::kT0006>(options.model, options.entry, nearestNames(options.entry, names));
    }
    return entry;
  }
  if (names.size() == 1) {
    return graph.findEntry(names[0]);
  }
  if (options.fetches.empty()) {
    return makeError<ErrorId::kT0005>(options.model, nearestNames("", names));
  }
  return nullptr;
}

// The dtype that a feed should have, so that values on the command line get it; f32 when the name is unknown, which the
// session then reports.
DType feedType(const Graph& graph, const Entry* entry, const std::string& name) {
  if (entry != nullptr) {
    for (const Port& feed : entry->feeds) {
      if (feed.name == name) {
        return graph.body().type(feed.value).dtype;
      }
    }
  }
  auto value = graph.findValue(name);
  return value.ok() ? graph.body().type(*value).dtype : f32;
}

// Names of values may have '/' and ':', which files should not.
std::string fileName(const std::string& name) {
  std::string safe = name;
  for (char& c : safe) {
    bool isPlain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    c = isPlain ? c : '_';
  }
  return safe + ".npy";
}

Status makeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? makeError<ErrorId::kT0007>(folder, error.message()) : Status();
}

Status writeOutputs(const std::map<std::string, Tensor>& values, const std::string& folder) {
  KILN_RETURN_IF_ERROR(makeFolder(folder));
  for (const auto& [name, value] : values) {
    KILN_RETURN_IF_ERROR(writeNpy((std::filesystem::path(folder) / fileName(name)).string(), value));
  }
  return Status();
}

// The files input_0.pb, input_1.pb ... of a folder, one for each input.
StatusOr<std::vector<Tensor>> readTestData(const ExternalModel& model, const std::string& modelPath,
                                           const std::filesystem::path& folder) {
  size_t count = 0;
  while (std::filesystem::exists(folder / ("input_" + std::to_string(count) + ".pb"))) {
    ++count;
  }
  if (count != model.inputs.size()) {
    return makeError<ErrorId::kT0008>(folder.string(), count, modelPath, model.inputs.size());
  }
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < count; ++i) {
    const std::string path = (folder / ("input_" + std::to_string(i) + ".pb")).string();
    KILN_ASSIGN_OR_RETURN(Tensor input, onnx::readTensorFile(path, model.inputs[i].onnxType));
    inputs.push_back(std::move(input));
  }
  return inputs;
}

StatusOr<std::vector<Tensor>> readFeeds(const ExternalModel& model, const RunCommand& options) {
  std::map<std::string, Tensor> feeds;
  std::vector<std::string> names;
  for (const ExternalPort& input : model.inputs) {
    names.push_back(input.name);
  }
  for (const std::string& text : options.feeds) {
    KILN_ASSIGN_OR_RETURN(FeedText feed, splitFeed(text));
    auto input = std::ranges::find(model.inputs, feed.name, &ExternalPort::name);
    if (input == model.inputs.end()) {
      return makeError<ErrorId::kG0508>("input", feed.name, nearestNames(feed.name, names));
    }
    KILN_ASSIGN_OR_RETURN(feeds[feed.name], readFeed(feed, input->dtype));
  }
  std::vector<Tensor> inputs;
  for (const std::string& name : names) {
    auto found = feeds.find(name);
    if (found == feeds.end()) {
      return makeError<ErrorId::kG0509>(name, "not fed", "a value for each input");
    }
    inputs.push_back(std::move(found->second));
  }
  return inputs;
}

Status writeTestOutputs(const ExternalModel& model, const std::vector<Tensor>& outputs,
                        const std::filesystem::path& folder) {
  KILN_RETURN_IF_ERROR(makeFolder(folder.string()));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const int declared = model.outputs[i].onnxType;
    KILN_RETURN_IF_ERROR(onnx::writeTensorFile((folder / ("output_" + std::to_string(i) + ".pb")).string(), outputs[i],
                                               declared != 0 ? declared : onnx::elementTypeOf(outputs[i].dtype()),
                                               model.outputs[i].name));
  }
  return Status();
}

void printOutputs(const ExternalModel& model, const std::vector<Tensor>& outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::printf("%s: %s\n", model.outputs[i].name.c_str(), outputs[i].toString(kPrintedElements).c_str());
  }
}

Status runExternal(const ExternalModel& model, const RunCommand& options, JitOptions jit,
                   const RunOptions& runOptions) {
  if (std::ranges::any_of(model.inputs, [](const ExternalPort& port) { return port.dtype == DType::kInvalid; })) {
    // It cannot be fed; the importer says why, and what else is not supported.
    KILN_RETURN_IF_ERROR(model.import({}).status());
  }
  std::vector<std::string> names;
  for (const ExternalPort& input : model.inputs) {
    names.push_back(input.name);
  }
  ModelSession session(model.import, std::move(names), std::move(jit));
  if (options.testData.empty()) {
    KILN_ASSIGN_OR_RETURN(std::vector<Tensor> inputs, readFeeds(model, options));
    KILN_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, session.run({inputs.begin(), inputs.end()}, runOptions));
    if (options.output.empty()) {
      printOutputs(model, outputs);
      return Status();
    }
    std::map<std::string, Tensor> byName;
    for (size_t i = 0; i < outputs.size(); ++i) {
      byName.insert_or_assign(model.outputs[i].name, std::move(outputs[i]));
    }
    return writeOutputs(byName, options.output);
  }
  for (size_t run = 0; run < options.testData.size(); ++run) {
    KILN_ASSIGN_OR_RETURN(std::vector<Tensor> inputs, readTestData(model, options.model, options.testData[run]));
    KILN_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, session.run({inputs.begin(), inputs.end()}, runOptions));
    if (options.output.empty()) {
      printOutputs(model, outputs);
      continue;
    }
    const std::filesystem::path folder = options.output;
    KILN_RETURN_IF_ERROR(
        writeTestOutputs(model, outputs, options.testData.size() == 1 ? folder : folder / std::to_string(run)));
  }
  if (session.numVersions() > 1) {
    std::fprintf(stderr, "note: compiled %d times: shapes follow from %s\n", session.numVersions(),
                 session.specializedInputs().c_str());
  }
  return Status();
}

}  // namespace

Status runModel(const RunCommand& options) {
  compiler::CompileOptions compile;
  compile.memLimit = static_cast<int64_t>(std::min<uint64_t>(options.memLimit, INT64_MAX));
  JitOptions jit{.threads = options.threads, .compile = std::move(compile)};
  const RunOptions runOptions{.deadline = std::chrono::milliseconds(options.deadlineMs)};
  ExternalUse use{.fed = {}, .fetched = options.fetches};
  for (const std::string& text : options.feeds) {
    KILN_ASSIGN_OR_RETURN(FeedText feed, splitFeed(text));
    use.fed.push_back(std::move(feed.name));
  }
  KILN_ASSIGN_OR_RETURN(std::optional<ExternalModel> external, openExternalModel(options.model, use));
  if (external) {
    return annotate(runExternal(*external, options, std::move(jit), runOptions), options.model);
  }
  KILN_ASSIGN_OR_RETURN(Graph graph, readGraph(options.model));
  KILN_ASSIGN_OR_RETURN(const Entry* entry, chooseEntry(graph, options));
  std::map<std::string, Tensor> feeds;
  for (const std::string& text : options.feeds) {
    KILN_ASSIGN_OR_RETURN(FeedText feed, splitFeed(text));
    KILN_ASSIGN_OR_RETURN(feeds[feed.name], readFeed(feed, feedType(graph, entry, feed.name)));
  }
  std::map<std::string, TensorView> views(feeds.begin(), feeds.end());

  KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, std::move(jit)));
  auto result = entry != nullptr ? session.runEntry(entry->name, views, options.fetches, runOptions)
                                 : session.run(views, options.fetches, {}, runOptions);
  if (!result.ok()) {
    return annotate(result.status(), options.model);
  }
  if (!options.output.empty()) {
    return writeOutputs(*result, options.output);
  }
  for (const auto& [name, value] : *result) {
    std::printf("%s: %s\n", name.c_str(), value.toString(kPrintedElements).c_str());
  }
  return Status();
}

}  // namespace kiln::tools
