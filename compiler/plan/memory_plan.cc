// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/plan/memory_plan.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/strings/str_format.h"
#include "compiler/dialect/diagnostics.h"

namespace kiln::compiler {
namespace {

constexpr std::array<std::string_view, 9> kSpaceNames = {"feed", "variable", "constant", "fetch", "arena",
                                                         "slot", "local",    "carry",    "row"};
constexpr std::array<std::string_view, 5> kModeNames = {"keep", "in place", "swap", "row", "ahead"};

int64_t aligned(int64_t bytes) { return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment; }

std::string nameOf(mlir::Operation* op) {
  std::string node = nodeNameOf(op->getLoc());
  return node.empty() ? op->getName().stripDialect().str() : node;
}

void appendLoops(const std::vector<PlannedStep>& steps, int depth, std::string& out) {
  for (const PlannedStep& step : steps) {
    if (!step.regions.empty()) {
      out += absl::StrFormat("%*s%s '%s'", 2 * depth + 2, "", step.op->getName().stripDialect().str(), nameOf(step.op));
      for (size_t i = 0; i < step.carries.size(); ++i) {
        out += (i == 0 ? ": carries " : ", ") + step.carries[i].toString();
      }
      out += "\n";
    }
    for (const std::vector<PlannedStep>& region : step.regions) {
      appendLoops(region, depth + 1, out);
    }
  }
}

size_t countSteps(const std::vector<PlannedStep>& steps) {
  size_t count = 0;
  for (const PlannedStep& step : steps) {
    count += 1;
    for (const std::vector<PlannedStep>& region : step.regions) {
      count += countSteps(region);
    }
  }
  return count;
}

}  // namespace

std::string Place::toString() const {
  return std::string(kSpaceNames[static_cast<int>(space)]) + " " + std::to_string(at);
}

std::optional<Place> Place::parse(std::string_view text) {
  for (size_t i = 0; i < kSpaceNames.size(); ++i) {
    std::string_view name = kSpaceNames[i];
    if (text.size() > name.size() && text.substr(0, name.size()) == name && text[name.size()] == ' ') {
      Place place{.space = static_cast<Space>(i)};
      std::string_view number = text.substr(name.size() + 1);
      auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), place.at);
      if (error == std::errc() && end == number.data() + number.size() && place.at >= 0) {
        return place;
      }
    }
  }
  return std::nullopt;
}

std::string PlannedCarry::toString() const {
  std::string text(kModeNames[static_cast<int>(mode)]);
  if (mode == Mode::kSwap) {
    return text + " " + spare.toString();
  }
  return mode == Mode::kRow || mode == Mode::kAhead ? text + " " + std::to_string(row) : text;
}

std::optional<PlannedCarry> PlannedCarry::parse(std::string_view text) {
  for (size_t i = 0; i < kModeNames.size(); ++i) {
    PlannedCarry carry;
    carry.mode = static_cast<Mode>(i);
    std::string_view name = kModeNames[i];
    if (text.substr(0, name.size()) != name) {
      continue;
    }
    std::string_view rest = text.substr(std::min(text.size(), name.size() + 1));
    if (carry.mode == Mode::kSwap) {
      std::optional<Place> spare = Place::parse(rest);
      carry.spare = spare.value_or(Place());
      return spare ? std::optional(carry) : std::nullopt;
    }
    if (carry.mode == Mode::kRow || carry.mode == Mode::kAhead) {
      auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), carry.row);
      return error == std::errc() ? std::optional(carry) : std::nullopt;
    }
    return carry;
  }
  return std::nullopt;
}

int64_t MemoryPlan::peakBytes(const std::function<int64_t(std::string_view)>& lookup) const {
  int64_t bytes = staticBytes;
  for (const Dim& slot : slots) {
    bytes += aligned(slot.evaluate(lookup));
  }
  return bytes;
}

int64_t MemoryPlan::lowerBoundBytes(const std::function<int64_t(std::string_view)>& lookup) const {
  int end = 0;
  for (const PlannedBuffer& buffer : buffers) {
    end = std::max(end, buffer.end);
  }
  std::vector<int64_t> live(end + 1);
  for (const PlannedBuffer& buffer : buffers) {
    for (int t = buffer.begin; t <= buffer.end && buffer.place.space != Space::kLocal; ++t) {
      live[t] += aligned(buffer.bytes.evaluate(lookup));
    }
  }
  return *std::max_element(live.begin(), live.end());
}

std::string MemoryPlan::toString(std::string_view entry) const {
  auto sample = [](std::string_view) { return kSampleDim; };
  std::string out = absl::StrFormat(
      "memory plan of '%s': %d kernels, %d of them in the commit; variables: %d in place, %d copied\n",
      std::string(entry), countSteps(steps), steps.size() - numBeforeCommit, numInPlaceVariables, numCopiedVariables);
  out += absl::StrFormat("  %-40s %20s %-14s %-10s %s\n", "node", "bytes", "place", "live", "values");
  bool isSymbolic = !slots.empty();
  for (const PlannedBuffer& buffer : buffers) {
    out += absl::StrFormat("  %-40s %20s %-14s %-10s %d\n", std::string(2 * buffer.depth, ' ') + buffer.node,
                           buffer.bytes.toString(), buffer.place.toString(),
                           absl::StrFormat("%d-%d", buffer.begin, buffer.end), buffer.numValues);
  }
  for (const PlannedCopy& copy : copies) {
    out += absl::StrFormat("  copy %s bytes from %s to %s %s\n", copy.bytes.toString(), copy.from.toString(),
                           copy.to.toString(), copy.isCommit ? "in the commit" : "before the commit");
  }
  appendLoops(steps, 0, out);
  for (const Dim& local : locals) {
    out += "  allocated when its size is known: " + local.toString() + " bytes\n";
  }
  out += absl::StrFormat("arena: %d", staticBytes);
  for (const Dim& slot : slots) {
    out += " + " + slot.toString();
  }
  out += absl::StrFormat(" bytes\npeak: %d bytes, lower bound: %d bytes%s\n", peakBytes(sample),
                         lowerBoundBytes(sample), isSymbolic ? absl::StrFormat(" (symbols = %d)", kSampleDim) : "");
  return out;
}

}  // namespace kiln::compiler
