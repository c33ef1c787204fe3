// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file An LSTM over trees, as a cell of dynamicBatch().
#pragma once

#include <cstdint>

#include "graph/nn/dynamic_batch.h"

namespace kiln::nn {

/// The weights of an N-ary Tree-LSTM (K. S. Tai, R. Socher, C. D. Manning, "Improved Semantic Representations From
/// Tree-Structured Long Short-Term Memory Networks", 2015, section 3.2). Columns are the gates input, output, update,
/// then a forget gate for each child.
struct TreeLstmWeights {
  Value tokens;  ///< [number of tokens, (3 + arity) units]: what each kind of input adds to the gates, biases included.
  Value hidden;  ///< [arity units, (3 + arity) units]: from the states of the children.
};

/// The cell of nodes that each have a token, `tokenOf` i64 [numNodes], which gives h and c: the states {units} and
/// {units}. A node without children is a leaf of the same cell.
NodeCell treeLstmCell(const TreeLstmWeights& weights, Value tokenOf, int64_t units, int64_t arity);

/// The same for a kind of nodes that have no children: what treeLstmCell() gives, without its products with zeros.
NodeCell treeLstmLeaf(const TreeLstmWeights& weights, Value tokenOf, int64_t units);

}  // namespace kiln::nn
