// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// kiln-run: runs artifacts on machines without a compiler. A copy with an artifact at its end (kiln compile --emit exe)
// runs that one.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "tools/kiln-run/outputs.h"
#include "tools/kiln-run/own_artifact.h"
#include "tools/kiln-run/run_artifact.h"

namespace {

// What is unknown, and what was perhaps meant.
int reportUsage(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) {
    return app.exit(error);
  }
  const int code = kiln::tools::reportStatus(kiln::makeError<kiln::ErrorId::kT0004>(error.what()), false);
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    known.push_back(option->get_name());
  }
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string name = argument.substr(0, argument.find('='));
    if (name.starts_with("--") && std::find(known.begin(), known.end(), name) == known.end()) {
      std::fprintf(stderr, "help: '%s' is not known here; nearest: %s\n", name.c_str(),
                   kiln::nearestNames(name, known).c_str());
    }
  }
  std::fprintf(stderr, "help: kiln-run --help\n");
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  kiln::tools::RunFlags flags;
  auto own = kiln::tools::ownArtifact();
  if (!own.ok()) {
    return kiln::tools::reportStatus(own.status(), false);
  }
  flags.bytes = *own;
  const bool isProgram = !own->empty();
  const std::string name = isProgram ? argv[0] : "kiln-run";
  CLI::App app(isProgram ? "Runs the compiled model that it has in it once." : "Runs a compiled artifact once.", name);
  const std::string model = isProgram ? "" : " digits.kiln";
  app.footer(
      "Examples:\n  " + name + model + " --entry predict --feed x=@x.npy --output out\n  " + name + model +
      " --feed 'x=[[1, 2], [3, 4]]' --json\n  " + name + model +
      " --verify=full --require-signature=maker.pub --feed x=@x.npy\n\n"
      "Ends with 0 when all is well, 1 when the input or the machine is at fault, 2 when the model needs what Kiln "
      "does not have.");
  kiln::tools::addRunFlags(app, flags,
                           isProgram ? "" : "artifact: a file that kiln compile wrote, or the folder of --unpacked");
  if (isProgram) {
    flags.model = argv[0];
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return reportUsage(app, error, argc, argv);
  }
  return kiln::tools::reportStatus(kiln::tools::runArtifact(flags), flags.json);
}
