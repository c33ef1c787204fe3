// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>

#include "compiler/jit/session.h"
#include "graph/io/graph_io.h"
#include "graph/io/onnx/tensor_proto.h"
#include "runtime/artifact/artifact_file.h"
#include "tools/kiln-run/feed.h"
#include "tools/kiln-run/outputs.h"
#include "tools/kiln-run/run_artifact.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/compile_flags.h"
#include "tools/kiln/external_model.h"
#include "tools/kiln/flags.h"

namespace kiln::tools {
namespace {

struct RunCommand {
  RunFlags flags;
  // Folders with input_0.pb, input_1.pb ...; one session runs all of them, and outputs become output_0.pb ... in
  // flags.output, or with several folders in `output/0`, `output/1` ...
  std::vector<std::string> testData;
  uint64_t memLimit = 0;  // Bytes that gradients of loops may keep; 0: no limit.
  bool noCache = false;
};

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
StatusOr<const Entry*> chooseEntry(const Graph& graph, const RunFlags& options) {
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

const FeedReaders& readers() {
  static const FeedReaders& readers =
      *new FeedReaders{.tensorProto = [](const std::string& path) { return onnx::readTensorFile(path); }};
  return readers;
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

StatusOr<std::vector<Tensor>> readFeeds(const ExternalModel& model, const RunFlags& options) {
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
    KILN_ASSIGN_OR_RETURN(feeds[feed.name], readFeed(feed, input->dtype, readers()));
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

// The outputs by name, of which `fetches` are wanted; all by default.
StatusOr<std::map<std::string, Tensor>> chooseOutputs(const ExternalModel& model, std::vector<Tensor> outputs,
                                                      const std::vector<std::string>& fetches) {
  std::map<std::string, Tensor> byName;
  std::vector<std::string> names;
  for (size_t i = 0; i < outputs.size(); ++i) {
    names.push_back(model.outputs[i].name);
    byName.insert_or_assign(names.back(), std::move(outputs[i]));
  }
  for (const std::string& fetch : fetches) {
    if (!byName.contains(fetch)) {
      return makeError<ErrorId::kG0508>("output", fetch, nearestNames(fetch, names));
    }
  }
  if (!fetches.empty()) {
    std::erase_if(byName, [&](const auto& value) { return std::ranges::find(fetches, value.first) == fetches.end(); });
  }
  return byName;
}

Status runExternal(const ExternalModel& model, const RunCommand& command, JitOptions jit,
                   const RunOptions& runOptions) {
  const RunFlags& flags = command.flags;
  if (std::ranges::any_of(model.inputs, [](const ExternalPort& port) { return port.dtype == DType::kInvalid; })) {
    // It cannot be fed; the importer says why, and what else is not supported.
    KILN_RETURN_IF_ERROR(model.import({}).status());
  }
  std::vector<std::string> names;
  for (const ExternalPort& input : model.inputs) {
    names.push_back(input.name);
  }
  ModelSession session(model.import, std::move(names), std::move(jit));
  if (command.testData.empty()) {
    KILN_ASSIGN_OR_RETURN(std::vector<Tensor> inputs, readFeeds(model, flags));
    KILN_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, session.run({inputs.begin(), inputs.end()}, runOptions));
    KILN_ASSIGN_OR_RETURN(const auto chosen, chooseOutputs(model, std::move(outputs), flags.fetches));
    return showOutputs(chosen, flags.output, flags.json);
  }
  for (size_t run = 0; run < command.testData.size(); ++run) {
    KILN_ASSIGN_OR_RETURN(std::vector<Tensor> inputs, readTestData(model, flags.model, command.testData[run]));
    KILN_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, session.run({inputs.begin(), inputs.end()}, runOptions));
    if (flags.output.empty()) {
      KILN_ASSIGN_OR_RETURN(const auto chosen, chooseOutputs(model, std::move(outputs), flags.fetches));
      KILN_RETURN_IF_ERROR(showOutputs(chosen, "", flags.json));
      continue;
    }
    const std::filesystem::path folder = flags.output;
    KILN_RETURN_IF_ERROR(
        writeTestOutputs(model, outputs, command.testData.size() == 1 ? folder : folder / std::to_string(run)));
  }
  if (session.numVersions() > 1) {
    std::fprintf(stderr, "note: compiled %d times: shapes follow from %s\n", session.numVersions(),
                 session.specializedInputs().c_str());
  }
  return Status();
}

Status runGraph(const RunFlags& flags, JitOptions jit, const RunOptions& runOptions) {
  KILN_ASSIGN_OR_RETURN(Graph graph, readGraph(flags.model));
  KILN_ASSIGN_OR_RETURN(const Entry* entry, chooseEntry(graph, flags));
  std::map<std::string, Tensor> feeds;
  for (const std::string& text : flags.feeds) {
    KILN_ASSIGN_OR_RETURN(FeedText feed, splitFeed(text));
    KILN_ASSIGN_OR_RETURN(feeds[feed.name], readFeed(feed, feedType(graph, entry, feed.name), readers()));
  }
  std::map<std::string, TensorView> views(feeds.begin(), feeds.end());
  KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, std::move(jit)));
  auto result = entry != nullptr ? session.runEntry(entry->name, views, flags.fetches, runOptions)
                                 : session.run(views, flags.fetches, {}, runOptions);
  if (!result.ok()) {
    return annotate(result.status(), flags.model);
  }
  return showOutputs(*result, flags.output, flags.json);
}

// Flags that only artifacts know, and those that only what is compiled here does.
Status checkFlags(const RunCommand& command, bool isArtifact) {
  const RunFlags& flags = command.flags;
  if (isArtifact && (!command.testData.empty() || command.memLimit > 0)) {
    return makeError<ErrorId::kT0034>(std::string(command.testData.empty() ? "--mem-limit" : "--test-data") +
                                      " is for models that are compiled, and '" + flags.model + "' is an artifact");
  }
  if (!isArtifact && (!flags.verify.empty() || !flags.requireSignature.empty())) {
    return makeError<ErrorId::kT0034>(std::string(flags.verify.empty() ? "--require-signature" : "--verify") +
                                      " is for artifacts, and '" + flags.model + "' is none");
  }
  return isArtifact || flags.target.empty() ? Status() : checkRunsHere(flags.target);
}

// Runs a model once; one that is no artifact is compiled first. Errors name the file, the feed or fetch, and what there
// is.
Status runModel(const RunCommand& command) {
  const RunFlags& flags = command.flags;
  const bool isArtifact = isArtifactPath(flags.model);
  KILN_RETURN_IF_ERROR(checkFlags(command, isArtifact));
  if (isArtifact) {
    return runArtifact(flags, readers());
  }
  compiler::CompileOptions compile;
  compile.memLimit = static_cast<int64_t>(std::min<uint64_t>(command.memLimit, INT64_MAX));
  compile.cache = openCache(command.noCache);
  compile.target = flags.target.empty() ? compile.target : flags.target;
  const std::shared_ptr<KernelCache> cache = compile.cache;
  JitOptions jit{.threads = flags.threads, .compile = std::move(compile)};
  const RunOptions runOptions{.deadline = std::chrono::milliseconds(flags.deadlineMs)};
  ExternalUse use{.fed = {}, .fetched = flags.fetches};
  for (const std::string& text : flags.feeds) {
    KILN_ASSIGN_OR_RETURN(FeedText feed, splitFeed(text));
    use.fed.push_back(std::move(feed.name));
  }
  KILN_ASSIGN_OR_RETURN(std::optional<ExternalModel> external, openExternalModel(flags.model, use));
  const Status status = external ? annotate(runExternal(*external, command, std::move(jit), runOptions), flags.model)
                                 : runGraph(flags, std::move(jit), runOptions);
  reportCache(cache);
  return status;
}

}  // namespace

void addRunCommand(CLI::App& app, Status& status) {
  auto run = std::make_shared<RunCommand>();
  CLI::App* command = app.add_subcommand("run", "runs a model once; one that is no artifact is compiled first");
  command->footer(
      "Examples:\n  kiln run digits.graph.pb --entry predict --feed x=@x.npy --fetch logits --output out\n"
      "  kiln run model.onnx --feed x=@x.npy\n  kiln run model.kiln --feed 'x=[[1, 2]]' --json");
  addRunFlags(*command, run->flags, modelHelp());
  command
      ->add_option(
          "--test-data", run->testData,
          "folder with a TensorProto input_I.pb for each input of an ONNX model; writes output_I.pb into the folder "
          "of --output; repeat for more runs, which are numbered there: 0/output_I.pb")
      ->allow_extra_args(false)
      ->excludes("--feed");
  addMemLimit(*command, run->memLimit);
  addNoCache(*command, run->noCache);
  command->callback([run, &status] { status = runModel(*run); });
}

}  // namespace kiln::tools
