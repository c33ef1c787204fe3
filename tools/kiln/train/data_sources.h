// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The kinds of files that rows are read from. Private to the room. Errors of all: KILN-T0031 with the place in
/// the description, KILN-T0032 with the file and the row; KILN-P0001 and others for files that cannot be read.
#pragma once

#include "tools/kiln/train/dataset.h"

namespace kiln::train {

/// Files that are read: the source's own, or those of the test rows.
struct SourcePaths {
  std::string features;
  std::string labels;  ///< Of arrays and idx.
};

StatusOr<Rows> readCsv(const ConfigFile& file, const SourcePaths& paths, const DataTypes& types);
StatusOr<Rows> readArrays(const ConfigFile& file, const SourcePaths& paths, const DataTypes& types);
StatusOr<Rows> readIdx(const ConfigFile& file, const SourcePaths& paths, const DataTypes& types);

/// The characters of a text, which is UTF-8.
StatusOr<std::vector<std::string>> readCharacters(const std::string& path);
/// Rows of consecutive characters by their numbers in `known`, which is sorted.
StatusOr<Rows> textRows(const ConfigFile& file, const std::string& path, const std::vector<std::string>& characters,
                        const std::vector<std::string>& known);

/// A whole file, plain or compressed by gzip; at most 4 GiB of content.
StatusOr<std::string> readMaybeCompressed(const std::string& path);

/// An element as a class: a whole number from 0. Errors: KILN-T0032.
Status storeClass(const std::string& path, int64_t row, double value, int32_t& label);

}  // namespace kiln::train
