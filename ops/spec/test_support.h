// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Shorthands for the tests of ops.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/spec/run_reference.h"

namespace kiln::ops {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInf = std::numeric_limits<double>::infinity();

inline ValueType type(DType dtype, Shape shape) { return {dtype, std::move(shape), ValueKind::kTensor}; }

/// A tensor of any dtype from doubles.
inline Tensor tensor(DType dtype, std::vector<int64_t> dims, const std::vector<double>& values) {
  Tensor t(dtype, std::move(dims));
  EXPECT_EQ(t.numElements(), static_cast<int64_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    t.set(static_cast<int64_t>(i), values[i]);
  }
  return t;
}

inline Tensor vector64(const std::vector<int64_t>& values) {
  return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values);
}

inline std::vector<double> valuesOf(const Tensor& t) {
  std::vector<double> values;
  for (int64_t i = 0; i < t.numElements(); ++i) {
    values.push_back(t.at(i));
  }
  return values;
}

/// The first result of an op that must succeed.
inline Tensor run(std::string_view op, const std::vector<Tensor>& operands, Attributes attributes = {}) {
  auto results = runReference(op, operands, std::move(attributes));
  EXPECT_TRUE(results.ok()) << op << ": " << results.status();
  return results.ok() && !results->empty() ? results->front() : Tensor();
}

/// The single inferred type as text, or the error's.
inline std::string infer(std::string_view op, const std::vector<ValueType>& operands, Attributes attributes = {},
                         const std::vector<std::optional<std::vector<Dim>>>& shapeValues = {}) {
  auto types = inferTypes(op, operands, std::move(attributes), shapeValues);
  return types.ok() ? types->front().toString() : std::string(types.status().message());
}

/// Matches the text of an error with this id and these words.
inline auto fails(const std::string& id, const std::string& words) {
  return testing::AllOf(testing::StartsWith("[KILN-" + id + "]"), testing::HasSubstr(words));
}

/// Equal values: NaN equals NaN, and -0 differs from 0.
inline void expectValues(const Tensor& found, const std::vector<int64_t>& dims, const std::vector<double>& wanted) {
  EXPECT_EQ(found.dims(), dims) << found.toString();
  ASSERT_EQ(found.numElements(), static_cast<int64_t>(wanted.size())) << found.toString();
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double value = found.at(static_cast<int64_t>(i));
    if (std::isnan(wanted[i])) {
      EXPECT_TRUE(std::isnan(value)) << "element " << i << " of " << found.toString();
    } else {
      EXPECT_EQ(value, wanted[i]) << "element " << i << " of " << found.toString();
      EXPECT_EQ(std::signbit(value), std::signbit(wanted[i])) << "element " << i << " of " << found.toString();
    }
  }
}

/// Values within a relative error of 1e-14 for f64, 1e-7 for f32, 1e-3 for f16 and 8e-3 for bf16.
inline void expectNear(const Tensor& found, const std::vector<int64_t>& dims, const std::vector<double>& wanted) {
  EXPECT_EQ(found.dims(), dims);
  ASSERT_EQ(found.numElements(), static_cast<int64_t>(wanted.size()));
  const double relative = found.dtype() == f64   ? 1e-14
                          : found.dtype() == f32 ? 1e-7
                          : found.dtype() == f16 ? 1e-3
                                                 : 8e-3;
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(found.at(static_cast<int64_t>(i)), wanted[i], relative * std::fabs(wanted[i])) << "element " << i;
  }
}

}  // namespace kiln::ops
