// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "compiler/cache/kernel_cache.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/compile_flags.h"
#include "tools/kiln/flags.h"

namespace kiln::tools {
namespace {

using Json = nlohmann::ordered_json;

struct CacheCommand {
  std::string folder;  // Empty: the default one.
  bool json = false;
};

StatusOr<std::shared_ptr<KernelCache>> open(const CacheCommand& command) {
  return KernelCache::open(command.folder.empty() ? KernelCache::defaultFolder() : command.folder);
}

void print(const Json& json) {
  // Names of folders may be no UTF-8.
  std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

std::string counted(int64_t entries, int64_t bytes) {
  return std::to_string(entries) + (entries == 1 ? " entry, " : " entries, ") + bytesText(static_cast<uint64_t>(bytes));
}

std::string ageText(int64_t seconds) {
  if (seconds < 2 * 3600) {
    return "less than two hours ago";
  }
  const int64_t hours = seconds / 3600;
  return hours < 48 ? std::to_string(hours) + " hours ago" : std::to_string(hours / 24) + " days ago";
}

Status showStatistics(const CacheCommand& command) {
  KILN_ASSIGN_OR_RETURN(const std::shared_ptr<KernelCache> cache, open(command));
  KILN_ASSIGN_OR_RETURN(const CacheStatistics statistics, cache->statistics());
  if (command.json) {
    Json json{{"folder", cache->folder()},
              {"entries", statistics.entries},
              {"bytes", statistics.bytes},
              {"max_bytes", statistics.maxBytes},
              {"oldest_use", statistics.oldest == 0 ? Json() : Json(statistics.oldest)}};
    print(json);
    return Status();
  }
  std::printf("folder      %s\n", cache->folder().c_str());
  std::printf("cap         %s\n", bytesText(static_cast<uint64_t>(statistics.maxBytes)).c_str());
  if (statistics.entries > 0) {
    std::printf("oldest use  %s\n", ageText(static_cast<int64_t>(std::time(nullptr)) - statistics.oldest).c_str());
  }
  std::printf("compile cache: %s\n", counted(statistics.entries, statistics.bytes).c_str());
  return Status();
}

Status clear(const CacheCommand& command) {
  KILN_ASSIGN_OR_RETURN(const std::shared_ptr<KernelCache> cache, open(command));
  CacheStatistics removed;
  KILN_RETURN_IF_ERROR(cache->clear(&removed));
  if (command.json) {
    print({{"folder", cache->folder()}, {"removed_entries", removed.entries}, {"removed_bytes", removed.bytes}});
    return Status();
  }
  std::printf("removed %s from %s\n", counted(removed.entries, removed.bytes).c_str(), cache->folder().c_str());
  return Status();
}

}  // namespace

void addCacheCommand(CLI::App& app, Status& status) {
  auto cache = std::make_shared<CacheCommand>();
  CLI::App* command = app.add_subcommand("cache", "shows or clears the compile cache");
  command->require_subcommand(1);
  command->footer(
      "The cache keeps code of kernels in the folder that KILN_CACHE_DIR names, else in kiln in the user's cache "
      "folder;\n"
      "KILN_CACHE_MAX is its cap: bytes, or a number with K, M, G or T after it; 1G by default.\n"
      "Examples:\n  kiln cache stats\n  kiln cache clear --cache-dir /tmp/kernels");
  const auto add = [&](const char* name, const char* help, const char* example, Status (*run)(const CacheCommand&)) {
    CLI::App* action = command->add_subcommand(name, help);
    action->add_option("--cache-dir", cache->folder, "the cache's folder; the default one when left out");
    addJson(*action, cache->json);
    action->footer(std::string("Example: ") + example);
    action->callback([cache, run, &status] { status = run(*cache); });
  };
  add("stats", "shows how many entries there are, and their size", "kiln cache stats --json", showStatistics);
  add("clear", "removes all entries", "kiln cache clear", clear);
}

}  // namespace kiln::tools
