// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of linear algebra.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::Input;
using testing::uniform;
using Args = std::vector<Value>;

// Numbers below 1 with a larger diagonal.
Input dominant(const std::vector<int64_t>& dims) {
  Input input = uniform(Shape::of(dims), -1, 1);
  const int64_t n = dims.back();
  for (int64_t i = 0; i < input.value.numElements(); ++i) {
    if (i / n % n == i % n) {
      input.value.set(i, input.value.at(i) + 3);
    }
  }
  return input;
}

// cholesky takes its operand as symmetric, so it is made so.
Value symmetric(Value x) { return (x + transpose(x, {0, 2, 1})) * 0.5; }

TEST(LinalgGradients, cholesky) {
  checkGradients({dominant({2, 3, 3})}, [](GraphBuilder&, const Args& x) { return cholesky(symmetric(x[0])); });
}
TEST(LinalgGradients, triangular_solve_all_forms) {
  for (const bool lower : {false, true}) {
    for (const bool transposed : {false, true}) {
      for (const bool unit : {false, true}) {
        checkGradients({dominant({3, 3}), uniform({3, 2})}, [=](GraphBuilder&, const Args& x) {
          return triangularSolve(x[0], x[1], lower, transposed, unit);
        });
      }
    }
  }
  checkGradients({dominant({2, 2, 2}), uniform({2, 2, 1})},
                 [](GraphBuilder&, const Args& x) { return triangularSolve(x[0], x[1]); });
}
TEST(LinalgGradients, lu_with_exchanged_rows) {
  // The larger numbers are not on the diagonal, so that rows are exchanged.
  Input a = {{3, 3}, Tensor::of<double>({3, 3}, {0.3, 0.2, 4, 5, -0.4, 0.1, 0.2, 3, 0.7})};
  checkGradients({a}, [](GraphBuilder&, const Args& x) { return lu(x[0]).factors; });
  checkGradients({dominant({2, 3, 3})}, [](GraphBuilder&, const Args& x) { return lu(x[0]).factors; });
}
TEST(LinalgGradients, inverse) {
  checkGradients({dominant({2, 3, 3})}, [](GraphBuilder&, const Args& x) { return inverse(x[0]); });
}
TEST(LinalgGradients, solve) {
  checkGradients({dominant({3, 3}), uniform({3, 2})}, [](GraphBuilder&, const Args& x) { return solve(x[0], x[1]); });
}
TEST(LinalgGradients, det) {
  checkGradients({dominant({2, 3, 3})}, [](GraphBuilder&, const Args& x) { return det(x[0]); });
}

}  // namespace
}  // namespace kiln
