// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the tests of this room share.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "proto/base/status.h"

namespace kiln {

/// A folder of its own for each test case, removed at its end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name =
        std::string("kiln_") + test->test_suite_name() + "_" + test->name() + "_" + std::to_string(::getpid());
    path_ = std::filesystem::temp_directory_path() / name;
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string operator/(std::string_view name) const { return (path_ / name).string(); }
  std::string write(std::string_view name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return *this / name;
  }
  size_t numFiles() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

inline Status statusOf(const Status& status) { return status; }
template <class T>
Status statusOf(const StatusOr<T>& result) {
  return result.status();
}

/// `result` failed with the error `id`, and its message has `text`.
template <class T>
::testing::AssertionResult failsWith(const T& result, std::string_view id, std::string_view text = "") {
  Status status = statusOf(result);
  if (errorIdOf(status).value_or("none") != id) {
    return ::testing::AssertionFailure() << "wanted " << id << ", found: " << status.ToString();
  }
  if (std::string(status.message()).find(text) == std::string::npos) {
    return ::testing::AssertionFailure() << "wanted '" << text << "' in: " << status.message();
  }
  return ::testing::AssertionSuccess();
}

}  // namespace kiln
