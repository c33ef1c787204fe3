// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/differentiate/vectorize_marks.h"

#include "compiler/dialect/op_factory.h"
#include "compiler/differentiate/vectorize.h"
#include "llvm/ADT/StringSet.h"

namespace kiln::compiler {
namespace {

bool isDraw(mlir::Operation* op) { return op->getName().stripDialect().starts_with("random_"); }

mlir::OperandRange yieldsOf(mlir::Block& block) { return block.getTerminator()->getOperands(); }

// Finite operands give finite results and derivatives, and nothing faults.
bool isCalm(mlir::Operation* op) {
  static const llvm::StringSet<> kNames = {
      "abs",         "add",           "argmax",     "argmin",      "atan",
      "bitwise_and", "bitwise_not",   "bitwise_or", "bitwise_xor", "broadcast",
      "cast",        "ceil",          "clamp",      "concat",      "constant",
      "copysign",    "cos",           "cummax",     "cummin",      "cumsum",
      "equal",       "erf",           "erfc",       "floor",       "fma",
      "greater",     "greater_equal", "iota",       "is_finite",   "is_inf",
      "is_nan",      "less",          "less_equal", "logical_and", "logical_not",
      "logical_or",  "logical_xor",   "matmul",     "maximum",     "minimum",
      "mul",         "neg",           "not_equal",  "one_hot",     "optimization_barrier",
      "pad",         "reduce_all",    "reduce_any", "reduce_max",  "reduce_mean",
      "reduce_min",  "reduce_sum",    "relu",       "reshape",     "reverse",
      "roll",        "round",         "select",     "shape_value", "shift_left",
      "shift_right", "sigmoid",       "sign",       "sin",         "slice",
      "softmax",     "sort",          "square",     "step",        "stop_gradient",
      "sub",         "tanh",          "tile",       "transpose",   "triangular",
      "trunc",       "unfold",        "fold"};
  // Bits are always an integer, but not always a finite float.
  const bool isBits = llvm::isa<BitcastOp>(op) && mlir::getElementTypeOrSelf(op->getResult(0).getType()).isInteger();
  return kNames.contains(op->getName().stripDialect()) || isDraw(op) || isBits;
}

// Zero is an index of every axis that has a fixed length above zero.
bool hasIndexZero(mlir::Operation* op) {
  auto axis = op->getAttrOfType<mlir::IntegerAttr>("axis");
  const Shape shape = shapeOf(op->getOperand(0).getType());
  const Dim& length = shape[axis ? static_cast<int>(axis.getInt()) : 0];
  return length.isStatic() && length.value() > 0;
}

}  // namespace

const MaskedOperand* maskedOperandOf(mlir::Operation* op) {
  // One half lies within the domain of all of these functions.
  static const MaskedOperand kRows[] = {
      {"acos", 0, 0.5},  {"asin", 0, 0.5},      {"assert_that", 1, 1},    {"atan2", 1, 0.5},
      {"atanh", 0, 0.5}, {"cbrt", 0, 0.5},      {"cosh", 0, 0.5},         {"digamma", 0, 0.5},
      {"div", 1, 0.5},   {"erfinv", 0, 0.5},    {"exp", 0, 0.5},          {"exp2", 0, 0.5},
      {"expm1", 0, 0.5}, {"gather", 1, 0},      {"hypot", 0, 0.5},        {"lgamma", 0, 0.5},
      {"log", 0, 0.5},   {"log10", 0, 0.5},     {"log1p", 0, 0.5},        {"log2", 0, 0.5},
      {"mod", 1, 0.5},   {"pow", 0, 0.5},       {"reciprocal", 0, 0.5},   {"remainder", 1, 0.5},
      {"rsqrt", 0, 0.5}, {"scatter_add", 1, 0}, {"scatter_slices", 1, 0}, {"sinh", 0, 0.5},
      {"sqrt", 0, 0.5},  {"tan", 0, 0.5},       {"trigamma", 0, 0.5},
  };
  const llvm::StringRef name = op->getName().stripDialect();
  for (const MaskedOperand& row : kRows) {
    if (name == row.op) {
      const bool isIndexed = name == "gather" || name.starts_with("scatter");
      return isIndexed && !hasIndexZero(op) ? nullptr : &row;
    }
  }
  return nullptr;
}

MappedValues::MappedValues(VmapOp vmap) : hasSharedDraws_(vmap->hasAttr(kSharedDrawsAttr)) {
  insertAll(vmap.getBody().front().getArguments());
  mark(vmap.getBody().front());
}

bool MappedValues::insertAll(mlir::ValueRange values) {
  bool isNew = false;
  for (Value value : values) {
    isNew |= mapped_.insert(value).second;
  }
  return isNew;
}

bool MappedValues::concern(mlir::Operation* op) const {
  return op
      ->walk([&](mlir::Operation* inner) {
        const bool isConcerned = llvm::any_of(inner->getOperands(), [&](Value v) { return contains(v); }) ||
                                 (!hasSharedDraws_ && isDraw(inner));
        return isConcerned ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
      })
      .wasInterrupted();
}

Value MappedValues::boundLength(LoopOp loop) const {
  if (!loop.getLength()) {
    return {};
  }
  const auto symbol = loop.getLength()->getShape()[0].asSymbol();
  return symbol ? boundLengths_.lookup(*symbol) : Value();
}

bool MappedValues::canBeMasked(mlir::Region& region, bool isGuarded) const {
  return !region
              .walk([&](mlir::Operation* op) {
                bool isFine = llvm::isa<YieldOp>(op) || isCalm(op);
                if (const MaskedOperand* masked = isFine ? nullptr : maskedOperandOf(op)) {
                  // What no example differs in is right for all as soon as one needs it.
                  isFine = contains(op->getOperand(masked->operand)) || (isGuarded && !concern(op));
                }
                if (llvm::isa<DivOp>(op)) {
                  isFine |= splatValueOf(op->getOperand(1)).value_or(0) != 0;
                }
                isFine |= isGuarded &&
                          (llvm::isa<LoopOp, BranchOp, PrintOp>(op) || (op->getNumRegions() == 0 && !concern(op)));
                return isFine ? mlir::WalkResult::advance() : mlir::WalkResult::interrupt();
              })
              .wasInterrupted();
}

void MappedValues::mark(mlir::Block& block) {
  for (mlir::Operation& op : block.without_terminator()) {
    if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      markLoop(loop);
    } else if (auto branch = llvm::dyn_cast<BranchOp>(op)) {
      markBranch(branch);
    } else if (auto recompute = llvm::dyn_cast<RecomputeOp>(op)) {
      markRecompute(recompute);
    } else if (auto custom = llvm::dyn_cast<CustomVjpOp>(op)) {
      markCustomVjp(custom);
    } else if (concern(&op)) {
      insertAll(op.getResults());
      if (auto bind = llvm::dyn_cast<BindDimOp>(op)) {
        boundLengths_[bind.getSymbol()] = bind.getLength();
      }
    }
  }
}

void MappedValues::markLoop(LoopOp loop) {
  const unsigned carries = loop.getNumCarries();
  auto arguments = loop.getCarryArguments();
  mlir::Block& body = loop.getBodyBlock();
  for (auto [row, scanned] : llvm::zip(loop.getRowArguments(), loop.getScanned())) {
    if (contains(scanned)) {
      mapped_.insert(row);
    }
  }
  bool hasOwnTrips =
      (loop.getCount() && contains(loop.getCount())) || (!loop.getCount() && static_cast<bool>(boundLength(loop)));
  // What is mapped only grows, so this ends.
  for (bool isChanged = true; isChanged;) {
    isChanged = false;
    for (unsigned i = 0; i < carries; ++i) {
      const Value next = yieldsOf(body)[i];
      if (contains(loop.getInits()[i]) || contains(next) || (hasOwnTrips && next != arguments[i])) {
        isChanged |= mapped_.insert(arguments[i]).second;
        if (loop.hasCondition()) {
          mapped_.insert(loop.getCondition().getArgument(i));
        }
      }
    }
    if (loop.hasCondition()) {
      mark(loop.getCondition().front());
      if (!hasOwnTrips && contains(yieldsOf(loop.getCondition().front())[0])) {
        hasOwnTrips = isChanged = true;
      }
    }
    const size_t before = mapped_.size();
    mark(body);
    isChanged |= mapped_.size() != before;
  }
  for (auto [i, result] : llvm::enumerate(loop.getResults())) {
    if (i < carries ? contains(arguments[i]) : hasOwnTrips || contains(yieldsOf(body)[i])) {
      mapped_.insert(result);
    }
  }
  if (hasOwnTrips) {
    ownTrips_.insert(loop);
  }
}

void MappedValues::markBranch(BranchOp branch) {
  for (mlir::Region& region : branch.getBranches()) {
    mark(region.front());
    for (auto [result, yielded] : llvm::zip(branch.getResults(), yieldsOf(region.front()))) {
      if (contains(branch.getSelector()) || contains(yielded)) {
        mapped_.insert(result);
      }
    }
  }
}

void MappedValues::markRecompute(RecomputeOp recompute) {
  mlir::Block& body = recompute.getBody().front();
  for (auto [argument, input] : llvm::zip(body.getArguments(), recompute.getInputs())) {
    if (contains(input)) {
      mapped_.insert(argument);
    }
  }
  mark(body);
  for (auto [result, yielded] : llvm::zip(recompute.getResults(), yieldsOf(body))) {
    if (contains(yielded)) {
      mapped_.insert(result);
    }
  }
}

// All or nothing: cotangents have the types of the inputs.
void MappedValues::markCustomVjp(CustomVjpOp custom) {
  if (!concern(custom)) {
    return;
  }
  for (mlir::Region* region : {&custom.getForward(), &custom.getBackward()}) {
    insertAll(region->getArguments());
    mark(region->front());
  }
  insertAll(custom.getResults());
}

}  // namespace kiln::compiler
