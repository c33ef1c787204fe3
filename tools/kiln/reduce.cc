// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "graph/io/graph_io.h"
#include "graph/reduce/reduce.h"
#include "runtime/artifact/artifact_file.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/flags.h"
#include "tools/kiln/read_model.h"
#include "tools/kiln/shell_command.h"

namespace kiln::tools {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct ReduceCommand {
  std::string model;
  std::string failing;  // With {} for the path.
  std::string output;   // Empty: NAME.reduced.graph.pb.
  ImportFlags import;
  double timeout = 0;         // Seconds; 0: none.
  bool timeoutFails = false;  // Whether a run that takes longer counts as failing.
  bool anyFailure = false;    // Whether every failure counts, or only one like that of the whole model.
  int64_t maxTries = 0;       // 0: no limit.
  bool json = false;
};

size_t numNodes(const Graph& graph) {
  size_t count = graph.body().nodes.size();
  for (const auto& [name, function] : graph.functions()) {
    count += function.body.nodes.size();
  }
  return count;
}

// A folder that is gone afterwards.
class Folder {
 public:
  static StatusOr<std::unique_ptr<Folder>> create() {
    std::error_code error;
    const fs::path parent = fs::temp_directory_path(error);
    std::string pattern = (error ? fs::path("/tmp") : parent) / "kiln-reduce-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
      return makeError<ErrorId::kT0007>(pattern, std::strerror(errno));
    }
    return std::unique_ptr<Folder>(new Folder(pattern));
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Progress for people: a line that changes on a terminal, lines elsewhere.
class ProgressLine {
 public:
  explicit ProgressLine(bool isShown) : isShown_(isShown), isTerminal_(::isatty(STDERR_FILENO) != 0) {}
  ~ProgressLine() { end(); }

  void show(const ReduceProgress& progress) {
    if (!isShown_ || (!isTerminal_ && progress.nodes == nodes_)) {
      return;
    }
    nodes_ = progress.nodes;
    std::fprintf(stderr, "%s%lld nodes left, %lld tries: %s%s", isTerminal_ ? "\r" : "",
                 static_cast<long long>(progress.nodes), static_cast<long long>(progress.tries),
                 std::string(progress.pass).c_str(), isTerminal_ ? "\x1b[K" : "\n");
    isOpen_ = isTerminal_;
  }
  void end() {
    if (isOpen_) {
      std::fprintf(stderr, "\r\x1b[K");
      isOpen_ = false;
    }
  }

 private:
  bool isShown_, isTerminal_, isOpen_ = false;
  int64_t nodes_ = -1;
};

// Asks the user's command about graphs.
class Judge {
 public:
  Judge(const ReduceCommand& options, std::unique_ptr<Folder> folder) : options_(options), folder_(std::move(folder)) {}

  // How the command ends for the graph, as a file of its own.
  StatusOr<CommandResult> ask(const Graph& graph) {
    const std::string path = folder_->file("candidate.graph.pb");
    std::error_code ignored;
    fs::remove(weightsPathOf(path), ignored);
    KILN_RETURN_IF_ERROR(writeGraph(graph, path));
    return askAbout(path);
  }
  StatusOr<CommandResult> askAbout(const std::string& path) const {
    return runCommand(commandFor(path), options_.timeout, folder_->file("output"));
  }

  bool isFailure(const CommandResult& result) const {
    return result.end == CommandResult::End::kTimeout ? options_.timeoutFails
                                                      : result.end == CommandResult::End::kSignal || result.number != 0;
  }
  // A small graph may easily fail in a way of its own: a feed is missing, say.
  bool isSameFailure(const CommandResult& result, const CommandResult& wanted) const {
    return isFailure(result) && (options_.anyFailure || (result.end == wanted.end && result.errorId == wanted.errorId));
  }

 private:
  std::string commandFor(const std::string& path) const {
    const std::string word = shellWord(path);
    std::string command = options_.failing;
    size_t at = command.find("{}");
    if (at == std::string::npos) {
      return command + " " + word;
    }
    for (; at != std::string::npos; at = command.find("{}", at + word.size())) {
      command.replace(at, 2, word);
    }
    return command;
  }

  const ReduceCommand& options_;
  std::unique_ptr<Folder> folder_;
};

// What the shell says when it finds no program, or none that it may run.
Status checkRan(const ReduceCommand& options, const CommandResult& result) {
  constexpr int kNotExecutable = 126, kNotFound = 127;
  if (result.end == CommandResult::End::kStatus && (result.number == kNotExecutable || result.number == kNotFound)) {
    return makeError<ErrorId::kT0035>(options.failing, "the shell ended with status " + std::to_string(result.number) +
                                                           (result.lastLine.empty() ? "" : ": " + result.lastLine));
  }
  return Status();
}

StatusOr<std::string> outputPath(const ReduceCommand& options) {
  if (options.output.empty()) {
    return modelName(options.model) + ".reduced.graph.pb";
  }
  if (!options.output.ends_with(".pb") && graphFormOf(options.output) != GraphForm::kText) {
    return makeError<ErrorId::kT0034>("-o " + options.output + ": the result is a graph, NAME.graph.pb or NAME.pbtxt");
  }
  std::error_code ignored;
  if (fs::equivalent(options.model, options.output, ignored) ||
      fs::equivalent(weightsPathOf(options.model), weightsPathOf(options.output), ignored)) {
    return makeError<ErrorId::kT0034>("-o " + options.output +
                                      " would write over the model or its weights; the result "
                                      "needs another name");
  }
  return options.output;
}

void report(const ReduceCommand& options, const Graph& whole, const ReducedGraph& reduced, const CommandResult& failure,
            const std::string& output, double seconds) {
  const ReduceProgress& progress = reduced.progress;
  if (options.json) {
    const Json json{{"output", output},
                    {"nodes_before", numNodes(whole)},
                    {"nodes", progress.nodes},
                    {"entries", reduced.graph.entries().size()},
                    {"functions", reduced.graph.functions().size()},
                    {"tries", progress.tries},
                    {"accepted", progress.accepted},
                    {"finished", reduced.isFinished},
                    {"failure", failure.toString()},
                    {"seconds", seconds}};
    std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  constexpr int64_t kPrintedNodes = 20;
  if (progress.nodes <= kPrintedNodes) {
    std::printf("%s\n", toString(reduced.graph).c_str());
  }
  std::printf("%s: %lld of %zu nodes, %lld tries in %.1f s%s; the command fails for it with %s\n", output.c_str(),
              static_cast<long long>(progress.nodes), numNodes(whole), static_cast<long long>(progress.tries), seconds,
              reduced.isFinished ? "" : " (not finished)", failure.toString().c_str());
}

// Writes the smallest graph that fails as the model does. Errors: KILN-T0033 when the model does not fail, KILN-T0034
// for flags, KILN-T0035 when the command cannot be run; those of reading and writing; KILN-R0040 when interrupted, with
// the smallest graph so far written.
Status reduceModel(const ReduceCommand& options) {
  if (isArtifactPath(options.model)) {
    return makeError<ErrorId::kT0034>("'" + options.model +
                                      "' is an artifact, which holds code; reduce the graph or "
                                      "ONNX model that it was compiled from");
  }
  KILN_ASSIGN_OR_RETURN(const std::string output, outputPath(options));
  KILN_ASSIGN_OR_RETURN(const Graph graph, readModelGraph(options.model, options.import));
  KILN_ASSIGN_OR_RETURN(std::unique_ptr<Folder> folder, Folder::create());
  const auto begin = std::chrono::steady_clock::now();
  Judge judge(options, std::move(folder));
  const InterruptScope interrupts;
  KILN_ASSIGN_OR_RETURN(const CommandResult whole, judge.ask(graph));
  KILN_RETURN_IF_ERROR(checkRan(options, whole));
  if (!judge.isFailure(whole)) {
    return makeError<ErrorId::kT0033>(options.model,
                                      whole.end == CommandResult::End::kTimeout
                                          ? "timeout (a command that takes too long fails with --timeout-fails)"
                                          : std::to_string(whole.number));
  }
  Status stopped;
  const auto fails = [&](const Graph& candidate) {
    if (!stopped.ok()) {
      return false;
    }
    const StatusOr<CommandResult> result = judge.ask(candidate);
    stopped = result.status();
    return result.ok() && judge.isSameFailure(*result, whole);
  };
  ProgressLine line(!options.json);
  ReduceOptions reduceOptions;
  reduceOptions.maxTries = options.maxTries > 0 ? options.maxTries : INT64_MAX;
  reduceOptions.progress = [&](const ReduceProgress& progress) {
    line.show(progress);
    return stopped.ok();
  };
  const ReducedGraph reduced = reduceGraph(graph, fails, reduceOptions);
  line.end();
  KILN_RETURN_IF_ERROR(writeGraph(reduced.graph, output));
  if (!stopped.ok()) {
    return annotate(stopped, "'" + output + "' has the smallest graph so far");
  }
  KILN_ASSIGN_OR_RETURN(const CommandResult last, judge.askAbout(output));
  if (!judge.isSameFailure(last, whole)) {
    return makeError<ErrorId::kT0033>(output, std::to_string(last.number) +
                                                  " (it failed for this graph before: the "
                                                  "command does not always end alike)");
  }
  report(options, graph, reduced, last, output,
         std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  return Status();
}

}  // namespace

void addReduceCommand(CLI::App& app, Status& status) {
  auto reduce = std::make_shared<ReduceCommand>();
  CLI::App* command = app.add_subcommand("reduce", "makes a model small for which a command fails");
  command->footer(
      "The command is run by /bin/sh for ever smaller graphs; it fails when it ends with a status other than 0 or by "
      "a\n"
      "signal. Only failures like that of the whole model count: the same id of an error of Kiln's among what it "
      "prints\n"
      "(or none), and a signal if that was one.\n"
      "Examples:\n  kiln reduce model.onnx --failing 'kiln compile {} -o /tmp/small.kiln'\n"
      "  kiln reduce digits.graph.pb --failing './compare.sh {}' --timeout 60 -o small.pbtxt");
  addModel(*command, reduce->model);
  command
      ->add_option("--failing", reduce->failing,
                   "the command; {} stands for the graph's path, which is put at the end when there is no {}")
      ->required();
  command->add_option("-o,--output", reduce->output,
                      "the small graph, NAME.graph.pb or NAME.pbtxt; NAME.reduced.graph.pb by default");
  command->add_option("--timeout", reduce->timeout, "seconds after which the command is killed, which is no failure")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--timeout-fails", reduce->timeoutFails, "a command that is killed after --timeout has failed")
      ->needs("--timeout");
  command->add_flag("--any-failure", reduce->anyFailure, "all failures count, whatever id or signal they have");
  command->add_option("--max-tries", reduce->maxTries, "end after so many runs of the command; 0: when nothing is left")
      ->check(CLI::NonNegativeNumber);
  addImportFlags(*command, reduce->import.shapes, reduce->import.values);
  addJson(*command, reduce->json);
  command->callback([reduce, &status] { status = reduceModel(*reduce); });
}

}  // namespace kiln::tools
