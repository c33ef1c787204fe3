// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/plan/place_values.h"

#include <algorithm>

#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/types.h"

namespace kiln::compiler {
using mlir::Operation;
using Mode = PlannedCarry::Mode;

Dim bytesOf(mlir::Type type) {
  ValueType value = valueType(type);
  return value.shape.numElements() * Dim(byteSize(value.dtype, 1));
}

void ValuePlacer::number() {
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    if (static_cast<int>(i) == plan_.numBeforeCommit) {
      stage_ = time_++;
    }
    number(plan_.steps[i]);
  }
  if (static_cast<int>(plan_.steps.size()) == plan_.numBeforeCommit) {
    stage_ = time_++;
  }
  end_ = time_;
}

void ValuePlacer::number(PlannedStep& step) {
  const int begin = time_++;
  spans_[step.op] = {begin, begin};
  if (mlir::isa<KernelOp, BindDimOp>(step.op)) {
    return;
  }
  for (mlir::Region& region : step.op->getRegions()) {
    std::vector<PlannedStep>& steps = step.regions.emplace_back();
    if (region.empty()) {
      continue;
    }
    for (Operation* op : carries_.stepsOf(&region.front())) {
      steps.emplace_back().op = op;
    }
    for (PlannedStep& inner : steps) {
      number(inner);
    }
    spans_[region.front().getTerminator()] = {time_, time_};
    ++time_;
  }
  spans_[step.op].second = time_++;
}

void ValuePlacer::setHome(Value value, Place place) {
  while (value && spots_.try_emplace(value, Spot{.buffer = -1, .place = place}).second) {
    auto loop = value.getDefiningOp<LoopOp>();
    const unsigned carry = loop ? mlir::cast<mlir::OpResult>(value).getResultNumber() : 0;
    if (!loop || carry >= loop.getNumCarries() || carries_.of(loop)[carry].mode != Mode::kInPlace) {
      return;
    }
    Value init = loop.getInits()[carry];
    Operation* writer = init.getDefiningOp();
    value = init.hasOneUse() && writer && isStep(writer) && writer->getBlock() == loop->getBlock() ? init : Value();
  }
}

int ValuePlacer::addBuffer(std::string node, Dim bytes, int begin, int end) {
  plan_.buffers.push_back({.node = std::move(node),
                           .bytes = std::move(bytes),
                           .place = {},
                           .begin = begin,
                           .end = end,
                           .numValues = 1,
                           .depth = depth_});
  return static_cast<int>(plan_.buffers.size()) - 1;
}

std::string ValuePlacer::nameOf(Operation* op) {
  if (auto kernel = mlir::dyn_cast<KernelOp>(op)) {
    return kernel.getName().str();
  }
  std::string node = nodeNameOf(op->getLoc());
  return node.empty() ? op->getName().stripDialect().str() : node;
}

// What a loop reads from outside is read again in its next step: it lives as long as the outermost such loop.
int ValuePlacer::lastUse(Value value, int position) const {
  int last = position;
  mlir::Block* home = value.getParentBlock();
  for (Operation* user : value.getUsers()) {
    auto found = spans_.find(user);
    if (found == spans_.end()) {
      continue;
    }
    int end = found->second.second;
    for (Operation* inner = user; inner->getBlock() != home; inner = inner->getParentOp()) {
      Operation* parent = inner->getParentOp();
      if (mlir::isa<LoopOp, UnwindOp>(parent)) {
        end = std::max(end, spans_.lookup(parent).second);
      }
    }
    last = std::max(last, end);
  }
  return usedAtEnd_.contains(value) ? endPosition() : last;
}

void ValuePlacer::fill(Place& place, const Spot& spot) {
  if (spot.buffer < 0) {
    place = spot.place;
  } else {
    fills_.push_back({&place, spot.buffer});
  }
}

void ValuePlacer::makeBuffers() {
  for (PlannedStep& step : plan_.steps) {
    makeBuffers(step);
  }
}

void ValuePlacer::finish() {
  for (const Fill& fill : fills_) {
    *fill.place = plan_.buffers[fill.buffer].place;
  }
}

std::vector<Value> ValuePlacer::mayOverwrite(Operation* op, unsigned result) const {
  std::vector<Value> candidates;
  if (auto branch = mlir::dyn_cast<BranchOp>(op)) {
    for (Value value : carries_.capturedBy(branch)) {
      if (value.getType() == op->getResult(result).getType()) {
        candidates.push_back(value);
      }
    }
  } else {
    candidates.assign(op->operand_begin(), op->operand_end());
  }
  std::erase_if(candidates, [&](Value value) {
    return spots_.lookup(value).buffer < 0 || !carries_.mayOverwrite(op, result, value);
  });
  return candidates;
}

void ValuePlacer::makeResult(PlannedStep& step, unsigned result, llvm::DenseSet<int>& taken) {
  Value value = step.op->getResult(result);
  if (auto preset = spots_.find(value); preset != spots_.end()) {
    fill(step.outputs[result], preset->second);
    return;
  }
  const auto [begin, end] = spans_.lookup(step.op);
  const Dim bytes = bytesOf(value.getType());
  const int last = std::max(end, lastUse(value, begin));
  int buffer = -1;
  for (Value operand : mayOverwrite(step.op, result)) {
    const int candidate = spots_.lookup(operand).buffer;
    PlannedBuffer& known = plan_.buffers[candidate];
    // A branch reads in one of its regions, wherever that is.
    const bool isLast = mlir::isa<BranchOp>(step.op) ? known.end <= end : known.end == end;
    if (!taken.contains(candidate) && isLast && known.bytes == bytes) {
      buffer = candidate;
      known.end = last;
      known.numValues += 1;
      break;
    }
  }
  if (buffer < 0) {
    buffer = addBuffer(nameOf(step.op) + (result > 0 ? "#" + std::to_string(result) : ""), bytes, begin, last);
  }
  taken.insert(buffer);
  spots_[value] = {.buffer = buffer, .place = {}};
  fill(step.outputs[result], buffer);
}

void ValuePlacer::makeBuffers(PlannedStep& step) {
  llvm::DenseSet<int> taken;
  step.outputs.resize(step.op->getNumResults());
  for (unsigned r = 0; r < step.op->getNumResults(); ++r) {
    makeResult(step, r, taken);
  }
  if (auto kernel = mlir::dyn_cast<KernelOp>(step.op)) {
    const int position = positionOf(step.op);
    if (int64_t scratch = options_.scratchBytes ? options_.scratchBytes(kernel) : 0; scratch > 0) {
      step.scratch.emplace();
      fill(*step.scratch, addBuffer(nameOf(step.op) + " scratch", Dim(scratch), position, position));
    }
    return;
  }
  ++depth_;
  if (auto loop = mlir::dyn_cast<LoopOp>(step.op)) {
    makeLoop(step, loop.getBodyBlock(), loop.getStep());
  } else if (mlir::isa<UnwindOp>(step.op)) {
    makeUnwind(step);
  } else if (auto branch = mlir::dyn_cast<BranchOp>(step.op)) {
    for (mlir::Region& region : branch.getBranches()) {
      Operation* yield = region.front().getTerminator();
      for (auto [value, result] : llvm::zip_equal(yield->getOperands(), branch.getOutputs())) {
        Operation* writer = value.getDefiningOp();
        if (writer != nullptr && writer->getBlock() == &region.front() && isStep(writer)) {
          spots_.try_emplace(value, spots_.lookup(result));
        }
      }
    }
  }
  for (std::vector<PlannedStep>& region : step.regions) {
    for (PlannedStep& inner : region) {
      makeBuffers(inner);
    }
  }
  --depth_;
}

/// Values that a body yields are made where they are wanted: in a row first, since a carry may be read there.
void ValuePlacer::presetCarries(mlir::Block& body, const std::vector<PlannedCarry>& carries) {
  mlir::OperandRange yields = body.getTerminator()->getOperands();
  const auto preset = [&](Value value, Place place) {
    Operation* writer = value.getDefiningOp();
    if (writer != nullptr && writer->getBlock() == &body && isStep(writer)) {
      setHome(value, place);
    }
  };
  for (size_t i = carries.size(); i < yields.size(); ++i) {
    preset(yields[i], {Space::kRow, static_cast<int64_t>(i - carries.size())});
  }
  for (size_t i = 0; i < carries.size(); ++i) {
    preset(yields[i], {Space::kCarry, static_cast<int64_t>(i)});
  }
}

void ValuePlacer::makeLoop(PlannedStep& step, mlir::Block& body, Value stepNumber) {
  const auto [begin, end] = spans_.lookup(step.op);
  const std::string name = nameOf(step.op);
  step.carries = carries_.of(step.op);
  for (size_t i = 0; i < step.carries.size(); ++i) {
    if (step.carries[i].mode == Mode::kSwap) {
      fill(step.carries[i].spare,
           addBuffer(name + " spare " + std::to_string(i), bytesOf(step.op->getResult(i).getType()), begin, end));
    }
  }
  if (!stepNumber.use_empty()) {
    step.number.emplace();
    fill(*step.number, addBuffer(name + " number", Dim(8), begin, end));
  }
  presetCarries(body, step.carries);
}

void ValuePlacer::makeUnwind(PlannedStep& step) {
  auto unwind = mlir::cast<UnwindOp>(step.op);
  const auto [begin, end] = spans_.lookup(step.op);
  const std::string name = nameOf(step.op);
  const Dim slots(static_cast<int64_t>(unwind.getSlots()));
  step.states.resize(unwind.getInits().size());
  for (auto [i, init] : llvm::enumerate(unwind.getInits())) {
    const Dim bytes = bytesOf(init.getType());
    const std::string state = name + " state " + std::to_string(i);
    fill(step.states[i].kept, addBuffer(state + " kept", bytes * slots, begin, end));
    fill(step.states[i].first, addBuffer(state, bytes, begin, end));
    fill(step.states[i].second, addBuffer(state, bytes, begin, end));
  }
  step.scratch.emplace();
  fill(*step.scratch, addBuffer(name + " kept steps", slots * Dim(8), begin, end));
  mlir::Block& body = unwind.getStep().front();
  presetCarries(body, std::vector<PlannedCarry>(unwind.getInits().size()));
  mlir::Block& adjoint = unwind.getAdjoint().front();
  // Both regions read the number of the step that they are at.
  makeLoop(step, adjoint, body.getArgument(0).use_empty() ? adjoint.getArgument(0) : body.getArgument(0));
}

}  // namespace kiln::compiler
