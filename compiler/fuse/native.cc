// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/fuse/native.h"

#include "compiler/dialect/reductions.h"
#include "compiler/dialect/scatters.h"

namespace kiln::compiler {
using mlir::Operation;
using mlir::Region;
using mlir::Type;

namespace {

// Lanes of the vectors that work is counted in; the target's may be wider.
constexpr int64_t kLanes = 8;
// What a function of tens of instructions weighs, such as exp.
constexpr int64_t kFunctionWork = 10;

std::optional<int64_t> staticElements(Type type) {
  const Dim count = shapeOf(type).numElements();
  return count.isStatic() ? std::optional<int64_t>(count.value()) : std::nullopt;
}

// Whether registers hold numbers of the type.
bool hasRegisters(Type type) {
  const DType dtype = dtypeOf(type);
  return dtype == f16 || dtype == bf16 || dtype == f32 || dtype == f64 || dtype == boolean ||
         (isInteger(dtype) && bitWidth(dtype) >= 8);
}

int64_t elements(Value value) { return staticElements(value.getType()).value_or(0); }

int64_t vectors(Value value) { return (elements(value) + kLanes - 1) / kLanes; }

bool isDefinedInside(Value value, Operation* nest) {
  Region* region = value.getParentRegion();
  return nest->isAncestor(region->getParentOp());
}

// Work of an op that is no loop or branch, or nothing for one without a form of straight code.
std::optional<int64_t> workOf(Operation* op) {
  if (llvm::isa<ConstantOp, ShapeValueOp, StopGradientOp, OptimizationBarrierOp, YieldOp, ReshapeOp>(op)) {
    return 0;
  }
  if (llvm::isa<AssertThatOp>(op)) {
    return 2 + elements(op->getOperand(1));
  }
  if (llvm::isa<BroadcastOp, TransposeOp, SliceOp, PadOp, ConcatOp, ReverseOp, IotaOp>(op)) {
    return elements(op->getResult(0));
  }
  if (llvm::isa<OneHotOp, GatherOp>(op)) {
    return 2 * elements(op->getResult(0)) + 4 * elements(op->getOperand(llvm::isa<GatherOp>(op) ? 1 : 0));
  }
  if (isScatterOp(op)) {
    // Every update is compared with all places.
    return elements(op->getOperand(2)) + elements(op->getOperand(1)) * (4 + 3 * vectors(op->getResult(0)));
  }
  if (isReductionOp(op)) {
    return 3 * elements(op->getOperand(0));
  }
  if (auto matmul = llvm::dyn_cast<MatmulOp>(op)) {
    const Shape a = shapeOf(matmul.getA().getType());
    return elements(matmul.getResult()) * a[a.rank() - (matmul.getTransposeA() ? 2 : 1)].value();
  }
  if (llvm::isa<RandomUniformOp, RandomNormalOp, RandomIntegersOp>(op)) {
    return 12 * kFunctionWork * vectors(op->getResult(0));
  }
  const OpSchema* schema = schemaOf(op);
  if (schema == nullptr || !schema->isElementwise || schema->isComposite) {
    return std::nullopt;
  }
  // Ops of a few instructions are those that are not rounded, or once.
  const bool isFunction = schema->tolerance.kind == ToleranceKind::kUlp && schema->tolerance.amount > 1;
  return vectors(op->getResult(0)) * (isFunction ? kFunctionWork : 1);
}

// Looks at a nest once, and adds up its work.
class NestCheck {
 public:
  explicit NestCheck(Operation* nest) : nest_(nest) {}

  bool isNative() { return isNative(nest_) && work_ <= kMaxNativeWork; }

 private:
  bool isNative(Operation* op) {
    if (llvm::isa<LoopOp, BranchOp, UnwindOp>(op)) {
      return fitsInside(op) && areOperandsFit(op) &&
             llvm::all_of(op->getRegions(), [&](Region& region) { return region.empty() || isNative(region); });
    }
    if (!areOperandsFit(op) || !llvm::all_of(op->getResultTypes(), fitsRegisters)) {
      return false;
    }
    const std::optional<int64_t> work = workOf(op);
    work_ += work.value_or(0);
    return work.has_value() && hasStaticBounds(op);
  }

  bool isNative(Region& region) {
    return llvm::all_of(region.front().getArgumentTypes(), fitsRegisters) &&
           llvm::all_of(region.front(), [&](Operation& op) { return isNative(&op); });
  }

  // What a loop carries, and what others read of its results, is in registers.
  bool fitsInside(Operation* op) {
    work_ += 2;
    int64_t carried = 0;
    size_t numSmall = op->getNumResults();
    if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      numSmall = op == nest_ ? loop.getNumCarries() : numSmall;
    } else if (auto unwind = llvm::dyn_cast<UnwindOp>(op)) {
      numSmall = op == nest_ ? unwind.getCotangents().size() : numSmall;
      for (Value init : unwind.getInits()) {
        if (!fitsRegisters(init.getType())) {
          return false;
        }
        carried += elements(init);
      }
    }
    for (Value result : op->getResults().take_front(numSmall)) {
      if (!fitsRegisters(result.getType())) {
        return false;
      }
      carried += elements(result);
    }
    return carried <= kMaxNativeCarried;
  }

  bool areOperandsFit(Operation* op) {
    return llvm::all_of(op->getOpOperands(), [&](mlir::OpOperand& operand) {
      const Value value = operand.get();
      return fitsRegisters(value.getType()) ||
             (!isDefinedInside(value, nest_) && isReadInPlace(operand) && hasRegisters(value.getType()));
    });
  }

  // Slices and pads whose places are known when code is written.
  static bool hasStaticBounds(Operation* op) {
    const auto isKnown = [](Value shape) {
      if (auto value = shape.getDefiningOp<ShapeValueOp>()) {
        return llvm::all_of(value.getShape().getShape(), [](const Dim& dim) { return dim.isStatic(); });
      }
      auto constant = shape.getDefiningOp<ConstantOp>();
      return constant && llvm::isa<mlir::DenseIntElementsAttr>(constant.getValue());
    };
    if (auto slice = llvm::dyn_cast<SliceOp>(op)) {
      return isKnown(slice.getStarts());
    }
    if (auto pad = llvm::dyn_cast<PadOp>(op)) {
      return isKnown(pad.getLow());
    }
    if (auto constant = llvm::dyn_cast<ConstantOp>(op)) {
      return llvm::isa<mlir::DenseElementsAttr>(constant.getValue());
    }
    return true;
  }

  Operation* nest_;
  int64_t work_ = 0;
};

}  // namespace

bool fitsRegisters(Type type) {
  const std::optional<int64_t> count = staticElements(type);
  return hasRegisters(type) && count && *count <= kMaxNativeElements;
}

bool isReadInPlace(mlir::OpOperand& operand) {
  Operation* op = operand.getOwner();
  const unsigned number = operand.getOperandNumber();
  const auto isAmong = [&](mlir::OperandRange range) {
    return number >= range.getBeginOperandIndex() && number < range.getBeginOperandIndex() + range.size();
  };
  if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
    return isAmong(loop.getScanned());
  }
  if (auto unwind = llvm::dyn_cast<UnwindOp>(op)) {
    return isAmong(unwind.getScanned());
  }
  return llvm::isa<GatherOp, SliceOp>(op) && number == 0;
}

bool runsNatively(Operation* nest) { return llvm::isa<LoopOp, BranchOp, UnwindOp>(nest) && NestCheck(nest).isNative(); }

}  // namespace kiln::compiler
