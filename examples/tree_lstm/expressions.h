// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Random boolean expressions and their values: the data of the example.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "graph/nn/dynamic_batch.h"

namespace tree_lstm {

/// What a node says: a truth, or what is done to its children.
enum Token : int64_t { kFalse, kTrue, kNot, kAnd, kOr, kXor, kNumTokens };

/// Kinds of nodes: those with operands, and those that are a truth.
enum Kind : int32_t { kOperation, kLeaf };

/// Any number of expressions as one structure; the root of each, and its value.
struct Expressions {
  kiln::nn::Structure structure;
  std::vector<int64_t> tokens, roots;
  std::vector<int32_t> values;
};

/// Adds an expression of `minNodes` to `maxNodes` nodes.
void addExpression(std::mt19937& random, int minNodes, int maxNodes, Expressions& expressions);

/// `(true and not (false or true))`
std::string toString(const Expressions& expressions, int64_t node);

}  // namespace tree_lstm
