// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/cache/entry_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

namespace kiln::cache {
namespace {

constexpr std::string_view kMagic("KILNkern", 8);
constexpr time_t kUseGrainSeconds = 3600;
constexpr std::string_view kHexDigits = "0123456789abcdef";

template <class T>
void put(std::vector<uint8_t>& bytes, T number) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes.push_back(static_cast<uint8_t>(number >> (8 * i)));
  }
}

bool isHex(std::string_view text) { return text.find_first_not_of(kHexDigits) == std::string_view::npos; }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_;
};

bool writeAll(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

std::vector<uint8_t> entryHeader(const Sha256& key, std::span<const uint8_t> payload) {
  std::vector<uint8_t> header(kMagic.begin(), kMagic.end());
  put(header, kEntryVersion);
  put(header, uint32_t{0});
  put(header, static_cast<uint64_t>(payload.size()));
  header.insert(header.end(), key.begin(), key.end());
  Sha256Stream hash;
  hash.update(header);
  hash.update(payload);
  const Sha256 digest = hash.finish();
  header.insert(header.end(), digest.begin(), digest.end());
  return header;
}

std::optional<std::vector<uint8_t>> payloadOf(const Sha256& key, std::vector<uint8_t> file) {
  if (file.size() < kEntryHeaderBytes) {
    return std::nullopt;
  }
  const std::vector<uint8_t> wanted = entryHeader(key, std::span(file).subspan(kEntryHeaderBytes));
  if (!std::equal(wanted.begin(), wanted.end(), file.begin())) {
    return std::nullopt;
  }
  file.erase(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(kEntryHeaderBytes));
  return file;
}

std::string toHex(const Sha256& key) {
  std::string hex;
  hex.reserve(2 * key.size());
  for (uint8_t byte : key) {
    hex.push_back(kHexDigits[byte >> 4]);
    hex.push_back(kHexDigits[byte & 15]);
  }
  return hex;
}

bool isEntryName(const std::string& folder, const std::string& name) {
  const size_t digits = 2 * sizeof(Sha256);
  return name.size() == digits + std::strlen(kEntryEnding) && name.ends_with(kEntryEnding) &&
         isHex(std::string_view(name).substr(0, digits)) && name.starts_with(folder) && folder.size() == 2;
}

std::optional<std::vector<uint8_t>> readEntry(const std::string& path) {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) {
    return std::nullopt;
  }
  std::vector<uint8_t> bytes;
  if (!S_ISREG(info.st_mode) || info.st_size > kMaxEntryBytes) {
    return bytes;
  }
  bytes.resize(static_cast<size_t>(info.st_size));
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t count = ::pread(file.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return std::nullopt;
    }
    if (count == 0) {
      bytes.resize(at);
    }
    at += static_cast<size_t>(count);
  }
  if (info.st_mtime + kUseGrainSeconds < std::time(nullptr)) {
    ::futimens(file.get(), nullptr);  // What is not ours cannot be marked, and is read all the same.
  }
  return bytes;
}

bool writeEntry(const std::string& folder, const std::string& path, std::span<const uint8_t> header,
                std::span<const uint8_t> payload, std::string& problem) {
  std::string temporary = folder + "/" + kTemporaryPrefix + "XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) {
    problem = std::strerror(errno);
    return false;
  }
  // Not made durable: a file that a crash of the machine left short is found by its digest.
  if (writeAll(file.get(), header) && writeAll(file.get(), payload) && file.close() &&
      ::rename(temporary.c_str(), path.c_str()) == 0) {
    return true;
  }
  problem = std::strerror(errno);
  ::unlink(temporary.c_str());
  return false;
}

int makeFolders(const std::string& folder) {
  struct stat info{};
  if (::stat(folder.c_str(), &info) == 0) {
    return S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
  }
  for (size_t slash = 0; slash != std::string::npos;) {
    slash = folder.find('/', slash + 1);
    const std::string part = folder.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && (errno != EEXIST && errno != EISDIR)) {
      // Above the first missing folder there may be some that nothing can be made in.
      const int number = errno;
      if (::stat(part.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
        return number;
      }
    }
  }
  return ::stat(folder.c_str(), &info) != 0 ? errno : S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
}

}  // namespace kiln::cache
