// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/file_layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace kiln {
namespace {

// Larger requests are cut by some systems; a test that counts writes sees several for a large file.
constexpr size_t kLargestWrite = size_t{1} << 26;

Status failure(const std::string& path, int number) {
  return makeError<ErrorId::kR0207>(path, std::string(std::strerror(number)));
}

int syncFile(int fd) {
  while (::fsync(fd) != 0) {
    if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

Status FileLayer::makeFolder(const std::string& path) {
  int number = before("mkdir", path);
  if (number == 0 && ::mkdir(path.c_str(), 0777) != 0) {
    number = errno;
  }
  return number == 0 ? absl::OkStatus() : failure(path, number);
}

Status FileLayer::writeFile(const std::string& path, std::span<const std::span<const uint8_t>> pieces) {
  int number = before("open", path);
  if (number != 0) {
    return failure(path, number);
  }
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) {
    return failure(path, errno);
  }
  for (std::span<const uint8_t> rest : pieces) {
    while (!rest.empty() && number == 0) {
      number = before("write", path);
      ssize_t written = number == 0 ? ::write(fd, rest.data(), std::min(rest.size(), kLargestWrite)) : 0;
      if (written < 0) {
        number = errno == EINTR ? 0 : errno;
        written = 0;
      }
      rest = rest.subspan(static_cast<size_t>(written));
    }
  }
  if (number == 0) {
    number = before("fsync", path);
  }
  if (number == 0) {
    number = syncFile(fd);
  }
  if (::close(fd) != 0 && number == 0) {
    number = errno;
  }
  return number == 0 ? absl::OkStatus() : failure(path, number);
}

Status FileLayer::syncFolder(const std::string& path) {
  if (int number = before("fsync", path); number != 0) {
    return failure(path, number);
  }
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return failure(path, errno);
  }
  int number = syncFile(fd);
  number = number == EINVAL || number == ENOTSUP ? 0 : number;
  ::close(fd);
  return number == 0 ? absl::OkStatus() : failure(path, number);
}

Status FileLayer::rename(const std::string& from, const std::string& to) {
  int number = before("rename", to);
  if (number == 0 && ::rename(from.c_str(), to.c_str()) != 0) {
    number = errno;
  }
  return number == 0 ? absl::OkStatus() : failure(to, number);
}

Status FileLayer::removeFolder(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (folder == nullptr) {
    return errno == ENOENT ? absl::OkStatus() : failure(path, errno);
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") {
      names.push_back(std::move(name));
    }
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    std::string file = path + "/" + name;
    int number = before("unlink", file);
    if (number == 0 && ::unlink(file.c_str()) != 0) {
      number = errno;
    }
    if (number != 0 && number != ENOENT) {
      return failure(file, number);
    }
  }
  int number = before("rmdir", path);
  if (number == 0 && ::rmdir(path.c_str()) != 0) {
    number = errno;
  }
  return number == 0 || number == ENOENT ? absl::OkStatus() : failure(path, number);
}

}  // namespace kiln
