// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A folder of files that takes the place of another as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "proto/base/status.h"

namespace kiln::compiler {

struct FolderFile {
  std::string name;
  std::vector<std::span<const uint8_t>> pieces;  ///< Its bytes, one after another.
};

/// Writes the files into a new folder beside `path`, makes them durable, and then gives it that name: who opens the
/// folder finds all old files or all new ones. (Where the file system cannot exchange two names, there is a moment
/// without the folder.) An old folder is replaced when `isOwn` knows each of its files; others are left as they are.
/// Errors: KILN-P0004.
Status replaceFolder(const std::string& path, std::span<const FolderFile> files,
                     const std::function<bool(const std::string& name)>& isOwn);

}  // namespace kiln::compiler
