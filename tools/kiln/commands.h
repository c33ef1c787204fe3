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
  std::string entry;               ///< Empty: the model's only entry, or what --fetch needs.
  std::vector<std::string> feeds;  ///< NAME=VALUE, NAME=@file.npy, NAME=@file.npz:key or NAME=@file.pb.
  /// Folders with input_0.pb, input_1.pb ...; one session runs all of them, and outputs become output_0.pb ... in
  /// `output`, or with several folders in `output/0`, `output/1` ...
  std::vector<std::string> testData;
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

struct ConvertCommand {
  std::string input, output;
  std::string entry;   ///< To export; empty: the model's only entry beside init.
  int64_t opset = 21;  ///< Of ai.onnx, for a model that is exported.
};

/// Writes a model in the form that the output's ending names: .onnx, or a graph of Kiln, binary (.pb) or text (.pbtxt).
/// Entries that train go out with their gradients written out; NAME.state.safetensors then has the values that
/// variables start from. Errors: KILN-T0005, T0006, T0009, and those of reading, importing, compiling and exporting.
Status convertModel(const ConvertCommand& options);

/// Prints the page of an error id. Errors: KILN-T0001 with the nearest ids.
Status explainError(const std::string& id);

}  // namespace kiln::tools
