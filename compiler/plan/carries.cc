// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/plan/carries.h"

#include <functional>
#include <queue>

#include "llvm/ADT/DenseSet.h"
#include "mlir/Transforms/RegionUtils.h"

namespace kiln::compiler {
using mlir::Block;
using mlir::Operation;
using Mode = PlannedCarry::Mode;

namespace {

std::pair<int64_t, int64_t> aliasPair(mlir::Attribute pair) {
  if (auto dense = mlir::dyn_cast<mlir::DenseI64ArrayAttr>(pair)) {
    return {dense[0], dense[1]};
  }
  auto list = mlir::cast<mlir::ArrayAttr>(pair);
  return {mlir::cast<mlir::IntegerAttr>(list[0]).getInt(), mlir::cast<mlir::IntegerAttr>(list[1]).getInt()};
}

bool kernelMayOverwrite(KernelOp kernel, unsigned result, Value value) {
  // One buffer read through two arguments may be read in two orders, of which only one was judged.
  if (llvm::count(kernel.getInputs(), value) != 1 || !kernel.getMayAlias()) {
    return false;
  }
  return llvm::any_of(*kernel.getMayAlias(), [&](mlir::Attribute pair) {
    auto [r, o] = aliasPair(pair);
    return r == result && kernel.getInputs()[o] == value;
  });
}

/// The edges of the data between the steps of one block.
std::vector<llvm::SmallVector<int, 4>> edgesOf(Block* block, const std::vector<Operation*>& steps) {
  llvm::DenseMap<Operation*, int> index;
  for (size_t i = 0; i < steps.size(); ++i) {
    index[steps[i]] = static_cast<int>(i);
  }
  std::vector<llvm::SmallVector<int, 4>> after(steps.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    for (Value result : steps[i]->getResults()) {
      for (Operation* reader : readersIn(block, result)) {
        if (auto found = index.find(reader); found != index.end()) {
          after[i].push_back(found->second);
        }
      }
    }
    if (mlir::isa<BindDimOp>(steps[i])) {
      // What has the dimension in its type need not read the number.
      for (size_t next = i + 1; next < steps.size(); ++next) {
        after[i].push_back(static_cast<int>(next));
      }
    }
  }
  return after;
}

bool reaches(int from, const llvm::DenseSet<int>& targets, const std::vector<llvm::SmallVector<int, 4>>& after) {
  llvm::DenseSet<int> seen;
  llvm::SmallVector<int> work{from};
  while (!work.empty()) {
    for (int next : after[work.pop_back_val()]) {
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

}  // namespace

llvm::SmallVector<Operation*> readersIn(Block* block, Value value) {
  llvm::SmallVector<Operation*> readers;
  for (Operation* user : value.getUsers()) {
    if (Operation* reader = block->findAncestorOpInBlock(*user)) {
      readers.push_back(reader);
    }
  }
  return readers;
}

std::vector<Operation*> inOrder(const std::vector<Operation*>& steps,
                                const std::vector<llvm::SmallVector<int, 4>>& after) {
  std::vector<int> waiting(steps.size());
  for (const auto& next : after) {
    for (int step : next) {
      ++waiting[step];
    }
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (waiting[i] == 0) {
      ready.push(static_cast<int>(i));
    }
  }
  std::vector<Operation*> ordered;
  while (!ready.empty()) {
    const int step = ready.top();
    ready.pop();
    ordered.push_back(steps[step]);
    for (int next : after[step]) {
      if (--waiting[next] == 0) {
        ready.push(next);
      }
    }
  }
  KILN_CHECK(ordered.size() == steps.size());
  return ordered;
}

Carries::Carries(mlir::func::FuncOp function) {
  function.walk<mlir::WalkOrder::PostOrder>([&](Operation* op) {
    if (!isStep(op) || mlir::isa<KernelOp, BindDimOp>(op)) {
      return;
    }
    llvm::SetVector<Value>& captured = captured_[op];
    mlir::getUsedValuesDefinedAbove(op->getRegions(), captured);
    for (mlir::Region& region : op->getRegions()) {
      if (!region.empty()) {
        decideBlock(region.front());
      }
    }
    if (auto loop = mlir::dyn_cast<LoopOp>(op)) {
      decideLoop(loop, loop.getBodyBlock(), loop.getCarryArguments(), !loop.hasCondition());
    } else if (auto unwind = mlir::dyn_cast<UnwindOp>(op)) {
      Block& adjoint = unwind.getAdjoint().front();
      decideLoop(unwind, adjoint,
                 adjoint.getArguments().slice(1 + unwind.getInits().size(), unwind.getCotangents().size()),
                 /*knowsTrips=*/false);
    }
  });
}

void Carries::decideBlock(Block& block) {
  llvm::DenseSet<Operation*> needed{block.getTerminator()};
  std::vector<Operation*> steps;
  for (Operation& op : llvm::reverse(block.without_terminator())) {
    const bool isWanted = mlir::isa<BindDimOp>(op) || llvm::any_of(op.getUsers(), [&](Operation* user) {
                            return needed.contains(block.findAncestorOpInBlock(*user));
                          });
    if (isStep(&op) && isWanted) {
      needed.insert(&op);
      steps.push_back(&op);
    }
  }
  std::reverse(steps.begin(), steps.end());
  blocks_[&block] = std::move(steps);
}

void Carries::decideLoop(Operation* op, Block& body, mlir::ValueRange arguments, bool knowsTrips) {
  std::vector<Operation*>& steps = blocks_[&body];
  std::vector<llvm::SmallVector<int, 4>> after = edgesOf(&body, steps);
  llvm::DenseMap<Operation*, int> index;
  for (size_t i = 0; i < steps.size(); ++i) {
    index[steps[i]] = static_cast<int>(i);
  }
  mlir::OperandRange yields = body.getTerminator()->getOperands();
  const size_t count = arguments.size();
  const auto made = [&](Value value) {
    return value.getDefiningOp() != nullptr && index.contains(value.getDefiningOp());
  };
  // A row is made by one step of the body: what it is copied from otherwise is no carry's place.
  const auto rowOf = [&](Value value, auto&& isFree) -> int {
    for (size_t row = count; row < yields.size(); ++row) {
      if (yields[row] == value && isFree(static_cast<int>(row - count))) {
        return static_cast<int>(row - count);
      }
    }
    return -1;
  };
  std::vector<PlannedCarry>& carries = loops_[op];
  carries.resize(count);
  llvm::DenseSet<int> aheadRows;
  llvm::DenseSet<Value> placed;  // Values that have a place already.
  for (size_t i = count; i < yields.size(); ++i) {
    placed.insert(yields[i]);
  }
  for (size_t i = 0; i < count; ++i) {
    PlannedCarry& carry = carries[i];
    Value next = yields[i], argument = arguments[i];
    if (next == argument) {
      carry.mode = Mode::kKeep;
      continue;
    }
    if (made(next)) {
      if (int row = rowOf(next, [](int) { return true; }); row >= 0) {
        carry = {.mode = Mode::kRow, .row = row, .spare = {}};
        continue;
      }
    }
    if (knowsTrips) {
      int row = rowOf(argument, [&](int r) { return !aheadRows.contains(r); });
      if (row >= 0) {
        aheadRows.insert(row);
        carry = {.mode = Mode::kAhead, .row = row, .spare = {}};
        placed.insert(next);
        continue;
      }
    }
    carry.mode = Mode::kSwap;
    if (!made(next) || !placed.insert(next).second || llvm::is_contained(yields, argument) ||
        !mayOverwrite(next.getDefiningOp(), mlir::cast<mlir::OpResult>(next).getResultNumber(), argument)) {
      continue;
    }
    const int writer = index.lookup(next.getDefiningOp());
    llvm::DenseSet<int> readers;
    for (Operation* reader : readersIn(&body, argument)) {
      if (auto found = index.find(reader); found != index.end() && found->second != writer) {
        readers.insert(found->second);
      }
    }
    if (reaches(writer, readers, after)) {
      continue;
    }
    llvm::SmallVector<int> sorted(readers.begin(), readers.end());
    llvm::sort(sorted);
    for (int reader : sorted) {
      after[reader].push_back(writer);
    }
    carry.mode = Mode::kInPlace;
  }
  steps = inOrder(steps, after);
}

bool Carries::branchMayOverwrite(BranchOp branch, unsigned result, Value value) const {
  if (branch.getSelector() == value) {
    return false;
  }
  for (mlir::Region& region : branch.getBranches()) {
    Block& block = region.front();
    mlir::OperandRange yields = block.getTerminator()->getOperands();
    Value own = yields[result];
    const bool isYielded = llvm::is_contained(yields, value);
    if (own == value) {
      if (llvm::count(yields, value) != 1) {
        return false;
      }
      continue;
    }
    Operation* writer = own.getDefiningOp();
    if (isYielded || writer == nullptr || writer->getBlock() != &block || !isStep(writer) ||
        llvm::count(yields, own) != 1 ||
        !mayOverwrite(writer, mlir::cast<mlir::OpResult>(own).getResultNumber(), value)) {
      return false;
    }
    for (Operation* reader : readersIn(&block, value)) {
      if (reader != writer && !reader->isBeforeInBlock(writer)) {
        return false;
      }
    }
  }
  return true;
}

bool Carries::mayOverwrite(Operation* op, unsigned result, Value value) const {
  if (auto kernel = mlir::dyn_cast<KernelOp>(op)) {
    return kernelMayOverwrite(kernel, result, value);
  }
  if (auto branch = mlir::dyn_cast<BranchOp>(op)) {
    return branchMayOverwrite(branch, result, value);
  }
  mlir::OperandRange inits = op->getOperands();
  if (auto loop = mlir::dyn_cast<LoopOp>(op)) {
    inits = loop.getInits();
  } else if (auto unwind = mlir::dyn_cast<UnwindOp>(op)) {
    inits = unwind.getCotangents();
  } else {
    return false;
  }
  if (result >= inits.size() || inits[result] != value || llvm::count(op->getOperands(), value) != 1 ||
      capturedBy(op).contains(value)) {
    return false;
  }
  const Mode mode = of(op)[result].mode;
  return mode == Mode::kInPlace || mode == Mode::kKeep;
}

}  // namespace kiln::compiler
