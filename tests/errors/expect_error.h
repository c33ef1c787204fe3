// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a test says of an error.
#pragma once

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/base/status.h"

namespace kiln {

/// Fails unless the status has the id `KILN-<id>` and its message every text: node names in quotes, shapes, lines.
inline void expectError(const Status& status, const std::string& id, const std::vector<std::string>& texts) {
  EXPECT_EQ(errorIdOf(status).value_or("no id"), "KILN-" + id) << status;
  for (const std::string& text : texts) {
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(text));
  }
}

/// `build_errors_test.cc:41: error: [KILN-G0107]`
inline std::string errorAt(const std::string& file, int line, const std::string& id) {
  return file + ":" + std::to_string(line) + ": error: [KILN-" + id + "]";
}

}  // namespace kiln
