// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace kiln {
namespace {

std::string describeErrno(int number) { return std::string(std::strerror(number)); }

Status writeAll(int fd, std::span<const uint8_t> bytes, const std::string& path) {
  while (!bytes.empty()) {
    // One call moves at most 2 GiB on Linux; smaller requests behave the same everywhere.
    ssize_t written = ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), size_t{1} << 30));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return makeError<ErrorId::kP0004>(path, describeErrno(errno));
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

std::string folderOf(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

StatusOr<ReadableFile> ReadableFile::open(const std::string& path) {
  ReadableFile file;
  file.path_ = path;
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.fd_ < 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return makeError<ErrorId::kP0001>(path);
    }
    return makeError<ErrorId::kP0002>(path, describeErrno(errno));
  }
  struct stat info{};
  if (::fstat(file.fd_, &info) != 0) {
    return makeError<ErrorId::kP0002>(path, describeErrno(errno));
  }
  if (!S_ISREG(info.st_mode)) {
    return makeError<ErrorId::kP0002>(path, S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a plain file");
  }
  file.numBytes_ = info.st_size;
  return file;
}

ReadableFile::ReadableFile(ReadableFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), numBytes_(other.numBytes_) {}

ReadableFile& ReadableFile::operator=(ReadableFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(numBytes_, other.numBytes_);
  return *this;
}

ReadableFile::~ReadableFile() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

StatusOr<std::shared_ptr<const MappedFile>> ReadableFile::map() const {
  const auto size = static_cast<size_t>(numBytes_);
  void* data = nullptr;
  if (size > 0) {  // A mapping has at least one byte.
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd_, 0);
    if (data == MAP_FAILED) {
      return makeError<ErrorId::kP0002>(path_, describeErrno(errno));
    }
  }
  return std::shared_ptr<const MappedFile>(new MappedFile({static_cast<const char*>(data), size}));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
}

Status ReadableFile::read(int64_t offset, std::span<uint8_t> into) const {
  while (!into.empty()) {
    ssize_t count = ::pread(fd_, into.data(), std::min<size_t>(into.size(), size_t{1} << 30), offset);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return makeError<ErrorId::kP0002>(path_,
                                        count < 0 ? describeErrno(errno) : "it has become shorter while it was read");
    }
    into = into.subspan(static_cast<size_t>(count));
    offset += count;
  }
  return absl::OkStatus();
}

StatusOr<Sha256> sha256OfFile(const ReadableFile& file) {
  std::vector<uint8_t> buffer(size_t{1} << 20);
  Sha256Stream hash;
  for (int64_t at = 0; at < file.numBytes();) {
    auto piece = std::span(buffer).first(std::min<size_t>(buffer.size(), static_cast<size_t>(file.numBytes() - at)));
    KILN_RETURN_IF_ERROR(file.read(at, piece));
    hash.update(piece);
    at += static_cast<int64_t>(piece.size());
  }
  return hash.finish();
}

StatusOr<std::string> readFile(const std::string& path, int64_t maxBytes) {
  KILN_ASSIGN_OR_RETURN(ReadableFile file, ReadableFile::open(path));
  if (file.numBytes() > maxBytes) {
    return makeError<ErrorId::kP0003>(path, file.numBytes(), maxBytes);
  }
  std::string bytes(static_cast<size_t>(file.numBytes()), '\0');
  KILN_RETURN_IF_ERROR(file.read(0, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}));
  return bytes;
}

Status writeFileAtomically(const std::string& path, std::span<const std::span<const uint8_t>> pieces) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return makeError<ErrorId::kP0004>(path, S_ISDIR(info.st_mode) ? "it is a folder" : "it is not a plain file");
  }
  static std::atomic<uint64_t> counter{0};
  std::string temporary = path + ".tmp" + std::to_string(::getpid()) + "." + std::to_string(counter++);
  int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) {
    return makeError<ErrorId::kP0004>(path, describeErrno(errno));
  }
  Status status;
  for (std::span<const uint8_t> piece : pieces) {
    if (status.ok()) {
      status = writeAll(fd, piece, path);
    }
  }
  if (status.ok() && ::fsync(fd) != 0) {
    status = makeError<ErrorId::kP0004>(path, describeErrno(errno));
  }
  if (::close(fd) != 0 && status.ok()) {
    status = makeError<ErrorId::kP0004>(path, describeErrno(errno));
  }
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = makeError<ErrorId::kP0004>(path, describeErrno(errno));
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  // The new name is durable once the folder is. Some file systems cannot sync a folder; the file itself is then still
  // whole.
  int folder = ::open(folderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return absl::OkStatus();
}

Status writeFileAtomically(const std::string& path, std::string_view bytes) {
  std::span<const uint8_t> piece(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return writeFileAtomically(path, {&piece, 1});
}

}  // namespace kiln
