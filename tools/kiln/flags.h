// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Flags that mean the same in every command that has them.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace kiln::tools {

/// What MODEL may be.
const char* modelHelp();
/// The positional MODEL.
CLI::Option* addModel(CLI::App& command, std::string& model);
/// --json: one JSON object instead of text; main() then writes errors as JSON too.
CLI::Option* addJson(CLI::App& command, bool& json);
/// --threads N.
CLI::Option* addThreads(CLI::App& command, int& threads);
/// --mem-limit BYTES.
CLI::Option* addMemLimit(CLI::App& command, uint64_t& memLimit);
/// --target NAME, or several separated by commas.
CLI::Option* addTarget(CLI::App& command, std::string& target);
/// --no-cache.
CLI::Option* addNoCache(CLI::App& command, bool& noCache);
/// --shape NAME=DIMS and --value NAME=VALUE, for models of other systems.
void addImportFlags(CLI::App& command, std::vector<std::string>& shapes, std::vector<std::string>& values);

}  // namespace kiln::tools
