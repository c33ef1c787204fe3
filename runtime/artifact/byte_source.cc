// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/byte_source.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/artifact/elf_image.h"

namespace kiln::runtime {
namespace {

// Without O_NONBLOCK, opening a pipe would wait for a writer.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

}  // namespace

StatusOr<std::unique_ptr<ByteSource>> ByteSource::open(const std::string& path) {
  std::unique_ptr<ByteSource> source(new ByteSource);
  source->path_ = path;
  int fd = ::open(path.c_str(), kOpenFlags);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return makeError<ErrorId::kP0001>(path);
    }
    return makeError<ErrorId::kP0002>(path, std::strerror(errno));
  }
  struct stat info{};
  const bool isKnown = ::fstat(fd, &info) == 0;
  if (isKnown && S_ISDIR(info.st_mode)) {
    source->folder_ = fd;
    if (!source->hasFile(artifact::kManifestFile)) {
      return makeError<ErrorId::kR0301>(path,
                                        "it is a folder without a file '" + std::string(artifact::kManifestFile) + "'");
    }
    KILN_RETURN_IF_ERROR(source->openFile(artifact::kManifestFile, "header and manifest"));
    source->files_[""] = std::exchange(source->files_[artifact::kManifestFile], File());
    source->files_.erase(artifact::kManifestFile);
    return source;
  }
  source->files_[""] = {fd, static_cast<uint64_t>(info.st_size)};
  if (!isKnown || !S_ISREG(info.st_mode)) {
    return makeError<ErrorId::kP0002>(path, "it is not a plain file");
  }
  return source;
}

std::unique_ptr<ByteSource> ByteSource::ofMemory(std::span<const uint8_t> bytes, const std::string& name) {
  std::unique_ptr<ByteSource> source(new ByteSource);
  source->path_ = name;
  source->memory_ = bytes;
  source->files_[""] = {-1, bytes.size()};
  return source;
}

ByteSource::~ByteSource() {
  for (const auto& [name, file] : files_) {
    if (file.fd >= 0) {
      ::close(file.fd);
    }
  }
  if (folder_ >= 0) {
    ::close(folder_);
  }
}

bool ByteSource::hasFile(const std::string& name) const {
  struct stat info{};
  return folder_ >= 0 && ::fstatat(folder_, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

Status ByteSource::openFile(const std::string& name, const std::string& whatFor) {
  auto wrong = [&](const std::string& why) {
    return makeError<ErrorId::kR0303>(path_, "the file '" + name + "' with its " + whatFor + " " + why);
  };
  // A link could lead out of the folder, to a file that its maker may not read himself.
  const int fd = ::openat(folder_, name.c_str(), kOpenFlags | O_NOFOLLOW);
  if (fd < 0) {
    return wrong(errno == ENOENT  ? "is missing"
                 : errno == ELOOP ? "is a link, wanted a plain file"
                                  : "cannot be read: " + std::string(std::strerror(errno)));
  }
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return wrong("is not a plain file");
  }
  files_[name] = {fd, static_cast<uint64_t>(info.st_size)};
  return absl::OkStatus();
}

Status ByteSource::read(const std::string& name, uint64_t offset, std::span<uint8_t> into) const {
  const File& file = files_.at(name);
  if (file.fd < 0) {
    std::copy_n(memory_.begin() + static_cast<ptrdiff_t>(offset), into.size(), into.begin());
    return absl::OkStatus();
  }
  while (!into.empty()) {
    ssize_t count =
        ::pread(file.fd, into.data(), std::min<size_t>(into.size(), size_t{1} << 30), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return makeError<ErrorId::kR0303>(path_, count < 0 ? "it cannot be read: " + std::string(std::strerror(errno))
                                                         : "it ends at byte " + std::to_string(offset) +
                                                               ", and has become shorter while it was read");
    }
    into = into.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return absl::OkStatus();
}

StatusOr<std::shared_ptr<uint8_t>> ByteSource::mapPages(const std::string& name, uint64_t offset, uint64_t size,
                                                        int protection) const {
  // Pages may be larger than the alignment of sections.
  const uint64_t before = offset % pageSize();
  void* pages =
      ::mmap(nullptr, before + size, protection, MAP_PRIVATE, files_.at(name).fd, static_cast<off_t>(offset - before));
  if (pages == MAP_FAILED) {
    return makeError<ErrorId::kR0303>(path_, "its weights cannot be mapped: " + std::string(std::strerror(errno)));
  }
  auto* begin = static_cast<uint8_t*>(pages);
  return std::shared_ptr<uint8_t>(begin + before, [begin, before, size](uint8_t*) { ::munmap(begin, before + size); });
}

StatusOr<MappedWeights> ByteSource::map(const std::string& name, uint64_t offset, uint64_t size) const {
  if (size == 0) {
    return MappedWeights();
  }
  if (files_.at(name).fd < 0) {
    const uint8_t* begin = memory_.data() + offset;
    return MappedWeights{{begin, size}, std::shared_ptr<const void>(begin, [](const void*) {})};
  }
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<uint8_t> pages, mapPages(name, offset, size, PROT_READ));
  return MappedWeights{{pages.get(), size}, pages};
}

StatusOr<PrivateWeights> ByteSource::mapPrivate(const std::string& name, uint64_t offset, uint64_t size) const {
  if (size == 0 || files_.at(name).fd < 0) {
    return PrivateWeights();
  }
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<uint8_t> pages, mapPages(name, offset, size, PROT_READ | PROT_WRITE));
  return PrivateWeights{{pages.get(), size}, pages};
}

}  // namespace kiln::runtime
