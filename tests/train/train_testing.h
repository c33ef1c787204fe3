// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the tests of `kiln train` share.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/kiln/train/dataset.h"
#include "tools/kiln/train/network.h"

namespace kiln::train::testing {

/// Fails unless the status has the id `KILN-<id>` and its message every text.
inline void expectError(const Status& status, const std::string& id, const std::vector<std::string>& texts) {
  EXPECT_EQ(errorIdOf(status).value_or("no id"), "KILN-" + id) << status;
  for (const std::string& text : texts) {
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(text));
  }
}

/// A description that parses.
inline ConfigFile parsed(const std::string& text, const std::string& path = "net.textproto") {
  StatusOr<ConfigFile> file = parseConfig(text, path);
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? *std::move(file) : ConfigFile();
}

/// A folder of the test's own, removed at its end.
class Folder {
 public:
  Folder() {
    path_ = ::testing::TempDir() + "/kiln_train_" + std::to_string(::getpid()) + "_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(*this / name, std::ios::binary) << content;
    return *this / name;
  }

 private:
  std::string path_;
};

}  // namespace kiln::train::testing
