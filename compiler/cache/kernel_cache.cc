// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/cache/kernel_cache.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "compiler/cache/entry_file.h"
#include "compiler/cache/scan.h"

namespace kiln {
namespace {

/// Other processes store as well, so the folder is looked at again after this many stores.
constexpr int64_t kStoresBetweenScans = 1024;
constexpr int kTriesToMakeFolders = 3;

// KILN_CACHE_MAX: `1000000`, `512M`, `2G`.
StatusOr<int64_t> capFromEnvironment(const std::string& folder) {
  const char* text = std::getenv("KILN_CACHE_MAX");
  if (text == nullptr || *text == '\0') {
    return KernelCache::kDefaultMaxBytes;
  }
  int64_t number = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, number);
  int shift = 0;
  if (rest + 1 == end) {
    constexpr std::string_view kUnits = "KMGT";
    const size_t unit = kUnits.find(*rest);
    shift = unit == std::string_view::npos ? -1 : 10 * static_cast<int>(unit + 1);
  } else if (rest != end) {
    shift = -1;
  }
  if (error != std::errc() || number < 0 || shift < 0 || number > (INT64_MAX >> shift)) {
    return makeError<ErrorId::kC0404>(
        folder, std::string("KILN_CACHE_MAX is '") + text + "', wanted bytes, or a number with K, M, G or T after it");
  }
  return number << shift;
}

}  // namespace

std::string KernelCache::defaultFolder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string folder = variable("KILN_CACHE_DIR"); !folder.empty()) {
    return folder;
  }
  if (const std::string folder = variable("XDG_CACHE_HOME"); !folder.empty()) {
    return folder + "/kiln";
  }
  const std::string home = variable("HOME");
  return home.empty() ? home : home + "/.cache/kiln";
}

StatusOr<std::shared_ptr<KernelCache>> KernelCache::open(const std::string& folder, std::optional<int64_t> maxBytes) {
  if (folder.empty()) {
    return makeError<ErrorId::kC0404>(folder, "none of KILN_CACHE_DIR, XDG_CACHE_HOME and HOME is set");
  }
  if (!maxBytes) {
    KILN_ASSIGN_OR_RETURN(maxBytes, capFromEnvironment(folder));
  }
  if (const int number = cache::makeFolders(folder); number != 0) {
    return makeError<ErrorId::kC0404>(folder, std::strerror(number));
  }
  return std::shared_ptr<KernelCache>(new KernelCache(folder, *maxBytes));
}

std::shared_ptr<KernelCache> KernelCache::openDefault(std::string* warning) {
  auto cache = open(defaultFolder());
  if (!cache.ok()) {
    *warning = std::string(cache.status().message());
    return nullptr;
  }
  return *std::move(cache);
}

KernelCache::KernelCache(std::string folder, int64_t maxBytes)
    : folder_(std::move(folder)), kernels_(folder_ + "/kernels"), maxBytes_(maxBytes) {}

std::string KernelCache::folderOf(const Sha256& key) const { return kernels_ + "/" + cache::toHex(key).substr(0, 2); }

std::string KernelCache::pathOf(const Sha256& key) const {
  return folderOf(key) + "/" + cache::toHex(key) + cache::kEntryEnding;
}

std::optional<std::vector<uint8_t>> KernelCache::find(const Sha256& key) {
  const std::string path = pathOf(key);
  std::optional<std::vector<uint8_t>> file = cache::readEntry(path);
  if (!file) {
    ++misses_;
    return std::nullopt;
  }
  std::optional<std::vector<uint8_t>> payload = cache::payloadOf(key, *std::move(file));
  if (!payload) {
    // Should another process just have put a right one there, it only has to be made again.
    ::unlink(path.c_str());
    ++misses_;
    ++rejected_;
    return std::nullopt;
  }
  ++hits_;
  return payload;
}

void KernelCache::store(const Sha256& key, std::span<const uint8_t> bytes) {
  const auto size = static_cast<int64_t>(bytes.size() + cache::kEntryHeaderBytes);
  if (size > std::min(maxBytes_, cache::kMaxEntryBytes)) {
    return;  // It would push out everything, and itself.
  }
  const std::string folder = folderOf(key), path = pathOf(key);
  const std::vector<uint8_t> header = cache::entryHeader(key, bytes);
  std::string problem;
  bool isWritten = cache::writeEntry(folder, path, header, bytes, problem);
  // The first entry of its folder, or others remove the folders, perhaps between two of these steps.
  for (int i = 0; i < kTriesToMakeFolders && !isWritten; ++i) {
    const int number = cache::makeFolders(folder);
    problem = number != 0 ? std::strerror(number) : problem;
    isWritten = number == 0 && cache::writeEntry(folder, path, header, bytes, problem);
  }
  if (!isWritten) {
    ++failed_;
    std::lock_guard lock(warningMutex_);
    if (warning_.empty()) {
      warning_ = "the compile cache '" + folder_ + "' cannot be written: " + problem;
    }
    return;
  }
  ++stored_;
  bytes_ += size;
  if (--storesUntilScan_ <= 0 || bytes_ > maxBytes_) {
    trim();
  }
}

void KernelCache::trim() {
  std::unique_lock lock(scanning_, std::try_to_lock);
  if (!lock.owns_lock()) {
    return;  // Another thread is at it.
  }
  cache::CacheFiles files = cache::scanCache(kernels_);
  cache::removeStaleTemporaries(files);
  if (files.bytes > maxBytes_) {
    evicted_ += cache::removeOldest(files, maxBytes_ / 10 * 9);
  }
  bytes_ = files.bytes;
  storesUntilScan_ = kStoresBetweenScans;
}

CacheUse KernelCache::use() const { return {hits_, misses_, stored_, rejected_, failed_, evicted_}; }

StatusOr<CacheStatistics> KernelCache::statistics() const {
  const cache::CacheFiles files = cache::scanCache(kernels_);
  if (files.error != 0) {
    return makeError<ErrorId::kC0404>(folder_, std::strerror(files.error));
  }
  CacheStatistics statistics{
      .entries = static_cast<int64_t>(files.entries.size()), .bytes = files.bytes, .maxBytes = maxBytes_, .use = use()};
  for (const cache::CacheFile& file : files.entries) {
    const int64_t seconds = file.usedNs / 1'000'000'000;
    statistics.oldest = statistics.oldest == 0 ? seconds : std::min(statistics.oldest, seconds);
  }
  return statistics;
}

Status KernelCache::clear(CacheStatistics* removed) {
  std::lock_guard lock(scanning_);
  const cache::CacheFiles files = cache::scanCache(kernels_);
  CacheStatistics gone;
  gone.maxBytes = maxBytes_;
  const int error = cache::removeAll(files, kernels_, gone.entries, gone.bytes);
  bytes_ = 0;
  if (removed != nullptr) {
    *removed = gone;
  }
  return error == 0 ? Status() : makeError<ErrorId::kC0404>(folder_, std::strerror(error));
}

std::string KernelCache::warning() const {
  std::lock_guard lock(warningMutex_);
  return warning_;
}

}  // namespace kiln
