// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/replace_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "proto/codec/file.h"

namespace kiln::compiler {
namespace {

namespace fs = std::filesystem;

void sync(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
}

// The name of a file that is in the way, or "".
std::string foreignFile(const fs::path& folder, const std::function<bool(const std::string& name)>& isOwn,
                        std::error_code& error) {
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!isOwn(name) || !at->is_regular_file(error)) {
      return name;
    }
  }
  return "";
}

// Gives `made` the name `path`; `old` then has what was there.
Status exchange(const fs::path& made, const fs::path& path, const fs::path& old) {
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    return ::rename(made.c_str(), old.c_str()) == 0 ? Status()
                                                    : makeError<ErrorId::kP0004>(old.string(), std::strerror(errno));
  }
  if (::rename(path.c_str(), old.c_str()) != 0) {
    return makeError<ErrorId::kP0004>(path.string(), std::strerror(errno));
  }
  if (::rename(made.c_str(), path.c_str()) != 0) {
    Status status = makeError<ErrorId::kP0004>(path.string(), std::strerror(errno));
    ::rename(old.c_str(), path.c_str());
    return status;
  }
  return {};
}

}  // namespace

Status replaceFolder(const std::string& path, std::span<const FolderFile> files,
                     const std::function<bool(const std::string& name)>& isOwn) {
  const fs::path target = fs::path(path).has_filename() ? fs::path(path) : fs::path(path).parent_path();
  std::error_code error;
  const bool isThere = fs::exists(fs::symlink_status(target, error));
  if (isThere) {
    if (!fs::is_directory(fs::symlink_status(target, error))) {
      return makeError<ErrorId::kP0004>(path, "it is there, and no folder");
    }
    const std::string foreign = foreignFile(target, isOwn, error);
    if (error) {
      return makeError<ErrorId::kP0004>(path, error.message());
    }
    if (!foreign.empty()) {
      return makeError<ErrorId::kP0004>(path, "the folder holds more than an artifact: '" + foreign + "'");
    }
  }
  const std::string beside = target.string() + ".tmp" + std::to_string(::getpid());
  const fs::path made = beside + ".new", old = beside + ".old";
  fs::remove_all(made, error);
  if (!fs::create_directory(made, error)) {
    return makeError<ErrorId::kP0004>(path, error ? error.message() : "a file of that name is in the way");
  }
  Status status;
  for (const FolderFile& file : files) {
    if (status.ok()) {
      status = writeFileAtomically((made / file.name).string(), file.pieces);
    }
  }
  if (status.ok()) {
    if (isThere) {
      status = exchange(made, target, old);
    } else if (::rename(made.c_str(), target.c_str()) != 0) {
      status = makeError<ErrorId::kP0004>(path, std::strerror(errno));
    }
  }
  fs::remove_all(made, error);
  if (status.ok()) {
    fs::remove_all(old, error);
    sync(target.has_parent_path() ? target.parent_path() : fs::path("."));
  }
  return status;
}

}  // namespace kiln::compiler
