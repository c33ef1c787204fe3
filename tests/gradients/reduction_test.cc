// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of reductions, running sums and sorting.
#include <limits>

#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::Input;
using testing::uniform;
using Args = std::vector<Value>;

Input values(std::vector<int64_t> dims, const std::vector<double>& numbers) {
  return {Shape::of(dims), Tensor::of<double>(dims, numbers)};
}

TEST(ReductionGradients, reduce_prod) {
  checkGradients({uniform({2, 3, 2})}, [](GraphBuilder&, const Args& x) { return reduceProd(x[0], {0, 2}); });
  checkGradients({uniform({2, 3})},
                 [](GraphBuilder&, const Args& x) { return tanh(reduceProd(x[0], {1}, true)) * x[0]; });
  checkGradients({uniform({dim("n"), 3}, -2, 2, {2, 3})},
                 [](GraphBuilder&, const Args& x) { return reduceProd(x[0], {-1, 0}); });
}
TEST(ReductionGradients, reduce_prod_where_factors_are_zero) {
  checkGradients({values({3, 3}, {2, 0, 3, 0, 0, 5, 0, 0, 0})},
                 [](GraphBuilder&, const Args& x) { return reduceProd(x[0], {1}); });
}
TEST(ReductionGradients, reduce_min) {
  checkGradients({uniform({3, 5})}, [](GraphBuilder&, const Args& x) { return tanh(reduceMin(x[0], {1})); });
  checkGradients({uniform({3, 5})}, [](GraphBuilder&, const Args& x) { return x[0] * reduceMin(x[0], {0}, true); });
}
TEST(ReductionGradients, norms) {
  checkGradients({uniform({3, 4})}, [](GraphBuilder&, const Args& x) { return tanh(reduceL1(x[0], {1})); });
  checkGradients({uniform({3, 4})}, [](GraphBuilder&, const Args& x) { return tanh(reduceL2(x[0], {0}, true)); });
}
TEST(ReductionGradients, the_norm_of_zeros_has_the_gradient_zero) {
  GraphBuilder g("zeros");
  Value x = g.placeholder("x", f64, {2});
  g.entry("reverse", {.feeds = {x}, .fetches = {{"g", g.gradients({reduceL2(x)}, {x})[0]}}});
  StatusOr<Graph> graph = testing::expandDerivatives(*g.finish(), "reverse");
  ASSERT_TRUE(graph.ok()) << graph.status();
  Tensor result = testing::evaluate(*graph, "reverse", {Tensor::of<double>({2}, {0, 0})})[0];
  EXPECT_EQ(result.toString(), Tensor::of<double>({2}, {0, 0}).toString());
}
TEST(ReductionGradients, reduce_log_sum_exp) {
  checkGradients({uniform({3, 4})}, [](GraphBuilder&, const Args& x) { return tanh(reduceLogSumExp(x[0], {1})); });
  checkGradients({uniform({2, 3, 2})},
                 [](GraphBuilder&, const Args& x) { return reduceLogSumExp(x[0], {0, 2}, true); });
}
TEST(ReductionGradients, log_sum_exp_of_minus_infinity_has_no_gradient_of_nan) {
  GraphBuilder g("infinite");
  Value x = g.placeholder("x", f64, {2, 2});
  g.entry("reverse", {.feeds = {x}, .fetches = {{"g", g.gradients({reduceSum(reduceLogSumExp(x, {1}))}, {x})[0]}}});
  StatusOr<Graph> graph = testing::expandDerivatives(*g.finish(), "reverse");
  ASSERT_TRUE(graph.ok()) << graph.status();
  const double infinity = std::numeric_limits<double>::infinity();
  Tensor result =
      testing::evaluate(*graph, "reverse", {Tensor::of<double>({2, 2}, {-infinity, -infinity, 0, -infinity})})[0];
  EXPECT_EQ(result.toString(), Tensor::of<double>({2, 2}, {0, 0, 1, 0}).toString());
}
TEST(ReductionGradients, reduce_variance) {
  checkGradients({uniform({3, 4})}, [](GraphBuilder&, const Args& x) { return tanh(reduceVariance(x[0], {1})); });
  checkGradients({uniform({dim("n"), 4}, -2, 2, {3, 4})},
                 [](GraphBuilder&, const Args& x) { return tanh(reduceVariance(x[0], {0}, true, 1)); });
}
TEST(ReductionGradients, cumsum_all_variants) {
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      checkGradients({uniform({2, 4})},
                     [=](GraphBuilder&, const Args& x) { return tanh(cumsum(x[0], 1, exclusive, reverse)); });
    }
  }
  checkGradients({uniform({dim("n"), 2}, -2, 2, {3, 2})},
                 [](GraphBuilder&, const Args& x) { return tanh(cumsum(x[0], 0)); });
}
TEST(ReductionGradients, cumprod_all_variants) {
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      checkGradients({uniform({2, 4})},
                     [=](GraphBuilder&, const Args& x) { return cumprod(x[0], 1, exclusive, reverse); });
      checkGradients({values({5}, {2, 0, 3, 0, 1})},
                     [=](GraphBuilder&, const Args& x) { return cumprod(x[0], 0, exclusive, reverse); });
    }
  }
  checkGradients({uniform({dim("n"), 2}, -2, 2, {3, 2})},
                 [](GraphBuilder&, const Args& x) { return cumprod(x[0], 0); });
}
TEST(ReductionGradients, linear_recurrence) {
  for (const bool reverse : {false, true}) {
    checkGradients({uniform({2, 4}), uniform({2, 4})},
                   [=](GraphBuilder&, const Args& x) { return linearRecurrence(x[0], x[1], -1, reverse); });
  }
  checkGradients({uniform({3, 2})}, [](GraphBuilder&, const Args& x) { return linearRecurrence(x[0], x[0], 0); });
}
TEST(ReductionGradients, running_extremes) {
  for (const bool exclusive : {false, true}) {
    checkGradients({uniform({2, 5})}, [=](GraphBuilder&, const Args& x) {
      Value best = cummax(x[0], 1, exclusive).values;
      return tanh(maximum(best, -9.0)) * x[0];
    });
    checkGradients({uniform({5, 2})}, [=](GraphBuilder&, const Args& x) {
      return tanh(minimum(cummin(x[0], 0, exclusive, true).values, 9.0));
    });
  }
}
TEST(ReductionGradients, sort_and_top_k) {
  for (const bool flag : {false, true}) {
    checkGradients({uniform({2, 5})},
                   [=](GraphBuilder&, const Args& x) { return tanh(sort(x[0], 1, flag).values) * x[0]; });
    checkGradients({uniform({4, 3})},
                   [=](GraphBuilder&, const Args& x) { return tanh(topK(x[0], 2, 0, flag).values); });
  }
}

}  // namespace
}  // namespace kiln
