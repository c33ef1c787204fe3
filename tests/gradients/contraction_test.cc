// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of einsum.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::uniform;
using Args = std::vector<Value>;

void checkEinsum(const std::string& equation, const std::vector<Shape>& shapes) {
  std::vector<testing::Input> inputs;
  for (const Shape& shape : shapes) {
    inputs.push_back(uniform(shape, -1, 1));
  }
  checkGradients(inputs, [=](GraphBuilder&, const Args& x) { return tanh(einsum(equation, x)); });
}

TEST(EinsumGradients, products_of_matrices) {
  checkEinsum("ij,jk->ik", {{3, 4}, {4, 2}});
  checkEinsum("bij,bkj->kib", {{2, 3, 4}, {2, 2, 4}});
  checkEinsum("ij,jk,kl->il", {{2, 3}, {3, 4}, {4, 2}});
}
TEST(EinsumGradients, products_without_matrices) {
  checkEinsum("i,i", {{4}, {4}});
  checkEinsum("i,j->ji", {{3}, {4}});
  checkEinsum("ij->j", {{3, 4}});
}
TEST(EinsumGradients, diagonals) {
  checkEinsum("ii->i", {{3, 3}});
  checkEinsum("iij,j", {{3, 3, 2}, {2}});
}
TEST(EinsumGradients, ellipsis_with_broadcasting) { checkEinsum("...ij,...jk", {{2, 1, 2, 3}, {3, 3, 2}}); }

}  // namespace
}  // namespace kiln
