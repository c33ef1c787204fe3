// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/wasm/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace kiln::wasm_tests {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience(60);

// The browser reads commands from 3 and writes answers to 4.
constexpr int kCommands = 3, kAnswers = 4;

std::string findChromium() {
  const char* path = std::getenv("PATH");
  std::stringstream folders((path != nullptr ? std::string(path) + ":" : std::string()) + "/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      const std::string program = folder + "/" + name;
      if (access(program.c_str(), X_OK) == 0) {
        return program;
      }
    }
  }
  return "";
}

}  // namespace

StatusOr<std::unique_ptr<Browser>> Browser::start() {
  std::unique_ptr<Browser> browser(new Browser);
  KILN_RETURN_IF_ERROR(browser->launch());
  KILN_ASSIGN_OR_RETURN(const Json target, browser->call("Target.createTarget", {{"url", "about:blank"}}));
  KILN_ASSIGN_OR_RETURN(const Json attached, browser->call("Target.attachToTarget",
                                                           {{"targetId", target.at("targetId")}, {"flatten", true}}));
  browser->session_ = attached.at("sessionId");
  auto enabled = browser->call("Page.enable", Json::object());
  return enabled.ok() ? StatusOr<std::unique_ptr<Browser>>(std::move(browser)) : enabled.status();
}

Status Browser::launch() {
  const std::string program = findChromium();
  if (program.empty()) {
    return absl::UnavailableError(
        "there is no Chromium: install the package chromium, or configure with KILN_WASM_TESTS=OFF");
  }
  std::string pattern = (std::filesystem::temp_directory_path() / "kiln-browser-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return absl::InternalError("no folder for the browser: " + std::string(std::strerror(errno)));
  }
  folder_ = pattern;
  std::array<int, 2> commands{}, answers{};
  if (pipe2(commands.data(), O_CLOEXEC) != 0 || pipe2(answers.data(), O_CLOEXEC) != 0) {
    return absl::InternalError("no pipe for the browser: " + std::string(std::strerror(errno)));
  }
  const std::string profile = "--user-data-dir=" + folder_ + "/profile", log = folder_ + "/log";
  const std::vector<const char*> arguments = {program.c_str(),
                                              "--headless",
                                              "--no-sandbox",
                                              "--disable-gpu",
                                              "--disable-dev-shm-usage",
                                              "--no-first-run",
                                              "--disable-extensions",
                                              "--disable-background-networking",
                                              "--disable-component-update",
                                              "--disable-sync",
                                              "--window-size=1000,800",
                                              "--remote-debugging-pipe",
                                              profile.c_str(),
                                              nullptr};
  process_ = fork();
  if (process_ == 0) {
    setpgid(0, 0);
    setenv("HOME", folder_.c_str(), 1);
    setenv("XDG_CONFIG_HOME", folder_.c_str(), 1);
    setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
    // First out of the way of the numbers that they get.
    const int in = fcntl(commands[0], F_DUPFD, 10), out = fcntl(answers[1], F_DUPFD, 10);
    const int words = ::open(log.c_str(), O_WRONLY | O_CREAT, 0600), none = ::open("/dev/null", O_RDWR);
    dup2(none, 0);
    dup2(none, 1);
    dup2(words, 2);
    dup2(in, kCommands);
    dup2(out, kAnswers);
    for (int fd = kAnswers + 1; fd < 64; ++fd) {
      close(fd);
    }
    execv(program.c_str(), const_cast<char* const*>(arguments.data()));
    _exit(127);
  }
  close(commands[0]);
  close(answers[1]);
  toBrowser_ = commands[1];
  fromBrowser_ = answers[0];
  return process_ > 0 ? Status() : absl::InternalError("the browser cannot be started");
}

Browser::~Browser() {
  for (int fd : {toBrowser_, fromBrowser_}) {
    if (fd >= 0) {
      close(fd);
    }
  }
  if (process_ > 0) {
    // It ends when its pipe does; what has not ended then is ended.
    const auto deadline = Clock::now() + std::chrono::seconds(5);
    while (waitpid(process_, nullptr, WNOHANG) == 0 && Clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    kill(-process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  if (!folder_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
}

StatusOr<Json> Browser::receive() {
  const auto deadline = Clock::now() + kPatience;
  for (;;) {
    if (const size_t end = received_.find('\0'); end != std::string::npos) {
      Json message = Json::parse(received_.substr(0, end), nullptr, /*allow_exceptions=*/false);
      received_.erase(0, end + 1);
      return message;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{.fd = fromBrowser_, .events = POLLIN, .revents = 0};
    const int ready = left > 0 ? poll(&waiting, 1, static_cast<int>(left)) : 0;
    if (ready == 0) {
      return absl::DeadlineExceededError("the browser gives no answer");
    }
    std::array<char, 65536> buffer{};
    const ssize_t count = ready > 0 ? read(fromBrowser_, buffer.data(), buffer.size()) : -1;
    if (count > 0) {
      received_.append(buffer.data(), static_cast<size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      std::ifstream log(folder_ + "/log");
      std::stringstream words;
      words << log.rdbuf();
      return absl::InternalError("the browser has ended: " + words.str());
    }
  }
}

StatusOr<Json> Browser::call(const std::string& method, Json parameters) {
  Json command{{"id", ++lastId_}, {"method", method}, {"params", std::move(parameters)}};
  if (!session_.empty()) {
    command["sessionId"] = session_;
  }
  const std::string text = command.dump() + '\0';
  // A browser that has ended is told of by the read that follows.
  signal(SIGPIPE, SIG_IGN);
  for (size_t done = 0; done < text.size();) {
    const ssize_t count = write(toBrowser_, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) {
      break;
    }
    done += static_cast<size_t>(count > 0 ? count : 0);
  }
  for (;;) {
    KILN_ASSIGN_OR_RETURN(const Json message, receive());
    isLoaded_ = isLoaded_ || message.value("method", "") == "Page.loadEventFired";
    if (message.value("id", 0) != lastId_) {
      continue;
    }
    if (message.contains("error")) {
      return absl::InternalError(method + ": " + message["error"].dump());
    }
    return message.at("result");
  }
}

Status Browser::open(const std::string& path) {
  isLoaded_ = false;
  KILN_ASSIGN_OR_RETURN(const Json result, call("Page.navigate", {{"url", "file://" + path}}));
  if (result.contains("errorText")) {
    return absl::InternalError(path + ": " + result["errorText"].dump());
  }
  while (!isLoaded_) {
    KILN_ASSIGN_OR_RETURN(const Json message, receive());
    isLoaded_ = message.value("method", "") == "Page.loadEventFired";
  }
  return {};
}

StatusOr<Json> Browser::evaluate(const std::string& expression) {
  KILN_ASSIGN_OR_RETURN(
      const Json result,
      call("Runtime.evaluate", {{"expression", expression}, {"awaitPromise", true}, {"returnByValue", true}}));
  if (result.contains("exceptionDetails")) {
    return absl::InternalError(result["exceptionDetails"].dump());
  }
  return result.at("result").value("value", Json());
}

Status Browser::pen(const std::string& type, double x, double y, double force) {
  return call("Input.dispatchMouseEvent", {{"type", type},
                                           {"x", x},
                                           {"y", y},
                                           {"button", "left"},
                                           {"buttons", type == "mouseReleased" ? 0 : 1},
                                           {"clickCount", 1},
                                           {"force", force},
                                           {"pointerType", "pen"}})
      .status();
}

}  // namespace kiln::wasm_tests
