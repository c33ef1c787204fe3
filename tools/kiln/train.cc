// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/cache/kernel_cache.h"
#include "compiler/jit/session.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/flags.h"
#include "tools/kiln/train/outputs.h"
#include "tools/kiln/train/report.h"
#include "tools/kiln/train/trainer.h"

namespace kiln::tools {
namespace {

struct TrainCommand {
  std::string config;
  std::optional<int64_t> epochs, steps, seed;
  std::string output;
  std::vector<std::string> settings;
  bool resume = false, dryRun = false, json = false, noCache = false, plot = false;
  int threads = 0;
};

std::atomic<bool> interrupted{false};

// The first Ctrl-C ends the run in order; the second one ends the program.
void endOnInterrupt() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(SIGINT, &action, nullptr);
}

// The description with what the flags change.
StatusOr<train::ConfigFile> readDescription(const TrainCommand& options) {
  KILN_ASSIGN_OR_RETURN(train::ConfigFile file, train::readConfig(options.config));
  for (const std::string& setting : options.settings) {
    KILN_RETURN_IF_ERROR(train::applySetting(file, setting));
  }
  if (options.epochs) {
    file.config.mutable_training()->set_epochs(*options.epochs);
    file.config.mutable_training()->clear_steps();
  }
  if (options.steps) {
    file.config.mutable_training()->set_steps(*options.steps);
    file.config.mutable_training()->clear_epochs();
  }
  if (options.seed) {
    file.config.set_seed(*options.seed);
  }
  return file;
}

StatusOr<std::vector<std::string>> outputsOf(const train::ConfigFile& file, const TrainCommand& options) {
  std::vector<std::string> outputs;
  if (!options.output.empty()) {
    outputs.push_back(options.output);
  } else {
    for (const std::string& output : file.config.output()) {
      outputs.push_back(file.resolve(output));
    }
  }
  for (const std::string& output : outputs) {
    KILN_RETURN_IF_ERROR(train::checkOutput(output));
  }
  return outputs;
}

Status trainModel(const TrainCommand& options) {
  KILN_ASSIGN_OR_RETURN(const train::ConfigFile file, readDescription(options));
  KILN_ASSIGN_OR_RETURN(const std::vector<std::string> outputs, outputsOf(file, options));
  KILN_ASSIGN_OR_RETURN(const DType dtype, train::dtypeOf(file));
  KILN_ASSIGN_OR_RETURN(const bool hasClasses, train::hasClassLabels(file));
  KILN_ASSIGN_OR_RETURN(const train::Dataset data, train::readDataset(file, {dtype, hasClasses}));
  KILN_ASSIGN_OR_RETURN(const train::Plan plan, train::planOf(file, data.train.numRows()));
  KILN_ASSIGN_OR_RETURN(const train::Network network,
                        train::buildNetwork(file, train::inputOf(data, dtype, plan.totalSteps)));
  if (options.dryRun) {
    std::printf("%s", options.json ? train::toJsonLine(network).c_str() : network.toTable().c_str());
    return {};
  }
  KILN_ASSIGN_OR_RETURN(train::RunCheckpoints checkpoints, train::RunCheckpoints::open(file, options.resume));
  JitOptions jit;
  jit.threads = options.threads;
  if (!options.noCache) {
    std::string warning;
    jit.compile.cache = KernelCache::openDefault(&warning);
    if (!warning.empty()) {
      std::fprintf(stderr, "warning: %s\n", warning.c_str());
    }
  }
  const compiler::CompileOptions compile = jit.compile;
  KILN_ASSIGN_OR_RETURN(Session session, createSession(network.graph, std::move(jit)));

  train::Report report({.isJson = options.json, .isTerminal = isatty(STDOUT_FILENO) != 0, .wantsPlot = options.plot},
                       plan);
  report.started(network, data, checkpoints.startStep());
  endOnInterrupt();
  const train::Listener listener{.onStep = [&](int64_t step, double loss) { report.step(step, loss); },
                                 .onProgress = [&](const train::Progress& progress) { report.progress(progress); },
                                 .onWarning = [&](const std::string& text) { report.warning(text); }};
  KILN_ASSIGN_OR_RETURN(const train::TrainResult result,
                        train::trainNetwork(file, network, data, plan, session, checkpoints, listener, &interrupted));
  // What the run has learnt is worth writing down, also when the last checkpoint could not be.
  const Status saved = checkpoints.close();
  KILN_ASSIGN_OR_RETURN(const Graph trained, train::trainedGraph(network.graph, session));
  for (const std::string& output : outputs) {
    KILN_RETURN_IF_ERROR(train::writeModel(trained, output, compile));
  }
  report.finished(network, result, outputs);
  KILN_RETURN_IF_ERROR(saved);
  return result.wasInterrupted ? absl::CancelledError("interrupted after step " + std::to_string(result.state.step))
                               : Status();
}

}  // namespace

void addTrainCommand(CLI::App& app, Status& status) {
  auto train = std::make_shared<TrainCommand>();
  CLI::App* command = app.add_subcommand("train", "trains a net that a text describes");
  command->footer(
      "Examples: kiln train examples/digits/digits.textproto\n          kiln train digits.textproto --epochs 5 --set "
      "optimizer.learning_rate=0.001 --output digits.kiln\n          kiln train digits.textproto "
      "--dry-run\ndocs/train.md "
      "lists all that a description may say.");
  command->add_option("CONFIG", train->config, "the description of the net, its data and its training, as a text")
      ->required();
  CLI::Option* epochs = command->add_option("--epochs", train->epochs, "passes over the training rows, in total")
                            ->check(CLI::NonNegativeNumber);
  command->add_option("--steps", train->steps, "batches in total, those before a checkpoint included")
      ->check(CLI::NonNegativeNumber)
      ->excludes(epochs);
  command->add_option("--output,-o", train->output,
                      "write the trained model here, in the place of what the description says: NAME.pb, .pbtxt, .onnx "
                      "or .kiln");
  command->add_flag("--resume", train->resume, "go on from the newest checkpoint of the description's folder");
  command->add_option("--seed", train->seed, "of the initial weights, the order of the rows and dropout");
  command
      ->add_option(
          "--set", train->settings,
          "FIELD=VALUE: change the description, such as training.batch_size=64 or layer[drop].dropout.rate=0.2; "
          "repeat for more")
      ->allow_extra_args(false);
  command->add_flag("--dry-run", train->dryRun, "print the layers with their shapes and parameters, and train nothing");
  command->add_flag("--plot", train->plot, "draw the loss at the end, also when the output is no terminal");
  addJson(*command, train->json)->description("print a line of JSON for each epoch and one at the end");
  addThreads(*command, train->threads);
  addNoCache(*command, train->noCache);
  command->callback([train, &status] { status = trainModel(*train); });
}

}  // namespace kiln::tools
