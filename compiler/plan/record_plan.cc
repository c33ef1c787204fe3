// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The plan as attributes, between the plan phase and code generation.
#include "compiler/plan/memory_plan.h"
#include "llvm/ADT/DenseSet.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {
namespace {

std::string_view text(mlir::Attribute attribute) {
  llvm::StringRef value = mlir::cast<mlir::StringAttr>(attribute).getValue();
  return {value.data(), value.size()};
}

Place placeOf(mlir::Attribute attribute) { return Place::parse(text(attribute)).value(); }

class Recorder {
 public:
  explicit Recorder(mlir::MLIRContext* context) : b_(context) {}

  void record(mlir::Block& block, const std::vector<PlannedStep>& steps) {
    mlir::Operation* end = block.getTerminator();
    llvm::DenseSet<mlir::Operation*> kept;
    for (const PlannedStep& step : steps) {
      kept.insert(step.op);
      step.op->moveBefore(end);
      record(step);
    }
    for (mlir::Operation& op : llvm::make_early_inc_range(llvm::reverse(block))) {
      if (isStep(&op) && !kept.contains(&op)) {
        op.erase();
      }
    }
  }

  mlir::StringAttr attr(const Place& place) { return b_.getStringAttr(place.toString()); }

 private:
  void record(const PlannedStep& step) {
    llvm::SmallVector<mlir::Attribute> outputs, carries, states;
    for (const Place& place : step.outputs) {
      outputs.push_back(attr(place));
    }
    step.op->setAttr("kiln.out", b_.getArrayAttr(outputs));
    if (step.scratch) {
      step.op->setAttr("kiln.scratch", attr(*step.scratch));
    }
    if (step.number) {
      step.op->setAttr("kiln.number", attr(*step.number));
    }
    for (const PlannedCarry& carry : step.carries) {
      carries.push_back(b_.getStringAttr(carry.toString()));
    }
    if (!carries.empty()) {
      step.op->setAttr("kiln.carries", b_.getArrayAttr(carries));
    }
    for (const PlannedState& state : step.states) {
      states.push_back(b_.getArrayAttr({attr(state.kept), attr(state.first), attr(state.second)}));
    }
    if (!states.empty()) {
      step.op->setAttr("kiln.states", b_.getArrayAttr(states));
    }
    for (size_t i = 0; i < step.regions.size(); ++i) {
      if (!step.op->getRegion(i).empty()) {
        record(step.op->getRegion(i).front(), step.regions[i]);
      }
    }
  }

  mlir::OpBuilder b_;
};

std::vector<PlannedStep> readSteps(mlir::Block& block) {
  std::vector<PlannedStep> steps;
  for (mlir::Operation& op : block) {
    if (!isStep(&op)) {
      continue;
    }
    PlannedStep& step = steps.emplace_back();
    step.op = &op;
    for (mlir::Attribute place : op.getAttrOfType<mlir::ArrayAttr>("kiln.out")) {
      step.outputs.push_back(placeOf(place));
    }
    if (mlir::Attribute scratch = op.getAttr("kiln.scratch")) {
      step.scratch = placeOf(scratch);
    }
    if (mlir::Attribute number = op.getAttr("kiln.number")) {
      step.number = placeOf(number);
    }
    if (auto carries = op.getAttrOfType<mlir::ArrayAttr>("kiln.carries")) {
      for (mlir::Attribute carry : carries) {
        step.carries.push_back(PlannedCarry::parse(text(carry)).value());
      }
    }
    if (auto states = op.getAttrOfType<mlir::ArrayAttr>("kiln.states")) {
      for (auto state : states.getAsRange<mlir::ArrayAttr>()) {
        step.states.push_back({.kept = placeOf(state[0]), .first = placeOf(state[1]), .second = placeOf(state[2])});
      }
    }
    if (!mlir::isa<KernelOp>(op)) {
      for (mlir::Region& region : op.getRegions()) {
        step.regions.push_back(region.empty() ? std::vector<PlannedStep>() : readSteps(region.front()));
      }
    }
  }
  return steps;
}

}  // namespace

bool isStep(mlir::Operation* op) { return mlir::isa<KernelOp, LoopOp, BranchOp, UnwindOp, BindDimOp>(op); }

void recordPlan(mlir::func::FuncOp entry, const MemoryPlan& plan) {
  mlir::OpBuilder b(entry.getContext());
  Recorder recorder(entry.getContext());
  recorder.record(entry.getBody().front(), plan.steps);
  for (size_t i = static_cast<size_t>(plan.numBeforeCommit); i < plan.steps.size(); ++i) {
    plan.steps[i].op->setAttr("kiln.commit", b.getUnitAttr());
  }
  llvm::SmallVector<mlir::Attribute> slots, copies, symbols, locals;
  for (const Dim& slot : plan.slots) {
    slots.push_back(b.getStringAttr(slot.toString()));
  }
  for (const PlannedCopy& copy : plan.copies) {
    copies.push_back(b.getArrayAttr({recorder.attr(copy.from), recorder.attr(copy.to),
                                     b.getStringAttr(copy.bytes.toString()), b.getBoolAttr(copy.isCommit)}));
  }
  llvm::SmallVector<mlir::NamedAttribute> recorded = {b.getNamedAttr("bytes", b.getI64IntegerAttr(plan.staticBytes)),
                                                      b.getNamedAttr("slots", b.getArrayAttr(slots)),
                                                      b.getNamedAttr("copies", b.getArrayAttr(copies))};
  if (!plan.localSymbols.empty()) {
    for (const std::string& symbol : plan.localSymbols) {
      symbols.push_back(b.getStringAttr(symbol));
    }
    for (const Dim& local : plan.locals) {
      locals.push_back(b.getStringAttr(local.toString()));
    }
    recorded.push_back(b.getNamedAttr("symbols", b.getArrayAttr(symbols)));
    recorded.push_back(b.getNamedAttr("locals", b.getArrayAttr(locals)));
  }
  entry->setAttr("kiln.plan", b.getDictionaryAttr(recorded));
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
    plan.copies.push_back({.from = placeOf(parts[0]),
                           .to = placeOf(parts[1]),
                           .bytes = Dim::parse(text(parts[2])).value(),
                           .isCommit = mlir::cast<mlir::BoolAttr>(parts[3]).getValue()});
  }
  if (auto symbols = recorded.getAs<mlir::ArrayAttr>("symbols")) {
    for (mlir::Attribute symbol : symbols) {
      plan.localSymbols.emplace_back(text(symbol));
    }
    for (mlir::Attribute local : recorded.getAs<mlir::ArrayAttr>("locals")) {
      plan.locals.push_back(Dim::parse(text(local)).value());
    }
  }
  plan.steps = readSteps(entry.getBody().front());
  for (const PlannedStep& step : plan.steps) {
    plan.numBeforeCommit += step.op->hasAttr("kiln.commit") ? 0 : 1;
  }
  return plan;
}

}  // namespace kiln::compiler
