// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Zip archives, as far as NumPy writes them (APPNOTE.TXT 6.3.10 of PKWARE; RFC 1951).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "proto/base/status.h"
#include "proto/codec/file.h"

namespace kiln::codec {

/// An archive whose directory has been read: its records lie inside the file and their sizes can be. Members are stored
/// or deflated, up to 2^63 bytes; none is encrypted or in another volume. Thread-compatible.
class ZipArchive {
 public:
  struct Member {
    std::string name;
    uint64_t headerBegin = 0;
    uint64_t packedBytes = 0;
    uint64_t numBytes = 0;
    uint32_t crc = 0;
    uint16_t method = 0;
    uint16_t flags = 0;
  };

  /// Errors: KILN-P0001, P0002; KILN-P0054 for what is no archive, or a damaged one.
  static StatusOr<ZipArchive> open(const std::string& path);

  const std::vector<Member>& members() const { return members_; }
  /// Calls `use` with a function that fills spans with the member's bytes, one after another; then compares the
  /// checksum of the whole. `where` is the member's name in messages. Errors: KILN-P0002, P0054, and that of `use`.
  using Fill = std::function<Status(std::span<uint8_t> into)>;
  Status read(const Member& member, const std::string& where, const std::function<Status(const Fill&)>& use) const;

 private:
  explicit ZipArchive(ReadableFile file) : file_(std::move(file)) {}
  Status readDirectory();
  ReadableFile file_;
  uint64_t directoryBegin_ = 0;
  std::vector<Member> members_;
};

}  // namespace kiln::codec
