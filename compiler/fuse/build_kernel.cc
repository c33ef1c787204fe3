// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/fuse/build_kernel.h"

#include <algorithm>

#include "compiler/dialect/reductions.h"
#include "compiler/dialect/scatters.h"
#include "compiler/fuse/native.h"
#include "llvm/ADT/StringExtras.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace kiln::compiler {
using mlir::Operation;

namespace {

// The name that the user gave the node, from the op's location.
std::string nodeNameOf(mlir::Location location) {
  if (auto name = llvm::dyn_cast<mlir::NameLoc>(location)) {
    return name.getName().str();
  }
  if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(location)) {
    for (mlir::Location part : fused.getLocations()) {
      if (std::string name = nodeNameOf(part); !name.empty()) {
        return name;
      }
    }
  }
  if (auto call = llvm::dyn_cast<mlir::CallSiteLoc>(location)) {
    return nodeNameOf(call.getCallee());
  }
  return "";
}

llvm::StringRef kindOf(const Cluster& cluster) {
  switch (cluster.kind) {
    case Cluster::Kind::kLoop:
      return "loop";
    case Cluster::Kind::kRow:
      return "row";
    case Cluster::Kind::kReduce:
      break;
    case Cluster::Kind::kMatmul:
      return "matmul";
    case Cluster::Kind::kAlone:
      return isLibraryOp(cluster.ops.front()) ? "library" : "scatter";
  }
  // Columns: the last axis is kept, so that neighbouring results are reduced side by side.
  for (Operation* op : cluster.ops) {
    if (isArgReductionOp(op)) {
      return "argmax";
    }
    if (isReductionOp(op)) {
      const std::vector<Dim> from = spaceOf(op->getOperand(0)), to = spaceOf(op->getResult(0));
      if (from.empty() || to.empty() || !(from.back() == to.back())) {
        return "reduce";
      }
    }
  }
  return "column";
}

// Which result of a matmul kernel holds the product until the epilogue has read it, so that it may not lie over an
// input: the product itself, or any of its element type. When the size is known scratch memory can hold it instead,
// which is better where the kernel updates what the entry was given: a variable must be written in place.
std::optional<size_t> resultForProduct(KernelOp kernel) {
  if (kernel.getKind() != "matmul") {
    return std::nullopt;
  }
  const Value product = (*kernel.getBody().getOps<MatmulOp>().begin()).getResult();
  const mlir::Type element = mlir::getElementTypeOrSelf(product.getType());
  Operation* yield = kernel.getBody().front().getTerminator();
  std::optional<size_t> found;
  for (auto [r, result] : llvm::enumerate(yield->getOperands())) {
    if (result == product) {
      return r;
    }
    const bool updates = llvm::any_of(kernel.getInputs(), [&](Value input) {
      return llvm::isa<mlir::BlockArgument>(input) && input.getType() == result.getType();
    });
    if (!found && mlir::getElementTypeOrSelf(result.getType()) == element &&
        !(updates && shapeOf(product.getType()).numElements().isStatic())) {
      found = r;
    }
  }
  return found;
}

}  // namespace

std::string kernelName(Operation* op, std::set<std::string>& names) {
  std::string name = nodeNameOf(op->getLoc());
  if (name.empty()) {
    name = op->getName().stripDialect().str();
  }
  for (char& c : name) {
    c = llvm::isAlnum(c) ? c : '_';
  }
  if (llvm::isDigit(name[0])) {
    name = "_" + name;
  }
  std::string unique = name;
  for (int suffix = 1; !names.insert(unique).second; ++suffix) {
    unique = name + "_" + std::to_string(suffix);
  }
  return unique;
}

KernelOp KernelBuilder::build(const Cluster& cluster) {
  // The ops of the body: those of the cluster, and copies of the index ops before them.
  llvm::SetVector<Operation*> body(cluster.ops.begin(), cluster.ops.end());
  llvm::SetVector<Value> inputs;
  llvm::SmallVector<Operation*> work(cluster.ops.rbegin(), cluster.ops.rend());
  llvm::DenseSet<Operation*> own(cluster.ops.begin(), cluster.ops.end());
  while (!work.empty()) {
    Operation* op = work.pop_back_val();
    for (Value operand : op->getOperands()) {
      Operation* producer = operand.getDefiningOp();
      if (producer && own.contains(producer)) {
        continue;
      }
      if (producer && isIndexOp(producer) && (!readsMemory(op) || repeatsMatrices(producer, op))) {
        if (body.insert(producer)) {
          work.push_back(producer);
        }
      } else {
        inputs.insert(operand);
      }
    }
  }
  llvm::SmallVector<Operation*> ordered(body.begin(), body.end());
  std::sort(ordered.begin(), ordered.end(),
            [&](Operation* a, Operation* b) { return former_.positionOf(a) < former_.positionOf(b); });

  // What others read: not the index ops' copies, of which everyone has his own.
  llvm::SmallVector<Value> results;
  for (Operation* op : ordered) {
    if (!own.contains(op)) {
      continue;
    }
    for (Value result : op->getResults()) {
      // The host's function writes all results, wanted or not.
      bool isWanted = isLibraryOp(op);
      llvm::SmallVector<Operation*> users(result.getUsers().begin(), result.getUsers().end());
      while (!users.empty() && !isWanted) {
        Operation* user = users.pop_back_val();
        if (own.contains(user)) {
          continue;
        }
        // An index op's copies read it wherever they are used.
        if (isIndexOp(user) && !isIndexOp(op)) {
          isWanted |= llvm::any_of(user->getResult(0).getUses(), isReadFromMemory);
          users.append(user->getUsers().begin(), user->getUsers().end());
        } else {
          isWanted |= !isIndexOp(op) || readsMemory(user) || user->hasTrait<mlir::OpTrait::IsTerminator>();
        }
      }
      if (isWanted) {
        results.push_back(result);
      }
    }
  }

  llvm::SmallVector<Value> operands;
  for (Value input : inputs) {
    operands.push_back(resultFor(input));
  }
  llvm::SmallVector<mlir::Type> types;
  for (Value result : results) {
    types.push_back(result.getType());
  }
  auto kernel = KernelOp::create(builder_, cluster.ops.back()->getLoc(), types, operands,
                                 kernelName(cluster.ops.back(), names_), kindOf(cluster), nullptr);
  mlir::Block& block = kernel.getBody().emplaceBlock();
  mlir::IRMapping mapping;
  for (Value input : inputs) {
    mapping.map(input, block.addArgument(input.getType(), input.getLoc()));
  }
  mlir::OpBuilder inner = mlir::OpBuilder::atBlockEnd(&block);
  for (Operation* op : ordered) {
    inner.clone(*op, mapping);
  }
  llvm::SmallVector<Value> yielded;
  for (auto [result, output] : llvm::zip(results, kernel.getOutputs())) {
    yielded.push_back(mapping.lookup(result));
    results_[result] = output;
  }
  YieldOp::create(inner, kernel.getLoc(), yielded);
  if (mlir::ArrayAttr pairs = inPlacePairs(kernel)) {
    kernel.setMayAliasAttr(pairs);
  }
  return kernel;
}

void KernelBuilder::replaceUses() {
  for (auto& [old, now] : results_) {
    Value(old).replaceAllUsesWith(now);
  }
}

KernelOp buildNativeKernel(Operation* nest, std::set<std::string>& names) {
  llvm::SetVector<Value> reads(nest->operand_begin(), nest->operand_end());
  llvm::SetVector<Value> captured;
  mlir::getUsedValuesDefinedAbove(nest->getRegions(), captured);
  reads.insert(captured.begin(), captured.end());
  llvm::SmallVector<Value> inputs;
  llvm::SmallVector<Operation*> copied;
  for (Value value : reads) {
    Operation* producer = value.getDefiningOp();
    if (producer &&
        (llvm::isa<ShapeValueOp>(producer) || (llvm::isa<ConstantOp>(producer) && fitsRegisters(value.getType())))) {
      copied.push_back(producer);
    } else {
      inputs.push_back(value);
    }
  }
  mlir::OpBuilder b(nest);
  auto kernel =
      KernelOp::create(b, nest->getLoc(), nest->getResultTypes(), inputs, kernelName(nest, names), "native", nullptr);
  mlir::Block& block = kernel.getBody().emplaceBlock();
  mlir::IRMapping mapping;
  for (Value input : inputs) {
    mapping.map(input, block.addArgument(input.getType(), input.getLoc()));
  }
  mlir::OpBuilder inner = mlir::OpBuilder::atBlockEnd(&block);
  for (Operation* op : copied) {
    inner.clone(*op, mapping);
  }
  Operation* body = inner.clone(*nest, mapping);
  YieldOp::create(inner, kernel.getLoc(), body->getResults());
  nest->replaceAllUsesWith(kernel);
  nest->erase();
  return kernel;
}

mlir::ArrayAttr inPlacePairs(KernelOp kernel) {
  mlir::Builder b(kernel.getContext());
  mlir::Block& block = kernel.getBody().front();
  Operation* yield = block.getTerminator();
  llvm::SmallVector<mlir::Attribute> pairs;
  auto pair = [&](size_t result, size_t input) {
    pairs.push_back(b.getArrayAttr(
        {b.getI64IntegerAttr(static_cast<int64_t>(result)), b.getI64IntegerAttr(static_cast<int64_t>(input))}));
  };
  auto asAttr = [&]() -> mlir::ArrayAttr { return pairs.empty() ? mlir::ArrayAttr() : b.getArrayAttr(pairs); };
  if (kernel.getKind() == "library") {
    return {};
  }
  if (kernel.getKind() == "scatter") {
    for (Operation& op : llvm::make_filter_range(block, [](Operation& op) { return isScatterOp(&op); })) {
      if (auto x = llvm::dyn_cast<mlir::BlockArgument>(op.getOperand(0)); x && x.hasOneUse()) {
        pair(0, x.getArgNumber());
      }
    }
    return asAttr();
  }
  // A reshape alone: the elements stay where they are.
  if (auto reshape = llvm::dyn_cast<ReshapeOp>(
          &block.back() == yield && yield->getNumOperands() == 1 ? yield->getOperand(0).getDefiningOp() : nullptr)) {
    if (auto x = llvm::dyn_cast<mlir::BlockArgument>(reshape.getX())) {
      pair(0, x.getArgNumber());
      return asAttr();
    }
  }

  // Values that are read at positions other than the one that is written. A row kernel reads a whole row before it
  // writes it, and its reductions and broadcasts stay within the row.
  const bool isRow = kernel.getKind() == "row";
  llvm::DenseSet<Value> displaced;
  bool isExpensive = false;
  for (Operation& op : llvm::reverse(block.without_terminator())) {
    const bool isDisplaced = llvm::any_of(op.getResults(), [&](Value result) { return displaced.contains(result); });
    bool staysInPlace = isElementwise(&op);
    if (llvm::isa<ReshapeOp>(&op) || (isRow && llvm::isa<BroadcastOp>(&op))) {
      const std::vector<Dim> from = spaceOf(op.getOperand(0)), to = spaceOf(op.getResult(0));
      staysInPlace = from == to;
      if (isRow && from.size() + 1 == to.size()) {
        // One value for each row, when it is the last axis that is new.
        const Shape fromShape = shapeOf(op.getOperand(0).getType()), toShape = shapeOf(op.getResult(0).getType());
        staysInPlace = from.empty() ||
                       (fromShape.rank() == toShape.rank() && std::equal(from.begin(), from.end(), to.begin()) &&
                        spaceOf(op.getOperand(0)).size() == from.size() && fromShape[fromShape.rank() - 1] == Dim(1));
      }
    } else if (isRow && isReductionOp(&op)) {
      staysInPlace = true;
    }
    isExpensive |= llvm::isa<ExpOp, LogOp, TanhOp, SigmoidOp, PowOp>(&op) && spaceOf(op.getResult(0)).size() > 0;
    if (isDisplaced || !staysInPlace) {
      displaced.insert(op.operand_begin(), op.operand_end());
    }
  }
  size_t elementRank = 0;
  for (mlir::BlockArgument input : block.getArguments()) {
    elementRank = std::max(elementRank, spaceOf(input).size());
  }
  const std::optional<size_t> ofProduct = resultForProduct(kernel);
  for (auto [r, result] : llvm::enumerate(yield->getOperands())) {
    // The product is written before anything else is read.
    if (r == ofProduct) {
      continue;
    }
    // A row kernel keeps what is expensive in a result between its passes, so that result must have memory of its own.
    if (isRow && isExpensive && spaceOf(result).size() == elementRank) {
      continue;
    }
    for (mlir::BlockArgument input : block.getArguments()) {
      if (input.getType() == result.getType() && !displaced.contains(input)) {
        pair(r, input.getArgNumber());
      }
    }
  }
  return asAttr();
}

}  // namespace kiln::compiler
