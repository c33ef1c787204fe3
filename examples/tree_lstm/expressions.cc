// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/tree_lstm/expressions.h"

namespace tree_lstm {
namespace {

struct Made {
  int64_t node;
  bool value;
};

int below(std::mt19937& random, int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); }

// An expression of exactly `size` nodes.
Made grow(std::mt19937& random, int size, Expressions& expressions) {
  int64_t token = 0;
  bool value = false;
  std::vector<int64_t> children;
  if (size == 1) {
    value = random() % 2 != 0;
    token = value ? kTrue : kFalse;
  } else if (size == 2 || below(random, 5) == 0) {
    const Made operand = grow(random, size - 1, expressions);
    token = kNot;
    value = !operand.value;
    children = {operand.node};
  } else {
    const int left = 1 + below(random, size - 2);
    const Made a = grow(random, left, expressions), b = grow(random, size - 1 - left, expressions);
    token = kAnd + below(random, 3);
    value = token == kAnd ? a.value && b.value : token == kOr ? a.value || b.value : a.value != b.value;
    children = {a.node, b.node};
  }
  expressions.tokens.push_back(token);
  return {expressions.structure.add(size == 1 ? kLeaf : kOperation, children), value};
}

}  // namespace

void addExpression(std::mt19937& random, int minNodes, int maxNodes, Expressions& expressions) {
  const Made made = grow(random, minNodes + below(random, maxNodes - minNodes + 1), expressions);
  expressions.roots.push_back(made.node);
  expressions.values.push_back(made.value ? 1 : 0);
}

std::string toString(const Expressions& expressions, int64_t node) {
  const auto i = static_cast<size_t>(node);
  const kiln::nn::Structure& s = expressions.structure;
  const auto child = [&](int64_t number) {
    return toString(expressions, s.children[static_cast<size_t>(s.firstChild[i] + number)]);
  };
  static const char* const kWords[] = {"false", "true", "not ", " and ", " or ", " xor "};
  const std::string word = kWords[expressions.tokens[i]];
  switch (s.firstChild[i + 1] - s.firstChild[i]) {
    case 0:
      return word;
    case 1:
      return word + child(0);
    default:
      return "(" + child(0) + word + child(1) + ")";
  }
}

}  // namespace tree_lstm
