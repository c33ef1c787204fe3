// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-run/own_artifact.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "proto/artifact/layout.h"

namespace kiln::tools {

StatusOr<std::span<const uint8_t>> ownArtifact(const std::string& path) {
  const auto unreadable = [&] { return makeError<ErrorId::kP0002>(path, std::strerror(errno)); };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return unreadable();
  }
  struct stat info;
  artifact::ProgramTrailer trailer = {};
  const bool isKnown = fstat(file, &info) == 0;
  const uint64_t size = isKnown ? static_cast<uint64_t>(info.st_size) : 0;
  if (!isKnown || size < sizeof(trailer) ||
      pread(file, &trailer, sizeof(trailer), static_cast<off_t>(size - sizeof(trailer))) != sizeof(trailer) ||
      trailer.magic != artifact::kProgramMagic) {
    close(file);
    return std::span<const uint8_t>();
  }
  const uint64_t end = size - sizeof(trailer);
  const uint64_t begin = end - trailer.artifactBytes;
  if (trailer.artifactBytes == 0 || trailer.artifactBytes > end || begin % artifact::kSectionAlignment != 0) {
    close(file);
    return makeError<ErrorId::kR0303>(path, "the end of the program gives a length of " +
                                                std::to_string(trailer.artifactBytes) + " bytes, and the program has " +
                                                std::to_string(size));
  }
  void* mapped = mmap(nullptr, trailer.artifactBytes, PROT_READ, MAP_PRIVATE, file, static_cast<off_t>(begin));
  close(file);
  if (mapped == MAP_FAILED) {
    return unreadable();
  }
  return std::span(static_cast<const uint8_t*>(mapped), trailer.artifactBytes);
}

}  // namespace kiln::tools
