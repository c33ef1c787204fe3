// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The operations on files that writing a checkpoint takes, one by one, so that a test can fail any of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proto/base/status.h"

namespace kiln {

/// What a checkpoint is written through. Thread-compatible. Errors of all: KILN-R0207 with the system's reason, naming
/// the path.
class FileLayer {
 public:
  virtual ~FileLayer() = default;

  /// Makes the folder; its parent exists.
  Status makeFolder(const std::string& path);
  /// Makes a new file of these pieces and waits until it is on the disk.
  Status writeFile(const std::string& path, std::span<const std::span<const uint8_t>> pieces);
  /// Waits until the names in the folder are on the disk. Silent on file systems that cannot.
  Status syncFolder(const std::string& path);
  /// `to` does not exist.
  Status rename(const std::string& from, const std::string& to);
  /// Removes a folder and the plain files in it.
  Status removeFolder(const std::string& path);

 protected:
  /// Called before every system call that changes or syncs something; not 0: the call is not made and fails with this
  /// error number. `operation` is mkdir, open, write, fsync, rename, unlink or rmdir.
  virtual int before(std::string_view operation, const std::string& path) { return 0; }
};

}  // namespace kiln
