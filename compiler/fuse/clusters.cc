// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/fuse/clusters.h"

#include <algorithm>
#include <limits>
#include <queue>

#include "compiler/dialect/reductions.h"
#include "compiler/dialect/scatters.h"
#include "llvm/ADT/SmallVector.h"
#include "mlir/Transforms/RegionUtils.h"

namespace kiln::compiler {
using mlir::Operation;
using Kind = Cluster::Kind;

namespace {

// Larger kernels gain nothing: long chains split here, so that compile time stays linear and spilling bounded.
constexpr size_t kMaxOps = 256;
constexpr size_t kMaxInputs = 32;
// How many clusters the search for a path visits before it gives up and leaves two ops apart.
constexpr int kMaxVisits = 256;

bool isUnit(const Dim& dim) { return dim.isStatic() && dim.value() == 1; }

bool isSplat(Operation* op) {
  auto constant = llvm::dyn_cast<ConstantOp>(op);
  return constant && llvm::cast<mlir::ElementsAttr>(constant.getValue()).isSplat();
}

bool standsAlone(Operation* op) { return readsMemory(op) || isScatterOp(op); }

// True when op may be computed from the elements of `product`, the result of a matmul, as soon as they are there. Where
// the size is not known, one of the results must be able to hold the product.
bool isEpilogueOf(Operation* op, Value product) {
  const OpSchema* schema = schemaOf(op);
  const mlir::Type element = mlir::getElementTypeOrSelf(op->getResult(0).getType());
  return schema && schema->isElementwise && (!schema->mayFault || llvm::isa<mlir::FloatType>(element)) &&
         (shapeOf(product.getType()).numElements().isStatic() ||
          element == mlir::getElementTypeOrSelf(product.getType()));
}

MatmulOp matmulOf(const Cluster& cluster) {
  for (Operation* op : cluster.ops) {
    if (auto matmul = llvm::dyn_cast<MatmulOp>(op)) {
      return matmul;
    }
  }
  return {};
}

std::vector<Dim> rowsOf(const std::vector<Dim>& elements) {
  return elements.empty() ? elements : std::vector<Dim>(elements.begin(), elements.end() - 1);
}

// True when the op reduces the last axis (not counting those of length 1) and nothing else.
bool reducesRows(Operation* op) {
  if (!isReductionOp(op) || isArgReductionOp(op)) {
    return false;
  }
  const Shape shape = shapeOf(op->getOperand(0).getType());
  int innermost = -1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    innermost = isUnit(shape[axis]) ? innermost : axis;
  }
  bool hasInnermost = false;
  for (int64_t axis : op->getAttrOfType<mlir::DenseI64ArrayAttr>("axes").asArrayRef()) {
    axis = axis < 0 ? axis + shape.rank() : axis;
    hasInnermost |= axis == innermost;
    if (axis != innermost && !isUnit(shape[static_cast<int>(axis)])) {
      return false;
    }
  }
  return hasInnermost;
}

}  // namespace

bool isIndexOp(Operation* op) {
  return llvm::isa<ShapeValueOp, BroadcastOp, ReshapeOp, IotaOp, OneHotOp, SliceOp, ReverseOp, UnfoldOp>(op) ||
         isSplat(op);
}

bool isLibraryOp(Operation* op) {
  const OpSchema* schema = schemaOf(op);
  return schema != nullptr && schema->isLibrary;
}

bool repeatsMatrices(Operation* op, Operation* matmul) {
  if (!op || !llvm::isa<MatmulOp>(matmul)) {
    return false;
  }
  if (auto reshape = llvm::dyn_cast<ReshapeOp>(op)) {
    Operation* source = reshape.getX().getDefiningOp();
    return !source || !isIndexOp(source);
  }
  auto broadcast = llvm::dyn_cast<BroadcastOp>(op);
  if (!broadcast) {
    return false;
  }
  Operation* source = broadcast.getX().getDefiningOp();
  const Shape full = shapeOf(broadcast.getType()), own = shapeOf(broadcast.getX().getType());
  const int rank = full.rank(), missing = rank - own.rank();
  if ((source && isIndexOp(source)) || rank < 2) {
    return false;
  }
  // Of the batch, the operand has axes side by side, and whole matrices.
  const auto has = [&](int axis) { return axis >= missing && own[axis - missing] == full[axis]; };
  int changes = 0;
  for (int axis = 1; axis < rank - 2; ++axis) {
    changes += has(axis) && !has(axis - 1) ? 1 : 0;
  }
  return has(rank - 1) && has(rank - 2) && changes + (rank > 2 && has(0) ? 1 : 0) <= 1;
}

bool isElementwise(Operation* op) {
  const OpSchema* schema = schemaOf(op);
  return (schema && schema->isElementwise) || llvm::isa<AssertThatOp>(op);
}

bool staysItself(Operation* op) { return llvm::isa<LoopOp, BranchOp, UnwindOp, BindDimOp, KernelOp>(op); }

bool readsMemory(Operation* op) { return llvm::isa<MatmulOp>(op) || isLibraryOp(op) || staysItself(op); }

bool isReadFromMemory(mlir::OpOperand& use) {
  Operation* user = use.getOwner();
  if (user->hasTrait<mlir::OpTrait::IsTerminator>() || user->getBlock() != use.get().getParentBlock()) {
    return true;
  }
  return readsMemory(user) && !repeatsMatrices(use.get().getDefiningOp(), user);
}

std::vector<Dim> spaceOf(Value value) {
  std::vector<Dim> dims;
  for (const Dim& dim : shapeOf(value.getType())) {
    if (!isUnit(dim)) {
      dims.push_back(dim);
    }
  }
  return dims;
}

//===-- how operands are read
//--------------------------------------------------------------------------------------------===//

ClusterFormer::Edge ClusterFormer::trace(Value operand) const {
  Edge edge{operand, Edge::Map::kSame};
  while (Operation* op = edge.source.getDefiningOp()) {
    if (!isIndexOp(op) || llvm::isa<ShapeValueOp, IotaOp>(op) || isSplat(op)) {
      break;
    }
    Value from = op->getOperand(0);
    const std::vector<Dim> fromSpace = spaceOf(from), toSpace = spaceOf(edge.source);
    Edge::Map map = Edge::Map::kOther;
    if (fromSpace.empty()) {
      map = Edge::Map::kScalar;
    } else if (llvm::isa<ReshapeOp>(op) && fromSpace == toSpace) {
      map = Edge::Map::kSame;
    } else if (llvm::isa<BroadcastOp>(op)) {
      // Axes match from the last; which of the result's real axes does the operand not have?
      const Shape fromShape = shapeOf(from.getType()), toShape = shapeOf(edge.source.getType());
      int missing = 0, lastMissing = -1, innermost = -1;
      for (int axis = 0; axis < toShape.rank(); ++axis) {
        if (isUnit(toShape[axis])) {
          continue;
        }
        innermost = axis;
        const int own = axis - (toShape.rank() - fromShape.rank());
        if (own < 0 || isUnit(fromShape[own])) {
          ++missing;
          lastMissing = axis;
        }
      }
      if (missing == 0) {
        map = Edge::Map::kSame;
      } else if (missing == 1 && lastMissing == innermost) {
        map = Edge::Map::kRow;
      }
    } else if (llvm::isa<OneHotOp>(op)) {
      map = Edge::Map::kRow;
    }
    edge.source = from;
    if (edge.map == Edge::Map::kSame) {
      edge.map = map;
    } else if (map == Edge::Map::kScalar) {
      edge.map = map;
    } else if (map != Edge::Map::kSame) {
      edge.map = Edge::Map::kOther;
    }
  }
  return edge;
}

void ClusterFormer::collectSources(Value value, llvm::SetVector<Value>& sources) const {
  Operation* op = value.getDefiningOp();
  if (!op || !isIndexOp(op)) {
    sources.insert(value);
    return;
  }
  for (Value operand : op->getOperands()) {
    collectSources(operand, sources);
  }
}

void ClusterFormer::collectDims(Operation* op, llvm::SetVector<Value>& sources) const {
  const auto mentions = [&](mlir::Type type, llvm::StringRef symbol) {
    return llvm::any_of(shapeOf(type), [&](const Dim& dim) {
      const std::vector<std::string> symbols = dim.symbols();
      return std::find(symbols.begin(), symbols.end(), symbol) != symbols.end();
    });
  };
  for (BindDimOp bind : binds_) {
    if (op == bind || !bind->isBeforeInBlock(op)) {
      continue;
    }
    // Regions may mention it anywhere, and a shape's attribute too.
    if (op->getNumRegions() != 0 || llvm::isa<ShapeValueOp>(op) ||
        llvm::any_of(op->getResultTypes(), [&](mlir::Type type) { return mentions(type, bind.getSymbol()); }) ||
        llvm::any_of(op->getOperandTypes(), [&](mlir::Type type) { return mentions(type, bind.getSymbol()); })) {
      sources.insert(bind.getResult());
    }
  }
}

llvm::SetVector<Value> ClusterFormer::sourcesOf(Operation* op) const {
  llvm::SetVector<Value> sources;
  for (Value operand : op->getOperands()) {
    if (readsMemory(op)) {
      Operation* producer = operand.getDefiningOp();
      sources.insert(repeatsMatrices(producer, op) ? producer->getOperand(0) : operand);
    } else {
      collectSources(operand, sources);
    }
  }
  if (op->getNumRegions() != 0) {
    llvm::SetVector<Value> captured;
    mlir::getUsedValuesDefinedAbove(op->getRegions(), captured);
    sources.insert(captured.begin(), captured.end());
  }
  if (!binds_.empty()) {
    llvm::SmallVector<Operation*> work{op};
    llvm::DenseSet<Operation*> seen;
    while (!work.empty()) {
      Operation* next = work.pop_back_val();
      collectDims(next, sources);
      for (Value operand : next->getOperands()) {
        Operation* producer = operand.getDefiningOp();
        if (producer != nullptr && producer->getBlock() == &block_ && isIndexOp(producer) &&
            seen.insert(producer).second) {
          work.push_back(producer);
        }
      }
    }
  }
  return sources;
}

//===-- clusters
//---------------------------------------------------------------------------------------------------------===//

int ClusterFormer::find(int cluster) {
  while (clusters_[cluster].mergedInto >= 0) {
    cluster = clusters_[cluster].mergedInto;
  }
  return cluster;
}

int ClusterFormer::clusterOf(Value value) {
  Operation* op = value.getDefiningOp();
  auto found = op ? clusterOf_.find(op) : clusterOf_.end();
  return found == clusterOf_.end() ? -1 : find(found->second);
}

void ClusterFormer::setSpan(int cluster, int first, int last) {
  Cluster& target = clusters_[cluster];
  byLast_.erase({target.last, cluster});
  target.first = first;
  target.last = last;
  byLast_.insert({last, cluster});
}

int ClusterFormer::firstThatReaches(int position) const {
  int first = position;
  int visits = 0;
  for (auto at = byLast_.upper_bound({position, std::numeric_limits<int>::max()}); at != byLast_.end(); ++at) {
    if (++visits > kMaxVisits) {
      return 0;
    }
    first = std::min(first, clusters_[at->second].first);
  }
  return first;
}

bool ClusterFormer::dependsOn(int cluster, int on) {
  // What ends before `on` begins does not read it, but may read a cluster that goes on beyond: one that begins before.
  const int begin = firstThatReaches(clusters_[on].first);
  llvm::SmallVector<int> work = {cluster};
  llvm::DenseSet<int> seen;
  while (!work.empty()) {
    const int next = work.pop_back_val();
    for (int dependency : clusters_[next].dependencies) {
      dependency = find(dependency);
      if (dependency == on) {
        return true;
      }
      if (clusters_[dependency].last > begin && seen.insert(dependency).second) {
        if (static_cast<int>(seen.size()) > kMaxVisits) {
          return true;
        }
        work.push_back(dependency);
      }
    }
  }
  return false;
}

// No path from one to the other through a third, or they would wait for each other.
bool ClusterFormer::canMerge(int a, int b) {
  for (auto [from, to] : {std::pair(a, b), std::pair(b, a)}) {
    for (int dependency : clusters_[from].dependencies) {
      dependency = find(dependency);
      if (dependency != from && dependency != to && dependsOn(dependency, to)) {
        return false;
      }
    }
  }
  return true;
}

void ClusterFormer::merge(int into, int from) {
  Cluster &a = clusters_[into], &b = clusters_[from];
  a.ops.insert(a.ops.end(), b.ops.begin(), b.ops.end());
  a.inputs.insert(b.inputs.begin(), b.inputs.end());
  a.dependencies.insert(b.dependencies.begin(), b.dependencies.end());
  byLast_.erase({b.last, from});
  setSpan(into, std::min(a.first, b.first), std::max(a.last, b.last));
  b.mergedInto = into;
  b.ops.clear();
}

void ClusterFormer::addOp(int cluster, Operation* op) {
  Cluster& target = clusters_[cluster];
  target.ops.push_back(op);
  setSpan(cluster, target.first, std::max(target.last, positionOf(op)));
  clusterOf_[op] = cluster;
  for (Value source : sourcesOf(op)) {
    const int from = clusterOf(source);
    if (from == cluster) {
      continue;
    }
    target.inputs.insert(source);
    if (from >= 0) {
      target.dependencies.insert(from);
    }
  }
}

int ClusterFormer::newCluster(Kind kind, std::vector<Dim> space, Operation* op) {
  Cluster cluster;
  cluster.kind = kind;
  cluster.space = std::move(space);
  cluster.first = cluster.last = positionOf(op);
  clusters_.push_back(std::move(cluster));
  addOp(static_cast<int>(clusters_.size()) - 1, op);
  return static_cast<int>(clusters_.size()) - 1;
}

bool ClusterFormer::isUsedOnlyBy(int cluster, Operation* user) {
  for (Operation* op : clusters_[cluster].ops) {
    llvm::SmallVector<Operation*> users(op->getUsers().begin(), op->getUsers().end());
    while (!users.empty()) {
      Operation* next = users.pop_back_val();
      if (next == user) {
        continue;
      }
      if (isIndexOp(next)) {
        users.append(next->getUsers().begin(), next->getUsers().end());
        continue;
      }
      auto found = clusterOf_.find(next);
      if (found == clusterOf_.end() || find(found->second) != cluster) {
        return false;
      }
    }
  }
  return true;
}

bool ClusterFormer::readsInPlace(int reader, int source) {
  for (Operation* op : clusters_[reader].ops) {
    for (Value operand : op->getOperands()) {
      const Edge edge = trace(operand);
      llvm::SetVector<Value> sources;
      collectSources(operand, sources);
      for (Value from : sources) {
        if (clusterOf(from) == source && (readsMemory(op) || from != edge.source ||
                                          (edge.map != Edge::Map::kSame &&
                                           !(edge.map == Edge::Map::kRow && clusters_[source].kind == Kind::kRow)))) {
          return false;
        }
      }
    }
  }
  return true;
}

bool ClusterFormer::hasRoom(int cluster, Operation* op) {
  return clusters_[cluster].ops.size() < kMaxOps &&
         clusters_[cluster].inputs.size() + op->getNumOperands() <= kMaxInputs;
}

std::optional<std::pair<Kind, std::vector<Dim>>> ClusterFormer::unite(const Cluster& a, const Cluster& b) const {
  if (a.ops.size() + b.ops.size() > kMaxOps || a.inputs.size() + b.inputs.size() > kMaxInputs) {
    return std::nullopt;
  }
  if (a.kind == Kind::kAlone || b.kind == Kind::kAlone) {
    return std::nullopt;
  }
  if (a.kind == Kind::kMatmul || b.kind == Kind::kMatmul) {
    const Cluster &product = a.kind == Kind::kMatmul ? a : b, &other = a.kind == Kind::kMatmul ? b : a;
    const Value result = matmulOf(product).getResult();
    const bool fits = other.kind == Kind::kLoop && other.space == product.space &&
                      llvm::all_of(other.ops, [&](Operation* op) { return isEpilogueOf(op, result); });
    return fits ? std::optional(std::pair(Kind::kMatmul, product.space)) : std::nullopt;
  }
  if (a.kind == b.kind) {
    return a.space == b.space ? std::optional(std::pair(a.kind, a.space)) : std::nullopt;
  }
  if (a.kind == Kind::kLoop || b.kind == Kind::kLoop) {
    const Cluster &loop = a.kind == Kind::kLoop ? a : b, &other = a.kind == Kind::kLoop ? b : a;
    const bool fits = loop.space == other.space || (other.kind == Kind::kRow && loop.space == rowsOf(other.space));
    return fits ? std::optional(std::pair(other.kind, other.space)) : std::nullopt;
  }
  return std::nullopt;
}

// Puts op into the latest of `candidates` that can take it, and the others that can into the same cluster.
bool ClusterFormer::joinAll(std::vector<int> candidates, Operation* op, Kind kind, std::vector<Dim> space) {
  const llvm::SetVector<Value> sources = sourcesOf(op);
  std::sort(candidates.begin(), candidates.end(), [&](int a, int b) { return clusters_[a].last > clusters_[b].last; });
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  int base = -1;
  for (int candidate : candidates) {
    bool isFree = true;
    for (Value source : sources) {
      const int from = clusterOf(source);
      // Outside the candidate, nothing that op needs may need the candidate. Clusters joined since count as its own.
      if (from >= 0 && from != candidate && from != base && dependsOn(from, candidate)) {
        isFree = false;
      }
    }
    if (!isFree) {
      explain_(op, clusters_[candidate].ops.back(), "another operand depends on it, so neither could run first");
      continue;
    }
    if (base < 0) {
      if (!hasRoom(candidate, op)) {
        explain_(op, clusters_[candidate].ops.back(), "its kernel is full");
        continue;
      }
      base = candidate;
      clusters_[base].kind = kind == Kind::kLoop ? clusters_[base].kind : kind;
      clusters_[base].space = kind == Kind::kLoop ? clusters_[base].space : space;
      continue;
    }
    if (auto united = unite(clusters_[base], clusters_[candidate]);
        united && canMerge(base, candidate) && readsInPlace(base, candidate) && readsInPlace(candidate, base)) {
      merge(base, candidate);
      clusters_[base].kind = united->first;
      clusters_[base].space = united->second;
    }
  }
  if (base < 0) {
    return false;
  }
  addOp(base, op);
  return true;
}

//===-- where each op goes
//-----------------------------------------------------------------------------------------------===//

void ClusterFormer::placeElementwise(Operation* op) {
  const std::vector<Dim> space = spaceOf(op->getResult(0));
  std::vector<int> candidates;
  llvm::DenseSet<int> displaced;  // clusters that op reads at other positions than its own
  for (Value operand : op->getOperands()) {
    const Edge edge = trace(operand);
    const int from = clusterOf(edge.source);
    if (from < 0) {
      continue;
    }
    const Cluster& cluster = clusters_[from];
    const bool isSame = edge.map == Edge::Map::kSame;
    bool fits = false;
    switch (cluster.kind) {
      case Kind::kLoop:
      case Kind::kReduce:
        fits = isSame && cluster.space == space;
        break;
      case Kind::kMatmul:
        // A product of one element is not worth an epilogue.
        fits = isSame && cluster.space == space && !space.empty() && isEpilogueOf(op, matmulOf(cluster).getResult());
        break;
      case Kind::kRow: {
        const std::vector<Dim> sourceSpace = spaceOf(edge.source), rows = rowsOf(cluster.space);
        fits = (isSame && (space == cluster.space || space == rows)) ||
               (edge.map == Edge::Map::kRow && space == cluster.space && sourceSpace == rows);
        break;
      }
      case Kind::kAlone:
        break;
    }
    if (fits) {
      candidates.push_back(from);
    } else {
      displaced.insert(from);
      explain_(op, edge.source.getDefiningOp(),
               cluster.kind == Kind::kAlone ? "scatters and library ops take no epilogue"
                                            : "they run over different elements");
    }
  }
  std::erase_if(candidates, [&](int candidate) { return displaced.contains(candidate); });
  if (!joinAll(candidates, op, Kind::kLoop, space)) {
    newCluster(Kind::kLoop, space, op);
  }
}

void ClusterFormer::placeReduction(Operation* op) {
  const Edge edge = trace(op->getOperand(0));
  const int from = clusterOf(edge.source);
  const std::vector<Dim> elements = spaceOf(op->getOperand(0)), results = spaceOf(op->getResult(0));
  const bool isSame = edge.map == Edge::Map::kSame && from >= 0 && spaceOf(edge.source) == elements;
  if (reducesRows(op)) {
    const bool fits = isSame && clusters_[from].space == elements &&
                      (clusters_[from].kind == Kind::kLoop || clusters_[from].kind == Kind::kRow);
    if (fits && joinAll({from}, op, Kind::kRow, elements)) {
      return;
    }
    if (from >= 0 && !fits) {
      explain_(op, edge.source.getDefiningOp(), "its kernel does not run over the rows that are reduced");
    }
    newCluster(Kind::kRow, elements, op);
    return;
  }
  // Elements are computed where they are reduced, and nowhere else: so nothing else may want them.
  const bool fits = isSame && clusters_[from].kind == Kind::kLoop && clusters_[from].space == elements;
  if (fits && isUsedOnlyBy(from, op)) {
    if (joinAll({from}, op, Kind::kReduce, results)) {
      return;
    }
  } else if (from >= 0) {
    explain_(op, edge.source.getDefiningOp(),
             fits ? "its elements are wanted elsewhere too" : "they run over different elements");
  }
  newCluster(Kind::kReduce, results, op);
}

void ClusterFormer::placeGather(Operation* op) {
  auto gather = llvm::cast<GatherOp>(op);
  const Shape shape = shapeOf(gather.getX().getType());
  const int64_t axis =
      static_cast<int64_t>(gather.getAxis()) + (static_cast<int64_t>(gather.getAxis()) < 0 ? shape.rank() : 0);
  const std::vector<Dim> results = spaceOf(op->getResult(0));
  // One element picked from each row, as the label's in a cross entropy.
  const Edge edge = trace(gather.getX());
  const int from = clusterOf(edge.source);
  const Edge indices = trace(gather.getIndices());
  const bool indicesFit =
      clusterOf(indices.source) != from || (indices.map == Edge::Map::kSame && spaceOf(indices.source) == results);
  if (from >= 0 && indicesFit && edge.map == Edge::Map::kSame && clusters_[from].kind == Kind::kRow &&
      axis == shape.rank() - 1 && static_cast<int64_t>(gather.getBatchDims()) == axis &&
      spaceOf(gather.getX()) == clusters_[from].space && results == rowsOf(clusters_[from].space)) {
    if (joinAll({from}, op, Kind::kLoop, results)) {
      return;
    }
  }
  newCluster(Kind::kLoop, results, op);
}

void ClusterFormer::place(Operation* op) {
  if (llvm::isa<MatmulOp>(op)) {
    newCluster(Kind::kMatmul, spaceOf(op->getResult(0)), op);
  } else if (standsAlone(op)) {
    newCluster(Kind::kAlone, {}, op);
  } else if (isElementwise(op)) {
    placeElementwise(op);
  } else if (isReductionOp(op) || llvm::isa<FoldOp>(op)) {
    placeReduction(op);
  } else if (llvm::isa<GatherOp>(op)) {
    placeGather(op);
  } else {
    newCluster(Kind::kLoop, spaceOf(op->getResult(0)), op);
  }
}

// An epilogue saves writing and reading the product, and pays with short runs through what else it reads: an
// optimizer's update, of three tensors as large as the product, takes less time by itself.
void ClusterFormer::splitLongEpilogues() {
  constexpr int kMaxReads = 1;
  const int count = static_cast<int>(clusters_.size());
  for (int i = 0; i < count; ++i) {
    if (clusters_[i].mergedInto >= 0 || clusters_[i].kind != Kind::kMatmul) {
      continue;
    }
    MatmulOp matmul = matmulOf(clusters_[i]);
    llvm::SetVector<Value> reads;
    std::vector<Operation*> epilogue;
    for (Operation* op : clusters_[i].ops) {
      if (op == matmul) {
        continue;
      }
      epilogue.push_back(op);
      for (Value operand : op->getOperands()) {
        const Value source = trace(operand).source;
        if (clusterOf(source) != i && spaceOf(source) == clusters_[i].space) {
          reads.insert(source);
        }
      }
    }
    if (static_cast<int>(reads.size()) <= kMaxReads) {
      continue;
    }
    explain_(epilogue.front(), matmul, "the epilogue reads several tensors as large as the product");
    Cluster rest;
    rest.kind = Kind::kLoop;
    rest.space = clusters_[i].space;
    rest.first = rest.last = positionOf(epilogue.front());
    for (Operation* op : epilogue) {
      rest.first = std::min(rest.first, positionOf(op));
    }
    const int own = static_cast<int>(clusters_.size());
    clusters_.push_back(std::move(rest));
    Cluster& product = clusters_[i];
    product.ops.clear();
    product.inputs.clear();
    product.dependencies.clear();
    setSpan(i, positionOf(matmul), positionOf(matmul));
    // Whoever waited for the one waits for both: none of these can be what the epilogue waits for.
    for (int other = 0; other < own; ++other) {
      const bool waits = llvm::any_of(clusters_[other].dependencies, [&](int on) { return find(on) == i; });
      if (waits && find(other) != i) {
        clusters_[other].dependencies.insert(own);
      }
    }
    for (Operation* op : epilogue) {
      clusterOf_[op] = own;
    }
    addOp(i, matmul);
    for (Operation* op : epilogue) {
      addOp(own, op);
    }
  }
}

// Kernels over the same elements that read the same values become one, so that these are read once.
void ClusterFormer::mergeSiblings() {
  std::map<std::pair<void*, std::string>, int> readers;
  for (int i = 0; i < static_cast<int>(clusters_.size()); ++i) {
    if (clusters_[i].mergedInto >= 0 || clusters_[i].kind != Kind::kLoop || clusters_[i].space.empty()) {
      continue;
    }
    int current = i;
    const std::string space = Shape(clusters_[i].space).toString();
    const llvm::SmallVector<Value> inputs(clusters_[i].inputs.begin(), clusters_[i].inputs.end());
    for (Value input : inputs) {
      if (spaceOf(input) != clusters_[i].space) {
        continue;
      }
      auto [known, isNew] = readers.try_emplace({input.getAsOpaquePointer(), space}, current);
      const int other = isNew ? current : find(known->second);
      if (other == current) {
        continue;
      }
      if (unite(clusters_[other], clusters_[current]) && !dependsOn(other, current) && !dependsOn(current, other)) {
        merge(other, current);
        current = other;
      }
    }
  }
}

std::vector<Cluster> ClusterFormer::inRunOrder() {
  std::vector<int> waiting(clusters_.size());
  std::vector<std::vector<int>> users(clusters_.size());
  std::priority_queue<std::pair<int, int>, std::vector<std::pair<int, int>>, std::greater<>> ready;
  for (int i = 0; i < static_cast<int>(clusters_.size()); ++i) {
    Cluster& cluster = clusters_[i];
    if (cluster.mergedInto >= 0) {
      continue;
    }
    std::sort(cluster.ops.begin(), cluster.ops.end(),
              [&](Operation* a, Operation* b) { return positionOf(a) < positionOf(b); });
    llvm::SetVector<int> dependencies;
    for (int dependency : cluster.dependencies) {
      if (find(dependency) != i) {
        dependencies.insert(find(dependency));
      }
    }
    for (int dependency : dependencies) {
      users[dependency].push_back(i);
      ++waiting[i];
    }
    if (waiting[i] == 0) {
      ready.push({cluster.first, i});
    }
  }
  std::vector<Cluster> ordered;
  while (!ready.empty()) {
    const int next = ready.top().second;
    ready.pop();
    for (int user : users[next]) {
      if (--waiting[user] == 0) {
        ready.push({clusters_[user].first, user});
      }
    }
    ordered.push_back(clusters_[next]);
  }
  return ordered;
}

std::vector<Cluster> ClusterFormer::form() {
  int position = 0;
  for (Operation& op : block_) {
    positions_[&op] = position++;
    if (auto bind = llvm::dyn_cast<BindDimOp>(&op)) {
      binds_.push_back(bind);
    }
  }
  for (Operation& op : block_.without_terminator()) {
    const bool isBesides = llvm::isa<ConstantOp>(&op) && !isSplat(&op);
    if (isBesides) {
      continue;
    }
    if (!isIndexOp(&op)) {
      place(&op);
      continue;
    }
    // An index op is a kernel of its own where its value must lie in memory.
    if (llvm::any_of(op.getResult(0).getUses(), isReadFromMemory)) {
      newCluster(Kind::kAlone, {}, &op);
      clusters_.back().kind = Kind::kLoop;
      clusters_.back().space = spaceOf(op.getResult(0));
    }
  }
  splitLongEpilogues();
  mergeSiblings();
  std::vector<Cluster> ordered = inRunOrder();
  size_t live = 0;
  for (const Cluster& cluster : clusters_) {
    live += cluster.mergedInto < 0 ? 1 : 0;
  }
  KILN_CHECK(ordered.size() == live);
  return ordered;
}

}  // namespace kiln::compiler
