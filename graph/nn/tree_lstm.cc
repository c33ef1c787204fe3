// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/tree_lstm.h"

#include "graph/build/operations.h"

namespace kiln::nn {

NodeCell treeLstmCell(const TreeLstmWeights& weights, Value tokenOf, int64_t units, int64_t arity) {
  return [=](const NodeBlock& block) -> std::vector<Value> {
    const Dim width = block.nodes.shape()[0];
    Value inputs = gather(weights.tokens, gather(tokenOf, block.nodes));
    Value below = reshape(block.children[0], {width, arity * units});
    Value gates = inputs + matmul(below, weights.hidden);
    auto columns = [&](int64_t begin, int64_t end) { return slice(gates, {0, begin * units}, {width, end * units}); };
    Value kept = reshape(sigmoid(columns(3, 3 + arity)), {width, arity, units}) * block.children[1];
    Value c = sigmoid(columns(0, 1)) * tanh(columns(2, 3)) + reduceSum(kept, {1});
    Value h = sigmoid(columns(1, 2)) * tanh(c);
    return {h, c};
  };
}

NodeCell treeLstmLeaf(const TreeLstmWeights& weights, Value tokenOf, int64_t units) {
  // Outside the cell, so that gradients of these columns alone are summed over its steps.
  Value table = slice(weights.tokens, {0, 0}, {weights.tokens.shape()[0], 3 * units});
  return [=](const NodeBlock& block) -> std::vector<Value> {
    const Dim width = block.nodes.shape()[0];
    Value gates = gather(table, gather(tokenOf, block.nodes));
    auto gate = [&](int64_t i) { return slice(gates, {0, i * units}, {width, (i + 1) * units}); };
    Value c = sigmoid(gate(0)) * tanh(gate(2));
    Value h = sigmoid(gate(1)) * tanh(c);
    return {h, c};
  };
}

}  // namespace kiln::nn
