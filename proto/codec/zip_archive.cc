// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/zip_archive.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kiln::codec {
namespace {

// Sizes of the records without their texts, and what each begins with.
constexpr size_t kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20, kEntryBytes = 46, kLocalBytes = 30;
constexpr uint32_t kEndMark = 0x06054b50, kEnd64Mark = 0x06064b50, kLocator64Mark = 0x07064b50;
constexpr uint32_t kEntryMark = 0x02014b50, kLocalMark = 0x04034b50;
constexpr uint16_t kExtra64 = 1;
constexpr uint32_t kIn64 = 0xffffffff;  // the number is in the record's extra field
constexpr uint16_t kEncrypted = 1;      // bit of Member::flags
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr size_t kMaxComment = 65535;
constexpr size_t kBlock = 65536;
// Deflate makes at most 1032 bytes from one; a larger claim only asks for memory.
constexpr uint64_t kDeflateRatio = 1032;

// A number at `at`, which the caller knows to be inside.
template <class T>
T number(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

Status damaged(const std::string& where, const std::string& what) { return makeError<ErrorId::kP0054>(where, what); }

// Replaces the numbers that said so by those of the extra field, which has them in this order. False when it lacks one.
bool readExtra64(std::string_view extra, std::initializer_list<uint64_t*> numbers) {
  bool isNeeded = std::ranges::any_of(numbers, [](const uint64_t* n) { return *n == kIn64; });
  while (isNeeded && extra.size() >= 4) {
    const size_t length = number<uint16_t>(extra, 2);
    if (length > extra.size() - 4) {
      return false;
    }
    if (number<uint16_t>(extra, 0) != kExtra64) {
      extra.remove_prefix(4 + length);
      continue;
    }
    std::string_view values = extra.substr(4, length);
    for (uint64_t* n : numbers) {
      if (*n == kIn64) {
        if (values.size() < sizeof *n) {
          return false;
        }
        *n = number<uint64_t>(values, 0);
        values.remove_prefix(sizeof *n);
      }
    }
    return true;
  }
  return !isNeeded;
}

struct EndInflate {
  z_stream stream{};
  ~EndInflate() { inflateEnd(&stream); }
};

}  // namespace

StatusOr<ZipArchive> ZipArchive::open(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(ReadableFile file, ReadableFile::open(path));
  ZipArchive archive(std::move(file));
  KILN_RETURN_IF_ERROR(archive.readDirectory());
  return archive;
}

Status ZipArchive::readDirectory() {
  const std::string& path = file_.path();
  const auto fileBytes = static_cast<uint64_t>(file_.numBytes());
  auto load = [&](uint64_t begin, uint64_t size, std::string& into) {
    into.resize(static_cast<size_t>(size));
    return file_.read(static_cast<int64_t>(begin), {reinterpret_cast<uint8_t*>(into.data()), into.size()});
  };
  std::string tail;
  const uint64_t tailBegin = fileBytes - std::min<uint64_t>(fileBytes, kEndBytes + kMaxComment + kLocator64Bytes);
  KILN_RETURN_IF_ERROR(load(tailBegin, fileBytes - tailBegin, tail));
  // The last record whose comment ends the file; a comment may look like a record.
  size_t end = std::string::npos;
  for (size_t at = tail.size() < kEndBytes ? 0 : tail.size() - kEndBytes + 1; at-- > 0;) {
    if (number<uint32_t>(tail, at) == kEndMark &&
        number<uint16_t>(tail, at + kEndBytes - 2) == tail.size() - at - kEndBytes) {
      end = at;
      break;
    }
  }
  if (end == std::string::npos) {
    return damaged(path, "it has no directory");
  }
  uint64_t count = number<uint16_t>(tail, end + 10);
  uint64_t size = number<uint32_t>(tail, end + 12);
  directoryBegin_ = number<uint32_t>(tail, end + 16);
  uint64_t directoryEnd = tailBegin + end;
  if (end >= kLocator64Bytes && number<uint32_t>(tail, end - kLocator64Bytes) == kLocator64Mark) {
    directoryEnd = number<uint64_t>(tail, end - kLocator64Bytes + 8);
    std::string record;
    if (directoryEnd > fileBytes || fileBytes - directoryEnd < kEnd64Bytes) {
      return damaged(path, "its directory lies outside of the file");
    }
    KILN_RETURN_IF_ERROR(load(directoryEnd, kEnd64Bytes, record));
    if (number<uint32_t>(record, 0) != kEnd64Mark) {
      return damaged(path, "it has no directory");
    }
    count = number<uint64_t>(record, 32);
    size = number<uint64_t>(record, 40);
    directoryBegin_ = number<uint64_t>(record, 48);
  }
  if (directoryBegin_ > directoryEnd || size != directoryEnd - directoryBegin_ || count > size / kEntryBytes) {
    return damaged(path, "its directory lies outside of the file");
  }
  std::string directory;
  KILN_RETURN_IF_ERROR(load(directoryBegin_, size, directory));
  std::string_view rest = directory;
  for (uint64_t i = 0; i < count; ++i) {
    if (rest.size() < kEntryBytes || number<uint32_t>(rest, 0) != kEntryMark) {
      return damaged(path, "its directory is cut off");
    }
    const size_t nameLength = number<uint16_t>(rest, 28), extraLength = number<uint16_t>(rest, 30);
    const size_t length = kEntryBytes + nameLength + extraLength + number<uint16_t>(rest, 32);
    if (length > rest.size()) {
      return damaged(path, "its directory is cut off");
    }
    Member member{.name = std::string(rest.substr(kEntryBytes, nameLength)),
                  .headerBegin = number<uint32_t>(rest, 42),
                  .packedBytes = number<uint32_t>(rest, 20),
                  .numBytes = number<uint32_t>(rest, 24),
                  .crc = number<uint32_t>(rest, 16),
                  .method = number<uint16_t>(rest, 10),
                  .flags = number<uint16_t>(rest, 8)};
    if (!readExtra64(rest.substr(kEntryBytes + nameLength, extraLength),
                     {&member.numBytes, &member.packedBytes, &member.headerBegin})) {
      return damaged(path, "the size of '" + member.name + "' is not known");
    }
    members_.push_back(std::move(member));
    rest.remove_prefix(length);
  }
  return Status();
}

Status ZipArchive::read(const Member& member, const std::string& where,
                        const std::function<Status(const Fill&)>& use) const {
  if ((member.flags & kEncrypted) != 0 || (member.method != kStored && member.method != kDeflated)) {
    return damaged(where, (member.flags & kEncrypted) != 0
                              ? "it is encrypted"
                              : "it is compressed by method " + std::to_string(member.method));
  }
  if (member.method == kStored ? member.packedBytes != member.numBytes
                               : member.numBytes / kDeflateRatio > member.packedBytes) {
    return damaged(where, std::to_string(member.packedBytes) + " compressed bytes cannot hold the " +
                              std::to_string(member.numBytes) + " that it claims");
  }
  std::string local(kLocalBytes, '\0');
  if (member.headerBegin > directoryBegin_ || directoryBegin_ - member.headerBegin < kLocalBytes) {
    return damaged(where, "its data lie outside of the file");
  }
  KILN_RETURN_IF_ERROR(
      file_.read(static_cast<int64_t>(member.headerBegin), {reinterpret_cast<uint8_t*>(local.data()), local.size()}));
  const uint64_t textLength = uint64_t{number<uint16_t>(local, 26)} + number<uint16_t>(local, 28);
  uint64_t at = member.headerBegin + kLocalBytes + textLength;
  if (number<uint32_t>(local, 0) != kLocalMark || number<uint16_t>(local, 8) != member.method) {
    return damaged(where, "its header does not agree with the directory");
  }
  if (at > directoryBegin_ || directoryBegin_ - at < member.packedBytes) {
    return damaged(where, "its data lie outside of the file");
  }
  const uint64_t packedEnd = at + member.packedBytes;
  uint64_t filled = 0;
  uLong crc = crc32(0, nullptr, 0);
  std::vector<uint8_t> block(member.method == kDeflated ? kBlock : 0);
  EndInflate inflater;
  constexpr int kRawDeflate = -15;
  if (member.method == kDeflated && inflateInit2(&inflater.stream, kRawDeflate) != Z_OK) {
    return damaged(where, "there is no memory to decompress it");
  }
  auto inflateInto = [&](std::span<uint8_t> into) -> Status {
    z_stream& stream = inflater.stream;
    stream.next_out = into.data();
    stream.avail_out = static_cast<uInt>(into.size());
    while (stream.avail_out > 0) {
      if (stream.avail_in == 0) {
        const auto size = static_cast<size_t>(std::min<uint64_t>(kBlock, packedEnd - at));
        KILN_RETURN_IF_ERROR(file_.read(static_cast<int64_t>(at), {block.data(), size}));
        at += size;
        stream.next_in = block.data();
        stream.avail_in = static_cast<uInt>(size);
      }
      const bool isLast = at == packedEnd;
      const int code = inflate(&stream, Z_NO_FLUSH);
      if (code == Z_STREAM_END && stream.avail_out == 0) {
        break;
      }
      if (code != Z_OK || (isLast && stream.avail_in == 0 && stream.avail_out > 0)) {
        return damaged(where, code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END
                                  ? "its data is cut off"
                                  : "its data cannot be decompressed");
      }
    }
    return Status();
  };
  // Nothing comes after what was read.
  auto checkEnd = [&]() -> Status {
    uint8_t beyond = 0;
    z_stream& stream = inflater.stream;
    stream.next_out = &beyond;
    stream.avail_out = 1;
    int code = inflate(&stream, Z_NO_FLUSH);
    if (code == Z_BUF_ERROR && at < packedEnd) {  // the stream's own end lies in the next block
      const auto size = static_cast<size_t>(std::min<uint64_t>(kBlock, packedEnd - at));
      KILN_RETURN_IF_ERROR(file_.read(static_cast<int64_t>(at), {block.data(), size}));
      at += size;
      stream.next_in = block.data();
      stream.avail_in = static_cast<uInt>(size);
      code = inflate(&stream, Z_NO_FLUSH);
    }
    const bool isEnd = code == Z_STREAM_END && stream.avail_out == 1 && stream.avail_in == 0 && at == packedEnd;
    return isEnd ? Status() : damaged(where, "its compressed data do not end where they should");
  };
  const Fill fill = [&](std::span<uint8_t> into) -> Status {
    if (into.size() > member.numBytes - filled) {
      return damaged(where, "its data is cut off");
    }
    while (!into.empty()) {
      const std::span<uint8_t> piece = into.first(std::min(into.size(), size_t{1} << 30));  // zlib counts in 32 bits
      if (member.method == kStored) {
        KILN_RETURN_IF_ERROR(file_.read(static_cast<int64_t>(at), piece));
        at += piece.size();
      } else {
        KILN_RETURN_IF_ERROR(inflateInto(piece));
      }
      crc = crc32(crc, piece.data(), static_cast<uInt>(piece.size()));
      filled += piece.size();
      into = into.subspan(piece.size());
    }
    return Status();
  };
  if (Status used = use(fill); !used.ok()) {
    // What is wrong with a damaged member is the damage.
    std::vector<uint8_t> rest(kBlock);
    while (filled < member.numBytes) {
      KILN_RETURN_IF_ERROR(fill(std::span(rest).first(std::min<uint64_t>(kBlock, member.numBytes - filled))));
    }
    return crc == member.crc ? used : damaged(where, "its checksum is wrong");
  }
  if (filled != member.numBytes || crc != member.crc) {
    return damaged(where, filled != member.numBytes ? "it has more bytes than the array" : "its checksum is wrong");
  }
  return member.method == kDeflated ? checkEnd() : Status();
}

}  // namespace kiln::codec
