// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The commands of `kiln`, each in a file of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/base/status.h"

namespace kiln::tools {

struct RunCommand {
  std::string model;
  std::string entry;                 ///< Empty: the model's only entry, or what --fetch needs.
  std::vector<std::string> feeds;    ///< NAME=VALUE, NAME=@file.npy, NAME=@file.npz:key or NAME=@file.pb.
  std::string testData;              ///< Folder with input_0.pb, input_1.pb ...; outputs become output_0.pb ...
  std::vector<std::string> fetches;  ///< Empty: all of the entry.
  std::string output;                ///< Folder for NAME.npy; empty: print.
  int64_t deadlineMs = 0;
  int threads = 0;
  uint64_t memLimit = 0;  ///< Bytes that gradients of loops may keep; 0: no limit.
};

/// Compiles and runs a model once. Errors name the file, the feed or fetch, and what there is.
Status runModel(const RunCommand& options);

enum class InspectFormat { kTable, kJson, kDot };
/// Prints what a model holds.
Status inspectModel(const std::string& model, InspectFormat format);

struct LowerCommand {
  std::string model;
  std::string entry;
  std::string compileTo;    ///< A phase: print the entry as it is after it. Empty: compile it whole.
  bool dumpPlan = false;    ///< Print where every buffer lies, the peak and the lower bound.
  bool timePasses = false;  ///< Print how long each phase and pass took.
  bool verifyEach = false;  ///< Check the module after every pass.
  uint64_t memLimit = 0;    ///< Bytes that gradients of loops may keep; 0: no limit.
};

/// Shows what the compiler makes of an entry. Errors: KILN-T0006, and the compiler's.
Status lowerModel(const LowerCommand& options);

/// Prints the page of an error id. Errors: KILN-T0001 with the nearest ids.
Status explainError(const std::string& id);

}  // namespace kiln::tools
