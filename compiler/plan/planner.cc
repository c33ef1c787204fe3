// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <queue>

#include "compiler/dialect/faults.h"
#include "compiler/plan/assign_offsets.h"
#include "compiler/plan/carries.h"
#include "compiler/plan/memory_plan.h"
#include "compiler/plan/place_values.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace kiln::compiler {
namespace {

/// One step of the entry in program order, and the steps that must run after it.
struct StepInfo {
  mlir::Operation* op = nullptr;
  bool isCommit = false;
  bool isTailSafe = false;  // It and all that depend on it cannot fail.
  llvm::SmallVector<int, 4> after;
};

class Planner {
 public:
  Planner(mlir::func::FuncOp entry, const PlanOptions& options)
      : entry_(entry), carries_(entry), values_(plan_, carries_, options) {}

  MemoryPlan run() {
    entry_.walk([&](BindDimOp bind) { plan_.localSymbols.push_back(bind.getSymbol().str()); });
    readSignature();
    collectSteps();
    chooseCommits();
    orderSteps();
    values_.number();
    placeOutputs();
    planCopies();
    values_.makeBuffers();
    for (auto& [copy, value] : arenaCopies_) {
      copyBuffers_.push_back({copy, values_.bufferOf(value), true});
    }
    assignOffsets(plan_);
    values_.finish();
    for (auto& [copy, buffer, isSource] : copyBuffers_) {
      (isSource ? plan_.copies[copy].from : plan_.copies[copy].to) = plan_.buffers[buffer].place;
    }
    return std::move(plan_);
  }

 private:
  struct Result {
    mlir::Value value;
    int fetch = -1;     // Index among the fetches,
    int variable = -1;  // or of the variable that is assigned.
  };

  void readSignature() {
    int feeds = 0;
    for (auto argument : entry_.getArguments()) {
      unsigned index = argument.getArgNumber();
      if (auto name = entry_.getArgAttrOfType<mlir::StringAttr>(index, kVariableAttr)) {
        int variable = static_cast<int>(variableByName_.size());
        variableByName_[name] = variable;
        argumentPlace_[argument] = {Space::kVariable, variable};
      } else {
        argumentPlace_[argument] = {Space::kFeed, feeds++};
      }
    }
    int fetches = 0;
    auto values = entry_.getBody().front().getTerminator()->getOperands();
    for (unsigned i = 0; i < values.size(); ++i) {
      Result result{.value = values[i]};
      if (auto name = entry_.getResultAttrOfType<mlir::StringAttr>(i, kAssignAttr)) {
        result.variable = variableByName_.lookup(name);
        isWritten_.resize(variableByName_.size());
        // A variable that keeps its value is not written.
        bool keeps = argumentPlace_.count(result.value) != 0 &&
                     argumentPlace_[result.value] == Place{Space::kVariable, result.variable};
        isWritten_[result.variable] = !keeps;
      } else {
        result.fetch = fetches++;
      }
      results_.push_back(result);
    }
    isWritten_.resize(variableByName_.size());
    int constants = 0;
    for (mlir::Operation& op : entry_.getBody().front()) {
      if (mlir::isa<ConstantOp>(op)) {
        argumentPlace_[op.getResult(0)] = {Space::kConstant, constants++};
      }
    }
  }

  mlir::Block* block() { return &entry_.getBody().front(); }

  /// What a step of the entry reads from the entry, also within its regions.
  llvm::SmallVector<mlir::Value> inputsOf(mlir::Operation* op) const {
    llvm::SmallVector<mlir::Value> inputs(op->getOperands());
    if (!mlir::isa<KernelOp, BindDimOp>(op)) {
      inputs.append(carries_.capturedBy(op).begin(), carries_.capturedBy(op).end());
    }
    return inputs;
  }

  /// The steps that read a value, as positions in steps_; a step more than once where it reads it more than once.
  llvm::SmallVector<int> readersOf(mlir::Value value) {
    llvm::SmallVector<int> readers;
    for (mlir::Operation* reader : readersIn(block(), value)) {
      if (auto found = indexOf_.find(reader); found != indexOf_.end()) {
        readers.push_back(found->second);
      }
    }
    return readers;
  }

  /// Steps that a result needs, in program order, with the edges of the data.
  void collectSteps() {
    llvm::DenseSet<mlir::Operation*> needed;
    llvm::SmallVector<mlir::Operation*> work;
    auto need = [&](mlir::Operation* op) {
      if (op != nullptr && op->getBlock() == block() && isStep(op) && needed.insert(op).second) {
        work.push_back(op);
      }
    };
    for (const Result& result : results_) {
      need(result.value.getDefiningOp());
    }
    // What has the dimension in its type need not read the number.
    for (BindDimOp bind : block()->getOps<BindDimOp>()) {
      need(bind);
    }
    while (!work.empty()) {
      for (mlir::Value input : inputsOf(work.pop_back_val())) {
        need(input.getDefiningOp());
      }
    }
    for (mlir::Operation& op : *block()) {
      if (needed.contains(&op)) {
        indexOf_[&op] = static_cast<int>(steps_.size());
        steps_.emplace_back().op = &op;
      }
    }
    for (int i = static_cast<int>(steps_.size()) - 1; i >= 0; --i) {
      StepInfo& step = steps_[i];
      // A loop can be cancelled, which the commit cannot.
      auto kernel = mlir::dyn_cast<KernelOp>(step.op);
      step.isTailSafe = kernel && kernel.getKind() != "native" && !mayFault(step.op);
      for (mlir::Value result : step.op->getResults()) {
        for (int reader : readersOf(result)) {
          step.after.push_back(reader);
          step.isTailSafe &= steps_[reader].isTailSafe;
        }
      }
      for (int next = i + 1; mlir::isa<BindDimOp>(step.op) && next < static_cast<int>(steps_.size()); ++next) {
        step.after.push_back(next);
      }
    }
  }

  bool reaches(int from, const llvm::DenseSet<int>& targets) const {
    llvm::DenseSet<int> seen;
    llvm::SmallVector<int> work{from};
    while (!work.empty()) {
      int kernel = work.pop_back_val();
      for (int next : steps_[kernel].after) {
        if (targets.contains(next)) {
          return true;
        }
        if (seen.insert(next).second) {
          work.push_back(next);
        }
      }
    }
    return false;
  }

  /// Decides which new values are written straight into their variables: the kernel and all that follow from it cannot
  /// fail, and every other reader of the old value can run before it.
  void chooseCommits() {
    llvm::DenseSet<mlir::Value> fetched;
    for (const Result& result : results_) {
      if (result.fetch >= 0) {
        fetched.insert(result.value);
      }
    }
    for (const Result& result : results_) {
      auto found = result.variable < 0 ? indexOf_.end() : indexOf_.find(result.value.getDefiningOp());
      if (found == indexOf_.end() || fetched.contains(result.value) || inPlaceVariable_.count(result.value) != 0 ||
          !steps_[found->second].isTailSafe) {
        continue;
      }
      mlir::Value old = oldValue(result.variable);
      llvm::DenseSet<int> readers;
      bool isLegal = true;
      for (int reader : readersOf(old)) {
        if (reader == found->second) {
          isLegal &=
              carries_.mayOverwrite(steps_[reader].op, mlir::cast<mlir::OpResult>(result.value).getResultNumber(), old);
        } else {
          readers.insert(reader);
        }
      }
      if (!isLegal || reaches(found->second, readers)) {
        continue;
      }
      llvm::SmallVector<int> sorted(readers.begin(), readers.end());
      llvm::sort(sorted);
      for (int reader : sorted) {
        steps_[reader].after.push_back(found->second);
      }
      inPlaceVariable_[result.value] = result.variable;
      markCommit(found->second);
    }
  }

  mlir::Value oldValue(int variable) {
    for (auto argument : entry_.getArguments()) {
      if (argumentPlace_.lookup(argument) == Place{Space::kVariable, variable}) {
        return argument;
      }
    }
    return {};
  }

  void markCommit(int step) {
    if (!std::exchange(steps_[step].isCommit, true)) {
      for (mlir::Value result : steps_[step].op->getResults()) {
        for (int reader : readersOf(result)) {
          markCommit(reader);
        }
      }
    }
  }

  /// Program order, except that the commit comes last and readers of a variable before its writer.
  void orderSteps() {
    std::vector<int> waiting(steps_.size());
    for (const StepInfo& step : steps_) {
      for (int next : step.after) {
        ++waiting[next];
      }
    }
    using Key = std::pair<bool, int>;
    std::priority_queue<Key, std::vector<Key>, std::greater<>> ready;
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (waiting[i] == 0) {
        ready.push({steps_[i].isCommit, static_cast<int>(i)});
      }
    }
    while (!ready.empty()) {
      auto [isCommit, index] = ready.top();
      ready.pop();
      plan_.numBeforeCommit += isCommit ? 0 : 1;
      plan_.steps.emplace_back().op = steps_[index].op;
      for (int next : steps_[index].after) {
        if (--waiting[next] == 0) {
          ready.push({steps_[next].isCommit, next});
        }
      }
    }
    KILN_CHECK(plan_.steps.size() == steps_.size());
  }

  /// The caller's buffer that a value is written to, or nothing when it goes to the arena.
  void placeOutputs() {
    for (const Result& result : results_) {
      // What has a length that the run finds has memory that the run finds; it is handed over at the end.
      if (result.fetch >= 0 && indexOf_.count(result.value.getDefiningOp()) != 0 &&
          llvm::none_of(shapeOf(result.value.getType()), [&](const Dim& dim) { return mentionsLocal(plan_, dim); })) {
        setHome(result.value, {Space::kFetch, result.fetch});
      }
    }
    for (auto& [value, variable] : inPlaceVariable_) {
      setHome(value, {Space::kVariable, variable});
    }
    plan_.numInPlaceVariables = static_cast<int>(inPlaceVariable_.size());
  }

  void setHome(mlir::Value value, Place place) {
    home_.try_emplace(value, place);
    values_.setHome(value, place);
  }

  void planCopies() {
    for (const Result& result : results_) {
      Place to = result.fetch >= 0 ? Place{Space::kFetch, result.fetch} : Place{Space::kVariable, result.variable};
      auto step = indexOf_.find(result.value.getDefiningOp());
      bool isStepResult = step != indexOf_.end();
      PlannedCopy copy{
          .from = {}, .to = to, .bytes = bytesOf(result.value.getType()), .isCommit = result.variable >= 0};
      auto known = isStepResult ? home_.find(result.value) : argumentPlace_.find(result.value);
      if (isStepResult && known == home_.end()) {
        // A value of the arena that is assigned, or one whose size the run finds: it lives until the copies.
        values_.useAtEnd(result.value);
        arenaCopies_.push_back({static_cast<int>(plan_.copies.size()), result.value});
        copy.isCommit |= steps_[step->second].isCommit;
        plan_.copies.push_back(copy);
        plan_.numCopiedVariables += to.space == Space::kVariable ? 1 : 0;
        continue;
      }
      copy.from = known->second;
      if (copy.from == to) {
        continue;
      }
      copy.isCommit |= isStepResult && steps_[step->second].isCommit;
      bool readsWritten = !isStepResult && copy.from.space == Space::kVariable && isWritten_[copy.from.at];
      if (copy.isCommit && readsWritten) {
        // The old value of a variable that this run overwrites: kept in the arena until the commit.
        unsigned argument = mlir::cast<mlir::BlockArgument>(result.value).getArgNumber();
        int buffer = values_.addBuffer(entry_.getArgAttrOfType<mlir::StringAttr>(argument, kVariableAttr).str(),
                                       copy.bytes, values_.stagePosition(), values_.endPosition());
        copyBuffers_.push_back({static_cast<int>(plan_.copies.size()), buffer, false});
        plan_.copies.push_back({.from = copy.from, .to = {}, .bytes = copy.bytes, .isCommit = false});
        copyBuffers_.push_back({static_cast<int>(plan_.copies.size()), buffer, true});
      }
      plan_.numCopiedVariables += to.space == Space::kVariable ? 1 : 0;
      plan_.copies.push_back(copy);
    }
  }

  struct CopyBuffer {
    int copy, buffer;
    bool isSource;
  };

  mlir::func::FuncOp entry_;
  MemoryPlan plan_;
  Carries carries_;
  ValuePlacer values_;
  llvm::DenseMap<mlir::Value, Place> argumentPlace_;  // Arguments and constants.
  llvm::DenseMap<mlir::StringAttr, int> variableByName_;
  std::vector<bool> isWritten_;
  std::vector<Result> results_;
  std::vector<StepInfo> steps_;
  llvm::DenseMap<mlir::Operation*, int> indexOf_;
  llvm::DenseMap<mlir::Value, int> inPlaceVariable_;
  llvm::DenseMap<mlir::Value, Place> home_;
  std::vector<std::pair<int, mlir::Value>> arenaCopies_;
  std::vector<CopyBuffer> copyBuffers_;
};

}  // namespace

MemoryPlan planMemory(mlir::func::FuncOp entry, const PlanOptions& options) { return Planner(entry, options).run(); }

}  // namespace kiln::compiler
