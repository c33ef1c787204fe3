// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every error id has a page that helps, and a test that triggers it.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"
#include "proto/base/status.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

// What `kiln explain` prints is a paragraph, not a repetition of the message.
constexpr size_t kShortestPage = 80;

bool isTest(const fs::path& path) {
  const std::string name = path.filename().string(), extension = path.extension().string();
  const bool isText = extension == ".cc" || extension == ".c" || extension == ".h" || extension == ".mlir" ||
                      extension == ".py" || extension == ".sh" || extension == ".txt";
  const bool isInTests = path.string().find("/tests/") != std::string::npos;
  return isText && name != "completeness_test.cc" && (isInTests || name.find("test") != std::string::npos);
}

// The sources of all tests, one after the other.
const std::string& testSources() {
  static const std::string text = [] {
    std::string all;
    for (const char* room : {"proto", "ops", "graph", "compiler", "runtime", "tools", "examples", "tests"}) {
      const fs::path root = fs::path(KILN_SOURCE_DIR) / room;
      if (!fs::exists(root)) {
        continue;
      }
      for (const auto& entry : fs::recursive_directory_iterator(root)) {
        if (entry.is_regular_file() && isTest(entry.path())) {
          std::ifstream file(entry.path());
          all.append(std::istreambuf_iterator<char>(file), {});
        }
      }
    }
    return all;
  }();
  return text;
}

class ErrorIds : public testing::TestWithParam<char> {
 protected:
  std::vector<const ErrorInfo*> ofRoom() const {
    std::vector<const ErrorInfo*> errors;
    for (const ErrorInfo& error : allErrors()) {
      if (error.id[5] == GetParam()) {
        errors.push_back(&error);
      }
    }
    return errors;
  }
};

TEST_P(ErrorIds, HaveAPageOfAParagraph) {
  for (const ErrorInfo* error : ofRoom()) {
    EXPECT_GE(error->page.size(), kShortestPage) << error->id << ": " << error->page;
    EXPECT_TRUE(error->page.ends_with('.')) << error->id << ": the page ends in the middle of a sentence";
  }
}

TEST_P(ErrorIds, HaveATestThatNamesThem) {
  std::string missing;
  for (const ErrorInfo* error : ofRoom()) {
    // Tests write KILN-G0107, G0107, or ErrorId::kG0107.
    if (testSources().find(error->id.substr(5)) == std::string::npos) {
      missing += " " + std::string(error->id);
    }
  }
  EXPECT_EQ(missing, "") << "no test names these ids";
}

INSTANTIATE_TEST_SUITE_P(Rooms, ErrorIds, testing::Values('P', 'O', 'G', 'C', 'R', 'T'),
                         [](const auto& info) { return std::string(1, info.param); });

}  // namespace
}  // namespace kiln
