// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Where every value of an entry lives, and in which order its kernels run.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "proto/base/shape.h"

namespace kiln::compiler {

/// A kind of memory. The caller's buffers come in the ABI's order; the arena is the run's own.
enum class Space { kFeed, kVariable, kConstant, kFetch, kArena, kSlot };

/// Where a value is: the index of a caller's buffer, a byte offset in the arena's static part, or the index of one of
/// the arena's slots, which follow the static part and have symbolic sizes.
struct Place {
  Space space = Space::kArena;
  int64_t at = 0;
  bool operator==(const Place&) const = default;
  std::string toString() const;  ///< `arena 128`, `slot 1`, `variable 0`
  static std::optional<Place> parse(std::string_view text);
};

/// A move of bytes between kernels: the stage copies run after the last kernel that may fail and before any variable is
/// written; the commit copies run last.
struct PlannedCopy {
  Place from, to;
  Dim bytes;
  bool isCommit = false;
};

/// A stretch of the arena. Times are positions in the order of execution, both ends included.
struct PlannedBuffer {
  std::string node;  ///< The kernel (`name`, or `name#1` for another result) whose value came first.
  Dim bytes;
  Place place;
  int begin = 0, end = 0;
  int numValues = 1;  ///< More than one: later values were written over the first in place.
};

/// The plan of one entry.
struct MemoryPlan {
  std::vector<KernelOp> order;  ///< Kernels that run; those from numBeforeCommit on belong to the commit.
  int numBeforeCommit = 0;
  std::vector<std::vector<Place>> outputs;    ///< For each kernel of `order`, its results' places.
  std::vector<std::optional<Place>> scratch;  ///< For each kernel of `order`.
  std::vector<PlannedCopy> copies;
  std::vector<PlannedBuffer> buffers;
  int64_t staticBytes = 0;
  std::vector<Dim> slots;  ///< Sizes in bytes; each begins on the next multiple of kArenaAlignment.
  int numInPlaceVariables = 0, numCopiedVariables = 0;

  /// Bytes of arena when every symbol has the value that `lookup` gives.
  int64_t peakBytes(const std::function<int64_t(std::string_view)>& lookup) const;
  /// The most bytes that are live at one time: no plan with this order can need less.
  int64_t lowerBoundBytes(const std::function<int64_t(std::string_view)>& lookup) const;
  /// A table of buffers, then peak and lower bound; symbols are shown at kSampleDim.
  std::string toString(std::string_view entry) const;
};

inline constexpr int64_t kArenaAlignment = 64;
/// The value of every symbol in the printed peak.
inline constexpr int64_t kSampleDim = 64;

struct PlanOptions {
  /// Bytes of scratch memory that a kernel asks for; null: none does.
  std::function<int64_t(KernelOp)> scratchBytes = {};
  /// When set, receives MemoryPlan::toString.
  std::string* report = nullptr;
};

/// Plans `entry`, a function of constants and kernels. Changes nothing.
MemoryPlan planMemory(mlir::func::FuncOp entry, const PlanOptions& options);

/// Reorders the kernels of `entry` as planned, erases those that nothing needs, and records the places as attributes:
/// `kiln.out`, `kiln.scratch` and `kiln.commit` on kernels; `kiln.plan` on the function.
void recordPlan(mlir::func::FuncOp entry, const MemoryPlan& plan);

/// What recordPlan() wrote, except buffers. Nothing when `entry` carries no plan.
std::optional<MemoryPlan> readPlan(mlir::func::FuncOp entry);

}  // namespace kiln::compiler
