// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/cache/scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>
#include <tuple>

#include "compiler/cache/entry_file.h"

namespace kiln::cache {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kStaleSeconds = 3600;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// Calls f(folder's descriptor, name) for everything in a folder. An errno, or 0; 0 for a folder that is not there.
template <class F>
int forEachIn(const std::string& path, const F& f) {
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
  if (folder == nullptr) {
    return errno == ENOENT ? 0 : errno;
  }
  while (const dirent* entry = ::readdir(folder.get())) {
    f(::dirfd(folder.get()), std::string(entry->d_name));
  }
  return 0;
}

}  // namespace

CacheFiles scanCache(const std::string& kernels) {
  CacheFiles files;
  std::vector<std::string> folders;
  files.error = forEachIn(kernels, [&](int, const std::string& name) {
    if (name.size() == 2 && name.find_first_not_of("0123456789abcdef") == std::string::npos) {
      folders.push_back(name);
    }
  });
  for (const std::string& name : folders) {
    const std::string folder = kernels + "/" + name;
    const int error = forEachIn(folder, [&](int descriptor, const std::string& file) {
      const bool isTemporary = file.starts_with(kTemporaryPrefix);
      struct stat info{};
      if ((!isTemporary && !isEntryName(name, file)) ||
          ::fstatat(descriptor, file.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return;
      }
      const int64_t usedNs = info.st_mtim.tv_sec * kNsPerSecond + info.st_mtim.tv_nsec;
      (isTemporary ? files.temporaries : files.entries).push_back({folder + "/" + file, info.st_size, usedNs});
      files.bytes += isTemporary ? 0 : info.st_size;
    });
    // A file where a folder belongs holds no entries; a store there tells.
    files.error = files.error == 0 && error != ENOTDIR ? error : files.error;
  }
  return files;
}

void removeStaleTemporaries(CacheFiles& files) {
  const int64_t before = (static_cast<int64_t>(std::time(nullptr)) - kStaleSeconds) * kNsPerSecond;
  std::erase_if(files.temporaries,
                [&](const CacheFile& file) { return file.usedNs < before && ::unlink(file.path.c_str()) == 0; });
}

int64_t removeOldest(CacheFiles& files, int64_t maxBytes) {
  std::sort(files.entries.begin(), files.entries.end(), [](const CacheFile& a, const CacheFile& b) {
    return std::tie(a.usedNs, a.path) < std::tie(b.usedNs, b.path);
  });
  int64_t removed = 0;
  size_t count = 0;
  for (; count < files.entries.size() && files.bytes > maxBytes; ++count) {
    const bool isRemoved = ::unlink(files.entries[count].path.c_str()) == 0;
    removed += isRemoved ? 1 : 0;
    if (isRemoved || errno == ENOENT) {
      files.bytes -= files.entries[count].bytes;
    }
  }
  files.entries.erase(files.entries.begin(), files.entries.begin() + static_cast<std::ptrdiff_t>(count));
  return removed;
}

int removeAll(const CacheFiles& files, const std::string& kernels, int64_t& entries, int64_t& bytes) {
  int error = files.error;
  const auto remove = [&](const CacheFile& file) {
    if (::unlink(file.path.c_str()) == 0) {
      return true;
    }
    error = error == 0 && errno != ENOENT ? errno : error;
    return false;
  };
  for (const CacheFile& file : files.entries) {
    if (remove(file)) {
      ++entries;
      bytes += file.bytes;
    }
  }
  std::for_each(files.temporaries.begin(), files.temporaries.end(), remove);
  // Folders that somebody puts an entry into meanwhile, or that hold something else, stay.
  std::vector<std::string> folders;
  forEachIn(kernels, [&](int, const std::string& name) {
    if (name.size() == 2 && name != "..") {
      folders.push_back(kernels + "/" + name);
    }
  });
  for (const std::string& folder : folders) {
    ::rmdir(folder.c_str());
  }
  ::rmdir(kernels.c_str());
  return error;
}

}  // namespace kiln::cache
