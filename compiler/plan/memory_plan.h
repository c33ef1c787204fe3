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
enum class Space { kFeed, kVariable, kConstant, kFetch, kArena, kSlot, kLocal, kCarry, kRow };

/// Where a value is: the index of a caller's buffer, a byte offset in the arena's static part, the index of one of
/// the arena's slots, which follow the static part and have symbolic sizes, or the index of a block whose size only the
/// run tells (`local`). Inside a loop also: where the next value of a carry of the innermost loop goes, and this
/// step's row of one of its stacked results.
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

/// How a loop hands a carry from one step to the next.
struct PlannedCarry {
  enum class Mode {
    kKeep,     ///< It never changes: read where the loop found it.
    kInPlace,  ///< The next value is written over the last, in the result's place.
    kSwap,     ///< The next value is written beside the last: into the result's place and `spare`, in turns.
    kRow,      ///< The next value is a row of stacked result `row`, and read there.
    kAhead,    ///< The last value is a row of stacked result `row`: the next is written into the row that follows.
  };
  Mode mode = Mode::kSwap;
  int row = -1;
  Place spare;
  bool operator==(const PlannedCarry&) const = default;
  std::string toString() const;  ///< `swap arena 128`, `row 0`
  static std::optional<PlannedCarry> parse(std::string_view text);
};

/// Where a kiln.unwind has one carry: the kept values, and two that take turns while steps are repeated.
struct PlannedState {
  Place kept, first, second;
  bool operator==(const PlannedState&) const = default;
};

/// A kernel, a loop, a branch, an unwind or a bind_dim, with all that codegen needs to know.
struct PlannedStep {
  mlir::Operation* op = nullptr;
  std::vector<Place> outputs;         ///< The results' places.
  std::optional<Place> scratch;       ///< Of a kernel; of an unwind the numbers of the kept steps.
  std::optional<Place> number;        ///< Of a loop: the number of the step, where the body reads it.
  std::vector<PlannedCarry> carries;  ///< Of a loop; of an unwind those of its cotangents.
  std::vector<PlannedState> states;   ///< Of an unwind.
  std::vector<std::vector<PlannedStep>> regions;

  KernelOp kernel() const { return mlir::cast<KernelOp>(op); }
};

/// A stretch of the arena. Times are positions in the order of execution, both ends included.
struct PlannedBuffer {
  std::string node;  ///< The kernel (`name`, or `name#1` for another result) whose value came first.
  Dim bytes;
  Place place;
  int begin = 0, end = 0;
  int numValues = 1;  ///< More than one: later values were written over the first in place.
  int depth = 0;      ///< How many loops and branches it lies in.
};

/// The plan of one entry.
struct MemoryPlan {
  std::vector<PlannedStep> steps;  ///< In the order in which they run; those from numBeforeCommit on are the commit.
  int numBeforeCommit = 0;
  std::vector<PlannedCopy> copies;
  std::vector<PlannedBuffer> buffers;
  int64_t staticBytes = 0;
  std::vector<Dim> slots;                 ///< Sizes in bytes; each begins on the next multiple of kArenaAlignment.
  std::vector<std::string> localSymbols;  ///< Dimensions that a bind_dim of the entry binds, in program order.
  std::vector<Dim> locals;                ///< Sizes of blocks that mention such a symbol: allocated as the run goes on.
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

/// True for ops that a plan orders: kernels, kiln.loop, kiln.branch, kiln.unwind and kiln.bind_dim.
bool isStep(mlir::Operation* op);

/// Plans `entry`, a function of constants and steps. Changes nothing.
MemoryPlan planMemory(mlir::func::FuncOp entry, const PlanOptions& options);

/// Reorders the steps of `entry` as planned, erases those that nothing needs, and records the places as attributes:
/// `kiln.out`, `kiln.scratch` and `kiln.commit` on kernels; `kiln.carries`, `kiln.number` and `kiln.states` on loops;
/// `kiln.plan` on the function.
void recordPlan(mlir::func::FuncOp entry, const MemoryPlan& plan);

/// What recordPlan() wrote, except buffers. Nothing when `entry` carries no plan.
std::optional<MemoryPlan> readPlan(mlir::func::FuncOp entry);

}  // namespace kiln::compiler
