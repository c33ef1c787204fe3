// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/cache/kernel_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "compiler/cache/entry_file.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;
using cache::entryHeader;
using cache::kEntryHeaderBytes;
using cache::kEntryVersion;
using cache::toHex;

Sha256 keyOf(int number) {
  const std::string text = "kernel " + std::to_string(number);
  return sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

Bytes payload(int number, size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<uint8_t>(i * 31 + static_cast<size_t>(number) * 7);
  }
  return bytes;
}

class KernelCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "kernel_cache_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  std::shared_ptr<KernelCache> cache(std::optional<int64_t> maxBytes = {}) {
    auto cache = KernelCache::open(folder_, maxBytes);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *cache;
  }
  std::string fileOf(int number) const {
    const std::string hex = toHex(keyOf(number));
    return folder_ + "/kernels/" + hex.substr(0, 2) + "/" + hex + ".kk";
  }
  static Bytes read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const std::string& path, const Bytes& bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  // Sets when a file was used last.
  static void setAge(const std::string& path, int seconds) {
    const timeval when{::time(nullptr) - seconds, 0};
    const timeval times[2] = {when, when};
    ASSERT_EQ(::utimes(path.c_str(), times), 0);
  }

  std::string folder_;
};

// Sets a variable of the environment, or takes it away, for one scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* old = std::getenv(name);
    old_ = old == nullptr ? std::optional<std::string>() : old;
    set(value);
  }
  ~Variable() { set(old_ ? old_->c_str() : nullptr); }

 private:
  void set(const char* value) { value == nullptr ? ::unsetenv(name_) : ::setenv(name_, value, 1); }
  const char* name_;
  std::optional<std::string> old_;
};

TEST_F(KernelCacheTest, what_was_stored_is_found_by_other_objects_too) {
  auto first = cache();
  EXPECT_EQ(first->find(keyOf(1)), std::nullopt);
  first->store(keyOf(1), payload(1, 1000));
  first->store(keyOf(2), {});
  EXPECT_EQ(first->find(keyOf(1)), payload(1, 1000));
  auto second = cache();
  EXPECT_EQ(second->find(keyOf(1)), payload(1, 1000));
  EXPECT_EQ(second->find(keyOf(2)), Bytes());
  EXPECT_EQ(second->find(keyOf(3)), std::nullopt);

  const CacheStatistics statistics = *first->statistics();
  EXPECT_EQ(statistics.entries, 2);
  EXPECT_EQ(statistics.bytes, static_cast<int64_t>(1000 + 2 * kEntryHeaderBytes));
  EXPECT_LE(std::abs(statistics.oldest - ::time(nullptr)), 600);
  EXPECT_EQ(statistics.use.hits, 1);
  EXPECT_EQ(statistics.use.misses, 1);
  EXPECT_EQ(statistics.use.stored, 2);
  EXPECT_EQ(second->use().hits, 2);
  EXPECT_EQ(first->warning(), "");
}

TEST_F(KernelCacheTest, the_last_store_of_a_key_counts) {
  auto cache = this->cache();
  cache->store(keyOf(1), payload(1, 100));
  cache->store(keyOf(1), payload(2, 50));
  EXPECT_EQ(cache->find(keyOf(1)), payload(2, 50));
  EXPECT_EQ(cache->statistics()->entries, 1);
}

TEST_F(KernelCacheTest, folders_are_made_for_the_user_alone) {
  folder_ += "/a/b";
  auto cache = this->cache();
  cache->store(keyOf(1), payload(1, 10));
  for (const fs::path& folder : {fs::path(folder_).parent_path(), fs::path(folder_), fs::path(folder_) / "kernels",
                                 fs::path(fileOf(1)).parent_path()}) {
    EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all) << folder;
  }
  EXPECT_EQ(fs::status(fileOf(1)).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(cache->find(keyOf(1)), payload(1, 10));
}

TEST_F(KernelCacheTest, folders_that_are_removed_meanwhile_are_made_again) {
  auto cache = this->cache();
  cache->store(keyOf(1), payload(1, 10));
  fs::remove_all(folder_);
  EXPECT_EQ(cache->find(keyOf(1)), std::nullopt);
  cache->store(keyOf(1), payload(1, 10));
  EXPECT_EQ(cache->find(keyOf(1)), payload(1, 10));
}

TEST_F(KernelCacheTest, a_change_of_any_byte_is_a_miss_and_the_file_goes) {
  auto cache = this->cache();
  cache->store(keyOf(1), payload(1, 200));
  const Bytes right = read(fileOf(1));
  ASSERT_EQ(right.size(), kEntryHeaderBytes + 200);
  for (size_t at = 0; at < right.size(); ++at) {
    Bytes wrong = right;
    wrong[at] ^= static_cast<uint8_t>(1 << (at % 8));
    write(fileOf(1), wrong);
    ASSERT_EQ(cache->find(keyOf(1)), std::nullopt) << "byte " << at;
    ASSERT_FALSE(fs::exists(fileOf(1))) << "byte " << at;
  }
  EXPECT_EQ(cache->use().rejected, static_cast<int64_t>(right.size()));
  cache->store(keyOf(1), payload(1, 200));
  EXPECT_EQ(cache->find(keyOf(1)), payload(1, 200));
}

TEST_F(KernelCacheTest, a_file_of_another_length_is_a_miss) {
  auto cache = this->cache();
  cache->store(keyOf(1), payload(1, 100));
  const Bytes right = read(fileOf(1));
  for (size_t size = 0; size < right.size(); ++size) {
    write(fileOf(1), {right.begin(), right.begin() + static_cast<std::ptrdiff_t>(size)});
    ASSERT_EQ(cache->find(keyOf(1)), std::nullopt) << size << " bytes";
    ASSERT_FALSE(fs::exists(fileOf(1)));
  }
  Bytes longer = right;
  longer.push_back(0);
  write(fileOf(1), longer);
  EXPECT_EQ(cache->find(keyOf(1)), std::nullopt);
}

TEST_F(KernelCacheTest, an_entry_under_another_key_or_of_another_version_is_a_miss) {
  auto cache = this->cache();
  cache->store(keyOf(1), payload(1, 100));
  cache->store(keyOf(2), payload(2, 100));
  fs::copy_file(fileOf(1), fileOf(2), fs::copy_options::overwrite_existing);
  EXPECT_EQ(cache->find(keyOf(2)), std::nullopt);

  // As a later version would write it: its digest is right.
  const Bytes body = payload(1, 100);
  Bytes file = entryHeader(keyOf(1), body);
  file[8] = kEntryVersion + 1;
  Sha256Stream hash;
  hash.update(std::span(file).first(kEntryHeaderBytes - sizeof(Sha256)));
  hash.update(body);
  const Sha256 digest = hash.finish();
  std::copy(digest.begin(), digest.end(), file.end() - sizeof(Sha256));
  file.insert(file.end(), body.begin(), body.end());
  write(fileOf(1), file);
  EXPECT_EQ(cache->find(keyOf(1)), std::nullopt);
  EXPECT_EQ(cache->use().rejected, 2);
}

TEST_F(KernelCacheTest, a_pipe_or_a_folder_in_the_place_of_an_entry_is_a_miss) {
  auto cache = this->cache();
  cache->store(keyOf(1), payload(1, 10));
  cache->store(keyOf(2), payload(1, 10));
  fs::remove(fileOf(1));
  fs::remove(fileOf(2));
  ASSERT_EQ(::mkfifo(fileOf(1).c_str(), 0600), 0);
  fs::create_directory(fileOf(2));
  EXPECT_EQ(cache->find(keyOf(1)), std::nullopt);
  EXPECT_EQ(cache->find(keyOf(2)), std::nullopt);
  cache->store(keyOf(1), payload(1, 10));
  EXPECT_EQ(cache->find(keyOf(1)), payload(1, 10));
  cache->store(keyOf(2), payload(1, 10));
  EXPECT_EQ(cache->use().failed, 1);
}

TEST_F(KernelCacheTest, a_file_in_the_place_of_the_folder_is_C0404) {
  write(folder_ + "/file", {1});
  for (const std::string path : {"/file", "/file/below"}) {
    const Status status = KernelCache::open(folder_ + path).status();
    EXPECT_EQ(errorIdOf(status), "KILN-C0404");
    EXPECT_NE(std::string(status.message()).find("'" + folder_ + path + "'"), std::string::npos) << status;
  }
  const Variable variable("KILN_CACHE_DIR", (folder_ + "/file").c_str());
  std::string warning;
  EXPECT_EQ(KernelCache::openDefault(&warning), nullptr);
  EXPECT_NE(warning.find("KILN-C0404"), std::string::npos);
}

TEST_F(KernelCacheTest, a_folder_that_cannot_be_written_costs_misses_and_one_warning) {
  // Modes do not hold back the superuser; a file where the folder of the entries belongs holds back everybody.
  write(folder_ + "/kernels", {1});
  auto cache = this->cache();
  EXPECT_EQ(cache->find(keyOf(1)), std::nullopt);
  cache->store(keyOf(1), payload(1, 10));
  cache->store(keyOf(2), payload(1, 10));
  EXPECT_EQ(cache->use().failed, 2);
  EXPECT_EQ(cache->use().stored, 0);
  EXPECT_NE(cache->warning().find(folder_), std::string::npos);
  EXPECT_EQ(cache->warning().find('\n'), std::string::npos);
  EXPECT_EQ(errorIdOf(cache->statistics().status()), "KILN-C0404");
  EXPECT_EQ(errorIdOf(cache->clear()), "KILN-C0404");
}

TEST_F(KernelCacheTest, a_folder_without_the_right_to_write_is_still_read) {
  cache()->store(keyOf(1), payload(1, 10));
  const auto setModes = [&](fs::perms mode) {
    for (const std::string& path : {folder_, folder_ + "/kernels", fs::path(fileOf(1)).parent_path().string()}) {
      fs::permissions(path, mode);
    }
  };
  setModes(static_cast<fs::perms>(0555));
  fs::permissions(fileOf(1), static_cast<fs::perms>(0444));
  // Modes do not hold back the superuser, so a process of its own becomes somebody else.
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) {
      ::_exit(1);
    }
    auto cache = this->cache();
    cache->store(keyOf(1), payload(2, 10));
    cache->store(keyOf(2), payload(2, 10));
    const bool isRead = cache->find(keyOf(1)) == payload(1, 10) && cache->find(keyOf(2)) == std::nullopt;
    ::_exit(isRead && cache->use().failed == 2 && !cache->warning().empty() ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  setModes(fs::perms::owner_all);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(KernelCacheTest, the_cap_holds_and_the_longest_unused_go_first) {
  constexpr int64_t kMax = 100'000;
  const int64_t size = 1000 + static_cast<int64_t>(kEntryHeaderBytes);
  auto cache = this->cache(kMax);
  for (int i = 0; i < 80; ++i) {
    cache->store(keyOf(i), payload(i, 1000));
    setAge(fileOf(i), 7200 - i);
  }
  EXPECT_EQ(cache->find(keyOf(0)), payload(0, 1000));  // A hit makes it one of the last used.
  for (int i = 80; i < 120; ++i) {
    cache->store(keyOf(i), payload(i, 1000));
    EXPECT_LE(cache->statistics()->bytes, kMax) << i;
  }
  const CacheStatistics statistics = *cache->statistics();
  EXPECT_EQ(statistics.entries, 120 - statistics.use.evicted);
  EXPECT_GT(statistics.entries, kMax * 8 / 10 / size);
  EXPECT_EQ(cache->find(keyOf(0)), payload(0, 1000));
  EXPECT_EQ(cache->find(keyOf(1)), std::nullopt);
  EXPECT_EQ(cache->find(keyOf(119)), payload(119, 1000));
}

TEST_F(KernelCacheTest, an_object_that_stores_little_makes_a_full_folder_fit) {
  auto large = cache();
  for (int i = 0; i < 20; ++i) {
    large->store(keyOf(i), payload(i, 1000));
  }
  auto small = cache(10'000);
  small->store(keyOf(20), payload(20, 1000));
  EXPECT_LE(small->statistics()->bytes, 9'000);
  EXPECT_EQ(small->find(keyOf(20)), payload(20, 1000));
}

TEST_F(KernelCacheTest, an_entry_above_the_cap_is_not_kept) {
  auto cache = this->cache(10'000);
  cache->store(keyOf(1), payload(1, 1000));
  cache->store(keyOf(2), payload(2, 10'000));
  EXPECT_EQ(cache->find(keyOf(2)), std::nullopt);
  EXPECT_EQ(cache->find(keyOf(1)), payload(1, 1000));
}

TEST_F(KernelCacheTest, the_cap_comes_from_the_environment) {
  const auto capOf = [&](const char* text) {
    const Variable variable("KILN_CACHE_MAX", text);
    return cache()->statistics()->maxBytes;
  };
  EXPECT_EQ(capOf(nullptr), int64_t{1} << 30);
  EXPECT_EQ(capOf("12345"), 12345);
  EXPECT_EQ(capOf("512M"), int64_t{512} << 20);
  EXPECT_EQ(capOf("2G"), int64_t{2} << 30);
  EXPECT_EQ(capOf("0"), 0);
  for (const char* wrong : {"much", "5X", "-1", "3GB", "99999999T", "G"}) {
    const Variable variable("KILN_CACHE_MAX", wrong);
    EXPECT_EQ(errorIdOf(KernelCache::open(folder_).status()), "KILN-C0404") << wrong;
  }
}

TEST_F(KernelCacheTest, the_default_folder_follows_the_environment) {
  const Variable dir("KILN_CACHE_DIR", "/k"), xdg("XDG_CACHE_HOME", "/x"), home("HOME", "/h");
  EXPECT_EQ(KernelCache::defaultFolder(), "/k");
  const Variable noDir("KILN_CACHE_DIR", nullptr);
  EXPECT_EQ(KernelCache::defaultFolder(), "/x/kiln");
  const Variable noXdg("XDG_CACHE_HOME", "");
  EXPECT_EQ(KernelCache::defaultFolder(), "/h/.cache/kiln");
  const Variable noHome("HOME", nullptr);
  EXPECT_EQ(KernelCache::defaultFolder(), "");
  std::string warning;
  EXPECT_EQ(KernelCache::openDefault(&warning), nullptr);
  EXPECT_NE(warning.find("HOME"), std::string::npos);
}

TEST_F(KernelCacheTest, temporaries_go_when_they_are_an_hour_old) {
  cache()->store(keyOf(1), payload(1, 10));
  const std::string folder = fs::path(fileOf(1)).parent_path().string();
  write(folder + "/.tmp-old", {1, 2, 3});
  write(folder + "/.tmp-new", {1, 2, 3});
  setAge(folder + "/.tmp-old", 4000);
  cache()->store(keyOf(2), payload(2, 10));
  EXPECT_FALSE(fs::exists(folder + "/.tmp-old"));
  EXPECT_TRUE(fs::exists(folder + "/.tmp-new"));
}

TEST_F(KernelCacheTest, clear_removes_what_is_the_caches_and_nothing_else) {
  auto cache = this->cache();
  EXPECT_TRUE(cache->clear().ok());
  for (int i = 0; i < 10; ++i) {
    cache->store(keyOf(i), payload(i, 10));
  }
  const std::string folder = fs::path(fileOf(1)).parent_path().string();
  write(folder + "/.tmp-abc", {1});
  write(folder + "/notes.txt", {1});
  write(folder_ + "/other", {1});
  CacheStatistics removed;
  EXPECT_TRUE(cache->clear(&removed).ok());
  EXPECT_EQ(removed.entries, 10);
  EXPECT_EQ(removed.bytes, static_cast<int64_t>(10 * (10 + kEntryHeaderBytes)));
  EXPECT_EQ(cache->statistics()->entries, 0);
  EXPECT_FALSE(fs::exists(folder + "/.tmp-abc"));
  EXPECT_TRUE(fs::exists(folder + "/notes.txt"));
  EXPECT_TRUE(fs::exists(folder_ + "/other"));
  EXPECT_EQ(cache->find(keyOf(1)), std::nullopt);
  cache->store(keyOf(1), payload(1, 10));
  EXPECT_EQ(cache->find(keyOf(1)), payload(1, 10));
}

TEST_F(KernelCacheTest, threads_share_one_object) {
  auto cache = this->cache(60'000);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const int number = (i * 7 + t) % 90;
        const Bytes bytes = payload(number, 500 + static_cast<size_t>(number) * 10);
        if (const auto found = cache->find(keyOf(number))) {
          wrong += *found != bytes ? 1 : 0;
        } else {
          cache->store(keyOf(number), bytes);
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
  const CacheUse use = cache->use();
  EXPECT_EQ(use.hits + use.misses, 800);
  EXPECT_EQ(use.stored, use.misses);
  EXPECT_EQ(use.rejected, 0);
  EXPECT_EQ(use.failed, 0);
}

}  // namespace
}  // namespace kiln
