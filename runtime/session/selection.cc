// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/selection.h"

#include <algorithm>

namespace kiln::runtime {
namespace {

// Messages describe so many entries; more are only counted.
constexpr size_t kMaxEntriesListed = 4;

std::string listNames(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "'" : ", '") + name + "'";
  }
  return text.empty() ? "nothing" : text;
}

std::string describe(const EntryInfo& entry) {
  return "'" + entry.name + "' (" + listNames(entry.fetches) + " from " + listNames(entry.feeds) + ")";
}

std::string describeAll(std::span<const EntryUse> entries) {
  std::string text;
  for (size_t i = 0; i < entries.size() && i < kMaxEntriesListed; ++i) {
    text += (i == 0 ? "" : ", ") + describe(*entries[i].entry);
  }
  if (entries.size() > kMaxEntriesListed) {
    text += " and " + std::to_string(entries.size() - kMaxEntriesListed) + " more";
  }
  return text.empty() ? "nothing" : text;
}

bool isAmong(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  return std::ranges::all_of(some, [&](const std::string& name) { return std::ranges::find(all, name) != all.end(); });
}

size_t placeOf(const std::string& name, const std::vector<std::string>& names) {
  return static_cast<size_t>(std::ranges::find(names, name) - names.begin());
}

size_t placeOf(const std::string& name, const std::vector<TensorSpec>& specs) {
  return static_cast<size_t>(std::ranges::find(specs, name, &TensorSpec::name) - specs.begin());
}

std::string namesOf(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> names;
  for (const TensorSpec& spec : specs) {
    names.push_back(spec.name);
  }
  return listNames(names);
}

}  // namespace

StatusOr<const EntryInfo*> chooseEntry(std::span<const EntryUse> entries, const ExecutableRequest& request) {
  const EntryInfo* larger = nullptr;
  for (const auto& [entry, writes] : entries) {
    if (!std::ranges::is_permutation(request.feeds, entry->feeds) ||
        !std::ranges::is_permutation(request.targets, entry->targets) || !isAmong(request.fetches, entry->fetches)) {
      continue;
    }
    if (isAmong(entry->fetches, request.fetches)) {
      return entry;
    }
    if (!writes && larger == nullptr) {
      larger = entry;
    }
  }
  if (larger == nullptr) {
    std::vector<std::string> wanted = request.fetches;
    wanted.insert(wanted.end(), request.targets.begin(), request.targets.end());
    return makeError<ErrorId::kR0309>(listNames(wanted) + " from " + listNames(request.feeds), describeAll(entries));
  }
  return larger;
}

Status checkFetches(const EntryInfo& entry, const std::vector<std::string>& fetches) {
  for (const std::string& name : fetches) {
    if (!isAmong({name}, entry.fetches)) {
      const EntryUse use{.entry = &entry};
      return makeError<ErrorId::kR0309>("'" + name + "' in this entry", describeAll({&use, 1}));
    }
  }
  return absl::OkStatus();
}

std::shared_ptr<const Selection> select(const EntryManifest& entry, const std::vector<std::string>& feeds,
                                        const std::vector<std::string>& fetches) {
  auto selection = std::make_shared<Selection>();
  selection->manifest = entry;
  selection->manifest.feeds.clear();
  selection->manifest.fetches.clear();
  for (const std::string& name : feeds) {
    selection->manifest.feeds.push_back(entry.feeds[placeOf(name, entry.feeds)]);
  }
  for (const TensorSpec& feed : entry.feeds) {
    selection->feeds.push_back(placeOf(feed.name, feeds));
  }
  for (const std::string& name : fetches) {
    selection->fetches.push_back(placeOf(name, entry.fetches));
    selection->manifest.fetches.push_back(entry.fetches[selection->fetches.back()]);
  }
  return selection;
}

Status wrongCounts(const Selection& selection, size_t numFeeds, size_t numFetches) {
  const EntryManifest& wanted = selection.manifest;
  return numFeeds != wanted.feeds.size()
             ? makeError<ErrorId::kR0020>(numFeeds, wanted.feeds.size(), namesOf(wanted.feeds))
             : makeError<ErrorId::kR0026>(numFetches, wanted.fetches.size(), namesOf(wanted.fetches));
}

}  // namespace kiln::runtime
