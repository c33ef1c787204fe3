// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/specializer.h"

#include <algorithm>
#include <utility>

namespace kiln::runtime {
namespace {

constexpr uint64_t kCountMask = 0xffff;

uint64_t hashOf(std::span<const int64_t> dims) {
  uint64_t hash = 0x9E3779B97F4A7C15u;
  for (int64_t dim : dims) {
    hash = (hash ^ static_cast<uint64_t>(dim)) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return hash;
}

// Whether runs of `general` may run `special` in its place: the buffers and nodes are the same ones.
bool isDropIn(const Executable& special, const Executable& general) {
  const EntryManifest &a = special.manifest, &b = general.manifest;
  const auto sameUse = [](const VariableUse& x, const VariableUse& y) {
    return x.variable == y.variable && x.written == y.written;
  };
  return a.feeds.size() == b.feeds.size() && a.fetches.size() == b.fetches.size() &&
         a.constants.size() == b.constants.size() && a.symbols.size() == b.symbols.size() &&
         a.nodes.size() == b.nodes.size() && a.kernels == b.kernels &&
         std::ranges::equal(a.variables, b.variables, sameUse) && special.image != nullptr && special.entryIndex >= 0 &&
         static_cast<uint32_t>(special.entryIndex) < special.image->table().num_entries;
}

}  // namespace

Specializer::Specializer(std::shared_ptr<const Executable> general, int after, Ask ask)
    : general_(std::move(general)),
      after_(static_cast<uint64_t>(std::clamp<int>(after, 1, kCountMask - 1))),
      ask_(std::move(ask)) {}

const kiln_entry_t* Specializer::entryFor(std::span<const int64_t> dims) {
  if (const Table* table = table_.load(std::memory_order_acquire)) {
    for (const Row& row : *table) {
      if (std::ranges::equal(row.dims, dims)) {
        return &row.entry;
      }
    }
  }
  count(dims);
  return nullptr;
}

void Specializer::count(std::span<const int64_t> dims) {
  const uint64_t hash = hashOf(dims), tag = hash & ~kCountMask;
  std::atomic<uint64_t>& counter = counters_[hash % kCounters];
  uint64_t seen = counter.load(std::memory_order_relaxed);
  const uint64_t times = seen & kCountMask;
  uint64_t next = 0;
  if ((seen & ~kCountMask) == tag) {
    if (times >= after_) {
      return;  // asked for
    }
    next = seen + 1;
  } else {
    next = times > 1 ? seen - 1 : tag | 1;
  }
  // A count that is lost to another thread comes again.
  if (counter.compare_exchange_weak(seen, next, std::memory_order_relaxed) && next == (tag | after_)) {
    ask(dims);
  }
}

void Specializer::ask(std::span<const int64_t> dims) {
  std::vector<int64_t> wanted(dims.begin(), dims.end());
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (asked_.size() >= kMost || std::ranges::find(asked_, wanted) != asked_.end()) {
      return;
    }
    asked_.push_back(wanted);
  }
  ask_(dims, [weak = weak_from_this(), wanted](StatusOr<std::shared_ptr<const Executable>> found) {
    if (auto self = weak.lock()) {
      self->install(wanted, std::move(found));
    }
  });
}

void Specializer::install(std::vector<int64_t> dims, StatusOr<std::shared_ptr<const Executable>> found) {
  if (!found.ok() || *found == nullptr || !isDropIn(**found, *general_)) {
    failed_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  auto table = std::make_unique<Table>(tables_.empty() ? Table() : *tables_.back());
  const kiln_entry_t entry = (*found)->image->table().entries[(*found)->entryIndex];
  table->push_back({std::move(dims), entry, *std::move(found)});
  table_.store(table.get(), std::memory_order_release);
  tables_.push_back(std::move(table));
  specialized_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace kiln::runtime
