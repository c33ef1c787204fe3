// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the flags of the digits example say.
#pragma once

#include <cstdint>
#include <string>

#include "examples/digits/model.h"

namespace digits {

struct Options {
  ModelOptions model;
  std::string data = KILN_DIGITS_DATA;
  std::string init;             ///< A .safetensors file, or empty.
  std::string losses;           ///< Where the losses of this run go, or empty.
  std::string exportPath;       ///< Where the trained graph goes, or empty.
  std::string checkpoint;       ///< A folder of checkpoints, or empty.
  int64_t checkpointEvery = 0;  ///< Steps; 0: once an epoch.
  bool resume = false;
  int64_t epochs = 40;
  int64_t steps = -1;  ///< In total, those before a checkpoint included; -1: as many as the epochs have.
  int threads = 0;
};

/// Parses the command line. Not -1: the program is to exit with this code; help or a message has been printed.
int parseOptions(int argc, char** argv, Options& options);

}  // namespace digits
