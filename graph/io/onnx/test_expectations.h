// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What tests of converters want of a tensor or an error.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proto/base/tensor.h"

namespace kiln::onnx::testing {

inline void expectNear(const Tensor& found, const std::vector<double>& expected, double tolerance = 1e-6) {
  ASSERT_EQ(found.numElements(), static_cast<int64_t>(expected.size())) << found.toString();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(found.at(static_cast<int64_t>(i)), expected[i], tolerance) << "element " << i;
  }
}

template <class T>
void expectFails(const StatusOr<T>& result, const char* id, const char* why) {
  EXPECT_EQ(errorIdOf(result.status()), id) << result.status();
  EXPECT_THAT(std::string(result.status().message()), ::testing::HasSubstr(why));
}

}  // namespace kiln::onnx::testing
