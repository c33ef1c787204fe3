// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Which ops become one kernel.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compiler/dialect/dialect.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SetVector.h"
#include "mlir/IR/Block.h"

namespace kiln::compiler {

/// A set of ops that run as one kernel.
struct Cluster {
  /// What the loops of the kernel run over; see KernelOp's kind.
  enum class Kind {
    kLoop,    ///< Elements of results of one shape.
    kRow,     ///< Rows: reductions over the last axis, with results for rows and for their elements.
    kReduce,  ///< Elements of results of one shape, some of which are reductions over other axes.
    kMatmul,  ///< One matmul, and elementwise ops over its result.
    kAlone,   ///< Nothing joins it: a contraction, a scatter or a library op.
  };
  Kind kind = Kind::kLoop;
  std::vector<Dim> space;             ///< Without axes of static length 1. Of kRow: that of the elements.
  std::vector<mlir::Operation*> ops;  ///< In program order once formed; without the index ops, which are copied.
  llvm::SetVector<Value> inputs;      ///< What it reads, seen through index ops.
  llvm::SetVector<int> dependencies;  ///< Clusters (perhaps since merged) whose results it reads.
  int first = 0, last = 0;            ///< Positions of its ops in the program.
  int mergedInto = -1;
};

/// Ops that only say where an element is to be found, and what costs nothing to compute again.
bool isIndexOp(mlir::Operation* op);

/// Gives each element from the operands' elements at the same position.
bool isElementwise(mlir::Operation* op);

/// Computed by a function of the host's table.
bool isLibraryOp(mlir::Operation* op);

/// Loops, branches, bind_dim and kernels that there are already: they stay what they are.
bool staysItself(mlir::Operation* op);

/// Ops whose operands must lie in memory, so that an index op before one is a kernel of its own.
bool readsMemory(mlir::Operation* op);

/// True for a use that finds its value in memory: by an op that reads memory, at the end of a block, or in a region.
bool isReadFromMemory(mlir::OpOperand& use);

/// True for what a kernel of `matmul` reads through: a broadcast that only repeats the matrices of an operand along
/// axes of the batch, so that each is read where it lies, again and again; and a reshape of what lies in memory.
bool repeatsMatrices(mlir::Operation* op, mlir::Operation* matmul);

/// The dims of a value without those of static length 1.
std::vector<Dim> spaceOf(Value value);

/// Forms clusters of the ops of a block, whose regions' blocks have kernels already. Greedy, in program order, linear.
/// Lives as long as the block is not changed.
class ClusterFormer {
 public:
  using Explain = llvm::function_ref<void(mlir::Operation* consumer, mlir::Operation* producer, llvm::StringRef why)>;

  ClusterFormer(mlir::Block& block, Explain explain) : block_(block), explain_(explain) {}

  /// The clusters in an order in which they can run.
  std::vector<Cluster> form();

  /// The position of an op in the program.
  int positionOf(mlir::Operation* op) const { return positions_.lookup(op); }

 private:
  /// How an operand is read: where it comes from, seen through index ops, and which elements.
  struct Edge {
    enum class Map {
      kSame,    ///< Element for element.
      kRow,     ///< One for each row: constant along the last axis.
      kScalar,  ///< One for all.
      kOther,
    };
    Value source;
    Map map = Map::kSame;
  };

  Edge trace(Value operand) const;
  void collectSources(Value value, llvm::SetVector<Value>& sources) const;
  /// Adds the results of the bind_dims of the block whose symbols the op's types mention.
  void collectDims(mlir::Operation* op, llvm::SetVector<Value>& sources) const;
  llvm::SetVector<Value> sourcesOf(mlir::Operation* op) const;
  int find(int cluster);
  bool dependsOn(int cluster, int on);
  void setSpan(int cluster, int first, int last);
  /// Where the first of the clusters begins that go on beyond `position`; `position` when none begins before it.
  int firstThatReaches(int position) const;
  bool canMerge(int a, int b);
  void merge(int into, int from);
  void addOp(int cluster, mlir::Operation* op);
  int newCluster(Cluster::Kind kind, std::vector<Dim> space, mlir::Operation* op);
  int clusterOf(Value value);
  /// True when nothing but `user` reads what the cluster computes.
  bool isUsedOnlyBy(int cluster, mlir::Operation* user);
  /// True when the ops of `reader` read what `source` computes only at the positions that they themselves run over.
  bool readsInPlace(int reader, int source);
  bool hasRoom(int cluster, mlir::Operation* op);
  bool joinAll(std::vector<int> candidates, mlir::Operation* op, Cluster::Kind kind, std::vector<Dim> space);
  /// The kind and space that two clusters would have as one, or nothing.
  std::optional<std::pair<Cluster::Kind, std::vector<Dim>>> unite(const Cluster& a, const Cluster& b) const;

  void place(mlir::Operation* op);
  void placeElementwise(mlir::Operation* op);
  void placeReduction(mlir::Operation* op);
  void placeGather(mlir::Operation* op);
  /// Makes an epilogue that reads much beside the product a kernel of its own.
  void splitLongEpilogues();
  void mergeSiblings();
  std::vector<Cluster> inRunOrder();

  mlir::Block& block_;
  Explain explain_;
  std::vector<BindDimOp> binds_;
  std::vector<Cluster> clusters_;
  std::set<std::pair<int, int>> byLast_;  ///< Those that are not merged into others: their last positions, and which.
  llvm::DenseMap<mlir::Operation*, int> positions_;
  llvm::DenseMap<mlir::Operation*, int> clusterOf_;
};

}  // namespace kiln::compiler
