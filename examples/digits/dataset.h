// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The digits data set: 8x8 images with pixels 0 to 16, and the digit each shows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/base/tensor.h"

namespace digits {

inline constexpr int64_t kPixels = 64;
inline constexpr int64_t kClasses = 10;
inline constexpr int64_t kTestRows = 360;  // the last rows of the file

/// Rows of a data set. Pixels are scaled to [0, 1].
struct Rows {
  std::vector<double> pixels;   ///< numRows x 64.
  std::vector<int32_t> labels;  ///< numRows.
  int64_t numRows() const { return static_cast<int64_t>(labels.size()); }
};

struct Dataset {
  Rows train;
  Rows test;
};

/// Reads a CSV file of 65 integers a row, gzip-compressed or plain. Errors: KILN-T0010, KILN-T0011.
kiln::StatusOr<Dataset> readDataset(const std::string& path);

/// The rows `which` as the tensors x (`dtype`, [n, 64]) and y (i32 [n]). Reuses the tensors' memory.
void fillBatch(const Rows& rows, std::span<const int64_t> which, kiln::DType dtype, kiln::Tensor& x, kiln::Tensor& y);

}  // namespace digits
