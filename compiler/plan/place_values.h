// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Gives every value of an ordered entry its memory.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "compiler/plan/carries.h"
#include "compiler/plan/memory_plan.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace kiln::compiler {

/// Bytes of a value.
Dim bytesOf(mlir::Type type);

/// Lifetimes and buffers. The steps of loops and branches take positions in one time line with those around them: a
/// loop's values die within a step, what it reads from outside lives to its end. So one arena serves all, and nothing
/// is allocated for a loop.
class ValuePlacer {
 public:
  ValuePlacer(MemoryPlan& plan, const Carries& carries, const PlanOptions& options)
      : plan_(plan), carries_(carries), options_(options) {}

  /// Numbers the steps of the plan, of which only `op` is set, and makes those of their regions. The stage copies have
  /// a position of their own between the two parts.
  void number();
  int positionOf(mlir::Operation* op) const { return spans_.lookup(op).first; }
  int stagePosition() const { return stage_; }
  int endPosition() const { return end_; }

  /// The value is made in a place that is the caller's, or the enclosing loop's. What an in-place loop that makes it
  /// begins with is made there too, where nothing else reads it.
  void setHome(mlir::Value value, Place place);
  /// The value is read by the commit copies.
  void useAtEnd(mlir::Value value) { usedAtEnd_.insert(value); }
  int addBuffer(std::string node, Dim bytes, int begin, int end);
  /// A buffer for each value without a home, an operand's where it may be written over and has no later reader.
  void makeBuffers();
  /// The buffer of a value; only after makeBuffers(), for values without a home.
  int bufferOf(mlir::Value value) const { return spots_.lookup(value).buffer; }
  /// Writes the buffers' places, which assignOffsets() gave, into the steps.
  void finish();

 private:
  struct Spot {
    int buffer = -1;  // Or else the place.
    Place place;
  };
  struct Fill {
    Place* place;
    int buffer;
  };

  void number(PlannedStep& step);
  void makeBuffers(PlannedStep& step);
  void makeResult(PlannedStep& step, unsigned result, llvm::DenseSet<int>& taken);
  void makeLoop(PlannedStep& step, mlir::Block& body, mlir::Value stepNumber);
  void makeUnwind(PlannedStep& step);
  void presetCarries(mlir::Block& body, const std::vector<PlannedCarry>& carries);
  std::vector<mlir::Value> mayOverwrite(mlir::Operation* op, unsigned result) const;
  int lastUse(mlir::Value value, int position) const;
  void fill(Place& place, const Spot& spot);
  void fill(Place& place, int buffer) { fill(place, Spot{.buffer = buffer, .place = {}}); }
  static std::string nameOf(mlir::Operation* op);

  MemoryPlan& plan_;
  const Carries& carries_;
  const PlanOptions& options_;
  llvm::DenseMap<mlir::Operation*, std::pair<int, int>> spans_;
  int time_ = 0, stage_ = 0, end_ = 0, depth_ = 0;
  llvm::DenseMap<mlir::Value, Spot> spots_;
  llvm::DenseSet<mlir::Value> usedAtEnd_;
  std::vector<Fill> fills_;
};

}  // namespace kiln::compiler
