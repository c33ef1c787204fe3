// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Computations that follow the structure of their data: trees and acyclic graphs, any number of them in a batch,
/// through one executable. Nodes of one kind at one depth are computed together, in blocks of a fixed width (dynamic
/// batching: M. Looks et al., "Deep Learning with Dynamic Computation Graphs", ICLR 2017; Y. Neubig et al.,
/// "On-the-fly Operation Batching in Dynamic Computation Graphs", NeurIPS 2017).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>
#include <string_view>
#include <vector>

#include "graph/build/builder.h"
#include "proto/base/tensor.h"

namespace kiln::nn {

/// Nodes of any number of trees or acyclic graphs, as index arrays: node i is of kind `kinds[i]`, and its children are
/// `children[firstChild[i]]` up to `children[firstChild[i + 1]]`, in order. Nodes may come in any order.
struct Structure {
  std::vector<int32_t> kinds;
  std::vector<int64_t> firstChild = {0};  ///< One more than there are nodes.
  std::vector<int64_t> children;

  int64_t numNodes() const { return static_cast<int64_t>(kinds.size()); }
  /// Adds a node and returns its number.
  int64_t add(int32_t kind, const std::vector<int64_t>& childrenOfNode = {});
};

/// The steps in which a structure is computed: what a run of dynamicBatch() is fed. Every node has one place in the
/// tables, in a step after those of its children.
struct BlockSchedule {
  Tensor kinds;     ///< i64 [steps]: the kind of a block's nodes.
  Tensor reads;     ///< i64 [steps, width]: the nodes of a block; 0 where it has no more.
  Tensor writes;    ///< i64 [steps, width]: the rows of their states; numNodes + 1 where it has no more.
  Tensor children;  ///< i64 [steps, width, arity]: the rows of their children's states; numNodes for none.
  Tensor leaves;    ///< i64 [leaves]: the nodes of the leaf kind, which are in no block; [0] without such a kind.
};

/// Groups nodes of equal kind and depth into blocks of `width`. `arity` is the most children that a node has. Errors:
/// KILN-O0145 for a width below 1, a kind that is negative, a child that does not exist, a node with more children than
/// `arity`, and nodes that depend on themselves. Nodes of the kind `leafKind`, when there is one, are not put into
/// blocks but listed as `leaves`, see DynamicBatchOptions::leaf; KILN-O0145 for one of them with a child.
StatusOr<BlockSchedule> scheduleBlocks(const Structure& structure, int64_t width, int64_t arity,
                                       std::optional<int32_t> leafKind = std::nullopt);

/// A block under computation.
struct NodeBlock {
  /// i64 [width]: their numbers, by which data of nodes are gathered. Places without a node have 0.
  Value nodes;
  /// For each state, that of the children in order: [width, arity, state...]. Zeros for children that are not there.
  std::vector<Value> children;
};

/// The states of a block's nodes, each [width, state...]. Captures what it needs: weights, data of nodes.
using NodeCell = std::function<std::vector<Value>(const NodeBlock& block)>;

/// How dynamicBatch() is fed: the tables of a BlockSchedule.
struct BlockTables {
  Value kinds, reads, writes, children;
  Value leaves;  ///< Read with DynamicBatchOptions::leaf only; otherwise it need not be fed.
};
/// Placeholders `name/kinds`, `name/reads`, `name/writes`, `name/children` and `name/leaves` for schedules of any
/// length.
BlockTables blockTables(GraphBuilder& g, std::string_view name, int64_t width, int64_t arity,
                        std::source_location where = std::source_location::current());

struct DynamicBatchOptions {
  std::string_view name = "tree";
  DType dtype = f32;
  /// Computes all nodes of the leaf kind, see scheduleBlocks(), as one block before all others: what has no children
  /// needs no order, no loop and no places that stay empty. The block's `nodes` are i64 [leaves], it has no `children`.
  NodeCell leaf = {};
};

/// The states of all nodes: for each shape in `states` a value [numNodes, state...]. `cells[k]` computes the nodes of
/// kind k. Gradients flow through, to whatever the cells capture. A symbol in `numNodes` should have a range
/// (GraphBuilder::dim) with a large maximum: the compiler then knows that the states of all nodes are more than those
/// of a block, and does not keep them step by step. Errors: KILN-O0145 without a cell or for a leaf with another number
/// of states, and those of scan() when a cell gives other states.
std::vector<Value> dynamicBatch(GraphBuilder& g, const BlockTables& tables, const Dim& numNodes,
                                const std::vector<Shape>& states, const std::vector<NodeCell>& cells,
                                const DynamicBatchOptions& options = {},
                                std::source_location where = std::source_location::current());

}  // namespace kiln::nn
