// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/plan/assign_offsets.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace kiln::compiler {
namespace {

int64_t aligned(int64_t bytes) { return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment; }

bool overlap(const PlannedBuffer& a, const PlannedBuffer& b) { return a.begin <= b.end && b.begin <= a.end; }

/// Places the static buffers in the given order, each into the smallest gap that holds it; returns the bytes needed.
int64_t packStatic(std::vector<PlannedBuffer>& buffers, const std::vector<int>& sequence) {
  int64_t total = 0;
  std::vector<int> placed;
  for (int index : sequence) {
    PlannedBuffer& buffer = buffers[index];
    int64_t size = aligned(buffer.bytes.value());
    std::vector<std::pair<int64_t, int64_t>> blocked;
    for (int other : placed) {
      if (overlap(buffer, buffers[other])) {
        blocked.push_back({buffers[other].place.at, buffers[other].place.at + aligned(buffers[other].bytes.value())});
      }
    }
    std::sort(blocked.begin(), blocked.end());
    int64_t best = -1, bestGap = std::numeric_limits<int64_t>::max(), free = 0;
    for (auto [begin, end] : blocked) {
      if (begin - free >= size && begin - free < bestGap) {
        best = free;
        bestGap = begin - free;
      }
      free = std::max(free, end);
    }
    buffer.place = {Space::kArena, best >= 0 ? best : free};
    total = std::max(total, buffer.place.at + size);
    placed.push_back(index);
  }
  return total;
}

int64_t sampleBytes(const Dim& bytes) {
  return bytes.evaluate([](std::string_view) { return kSampleDim; });
}

void packSymbolic(MemoryPlan& plan, std::vector<int> indices) {
  // Larger buffers first, so that smaller ones find slots that are large enough.
  std::stable_sort(indices.begin(), indices.end(), [&](int a, int b) {
    return sampleBytes(plan.buffers[a].bytes) > sampleBytes(plan.buffers[b].bytes);
  });
  std::vector<std::vector<int>> users;
  for (int index : indices) {
    PlannedBuffer& buffer = plan.buffers[index];
    size_t best = users.size();
    for (size_t slot = 0; slot < users.size(); ++slot) {
      bool isFree = std::none_of(users[slot].begin(), users[slot].end(),
                                 [&](int other) { return overlap(buffer, plan.buffers[other]); });
      if (isFree && isAlwaysAtMost(buffer.bytes, plan.slots[slot]) &&
          (best == users.size() || isAlwaysAtMost(plan.slots[slot], plan.slots[best]))) {
        best = slot;
      }
    }
    if (best == users.size()) {
      users.emplace_back();
      plan.slots.push_back(buffer.bytes);
    }
    users[best].push_back(index);
    buffer.place = {Space::kSlot, static_cast<int64_t>(best)};
  }
}

// A block grows when it has to, so any value may have one that is free.
void packLocal(MemoryPlan& plan, const std::vector<int>& indices) {
  std::vector<std::vector<int>> users;
  for (int index : indices) {
    PlannedBuffer& buffer = plan.buffers[index];
    size_t block = 0;
    while (block < users.size() &&
           std::ranges::any_of(users[block], [&](int other) { return overlap(buffer, plan.buffers[other]); })) {
      ++block;
    }
    if (block == users.size()) {
      users.emplace_back();
      plan.locals.push_back(buffer.bytes);
    }
    users[block].push_back(index);
    buffer.place = {Space::kLocal, static_cast<int64_t>(block)};
  }
}

}  // namespace

bool mentionsLocal(const MemoryPlan& plan, const Dim& dim) {
  return !plan.localSymbols.empty() && std::ranges::any_of(dim.symbols(), [&](const std::string& symbol) {
    return std::ranges::find(plan.localSymbols, symbol) != plan.localSymbols.end();
  });
}

bool isAlwaysAtMost(const Dim& a, const Dim& b) {
  return Dim::max(a, b) == b;  // folded when proven
}

void assignOffsets(MemoryPlan& plan) {
  std::vector<int> statics, symbolics, locals;
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    const Dim& bytes = plan.buffers[i].bytes;
    (bytes.isStatic() ? statics : mentionsLocal(plan, bytes) ? locals : symbolics).push_back(static_cast<int>(i));
  }
  // Neither order is best for all graphs, and both are quick.
  std::vector<int> bySize = statics;
  std::stable_sort(bySize.begin(), bySize.end(),
                   [&](int a, int b) { return plan.buffers[a].bytes.value() > plan.buffers[b].bytes.value(); });
  int64_t inTime = packStatic(plan.buffers, statics);
  plan.staticBytes = packStatic(plan.buffers, bySize);
  if (inTime < plan.staticBytes) {
    plan.staticBytes = packStatic(plan.buffers, statics);
  }
  packSymbolic(plan, symbolics);
  packLocal(plan, locals);
}

}  // namespace kiln::compiler
