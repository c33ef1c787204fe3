// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/plan/memory_plan.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/strings/str_format.h"
#include "llvm/ADT/DenseSet.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {
namespace {

constexpr std::array<std::string_view, 6> kSpaceNames = {"feed", "variable", "constant", "fetch", "arena", "slot"};

int64_t aligned(int64_t bytes) { return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment; }

mlir::StringAttr placeAttr(mlir::OpBuilder& b, const Place& place) { return b.getStringAttr(place.toString()); }

std::string_view text(mlir::Attribute attribute) {
  llvm::StringRef value = mlir::cast<mlir::StringAttr>(attribute).getValue();
  return {value.data(), value.size()};
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

int64_t MemoryPlan::peakBytes(const std::function<int64_t(std::string_view)>& lookup) const {
  int64_t bytes = staticBytes;
  for (const Dim& slot : slots) {
    bytes += aligned(slot.evaluate(lookup));
  }
  return bytes;
}

int64_t MemoryPlan::lowerBoundBytes(const std::function<int64_t(std::string_view)>& lookup) const {
  std::vector<int64_t> live(order.size() + 3);
  for (const PlannedBuffer& buffer : buffers) {
    for (int t = buffer.begin; t <= buffer.end; ++t) {
      live[t] += aligned(buffer.bytes.evaluate(lookup));
    }
  }
  return *std::max_element(live.begin(), live.end());
}

std::string MemoryPlan::toString(std::string_view entry) const {
  auto sample = [](std::string_view) { return kSampleDim; };
  std::string out = absl::StrFormat(
      "memory plan of '%s': %d kernels, %d of them in the commit; variables: %d in place, %d copied\n",
      std::string(entry), order.size(), order.size() - numBeforeCommit, numInPlaceVariables, numCopiedVariables);
  out += absl::StrFormat("  %-40s %20s %-14s %-10s %s\n", "node", "bytes", "place", "live", "values");
  bool isSymbolic = !slots.empty();
  for (const PlannedBuffer& buffer : buffers) {
    out +=
        absl::StrFormat("  %-40s %20s %-14s %-10s %d\n", buffer.node, buffer.bytes.toString(), buffer.place.toString(),
                        absl::StrFormat("%d-%d", buffer.begin, buffer.end), buffer.numValues);
  }
  for (const PlannedCopy& copy : copies) {
    out += absl::StrFormat("  copy %s bytes from %s to %s %s\n", copy.bytes.toString(), copy.from.toString(),
                           copy.to.toString(), copy.isCommit ? "in the commit" : "before the commit");
  }
  out += absl::StrFormat("arena: %d", staticBytes);
  for (const Dim& slot : slots) {
    out += " + " + slot.toString();
  }
  out += absl::StrFormat(" bytes\npeak: %d bytes, lower bound: %d bytes%s\n", peakBytes(sample),
                         lowerBoundBytes(sample), isSymbolic ? absl::StrFormat(" (symbols = %d)", kSampleDim) : "");
  return out;
}

void recordPlan(mlir::func::FuncOp entry, const MemoryPlan& plan) {
  mlir::OpBuilder b(entry.getContext());
  mlir::Operation* end = entry.getBody().front().getTerminator();
  llvm::DenseSet<mlir::Operation*> kept;
  for (size_t i = 0; i < plan.order.size(); ++i) {
    KernelOp kernel = plan.order[i];
    kept.insert(kernel);
    kernel->moveBefore(end);
    llvm::SmallVector<mlir::Attribute> outputs;
    for (const Place& place : plan.outputs[i]) {
      outputs.push_back(placeAttr(b, place));
    }
    kernel->setAttr("kiln.out", b.getArrayAttr(outputs));
    if (plan.scratch[i]) {
      kernel->setAttr("kiln.scratch", placeAttr(b, *plan.scratch[i]));
    }
    if (static_cast<int>(i) >= plan.numBeforeCommit) {
      kernel->setAttr("kiln.commit", b.getUnitAttr());
    }
  }
  for (mlir::Operation& op : llvm::make_early_inc_range(llvm::reverse(entry.getBody().front()))) {
    if (mlir::isa<KernelOp>(op) && !kept.contains(&op)) {
      op.erase();
    }
  }
  llvm::SmallVector<mlir::Attribute> slots, copies;
  for (const Dim& slot : plan.slots) {
    slots.push_back(b.getStringAttr(slot.toString()));
  }
  for (const PlannedCopy& copy : plan.copies) {
    copies.push_back(b.getArrayAttr({placeAttr(b, copy.from), placeAttr(b, copy.to),
                                     b.getStringAttr(copy.bytes.toString()), b.getBoolAttr(copy.isCommit)}));
  }
  entry->setAttr("kiln.plan", b.getDictionaryAttr({b.getNamedAttr("bytes", b.getI64IntegerAttr(plan.staticBytes)),
                                                   b.getNamedAttr("slots", b.getArrayAttr(slots)),
                                                   b.getNamedAttr("copies", b.getArrayAttr(copies))}));
}

std::optional<MemoryPlan> readPlan(mlir::func::FuncOp entry) {
  auto recorded = entry->getAttrOfType<mlir::DictionaryAttr>("kiln.plan");
  if (!recorded) {
    return std::nullopt;
  }
  MemoryPlan plan;
  plan.staticBytes = recorded.getAs<mlir::IntegerAttr>("bytes").getInt();
  for (mlir::Attribute slot : recorded.getAs<mlir::ArrayAttr>("slots")) {
    plan.slots.push_back(Dim::parse(text(slot)).value());
  }
  for (mlir::Attribute copy : recorded.getAs<mlir::ArrayAttr>("copies")) {
    auto parts = mlir::cast<mlir::ArrayAttr>(copy);
    plan.copies.push_back({.from = Place::parse(text(parts[0])).value(),
                           .to = Place::parse(text(parts[1])).value(),
                           .bytes = Dim::parse(text(parts[2])).value(),
                           .isCommit = mlir::cast<mlir::BoolAttr>(parts[3]).getValue()});
  }
  for (KernelOp kernel : entry.getOps<KernelOp>()) {
    plan.order.push_back(kernel);
    plan.numBeforeCommit += kernel->hasAttr("kiln.commit") ? 0 : 1;
    std::vector<Place>& outputs = plan.outputs.emplace_back();
    for (mlir::Attribute place : kernel->getAttrOfType<mlir::ArrayAttr>("kiln.out")) {
      outputs.push_back(Place::parse(text(place)).value());
    }
    auto scratch = kernel->getAttrOfType<mlir::StringAttr>("kiln.scratch");
    plan.scratch.push_back(scratch ? Place::parse(text(scratch)) : std::nullopt);
  }
  return plan;
}

}  // namespace kiln::compiler
