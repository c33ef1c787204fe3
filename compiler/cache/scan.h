// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The folder of the cache as a whole: what is in it, and making it smaller. Private to compiler/cache.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kiln::cache {

struct CacheFile {
  std::string path;
  int64_t bytes = 0;
  int64_t usedNs = 0;  ///< Since 1970.
};

struct CacheFiles {
  std::vector<CacheFile> entries, temporaries;
  int64_t bytes = 0;  ///< Of the entries.
  int error = 0;      ///< Why a folder could not be read: a number of errno. The rest is there.
};

/// The files of the folder `kernels` that are the cache's; a folder that does not exist is empty.
CacheFiles scanCache(const std::string& kernels);

/// Removes temporaries that a process has left more than an hour ago.
void removeStaleTemporaries(CacheFiles& files);

/// Removes entries, those that were longest unused first, until no more than `maxBytes` are left in `files` too. How
/// many; what another process removed meanwhile is not counted.
int64_t removeOldest(CacheFiles& files, int64_t maxBytes);

/// Removes all files and then the folders that are empty. The first error's number, or 0.
int removeAll(const CacheFiles& files, const std::string& kernels, int64_t& entries, int64_t& bytes);

}  // namespace kiln::cache
