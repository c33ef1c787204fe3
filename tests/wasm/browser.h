// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A headless Chromium that tests drive through its debugging pipe.
#pragma once

#include <sys/types.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "proto/base/status.h"

namespace kiln::wasm_tests {

/// One browser with one page, in a process group and a folder of its own; both are gone with the object. Not
/// thread-safe. Errors of all functions: Unavailable with what to install when there is no Chromium, Internal with the
/// browser's words, DeadlineExceeded after a minute without an answer.
class Browser {
 public:
  static StatusOr<std::unique_ptr<Browser>> start();
  ~Browser();
  Browser(const Browser&) = delete;

  /// A folder for the test's files.
  const std::string& folder() const { return folder_; }

  /// Opens a file and waits for its load event.
  Status open(const std::string& path);

  /// The value of a JavaScript expression in the page; promises are awaited. An exception is an Internal error.
  StatusOr<nlohmann::json> evaluate(const std::string& expression);

  /// A trusted pointer event of a pen. `type` is mousePressed, mouseMoved or mouseReleased, `force` the pressure.
  Status pen(const std::string& type, double x, double y, double force);

 private:
  Browser() = default;
  Status launch();
  StatusOr<nlohmann::json> call(const std::string& method, nlohmann::json parameters);
  /// The next message, from answers and events alike.
  StatusOr<nlohmann::json> receive();

  std::string folder_, session_, received_;
  pid_t process_ = -1;
  int toBrowser_ = -1, fromBrowser_ = -1;
  int lastId_ = 0;
  bool isLoaded_ = false;
};

}  // namespace kiln::wasm_tests
