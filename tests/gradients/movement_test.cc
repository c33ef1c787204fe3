// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of the ops that arrange elements.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::uniform;
using Args = std::vector<Value>;

// Makes second derivatives other than zero.
Value curved(Value x) { return tanh(x); }

TEST(MovementGradients, tile) {
  checkGradients({uniform({2, 3})}, [](GraphBuilder&, const Args& x) { return curved(tile(x[0], {2, 3})) * 2; });
  checkGradients({uniform({dim("n"), 3}, -2, 2, {2, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(tile(x[0], {3, 1})); });
}
TEST(MovementGradients, reverse) {
  checkGradients({uniform({2, 3, 4})},
                 [](GraphBuilder&, const Args& x) { return curved(reverse(x[0], {0, 2})) * x[0]; });
}
TEST(MovementGradients, roll) {
  checkGradients({uniform({3, 5})},
                 [](GraphBuilder&, const Args& x) { return curved(roll(x[0], {2, -1}, {1, 0})) * x[0]; });
  checkGradients({uniform({dim("n"), 3}, -2, 2, {5, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(roll(x[0], {2}, {0})) * x[0]; });
}
TEST(MovementGradients, pad_extend) {
  for (const char* mode : {"reflect", "edge", "wrap"}) {
    checkGradients({uniform({3, 4})},
                   [=](GraphBuilder&, const Args& x) { return curved(padExtend(x[0], {1, 2}, {2, 3}, mode)); });
  }
}
TEST(MovementGradients, diagonal) {
  checkGradients({uniform({3, 4, 2})}, [](GraphBuilder&, const Args& x) { return curved(diagonal(x[0], 1, 0, 1)); });
  checkGradients({uniform({3, 3})}, [](GraphBuilder&, const Args& x) { return curved(diagonal(x[0] * x[0], -1)); });
  checkGradients({uniform({dim("n"), dim("n")}, -2, 2, {3, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(diagonal(x[0])); });
}
TEST(MovementGradients, triangular) {
  for (bool upper : {false, true}) {
    checkGradients({uniform({2, 3, 4})},
                   [=](GraphBuilder&, const Args& x) { return curved(triangular(x[0], upper, 1)); });
  }
}
TEST(MovementGradients, stack_split_and_outer) {
  checkGradients({uniform({2, 6}), uniform({2, 6})}, [](GraphBuilder&, const Args& x) {
    const std::vector<Value> parts = split(curved(stack({x[0], x[1]}, 1)), 3, 2);
    return parts[0] * parts[2] + parts[1];
  });
  checkGradients({uniform({3}), uniform({4})}, [](GraphBuilder&, const Args& x) { return curved(outer(x[0], x[1])); });
  checkGradients({uniform({2, 3})}, [](GraphBuilder&, const Args& x) { return curved(diagonalMatrix(x[0])); });
}

}  // namespace
}  // namespace kiln
