// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>

#include "compiler/dialect/diagnostics.h"
#include "compiler/differentiate/expand.h"
#include "compiler/differentiate/kept_values.h"
#include "compiler/differentiate/pipeline.h"
#include "compiler/differentiate/unwind.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {

#define GEN_PASS_DECL_KEEPVALUES
#define GEN_PASS_DEF_KEEPVALUES
#include "compiler/differentiate/passes.inc"

namespace {

enum class Choice { kAll, kLeast, kUnwind };

/// What each choice would cost one loop.
struct Estimate {
  LoopOp sweep;
  Choice choice = Choice::kAll;
  int64_t steps = 0;
  bool isOpen = false;  // No bound on the steps is known.
  int64_t allBytes = 0, leastBytes = 0;
  int64_t slotBytes = 0;  // Of one checkpoint; 0: it cannot be unwound.
  int64_t slots = 0;

  int64_t bytes() const { return choice == Choice::kAll ? allBytes : leastBytes; }
};

constexpr llvm::StringLiteral kSlotsAttr = "kiln.slots";
constexpr llvm::StringLiteral kAnyWorkAttr = "kiln.any_work";

std::string nameOf(LoopOp loop) {
  std::string name = nodeNameOf(loop.getLoc());
  return name.empty() ? "loop" : name;
}

/// Decides for all loops of a function together.
class Budget {
 public:
  Budget(int64_t limit, const Lengths& lengths) : limit_(limit), lengths_(lengths) {}

  void add(LoopOp loop) {
    SweepLoop sweep(loop, lengths_);
    if (sweep.sources().empty()) {
      return;
    }
    Estimate estimate{loop};
    estimate.steps = sweep.numSteps();
    estimate.isOpen = Lengths::isOpen(loop.getLength()->getShape()[0]);
    estimate.allBytes = sweep.choose(false).bytesPerStep * estimate.steps;
    estimate.leastBytes = sweep.choose(true).bytesPerStep * estimate.steps;
    if (canUnwind(sweep)) {
      estimate.slotBytes = std::max<int64_t>(slotBytesOf(sweep, lengths_), 1);
    }
    estimates_.push_back(estimate);
  }

  /// The loop for whose gradient there is no memory, if any.
  std::optional<Estimate> decide() {
    if (limit_ <= 0) {
      return std::nullopt;
    }
    // Where the run may take any number of steps, only checkpoints keep a bound.
    for (Estimate& each : estimates_) {
      if (each.isOpen && each.slotBytes > 0) {
        each.choice = Choice::kUnwind;
      }
    }
    degrade(Choice::kAll, Choice::kLeast, &Estimate::allBytes);
    degrade(Choice::kLeast, Choice::kUnwind, &Estimate::leastBytes);
    // Two checkpoints for each, and the rest by need.
    const int64_t left = limit_ - neededBytes();
    if (left < 0) {
      const Estimate* largest =
          std::max_element(estimates_.begin(), estimates_.end(),
                           [](const Estimate& a, const Estimate& b) { return a.bytes() < b.bytes(); });
      return refused(*largest);
    }
    double need = 0;
    for (const Estimate& each : estimates_) {
      need += each.choice == Choice::kUnwind ? needOf(each) : 0;
    }
    for (Estimate& each : estimates_) {
      if (each.choice == Choice::kUnwind) {
        const double share = static_cast<double>(left) * (needOf(each) / need);
        each.slots = 2 + static_cast<int64_t>(share) / each.slotBytes;
        if (!each.isOpen) {
          each.slots = std::min(each.slots, std::max<int64_t>(each.steps, 2));
        }
      }
    }
    return std::nullopt;
  }

  llvm::ArrayRef<Estimate> estimates() const { return estimates_; }

 private:
  static double needOf(const Estimate& each) {
    return static_cast<double>(each.slotBytes) * static_cast<double>(std::max<int64_t>(each.steps, 2));
  }

  // Of the loops that keep values for each step.
  int64_t stackedBytes() const {
    int64_t total = 0;
    for (const Estimate& each : estimates_) {
      total += each.choice == Choice::kUnwind ? 0 : each.bytes();
    }
    return total;
  }

  // With two checkpoints for each loop that has some.
  int64_t neededBytes() const {
    int64_t total = stackedBytes();
    for (const Estimate& each : estimates_) {
      total += each.choice == Choice::kUnwind ? 2 * each.slotBytes : 0;
    }
    return total;
  }
  bool fits() const { return neededBytes() <= limit_; }

  // The message tells what all loops need together, since they share the limit.
  Estimate refused(Estimate each) const {
    each.leastBytes = neededBytes();
    return each;
  }

  // The largest first, until all fit.
  void degrade(Choice from, Choice to, int64_t Estimate::* size) {
    llvm::SmallVector<Estimate*> order;
    for (Estimate& each : estimates_) {
      if (each.choice == from && (to != Choice::kUnwind || each.slotBytes > 0)) {
        order.push_back(&each);
      }
    }
    llvm::stable_sort(order, [&](Estimate* a, Estimate* b) { return a->*size > b->*size; });
    for (Estimate* each : order) {
      if (fits()) {
        return;
      }
      each->choice = to;
    }
  }

  int64_t limit_;
  const Lengths& lengths_;
  llvm::SmallVector<Estimate> estimates_;
};

class KeepValues : public impl::KeepValuesBase<KeepValues> {
 public:
  using KeepValuesBase::KeepValuesBase;
  explicit KeepValues(const DifferentiateOptions& options) : report_(options.report) { memLimit = options.memLimit; }
  KeepValues(const KeepValues& other) : KeepValuesBase(other), report_(other.report_) {}

 private:
  void runOnOperation() override {
    mlir::func::FuncOp function = getOperation();
    const Lengths lengths(function);
    Budget budget(memLimit, lengths);
    function.walk<mlir::WalkOrder::PostOrder>([&](LoopOp loop) {
      if (loop->hasAttr(kAdjointAttr)) {
        budget.add(loop);
      }
    });
    if (auto lacking = budget.decide()) {
      (void)emitStatus(lacking->sweep, makeError<ErrorId::kC0203>(nameOf(lacking->sweep), lacking->leastBytes,
                                                                  static_cast<int64_t>(memLimit)));
      return signalPassFailure();
    }
    mlir::OpBuilder b(&getContext());
    for (const Estimate& each : budget.estimates()) {
      // Attributes stay with a loop that takes the place of this one.
      if (each.choice == Choice::kUnwind) {
        each.sweep->setAttr(kSlotsAttr, b.getI64IntegerAttr(each.slots));
      } else if (each.choice == Choice::kLeast) {
        each.sweep->setAttr(kAnyWorkAttr, b.getUnitAttr());
      }
    }
    while (LoopOp next = innermostSweep(function)) {
      apply(next, lengths);
    }
  }

  static LoopOp innermostSweep(mlir::func::FuncOp function) {
    LoopOp found;
    function.walk<mlir::WalkOrder::PostOrder>([&](LoopOp loop) {
      if (loop->hasAttr(kAdjointAttr)) {
        found = loop;
        return mlir::WalkResult::interrupt();
      }
      return mlir::WalkResult::advance();
    });
    return found;
  }

  void apply(LoopOp loop, const Lengths& lengths) {
    SweepLoop sweep(loop, lengths);
    const std::string name = nameOf(loop);
    const auto slots = loop->getAttrOfType<mlir::IntegerAttr>(kSlotsAttr);
    const bool anyWork = loop->hasAttr(kAnyWorkAttr);
    mlir::Block* block = loop->getBlock();
    std::string length = loop.getLength() ? loop.getLength()->getShape()[0].toString() : "";
    const KeptValues kept = sweep.sources().empty() ? KeptValues() : sweep.choose(anyWork);
    double forward = 0;
    for (LoopOp source : sweep.sources()) {
      for (mlir::Operation& op : source.getBodyBlock().without_terminator()) {
        forward += workOf(&op, lengths);
      }
    }
    const int64_t steps = sweep.sources().empty() ? 0 : sweep.numSteps();
    const int64_t slotBytes = slots ? slotBytesOf(sweep, lengths) : 0;
    for (llvm::StringRef attribute :
         {llvm::StringRef(kAdjointAttr), llvm::StringRef(kSlotsAttr), llvm::StringRef(kAnyWorkAttr)}) {
      loop->removeAttr(attribute);
    }
    if (sweep.sources().empty()) {
      return;
    }
    std::string choice;
    int64_t bytes = 0;
    double factor = 1;
    if (slots) {
      bytes = slots.getInt() * slotBytes;
      factor = unwindFactor(steps, slots.getInt());
      choice =
          "unwinds from " + std::to_string(slots.getInt()) + " checkpoints of " + std::to_string(slotBytes) + " bytes";
      unwind(sweep, slots.getInt());
    } else {
      bytes = kept.bytesPerStep * steps;
      factor = forward > 0 ? 1 + kept.recomputed / forward : 1;
      choice = (anyWork ? "keeps the least, " : "keeps all, ") + std::to_string(kept.bytesPerStep) + " bytes a step";
      sweep.keep(kept.values);
    }
    if (report_ != nullptr) {
      char text[64];
      std::snprintf(text, sizeof text, "%lld bytes, forward work x%.2f", static_cast<long long>(bytes), factor);
      *report_ += "gradient of loop '" + name + "': " + length + " steps, " + choice + ", " + text + "\n";
    }
    pruneLoops(*block);
  }

  std::string* report_ = nullptr;
};

}  // namespace

std::unique_ptr<mlir::Pass> createKeepValues(const DifferentiateOptions& options) {
  return std::make_unique<KeepValues>(options);
}

}  // namespace kiln::compiler
