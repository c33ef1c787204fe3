// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// kiln: the front door. Parses flags and calls the command.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "tools/kiln-run/outputs.h"
#include "tools/kiln/commands.h"

namespace {

using kiln::Status;

constexpr int kInterrupted = 130;  // docs/cli.md tells what the others are

// The innermost command of those that the arguments chose.
const CLI::App& chosenCommand(const CLI::App& app, std::string& path) {
  const CLI::App* level = &app;
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = level->get_subcommands()) {
    level = chosen.back();
    path += level->get_name() + " ";
  }
  return *level;
}

// CLI11 says what is unknown; this adds what was perhaps meant.
int reportUsage(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& arguments) {
  if (error.get_exit_code() == 0) {
    return app.exit(error);
  }
  const bool isJson = std::ranges::find(arguments, "--json") != arguments.end();
  std::string path;
  const CLI::App& level = chosenCommand(app, path);
  std::vector<std::string> known;
  for (const CLI::App* command : level.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
  }
  const size_t numCommands = known.size();
  for (const CLI::Option* option : level.get_options()) {
    known.push_back(option->get_name());
  }
  const int code = kiln::tools::reportStatus(kiln::makeError<kiln::ErrorId::kT0004>(error.what()), isJson);
  if (isJson) {
    return code;
  }
  // A command is looked for as the first argument of a level that has commands.
  const auto depth = static_cast<size_t>(std::ranges::count(path, ' '));
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments[i].substr(0, arguments[i].find('='));
    const bool isKnown = std::ranges::find(known, name) != known.end();
    const bool isCommand = numCommands > 0 && i == depth;
    if (!isKnown && (isCommand || name.rfind("--", 0) == 0)) {
      std::fprintf(stderr, "help: '%s' is not known here; nearest: %s\n", name.c_str(),
                   kiln::nearestNames(name, known).c_str());
    }
  }
  std::fprintf(stderr, "help: kiln %s--help\n", path.c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Kiln compiles graphs of tensor operations to native code, trains and runs them.");
  app.require_subcommand(1);
  app.set_version_flag("--version", "kiln " KILN_VERSION);
  app.set_help_all_flag("--help-all", "help of every command");
  app.footer(
      "Examples:\n  kiln run digits.graph.pb --entry predict --feed x=@x.npy --fetch logits --output out\n"
      "  kiln compile model.onnx -o model.kiln\n  kiln inspect model.kiln\n  kiln explain KILN-R0021");
  Status status;
  // The commands of this build, in the order of the help: CMakeLists.txt lists them.
#define KILN_COMMAND(Name) kiln::tools::add##Name##Command(app, status);
#include "tools/kiln/commands.inc"
#undef KILN_COMMAND

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return reportUsage(app, error, {argv + 1, argv + argc});
  }
  std::string path;
  const CLI::Option* json = chosenCommand(app, path).get_option_no_throw("--json");
  const int code = kiln::tools::reportStatus(status, json != nullptr && json->count() > 0);
  return status.code() == absl::StatusCode::kCancelled ? kInterrupted : code;
}
