// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Running an artifact as flags say: all of kiln-run, and what `kiln run` does with an artifact.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/base/status.h"
#include "tools/kiln-run/feed.h"

namespace CLI {
class App;
}

namespace kiln::tools {

/// The flags that a run of a model and one of an artifact have in common, and those of artifacts.
struct RunFlags {
  std::string model;
  std::span<const uint8_t> bytes = {};  ///< Of artifacts: not empty: the artifact itself; `model` is its name then.
  std::string entry;                    ///< Empty: the only entry beside init.
  std::vector<std::string> feeds;       ///< As readFeed() takes them.
  std::vector<std::string> fetches;     ///< Empty: all of the entry.
  std::string output;                   ///< Folder for NAME.npy; empty: print.
  int threads = 0;
  int64_t deadlineMs = 0;
  bool json = false;
  std::string verify;  ///< Of artifacts: "full" compares all weights with their checksums; empty: the rest only.
  std::string requireSignature;  ///< Of artifacts: the public key, 64 hexadecimal digits or a file. Empty: none needed.
  std::string target;            ///< Of artifacts: the variant to run. Empty: the best that this machine can run.
};

/// Adds MODEL and these flags to a command; `modelHelp` says what MODEL may be, and without it there is none. `flags`
/// has to outlive the parsing.
void addRunFlags(CLI::App& app, RunFlags& flags, const std::string& modelHelp);

/// Opens the artifact, runs the entry once, and shows what comes out as showOutputs() does. `readers` are for feeds
/// from files of other programs. Errors: KILN-R0301 to R0309 for the artifact, KILN-T0002 to T0007 for flags, and those
/// of the run, each with the artifact's path before it.
Status runArtifact(const RunFlags& flags, const FeedReaders& readers = {});

}  // namespace kiln::tools
