// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/differentiate/kept_values.h"

#include "compiler/differentiate/expand.h"
#include "compiler/differentiate/min_cut.h"
#include "compiler/simplify/loop_editor.h"
#include "llvm/ADT/StringSet.h"

namespace kiln::compiler {
namespace {

constexpr unsigned kAllSources = ~0u;

// All steps of the sweep are steps of the source.
bool runsAsOften(LoopOp source, LoopOp sweep) {
  if (!source.getLengthAttr() || source.getLengthAttr() != sweep.getLengthAttr()) {
    return false;
  }
  if (source.hasCondition()) {
    return sweep.getCount() && sweep.getCount().getDefiningOp() == source;
  }
  return source.getCount() == sweep.getCount();
}

bool isFree(Value value) {
  mlir::Operation* op = value.getDefiningOp();
  return op != nullptr && op->getNumOperands() == 0 && op->getNumRegions() == 0;
}

}  // namespace

Lengths::Lengths(mlir::func::FuncOp function) : function_(function) {}

int64_t Lengths::operator()(const Dim& dim) const {
  if (dim.isStatic()) {
    return dim.value();
  }
  auto symbols = function_ ? function_->getAttrOfType<mlir::DictionaryAttr>(kSymbolsAttr) : mlir::DictionaryAttr();
  return std::max<int64_t>(dim.evaluate([&](std::string_view symbol) {
    auto range = symbols ? symbols.getAs<mlir::ArrayAttr>(llvm::StringRef(symbol.data(), symbol.size())) : nullptr;
    if (!range) {
      return kSampleLength;
    }
    const int64_t most = llvm::cast<mlir::IntegerAttr>(range[1]).getInt();
    return most < DimRange::kUnbounded ? most : kSampleLength;
  }),
                           1);
}

int64_t Lengths::bytes(mlir::Type type) const {
  const ValueType value = valueType(type);
  int64_t bits = bitWidth(value.dtype);
  for (const Dim& dim : value.shape) {
    bits *= (*this)(dim);
  }
  return (bits + 7) / 8;
}

bool Lengths::isOpen(const Dim& dim) {
  return llvm::any_of(dim.symbols(), [](const std::string& symbol) { return symbol.starts_with("steps."); });
}

bool isCheap(mlir::Operation* op, const Lengths& lengths) {
  static const llvm::StringSet<> kSlow = {"exp",   "exp2",   "expm1",   "log",      "log1p",  "log2", "log10",  "tanh",
                                          "sinh",  "cosh",   "sin",     "cos",      "tan",    "asin", "acos",   "atan",
                                          "asinh", "acosh",  "atanh",   "atan2",    "erf",    "erfc", "erfinv", "pow",
                                          "cbrt",  "lgamma", "digamma", "trigamma", "sigmoid"};
  const OpSchema* schema = schemaOf(op);
  if (schema == nullptr || schema->isComposite) {
    return false;
  }
  if (auto gather = llvm::dyn_cast<GatherOp>(op)) {
    // What is picked is kept rather than all that it is picked from.
    return lengths.bytes(gather->getOperand(0).getType()) <= 4 * lengths.bytes(gather->getResult(0).getType());
  }
  if (llvm::isa<ConstantOp, ShapeValueOp, IotaOp, StopGradientOp, PrintOp, AssertThatOp>(op)) {
    return true;
  }
  if (schema->family == "elementwise") {
    return !kSlow.contains(op->getName().stripDialect());
  }
  return schema->family == "movement" && !llvm::isa<ConcatOp, PadOp>(op);
}

double workOf(mlir::Operation* op, const Lengths& lengths) {
  auto elements = [&](mlir::Type type) {
    double count = 1;
    for (const Dim& dim : shapeOf(type)) {
      count *= static_cast<double>(lengths(dim));
    }
    return count;
  };
  double work = 0;
  if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
    for (mlir::Operation& inner : loop.getBodyBlock().without_terminator()) {
      work += workOf(&inner, lengths);
    }
    return work * (loop.getLength() ? static_cast<double>(lengths(loop.getLength()->getShape()[0]))
                                    : static_cast<double>(Lengths::kSampleLength));
  }
  for (mlir::Region& region : op->getRegions()) {
    double largest = 0;
    for (mlir::Block& block : region) {
      for (mlir::Operation& inner : block.without_terminator()) {
        largest += workOf(&inner, lengths);
      }
    }
    work = std::max(work, largest);
  }
  if (op->getNumRegions() != 0 || op->getNumResults() == 0 || op->getNumOperands() == 0) {
    return work;
  }
  for (mlir::Type type : op->getResultTypes()) {
    work += elements(type);
  }
  if (auto matmul = llvm::dyn_cast<MatmulOp>(op)) {
    const Shape a = shapeOf(matmul->getOperand(0).getType());
    const bool transposed = matmul.getTransposeA();
    work *= 2 * static_cast<double>(lengths(a[a.rank() - (transposed ? 2 : 1)]));
  } else if (!isCheap(op, lengths)) {
    double read = 0;
    for (Value operand : op->getOperands()) {
      read = std::max(read, elements(operand.getType()));
    }
    work = std::max(8 * work, read);
  }
  return work;
}

SweepLoop::SweepLoop(LoopOp sweep, const Lengths& lengths) : sweep_(sweep), lengths_(lengths) {
  for (Value scanned : sweep.getScanned()) {
    auto source = scanned.getDefiningOp<LoopOp>();
    if (source && source->getBlock() == sweep->getBlock() && runsAsOften(source, sweep) &&
        llvm::cast<mlir::OpResult>(scanned).getResultNumber() >= source.getNumCarries() &&
        !llvm::is_contained(sources_, source) && sources_.size() < 16) {
      sources_.push_back(source);
    }
  }
  llvm::sort(sources_, [](LoopOp a, LoopOp b) { return a->isBeforeInBlock(b); });
  classify();
}

llvm::SmallVector<Value> SweepLoop::readBy(mlir::Operation* op) const {
  llvm::SmallVector<Value> read(op->getOperands());
  if (op->getNumRegions() != 0) {
    llvm::append_range(read, capturesOf(op));
  }
  return read;
}

// A value from outside the sweep can be read before `source`.
bool SweepLoop::isAvailable(Value value, LoopOp source, int depth) const {
  mlir::Operation* op = value.getDefiningOp();
  if (op == nullptr || op->getBlock() != source->getBlock() || op->isBeforeInBlock(source)) {
    return true;
  }
  return depth > 0 && op->getNumRegions() == 0 && isCheap(op, lengths_) &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return isAvailable(operand, source, depth - 1); });
}

void SweepLoop::classify() {
  mlir::Block& body = sweep_.getBodyBlock();
  auto placesOf = [&](Value outside, bool isScanned) {
    unsigned places = 0;
    for (auto [k, source] : llvm::enumerate(sources_)) {
      // A loop that ends by a condition is given no rows that it has not.
      const bool isReadable = !isScanned || !source.hasCondition() || llvm::is_contained(source.getScanned(), outside);
      if (outside.getDefiningOp() == source || (isReadable && isAvailable(outside, source, 3))) {
        places |= 1u << k;
      }
    }
    return places;
  };
  primal_.insert(sweep_.getStep());
  varying_.insert(sweep_.getStep());
  places_[sweep_.getStep()] = kAllSources;
  for (auto [row, scanned] : llvm::zip(sweep_.getRowArguments(), sweep_.getScanned())) {
    primal_.insert(row);
    varying_.insert(row);
    places_[row] = placesOf(scanned, true);
  }
  for (mlir::Operation& op : body.without_terminator()) {
    const llvm::SmallVector<Value> read = readBy(&op);
    if (!llvm::all_of(read, [&](Value value) { return isPrimal(value); })) {
      continue;
    }
    const bool varies = llvm::any_of(read, [&](Value value) { return varying_.contains(value); });
    unsigned places = kAllSources;
    for (Value value : read) {
      places &= value.getParentBlock() == &body ? places_.lookup(value) : placesOf(value, false);
    }
    // A symbol that is bound in here means nothing elsewhere.
    op.walk([&](mlir::Operation* inner) { places = llvm::isa<BindDimOp>(inner) ? 0 : places; });
    for (Value result : op.getResults()) {
      primal_.insert(result);
      places_[result] = places;
      if (varies) {
        varying_.insert(result);
      }
    }
  }
}

KeptValues SweepLoop::choose(bool anyWork) const {
  mlir::Block& body = sweep_.getBodyBlock();
  MinCut cut;
  llvm::DenseMap<Value, int> nodeOf;  // The value before it could be kept; the next node is after.
  llvm::SmallVector<Value> values;
  auto addValue = [&](Value value, int64_t cost) {
    const int node = cut.addNode();
    cut.addEdge(node, cut.addNode(), cost);
    nodeOf[value] = node;
    values.push_back(value);
    return node;
  };
  for (auto [row, scanned] : llvm::zip(sweep_.getRowArguments(), sweep_.getScanned())) {
    if (!llvm::is_contained(sources_, scanned.getDefiningOp())) {
      continue;
    }
    const bool isKeptAnyway =
        llvm::any_of(scanned.getUsers(), [](mlir::Operation* user) { return !user->hasAttr(kAdjointAttr); });
    cut.addEdge(cut.source(), addValue(row, isKeptAnyway ? 0 : lengths_.bytes(row.getType())), MinCut::kNever);
  }
  for (mlir::Operation& op : body.without_terminator()) {
    for (Value result : op.getResults()) {
      if (!varying_.contains(result)) {
        continue;
      }
      const bool canKeep = places_.lookup(result) != 0;
      const int node = addValue(result, canKeep ? lengths_.bytes(result.getType()) : MinCut::kNever);
      if (canKeep && !anyWork && !isCheap(&op, lengths_)) {
        cut.addEdge(cut.source(), node, MinCut::kNever);
      }
      for (Value read : readBy(&op)) {
        if (auto from = nodeOf.find(read); from != nodeOf.end()) {
          cut.addEdge(from->second + 1, node, MinCut::kNever);
        }
      }
    }
  }
  for (Value value : values) {
    const bool isRead = llvm::any_of(value.getUsers(), [&](mlir::Operation* user) {
      mlir::Operation* top = body.findAncestorOpInBlock(*user);
      return top == body.getTerminator() || top->getNumResults() == 0 || !primal_.contains(top->getResult(0));
    });
    if (isRead) {
      cut.addEdge(nodeOf[value] + 1, cut.sink(), MinCut::kNever);
    }
  }
  const std::vector<bool> onSource = cut.sourceSide();
  KeptValues kept;
  llvm::DenseSet<Value> have;
  for (Value value : values) {
    const auto node = static_cast<size_t>(nodeOf[value]);
    if (onSource[node] && !onSource[node + 1]) {
      kept.values.push_back(value);
      have.insert(value);
    }
  }
  kept.bytesPerStep = cut.cost();
  // What is computed again: what leads from there to what the sweep reads.
  llvm::SmallVector<Value> work;
  llvm::DenseSet<mlir::Operation*> again;
  for (Value value : values) {
    const auto node = static_cast<size_t>(nodeOf[value]);
    if (!onSource[node + 1] && !have.contains(value) && value.getDefiningOp() != nullptr) {
      again.insert(value.getDefiningOp());
    }
  }
  for (mlir::Operation* op : again) {
    kept.recomputed += workOf(op, lengths_);
  }
  return kept;
}

void SweepLoop::keep(llvm::ArrayRef<Value> values) {
  mlir::Block& body = sweep_.getBodyBlock();
  llvm::SmallVector<std::pair<Value, Value>> stacks;  // Value of the sweep's body, stack.
  for (size_t k = 0; k < sources_.size(); ++k) {
    LoopOp source = sources_[k];
    // Each value goes to the first source that can compute it.
    llvm::SmallVector<Value> here;
    llvm::DenseSet<mlir::Operation*> needed;
    llvm::SmallVector<Value> work;
    for (Value value : values) {
      const unsigned places = places_.lookup(value);
      if (value.getDefiningOp() != nullptr && (places & (1u << k)) != 0 && (places & ((1u << k) - 1)) == 0) {
        here.push_back(value);
        work.push_back(value);
      }
    }
    if (here.empty()) {
      continue;
    }
    LoopEditor editor(source);
    mlir::Operation* yield = source.getBodyBlock().getTerminator();
    mlir::OpBuilder b(yield);
    mlir::IRMapping mapping;
    mapping.map(sweep_.getStep(), source.getStep());
    while (!work.empty()) {
      Value value = work.pop_back_val();
      mlir::Operation* op = value.getDefiningOp();
      if (value.getParentBlock() != &body) {
        if (op != nullptr && op->getBlock() == source->getBlock() && source->isBeforeInBlock(op)) {
          const bool moved = moveBefore(op, source);
          KILN_CHECK(moved);
        }
      } else if (op != nullptr) {
        if (needed.insert(op).second) {
          work.append(readBy(op));
        }
      } else if (value != sweep_.getStep() && !mapping.contains(value)) {
        const unsigned row = llvm::cast<mlir::BlockArgument>(value).getArgNumber() - 1 - sweep_.getNumCarries();
        Value scanned = sweep_.getScanned()[row];
        if (scanned.getDefiningOp() == source) {
          mapping.map(value, yield->getOperand(llvm::cast<mlir::OpResult>(scanned).getResultNumber()));
          continue;
        }
        if (mlir::Operation* maker = scanned.getDefiningOp();
            maker != nullptr && maker->getBlock() == source->getBlock() && source->isBeforeInBlock(maker)) {
          const bool moved = moveBefore(maker, source);
          KILN_CHECK(moved);
        }
        auto found = llvm::find(source.getScanned(), scanned);
        mapping.map(value,
                    found != source.getScanned().end()
                        ? Value(source.getRowArguments()[static_cast<size_t>(found - source.getScanned().begin())])
                        : editor.addScanned(scanned));
      }
    }
    for (mlir::Operation& op : body) {
      if (needed.contains(&op)) {
        b.clone(op, mapping);
      }
    }
    llvm::SmallVector<unsigned> results;
    for (Value value : here) {
      results.push_back(editor.addStacked(mapping.lookup(value)));
    }
    LoopOp made = editor.finish();
    sources_[k] = made;
    for (auto [value, i] : llvm::zip(here, results)) {
      stacks.push_back({value, made.getResult(i)});
    }
  }
  LoopEditor editor(sweep_);
  for (auto [value, stack] : stacks) {
    value.replaceAllUsesWith(editor.addScanned(stack));
  }
  sweep_ = editor.finish();
}

}  // namespace kiln::compiler
