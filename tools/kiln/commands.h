// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The commands of `kiln`. Each is a file of its own, which adds its flags and, when the command is chosen, does
/// its work and leaves how that went in `status`.
#pragma once

#include <CLI/CLI.hpp>

#include "proto/base/status.h"

namespace kiln::tools {

void addBenchCommand(CLI::App& app, Status& status);
void addCacheCommand(CLI::App& app, Status& status);
void addCompileCommand(CLI::App& app, Status& status);
void addCompletionCommand(CLI::App& app, Status& status);
void addConvertCommand(CLI::App& app, Status& status);
void addExplainCommand(CLI::App& app, Status& status);
void addInspectCommand(CLI::App& app, Status& status);
void addReduceCommand(CLI::App& app, Status& status);
void addRunCommand(CLI::App& app, Status& status);
void addSignCommand(CLI::App& app, Status& status);
void addTrainCommand(CLI::App& app, Status& status);

}  // namespace kiln::tools
