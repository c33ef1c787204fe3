// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/shell_command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>

#include "proto/codec/file.h"

extern char** environ;

namespace kiln::tools {
namespace {

constexpr const char* kShell = "/bin/sh";
/// Of what a command prints, as much as this is looked at, from the beginning and from the end.
constexpr size_t kLookedAt = size_t{1} << 20;

volatile sig_atomic_t gotSignal = 0;

StatusOr<pid_t> start(const std::string& command, const std::string& output) {
  const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    return makeError<ErrorId::kP0004>(output, std::strerror(errno));
  }
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, fd, 1);
  ::posix_spawn_file_actions_adddup2(&files, fd, 2);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  // A group of its own can be ended as a whole.
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  std::string shell = kShell, flag = "-c", text = command;
  char* const arguments[] = {shell.data(), flag.data(), text.data(), nullptr};
  pid_t child = -1;
  const int error = ::posix_spawn(&child, kShell, &files, &attributes, arguments, environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  ::close(fd);
  if (error != 0) {
    return makeError<ErrorId::kT0035>(kShell, std::strerror(error));
  }
  return child;
}

// The first `KILN-` with a letter and four digits.
std::string errorIdIn(std::string_view text) {
  constexpr std::string_view kPrefix = "KILN-";
  constexpr size_t kDigits = 4;
  for (size_t at = text.find(kPrefix); at != std::string_view::npos; at = text.find(kPrefix, at + 1)) {
    const std::string_view id = text.substr(at, kPrefix.size() + 1 + kDigits);
    const std::string_view digits = id.substr(std::min(kPrefix.size() + 1, id.size()));
    if (digits.size() == kDigits && std::isupper(static_cast<unsigned char>(id[kPrefix.size()])) != 0 &&
        std::ranges::all_of(digits, [](unsigned char c) { return std::isdigit(c) != 0; })) {
      return std::string(id);
    }
  }
  return "";
}

std::string lastLineOf(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  const size_t begin = text.rfind('\n');
  return std::string(begin == std::string_view::npos ? text : text.substr(begin + 1));
}

Status readOutput(const std::string& output, CommandResult& result) {
  KILN_ASSIGN_OR_RETURN(const ReadableFile file, ReadableFile::open(output));
  const auto size = static_cast<size_t>(file.numBytes());
  std::string text(std::min(size, kLookedAt), '\0');
  const auto read = [&](size_t offset) {
    return file.read(static_cast<int64_t>(offset), {reinterpret_cast<uint8_t*>(text.data()), text.size()});
  };
  KILN_RETURN_IF_ERROR(read(0));
  result.errorId = errorIdIn(text);
  KILN_RETURN_IF_ERROR(read(size - text.size()));
  result.lastLine = lastLineOf(text);
  return Status();
}

}  // namespace

InterruptScope::InterruptScope() {
  gotSignal = 0;
  struct sigaction action{};
  action.sa_handler = [](int) { gotSignal = 1; };
  ::sigaction(SIGINT, &action, &interrupt_);
  ::sigaction(SIGTERM, &action, &terminate_);
}

InterruptScope::~InterruptScope() {
  ::sigaction(SIGINT, &interrupt_, nullptr);
  ::sigaction(SIGTERM, &terminate_, nullptr);
}

std::string CommandResult::toString() const {
  const std::string how = end == End::kTimeout  ? "no end within the time"
                          : end == End::kSignal ? "signal " + std::to_string(number)
                                                : "status " + std::to_string(number);
  return errorId.empty() ? how : how + " and " + errorId;
}

StatusOr<CommandResult> runCommand(const std::string& command, double seconds, const std::string& output) {
  using Clock = std::chrono::steady_clock;
  if (gotSignal != 0) {
    return makeError<ErrorId::kR0040>();
  }
  KILN_ASSIGN_OR_RETURN(const pid_t child, start(command, output));
  const auto begin = Clock::now();
  CommandResult result;
  // The pauses grow with the time that the command takes: a few percent of it are lost at most.
  constexpr useconds_t kFirstPauseUs = 200, kLastPauseUs = 20'000;
  useconds_t pause = kFirstPauseUs;
  int state = 0;
  while (true) {
    const pid_t ended = ::waitpid(child, &state, WNOHANG);
    if (ended == child || (ended < 0 && errno != EINTR)) {
      break;
    }
    const double taken = std::chrono::duration<double>(Clock::now() - begin).count();
    const bool isLate = seconds > 0 && taken > seconds;
    if (gotSignal != 0 || isLate) {
      result.end = isLate ? CommandResult::End::kTimeout : result.end;
      ::kill(-child, SIGKILL);
      ::waitpid(child, &state, 0);
      break;
    }
    ::usleep(pause);
    pause = std::min(pause + pause / 16, kLastPauseUs);
  }
  ::kill(-child, SIGKILL);  // What it left running.
  if (gotSignal != 0) {
    return makeError<ErrorId::kR0040>();
  }
  if (result.end != CommandResult::End::kTimeout) {
    result.end = WIFSIGNALED(state) ? CommandResult::End::kSignal : CommandResult::End::kStatus;
    result.number = WIFSIGNALED(state) ? WTERMSIG(state) : WEXITSTATUS(state);
    // A shell that is not replaced by the command tells its signal this way.
    constexpr int kSignalBase = 128;
    if (result.end == CommandResult::End::kStatus && result.number > kSignalBase &&
        result.number < kSignalBase + SIGRTMIN) {
      result = {CommandResult::End::kSignal, result.number - kSignalBase, "", ""};
    }
  }
  KILN_RETURN_IF_ERROR(readOutput(output, result));
  return result;
}

std::string shellWord(const std::string& text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=,";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) {
    return text;
  }
  std::string word = "'";
  for (char c : text) {
    word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return word + "'";
}

}  // namespace kiln::tools
