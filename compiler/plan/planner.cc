// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <queue>

#include "compiler/dialect/faults.h"
#include "compiler/dialect/types.h"
#include "compiler/plan/assign_offsets.h"
#include "compiler/plan/memory_plan.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "mlir/IR/TypeUtilities.h"

namespace kiln::compiler {
namespace {

Dim bytesOf(mlir::Type type) {
  ValueType value = valueType(type);
  return value.shape.numElements() * Dim(byteSize(value.dtype, 1));
}

/// One kernel in program order, and the kernels that must run after it.
struct KernelInfo {
  KernelOp op;
  bool isCommit = false;
  bool isTailSafe = false;  // It and all that depend on it cannot fail.
  llvm::SmallVector<int, 4> after;
};

class Planner {
 public:
  Planner(mlir::func::FuncOp entry, const PlanOptions& options) : entry_(entry), options_(options) {}

  MemoryPlan run() {
    readSignature();
    collectKernels();
    chooseCommits();
    orderKernels();
    placeOutputs();
    planCopies();
    makeBuffers();
    assignOffsets(plan_);
    for (auto& [kernel, result, buffer] : bufferOf_) {
      if (result < 0) {
        plan_.scratch[kernel] = plan_.buffers[buffer].place;
      } else {
        plan_.outputs[kernel][result] = plan_.buffers[buffer].place;
      }
    }
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

  /// Kernels that a result needs, in program order, with the edges of the data.
  void collectKernels() {
    llvm::DenseSet<mlir::Operation*> needed;
    llvm::SmallVector<mlir::Operation*> work;
    auto need = [&](mlir::Value value) {
      mlir::Operation* op = value.getDefiningOp();
      if (op != nullptr && mlir::isa<KernelOp>(op) && needed.insert(op).second) {
        work.push_back(op);
      }
    };
    for (const Result& result : results_) {
      need(result.value);
    }
    while (!work.empty()) {
      for (mlir::Value input : work.pop_back_val()->getOperands()) {
        need(input);
      }
    }
    for (mlir::Operation& op : entry_.getBody().front()) {
      if (needed.contains(&op)) {
        indexOf_[&op] = static_cast<int>(kernels_.size());
        kernels_.emplace_back().op = mlir::cast<KernelOp>(op);
      }
    }
    for (int i = static_cast<int>(kernels_.size()) - 1; i >= 0; --i) {
      KernelInfo& kernel = kernels_[i];
      kernel.isTailSafe = !mayFault(kernel.op);
      for (mlir::Operation* user : kernel.op->getUsers()) {
        auto found = indexOf_.find(user);
        if (found != indexOf_.end()) {
          kernel.after.push_back(found->second);
          kernel.isTailSafe &= kernels_[found->second].isTailSafe;
        }
      }
    }
  }

  bool reaches(int from, const llvm::DenseSet<int>& targets) const {
    llvm::DenseSet<int> seen;
    llvm::SmallVector<int> work{from};
    while (!work.empty()) {
      int kernel = work.pop_back_val();
      for (int next : kernels_[kernel].after) {
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
          !kernels_[found->second].isTailSafe) {
        continue;
      }
      KernelInfo& kernel = kernels_[found->second];
      mlir::Value old = oldValue(result.variable);
      llvm::DenseSet<int> readers;
      bool isLegal = true;
      for (mlir::OpOperand& use : old.getUses()) {
        if (use.getOwner() == kernel.op) {
          isLegal &= aliasAllowed(kernel.op, mlir::cast<mlir::OpResult>(result.value).getResultNumber(),
                                  use.getOperandNumber());
        } else if (auto reader = indexOf_.find(use.getOwner()); reader != indexOf_.end()) {
          readers.insert(reader->second);
        }
      }
      if (!isLegal || reaches(found->second, readers)) {
        continue;
      }
      llvm::SmallVector<int> sorted(readers.begin(), readers.end());
      llvm::sort(sorted);
      for (int reader : sorted) {
        kernels_[reader].after.push_back(found->second);
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

  static bool aliasAllowed(KernelOp kernel, unsigned result, unsigned operand) {
    // One buffer read through two arguments may be read in two orders, of which only one was judged.
    if (llvm::count(kernel.getInputs(), kernel.getInputs()[operand]) != 1) {
      return false;
    }
    auto pairs = kernel.getMayAlias();
    return pairs && llvm::any_of(*pairs, [&](mlir::Attribute pair) {
             auto [r, o] = aliasPair(pair);
             return r == result && o == operand;
           });
  }

  static std::pair<int64_t, int64_t> aliasPair(mlir::Attribute pair) {
    if (auto dense = mlir::dyn_cast<mlir::DenseI64ArrayAttr>(pair)) {
      return {dense[0], dense[1]};
    }
    auto list = mlir::cast<mlir::ArrayAttr>(pair);
    return {mlir::cast<mlir::IntegerAttr>(list[0]).getInt(), mlir::cast<mlir::IntegerAttr>(list[1]).getInt()};
  }

  void markCommit(int kernel) {
    if (!std::exchange(kernels_[kernel].isCommit, true)) {
      for (mlir::Operation* user : kernels_[kernel].op->getUsers()) {
        if (auto found = indexOf_.find(user); found != indexOf_.end()) {
          markCommit(found->second);
        }
      }
    }
  }

  /// Program order, except that the commit comes last and readers of a variable before its writer.
  void orderKernels() {
    std::vector<int> waiting(kernels_.size());
    for (const KernelInfo& kernel : kernels_) {
      for (int next : kernel.after) {
        ++waiting[next];
      }
    }
    using Key = std::pair<bool, int>;
    std::priority_queue<Key, std::vector<Key>, std::greater<>> ready;
    for (size_t i = 0; i < kernels_.size(); ++i) {
      if (waiting[i] == 0) {
        ready.push({kernels_[i].isCommit, static_cast<int>(i)});
      }
    }
    position_.resize(kernels_.size());
    while (!ready.empty()) {
      auto [isCommit, index] = ready.top();
      ready.pop();
      plan_.numBeforeCommit += isCommit ? 0 : 1;
      // The stage copies have a position of their own between the two parts.
      position_[index] = static_cast<int>(plan_.order.size()) + (isCommit ? 1 : 0);
      plan_.order.push_back(kernels_[index].op);
      for (int next : kernels_[index].after) {
        if (--waiting[next] == 0) {
          ready.push({kernels_[next].isCommit, next});
        }
      }
    }
    KILN_CHECK(plan_.order.size() == kernels_.size());
  }

  int stagePosition() const { return plan_.numBeforeCommit; }
  int endPosition() const { return static_cast<int>(plan_.order.size()) + 1; }

  /// The caller's buffer that a value is written to, or nothing when it goes to the arena.
  void placeOutputs() {
    for (const Result& result : results_) {
      if (result.fetch >= 0 && indexOf_.count(result.value.getDefiningOp()) != 0) {
        home_.try_emplace(result.value, Place{Space::kFetch, result.fetch});
      }
    }
    for (auto& [value, variable] : inPlaceVariable_) {
      home_[value] = {Space::kVariable, variable};
    }
    plan_.numInPlaceVariables = static_cast<int>(inPlaceVariable_.size());
  }

  void planCopies() {
    for (const Result& result : results_) {
      Place to = result.fetch >= 0 ? Place{Space::kFetch, result.fetch} : Place{Space::kVariable, result.variable};
      auto kernel = indexOf_.find(result.value.getDefiningOp());
      bool isKernel = kernel != indexOf_.end();
      PlannedCopy copy{
          .from = {}, .to = to, .bytes = bytesOf(result.value.getType()), .isCommit = result.variable >= 0};
      auto known = isKernel ? home_.find(result.value) : argumentPlace_.find(result.value);
      if (isKernel && known == home_.end()) {
        // An arena value that is assigned: lives until the commit copies.
        usedAtEnd_.insert(result.value);
        arenaCopies_.push_back({static_cast<int>(plan_.copies.size()), result.value});
        plan_.copies.push_back(copy);
        plan_.numCopiedVariables += 1;
        continue;
      }
      copy.from = known->second;
      if (copy.from == to) {
        continue;
      }
      copy.isCommit |= isKernel && kernels_[kernel->second].isCommit;
      bool readsWritten = !isKernel && copy.from.space == Space::kVariable && isWritten_[copy.from.at];
      if (copy.isCommit && readsWritten) {
        // The old value of a variable that this run overwrites: kept in the arena until the commit.
        int buffer = addBuffer(entry_
                                   .getArgAttrOfType<mlir::StringAttr>(
                                       mlir::cast<mlir::BlockArgument>(result.value).getArgNumber(), kVariableAttr)
                                   .str(),
                               copy.bytes, stagePosition(), endPosition());
        copyBuffers_.push_back({static_cast<int>(plan_.copies.size()), buffer, false});
        plan_.copies.push_back({.from = copy.from, .to = {}, .bytes = copy.bytes, .isCommit = false});
        copyBuffers_.push_back({static_cast<int>(plan_.copies.size()), buffer, true});
      }
      plan_.numCopiedVariables += to.space == Space::kVariable ? 1 : 0;
      plan_.copies.push_back(copy);
    }
  }

  int addBuffer(std::string node, Dim bytes, int begin, int end) {
    plan_.buffers.push_back(
        {.node = std::move(node), .bytes = std::move(bytes), .place = {}, .begin = begin, .end = end});
    return static_cast<int>(plan_.buffers.size()) - 1;
  }

  int lastUse(mlir::Value value, int position) const {
    int last = position;
    for (mlir::Operation* user : value.getUsers()) {
      if (auto found = indexOf_.find(user); found != indexOf_.end()) {
        last = std::max(last, position_[found->second]);
      }
    }
    return usedAtEnd_.contains(value) ? endPosition() : last;
  }

  /// Gives every arena value a buffer, an operand's when the kernel may write over it and is its last reader.
  void makeBuffers() {
    llvm::DenseMap<mlir::Value, int> buffers;
    plan_.outputs.resize(plan_.order.size());
    plan_.scratch.resize(plan_.order.size());
    for (size_t k = 0; k < plan_.order.size(); ++k) {
      KernelOp kernel = plan_.order[k];
      int position = position_[indexOf_.lookup(kernel)];
      llvm::DenseSet<int> taken;
      plan_.outputs[k].resize(kernel->getNumResults());
      for (mlir::OpResult result : kernel->getResults()) {
        if (auto home = home_.find(result); home != home_.end()) {
          plan_.outputs[k][result.getResultNumber()] = home->second;
          continue;
        }
        Dim bytes = bytesOf(result.getType());
        int last = lastUse(result, position);
        int buffer = -1;
        for (auto [o, operand] : llvm::enumerate(kernel.getInputs())) {
          auto found = buffers.find(operand);
          if (found != buffers.end() && !taken.contains(found->second) &&
              plan_.buffers[found->second].end == position && plan_.buffers[found->second].bytes == bytes &&
              aliasAllowed(kernel, result.getResultNumber(), o)) {
            buffer = found->second;
            plan_.buffers[buffer].end = last;
            plan_.buffers[buffer].numValues += 1;
            break;
          }
        }
        if (buffer < 0) {
          std::string node = kernel.getName().str();
          if (result.getResultNumber() > 0) {
            node += "#" + std::to_string(result.getResultNumber());
          }
          buffer = addBuffer(std::move(node), bytes, position, last);
        }
        taken.insert(buffer);
        buffers[result] = buffer;
        bufferOf_.push_back({static_cast<int>(k), static_cast<int>(result.getResultNumber()), buffer});
      }
      int64_t scratch = options_.scratchBytes ? options_.scratchBytes(kernel) : 0;
      if (scratch > 0) {
        bufferOf_.push_back({static_cast<int>(k), -1,
                             addBuffer(kernel.getName().str() + " scratch", Dim(scratch), position, position)});
      }
    }
    for (auto& [copy, value] : arenaCopies_) {
      copyBuffers_.push_back({copy, buffers.lookup(value), true});
    }
  }

  struct BufferUse {
    int kernel, result, buffer;  // result -1: scratch
  };
  struct CopyBuffer {
    int copy, buffer;
    bool isSource;
  };

  mlir::func::FuncOp entry_;
  const PlanOptions& options_;
  MemoryPlan plan_;
  llvm::DenseMap<mlir::Value, Place> argumentPlace_;  // Arguments and constants.
  llvm::DenseMap<mlir::StringAttr, int> variableByName_;
  std::vector<bool> isWritten_;
  std::vector<Result> results_;
  std::vector<KernelInfo> kernels_;
  llvm::DenseMap<mlir::Operation*, int> indexOf_;
  std::vector<int> position_;
  llvm::DenseMap<mlir::Value, int> inPlaceVariable_;
  llvm::DenseMap<mlir::Value, Place> home_;
  llvm::DenseSet<mlir::Value> usedAtEnd_;
  std::vector<std::pair<int, mlir::Value>> arenaCopies_;
  std::vector<BufferUse> bufferOf_;
  std::vector<CopyBuffer> copyBuffers_;
};

}  // namespace

MemoryPlan planMemory(mlir::func::FuncOp entry, const PlanOptions& options) { return Planner(entry, options).run(); }

}  // namespace kiln::compiler
