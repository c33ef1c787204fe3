// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// kiln: the front door. Parses flags and calls the command.

#include <CLI/CLI.hpp>
#include <cstdio>

#include "tools/kiln/commands.h"

namespace {

using kiln::Status;

constexpr int kFailed = 1;
constexpr int kUnsupported = 2;  // the model needs something that Kiln does not have

constexpr char kMemLimitHelp[] =
    "bytes that gradients of loops may keep, as 1000000, 64K or 1MiB; what does not fit is computed again";

// CLI11 says what is unknown; this adds what was perhaps meant.
int reportUsage(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& arguments) {
  if (error.get_exit_code() == 0) {
    return app.exit(error);
  }
  std::vector<std::string> known;
  const CLI::App* level = &app;
  for (const CLI::App* chosen : app.get_subcommands()) {
    level = chosen;
  }
  for (const CLI::App* command : level->get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
  }
  for (const CLI::Option* option : level->get_options()) {
    known.push_back(option->get_name());
  }
  Status status = kiln::makeError<kiln::ErrorId::kT0004>(error.what());
  std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
  for (const std::string& argument : arguments) {
    std::string name = argument.substr(0, argument.find('='));
    bool isKnown = std::find(known.begin(), known.end(), name) != known.end();
    bool isFirst = level == &app && &argument == &arguments.front();
    if (!isKnown && (isFirst || name.rfind("--", 0) == 0)) {
      std::fprintf(stderr, "help: '%s' is not known here; nearest: %s\n", name.c_str(),
                   kiln::nearestNames(name, known).c_str());
    }
  }
  std::fprintf(stderr, "help: kiln %s --help\n", level == &app ? "" : level->get_name().c_str());
  return kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Kiln compiles graphs of tensor operations to native code, trains and runs them.");
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help of every command");
  app.footer(
      "Examples:\n  kiln run digits.graph.pb --entry predict --feed x=@x.npy --fetch logits --output out\n"
      "  kiln inspect digits.graph.pb\n  kiln explain KILN-R0021");
  Status status;

  kiln::tools::RunCommand run;
  CLI::App* runCommand = app.add_subcommand("run", "compiles a model and runs it once");
  runCommand->footer("Example: kiln run digits.graph.pb --entry predict --feed x=@x.npy --fetch logits --output out");
  runCommand->add_option("MODEL", run.model, "graph file, binary (.pb) or text (.pbtxt), or an ONNX model (.onnx)")
      ->required();
  runCommand->add_option("--entry", run.entry, "entry point to run; may be left out when there is one");
  runCommand
      ->add_option("--feed", run.feeds,
                   "NAME=VALUE, NAME=@file.npy, NAME=@file.npz:key or NAME=@file.pb; repeat for more")
      ->allow_extra_args(false);
  runCommand->add_option("--fetch", run.fetches, "value to compute; repeat for more; all of the entry by default")
      ->allow_extra_args(false);
  runCommand->add_option("--output", run.output,
                         "folder for the fetched values, one NAME.npy each; printed by default");
  runCommand
      ->add_option(
          "--test-data", run.testData,
          "folder with a TensorProto input_I.pb for each input of an ONNX model; writes output_I.pb into the folder "
          "of --output; repeat for more runs, which are numbered there: 0/output_I.pb")
      ->allow_extra_args(false)
      ->excludes("--feed");
  runCommand->add_option("--threads", run.threads, "threads to use; 0: as many as there are cores")
      ->check(CLI::NonNegativeNumber);
  runCommand->add_option("--deadline-ms", run.deadlineMs, "end the run when it takes longer; 0: never")
      ->check(CLI::NonNegativeNumber);
  runCommand->add_option("--mem-limit", run.memLimit, kMemLimitHelp)->transform(CLI::AsSizeValue(false));
  runCommand->callback([&] { status = kiln::tools::runModel(run); });

  std::string model;
  bool json = false;
  bool dot = false;
  CLI::App* inspectCommand = app.add_subcommand("inspect", "shows the entries, variables, dims and nodes of a model");
  inspectCommand->footer(
      "Examples: kiln inspect digits.graph.pb --dot | dot -Tsvg > digits.svg\n          kiln inspect digits.graph.pb "
      "--entry train_step --dump-plan --timing");
  inspectCommand->add_option("MODEL", model, "graph file, binary (.pb) or text (.pbtxt), or an ONNX model (.onnx)")
      ->required();
  CLI::Option* jsonFlag = inspectCommand->add_flag("--json", json, "as one JSON object");
  inspectCommand->add_flag("--dot", dot, "as a Graphviz graph")->excludes(jsonFlag);
  kiln::tools::LowerCommand lower;
  CLI::Option* entryOption =
      inspectCommand->add_option("--entry", lower.entry, "entry to compile, for the flags below");
  inspectCommand
      ->add_option("--compile-to", lower.compileTo,
                   "print the entry after this phase: import, simplify, differentiate, fuse, plan, codegen")
      ->needs(entryOption);
  inspectCommand->add_flag("--dump-plan", lower.dumpPlan, "print the memory plan: buffers, peak, lower bound")
      ->needs(entryOption);
  inspectCommand->add_flag("--timing", lower.timePasses, "print the time of each phase and pass")->needs(entryOption);
  inspectCommand->add_option("--mem-limit", lower.memLimit, kMemLimitHelp)
      ->transform(CLI::AsSizeValue(false))
      ->needs(entryOption);
  inspectCommand->add_flag("--verify-each", lower.verifyEach, "check the module after every pass")->needs(entryOption);
  inspectCommand->callback([&] {
    using kiln::tools::InspectFormat;
    if (!lower.entry.empty()) {
      lower.model = model;
      status = kiln::tools::lowerModel(lower);
      return;
    }
    status = kiln::tools::inspectModel(model, json  ? InspectFormat::kJson
                                              : dot ? InspectFormat::kDot
                                                    : InspectFormat::kTable);
  });

  kiln::tools::ConvertCommand convert;
  CLI::App* convertCommand = app.add_subcommand("convert", "writes a model in another form");
  convertCommand->footer(
      "Examples: kiln convert digits.graph.pb digits.onnx --entry predict\n          kiln convert model.onnx "
      "model.graph.pb");
  convertCommand->add_option("FROM", convert.input, "a model that kiln run takes")->required();
  convertCommand->add_option("TO", convert.output, "NAME.onnx, NAME.graph.pb (binary) or NAME.pbtxt (text)")
      ->required();
  convertCommand->add_option("--entry", convert.entry, "entry point to export; may be left out when there is one");
  convertCommand->add_option("--opset", convert.opset, "operator set of the ONNX model, 21 to 27; 21 by default");
  convertCommand->callback([&] { status = kiln::tools::convertModel(convert); });

  std::string id;
  CLI::App* explainCommand = app.add_subcommand("explain", "tells what an error id means and what to do");
  explainCommand->footer("Example: kiln explain KILN-R0021");
  explainCommand->add_option("ID", id, "the id in brackets, such as KILN-R0021")->required();
  explainCommand->callback([&] { status = kiln::tools::explainError(id); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return reportUsage(app, error, {argv + 1, argv + argc});
  }
  if (!status.ok()) {
    std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
    auto errorId = kiln::errorIdOf(status);
    if (errorId) {
      std::fprintf(stderr, "help: kiln explain %s\n", errorId->c_str());
    }
    return status.code() == absl::StatusCode::kUnimplemented ? kUnsupported : kFailed;
  }
  return 0;
}
