// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Reading plain files with a size known beforehand, and replacing files in one step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "proto/base/sha256.h"
#include "proto/base/status.h"

namespace kiln {

/// A file as memory; see ReadableFile::map(). Thread-safe.
class MappedFile {
 public:
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();
  std::string_view bytes() const { return bytes_; }

 private:
  friend class ReadableFile;
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

/// A plain file opened for reading. Thread-compatible; reads at given places are safe from several threads.
class ReadableFile {
 public:
  /// Errors: KILN-P0001 (does not exist), KILN-P0002 (not readable, a folder, a pipe).
  static StatusOr<ReadableFile> open(const std::string& path);
  ReadableFile(ReadableFile&& other) noexcept;
  ReadableFile& operator=(ReadableFile&& other) noexcept;
  ~ReadableFile();

  const std::string& path() const { return path_; }
  /// The size when the file was opened.
  int64_t numBytes() const { return numBytes_; }
  /// The whole file as read-only memory, whose pages come when they are read; it stays mapped while anybody holds it,
  /// also after this object is gone. Who makes the file shorter meanwhile stops the process that reads the lost part.
  /// Errors: KILN-P0002.
  StatusOr<std::shared_ptr<const MappedFile>> map() const;
  /// Fills `into` with the bytes from `offset` on. Errors: KILN-P0002, also when the file has become shorter.
  Status read(int64_t offset, std::span<uint8_t> into) const;

 private:
  ReadableFile() = default;
  std::string path_;
  int fd_ = -1;
  int64_t numBytes_ = 0;
};

/// The digest of a whole file. Errors: KILN-P0002.
StatusOr<Sha256> sha256OfFile(const ReadableFile& file);

/// The whole file. Errors: as open(); KILN-P0003 when it has more than `maxBytes`, before anything is read.
StatusOr<std::string> readFile(const std::string& path, int64_t maxBytes);

/// Writes the pieces, one after another, beside `path`, makes them durable, and then gives them its name: readers see
/// the old file or the new one, and a failure leaves the old one. Errors: KILN-P0004.
Status writeFileAtomically(const std::string& path, std::span<const std::span<const uint8_t>> pieces);
Status writeFileAtomically(const std::string& path, std::string_view bytes);

}  // namespace kiln
