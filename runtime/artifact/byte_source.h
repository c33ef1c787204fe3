// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Where an artifact's bytes are: one file, a folder of files, or memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "proto/base/status.h"
#include "runtime/artifact/artifact_file.h"

namespace kiln::runtime {

/// The files of an artifact, by name. The main one, with header and manifest, has the empty name and is there from the
/// start. Files stay open, so that one that is replaced meanwhile is read on as it was. Thread-safe once all files are
/// open.
class ByteSource {
 public:
  /// Errors: KILN-P0001 (nothing there), KILN-P0002 (not readable, no plain file), KILN-R0301 (a folder without a
  /// manifest).
  static StatusOr<std::unique_ptr<ByteSource>> open(const std::string& path);
  static std::unique_ptr<ByteSource> ofMemory(std::span<const uint8_t> bytes, const std::string& name);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  const std::string& path() const { return path_; }
  bool isFolder() const { return folder_ >= 0; }
  /// Opens a file of the folder: a plain one, no link. Errors: KILN-R0303. `whatFor` says what is missing without it.
  Status openFile(const std::string& name, const std::string& whatFor);
  /// Whether the folder has something of that name.
  bool hasFile(const std::string& name) const;
  uint64_t sizeOf(const std::string& name) const { return files_.at(name).size; }

  /// Copies; a file that has become shorter is an error and no signal. Errors: KILN-R0303.
  Status read(const std::string& name, uint64_t offset, std::span<uint8_t> into) const;
  /// [offset, offset + size) lies in the file. Nothing for an empty part. Errors: KILN-R0303.
  StatusOr<MappedWeights> map(const std::string& name, uint64_t offset, uint64_t size) const;
  /// As above; nothing also for memory.
  StatusOr<PrivateWeights> mapPrivate(const std::string& name, uint64_t offset, uint64_t size) const;

 private:
  struct File {
    int fd = -1;
    uint64_t size = 0;
  };
  ByteSource() = default;
  StatusOr<std::shared_ptr<uint8_t>> mapPages(const std::string& name, uint64_t offset, uint64_t size,
                                              int protection) const;

  std::string path_;
  int folder_ = -1;
  std::span<const uint8_t> memory_;
  std::map<std::string, File> files_;
};

}  // namespace kiln::runtime
