// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The data of a training run as tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/base/tensor.h"
#include "tools/kiln/train/config_file.h"

namespace kiln::train {

/// Examples: the first axis of both tensors counts them.
struct Rows {
  Tensor features;  ///< [rows, ..]: of the run's dtype, or i32.
  Tensor labels;    ///< [rows], [rows, ..]: i32 for classes, otherwise of the run's dtype.
  int64_t numRows() const { return features.rank() == 0 ? 0 : features.dims()[0]; }
};

struct Dataset {
  Rows train, test;                     ///< `test` may have no rows.
  int64_t numClasses = 0;               ///< The largest label and one; 0 for labels that are no classes.
  std::vector<std::string> characters;  ///< Of a text, by their numbers.
};

/// How elements are stored.
struct DataTypes {
  DType dtype = f32;        ///< Of features and of labels that are numbers.
  bool hasClasses = false;  ///< Labels are classes, i32.
};

/// Reads what `data` of the description names. Errors: KILN-T0031 for what is said, KILN-T0032 for the files, and those
/// of reading them.
StatusOr<Dataset> readDataset(const ConfigFile& file, const DataTypes& types);

/// The rows `which` as x and y. Reuses the tensors' memory.
void fillBatch(const Rows& rows, std::span<const int64_t> which, Tensor& x, Tensor& y);

}  // namespace kiln::train
