// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Commands of the user's, run by the shell.
#pragma once

#include <signal.h>

#include <string>

#include "proto/base/status.h"

namespace kiln::tools {

/// How a command ended.
struct CommandResult {
  enum class End { kStatus, kSignal, kTimeout };
  End end = End::kStatus;
  int number = 0;        ///< The exit status, or the signal.
  std::string errorId;   ///< The first id of an error of Kiln's (`KILN-R0031`) in what it printed, or "".
  std::string lastLine;  ///< Of what it printed, that is not empty.

  /// `status 3`, `signal 11`, `no end within the time`, with the id.
  std::string toString() const;
};

/// While it lives, SIGINT and SIGTERM do not end this program but the command that is running, or the next one. At most
/// one at a time.
class InterruptScope {
 public:
  InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
  ~InterruptScope();

 private:
  struct sigaction interrupt_{}, terminate_{};
};

/// Runs `/bin/sh -c command` with nothing to read; what it prints goes into the file `output`. After `seconds` (0:
/// never) it is killed, with all that it started; what it leaves running is killed too. Not thread-safe. Errors:
/// KILN-R0040 when an InterruptScope got a signal; KILN-T0035 when there is no shell, KILN-P0004 when `output` cannot
/// be written.
StatusOr<CommandResult> runCommand(const std::string& command, double seconds, const std::string& output);

/// The text as one word for the shell.
std::string shellWord(const std::string& text);

}  // namespace kiln::tools
