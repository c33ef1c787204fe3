// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Compiled kernels in a folder, found again by the digest of what they were made from.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/base/sha256.h"
#include "proto/base/status.h"

namespace kiln {

/// What one KernelCache object has done.
struct CacheUse {
  int64_t hits = 0;
  int64_t misses = 0;    ///< `rejected` among them.
  int64_t stored = 0;    ///< Entries written.
  int64_t rejected = 0;  ///< Files that were damaged, cut off or of another version, and were removed.
  int64_t failed = 0;    ///< Entries that could not be written; see KernelCache::warning().
  int64_t evicted = 0;   ///< Entries removed because the folder was over its cap.
};

struct CacheStatistics {
  int64_t entries = 0;  ///< In the folder.
  int64_t bytes = 0;    ///< Of their files.
  int64_t maxBytes = 0;
  int64_t oldest = 0;  ///< When the entry that is longest unused was used, to the hour: seconds since 1970; 0: none.
  CacheUse use;
};

/// Entries from a key to bytes, in files of `<folder>/kernels`, that any number of threads and processes read and write
/// at once. A file gets its name when it is complete, and is compared with its digest whenever it is read, so what
/// find() returns is what store() was given: a process that is killed, a full disk or a damaged file cost a miss, never
/// a wrong answer. The digest finds accidents, not enemies: the folder is the user's own (made with mode 0700).
/// Over its cap, the folder loses the entries that were longest unused, down to nine tenths of the cap. Thread-safe.
class KernelCache {
 public:
  static constexpr int64_t kDefaultMaxBytes = int64_t{1} << 30;

  /// Opens a folder; it and its parents are made when missing. The cap is `maxBytes`; by default what the environment
  /// variable KILN_CACHE_MAX says (bytes, or a number with K, M, G or T after it), else kDefaultMaxBytes. A folder that
  /// exists and cannot be written is opened: it is read, and warning() tells when a store fails.
  /// Errors: KILN-C0404.
  static StatusOr<std::shared_ptr<KernelCache>> open(const std::string& folder, std::optional<int64_t> maxBytes = {});
  /// As open() of defaultFolder(), for compilations, which need no cache: null, and the reason as a line in `warning`,
  /// where open() has an error.
  static std::shared_ptr<KernelCache> openDefault(std::string* warning);
  /// $KILN_CACHE_DIR, else $XDG_CACHE_HOME/kiln, else $HOME/.cache/kiln; "" when none of them is set.
  static std::string defaultFolder();

  const std::string& folder() const { return folder_; }

  /// The bytes that were stored under the key, if they are still there. A file that is not as it was written counts as
  /// a miss and is removed.
  std::optional<std::vector<uint8_t>> find(const Sha256& key);
  /// Keeps the bytes; replaces what the key had. What cannot be written is counted and dropped.
  void store(const Sha256& key, std::span<const uint8_t> bytes);

  CacheUse use() const;
  /// Reads the folder; a cache that holds nothing yet is empty. Errors: KILN-C0404.
  StatusOr<CacheStatistics> statistics() const;
  /// Removes all entries and what killed processes left; files of other kinds stay. Tells in `removed`, when given, how
  /// many entries and bytes went. Errors: KILN-C0404, with entries that can be removed gone.
  Status clear(CacheStatistics* removed = nullptr);
  /// One line that says why the first store failed, or "".
  std::string warning() const;

 private:
  KernelCache(std::string folder, int64_t maxBytes);
  std::string folderOf(const Sha256& key) const;
  std::string pathOf(const Sha256& key) const;
  /// Makes the folder fit its cap.
  void trim();

  const std::string folder_, kernels_;
  const int64_t maxBytes_;
  std::atomic<int64_t> hits_ = 0, misses_ = 0, stored_ = 0, rejected_ = 0, failed_ = 0, evicted_ = 0;
  /// What the folder is thought to hold: what the last scan found, and what was stored since.
  std::atomic<int64_t> bytes_ = 0;
  std::atomic<int64_t> storesUntilScan_ = 0;
  std::mutex scanning_;
  mutable std::mutex warningMutex_;
  std::string warning_;
};

}  // namespace kiln
