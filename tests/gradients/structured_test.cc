// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives by transposes and by hand-written rules.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::indices;
using testing::uniform;
using Args = std::vector<Value>;

// The factor makes second derivatives other than zero.
Value curved(Value x) { return tanh(x); }

TEST(StructuredGradients, matmul_all_transposes) {
  for (bool ta : {false, true}) {
    for (bool tb : {false, true}) {
      checkGradients({uniform(ta ? Shape{4, 3} : Shape{3, 4}), uniform(tb ? Shape{2, 4} : Shape{4, 2})},
                     [=](GraphBuilder&, const Args& x) { return matmul(x[0], x[1], ta, tb); });
    }
  }
}
TEST(StructuredGradients, matmul_batched) {
  for (bool ta : {false, true}) {
    for (bool tb : {false, true}) {
      checkGradients({uniform(ta ? Shape{2, 3, 2} : Shape{2, 2, 3}), uniform(tb ? Shape{2, 2, 3} : Shape{2, 3, 2})},
                     [=](GraphBuilder&, const Args& x) { return curved(matmul(x[0], x[1], ta, tb)); });
    }
  }
}
TEST(StructuredGradients, reduce_sum) {
  checkGradients({uniform({2, 3, 4})},
                 [](GraphBuilder&, const Args& x) { return curved(reduceSum(x[0] * x[0], {0, 2})); });
  checkGradients({uniform({2, 3, 4})}, [](GraphBuilder&, const Args& x) { return reduceSum(x[0], {1}, true) * x[0]; });
}
TEST(StructuredGradients, reduce_mean) {
  checkGradients({uniform({2, 3, 4})},
                 [](GraphBuilder&, const Args& x) { return curved(reduceMean(x[0] * x[0], {-1, 0})); });
  checkGradients({uniform({2, 3})},
                 [](GraphBuilder&, const Args& x) { return x[0] - reduceMean(x[0] * x[0], {0}, true); });
}
TEST(StructuredGradients, reduce_max) {
  checkGradients({uniform({3, 5})}, [](GraphBuilder&, const Args& x) { return curved(reduceMax(x[0], {1})); });
  checkGradients({uniform({3, 5})}, [](GraphBuilder&, const Args& x) { return x[0] * reduceMax(x[0], {0}, true); });
}
TEST(StructuredGradients, reduce_max_shares_among_ties) {
  GraphBuilder g("ties");
  Value x = g.placeholder("x", f64, {4});
  g.entry("reverse", {.feeds = {x}, .fetches = {{"g", g.gradients({reduceMax(x)}, {x})[0]}}});
  StatusOr<Graph> graph = testing::expandDerivatives(*g.finish(), "reverse");
  ASSERT_TRUE(graph.ok()) << graph.status();
  Tensor result = testing::evaluate(*graph, "reverse", {Tensor::of<double>({4}, {2, 1, 2, 0})})[0];
  EXPECT_EQ(result.toString(), Tensor::of<double>({4}, {0.5, 0, 0.5, 0}).toString());
}
TEST(StructuredGradients, movement) {
  checkGradients({uniform({2, 3, 4})},
                 [](GraphBuilder&, const Args& x) { return curved(reshape(transpose(x[0], {2, 0, 1}), {4, 6})); });
}
TEST(StructuredGradients, broadcast) {
  checkGradients({uniform({3, 1})}, [](GraphBuilder&, const Args& x) { return curved(broadcastTo(x[0], {2, 3, 4})); });
  checkGradients({uniform({})}, [](GraphBuilder&, const Args& x) { return curved(broadcastTo(x[0], {2, 2})); });
}
TEST(StructuredGradients, slice) {
  checkGradients({uniform({5, 6})}, [](GraphBuilder&, const Args& x) { return curved(slice(x[0], {1, 0}, {4, 5})); });
  checkGradients({uniform({5, 7})},
                 [](GraphBuilder&, const Args& x) { return curved(slice(x[0], {1, 0}, {5, 6}, {2, 3})); });
}
TEST(StructuredGradients, slice_of_nothing) {
  checkGradients({uniform({5})}, [](GraphBuilder&, const Args& x) {
    return reduceSum(slice(x[0], {2}, {2}, {2})) + reduceSum(x[0] * x[0]);
  });
}
TEST(StructuredGradients, pad) {
  checkGradients({uniform({2, 3}), uniform({})},
                 [](GraphBuilder&, const Args& x) { return curved(pad(x[0], x[1], {1, 0}, {0, 2})); });
  checkGradients({uniform({2, 3}), uniform({})},
                 [](GraphBuilder&, const Args& x) { return curved(pad(x[0], x[1], {0, 1}, {1, 1}, {1, 2})); });
}
TEST(StructuredGradients, concat) {
  checkGradients({uniform({2, 3}), uniform({2, 1}), uniform({2, 2})},
                 [](GraphBuilder&, const Args& x) { return curved(concat({x[0], x[1], x[0], x[2]}, 1)); });
}
TEST(StructuredGradients, gather_with_repeated_indices) {
  checkGradients({uniform({4, 3}), indices({5}, {1, 3, 1, -1, 1})},
                 [](GraphBuilder&, const Args& x) { return curved(gather(x[0], x[1])); });
}
TEST(StructuredGradients, gather_batched_on_an_inner_axis) {
  checkGradients({uniform({2, 3, 4}), indices({2, 2}, {0, 3, 3, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(gather(x[0], x[1], 2, 1)); });
}
TEST(StructuredGradients, scatter_add) {
  checkGradients({uniform({4, 3}), indices({3}, {2, 0, 2}), uniform({3, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(scatterAdd(x[0], x[1], x[2])); });
}
TEST(StructuredGradients, softmax) {
  for (int64_t axis : {-1, 0}) {
    checkGradients({uniform({3, 4})}, [=](GraphBuilder&, const Args& x) { return softmax(x[0], axis); });
  }
}
TEST(StructuredGradients, log_softmax) {
  for (int64_t axis : {1, 0}) {
    checkGradients({uniform({3, 4})}, [=](GraphBuilder&, const Args& x) { return logSoftmax(x[0], axis); });
  }
}
TEST(StructuredGradients, softmax_cross_entropy) {
  checkGradients({uniform({3, 4}), indices({3}, {0, 3, 1})},
                 [](GraphBuilder&, const Args& x) { return softmaxCrossEntropy(x[0], x[1]); });
}
TEST(StructuredGradients, softmax_cross_entropy_of_one_row) {
  checkGradients({uniform({4}), indices({}, {2})},
                 [](GraphBuilder&, const Args& x) { return softmaxCrossEntropy(x[0], x[1]); });
}
TEST(StructuredGradients, softmax_cross_entropy_dense) {
  checkGradients({uniform({3, 4}), uniform({3, 4}, 0, 1)},
                 [](GraphBuilder&, const Args& x) { return softmaxCrossEntropy(x[0], x[1]); });
}
TEST(StructuredGradients, call) {
  checkGradients({uniform({2, 3}), uniform({2, 3})}, [](GraphBuilder& g, const Args& x) {
    const ValueType type{f64, {dim("rows"), 3}};
    g.function("product", {type, type}, [](const Args& p) { return Args{tanh(p[0]) * p[1]}; });
    g.function("twice", {type, type},
               [&](const Args& p) { return Args{g.call("product", {p[0], p[1]})[0] + reduceMean(p[0], {0}, true)}; });
    return g.call("twice", {g.call("product", {x[0], x[1]})[0], x[1]})[0];
  });
}
TEST(StructuredGradients, symbolic_batch) {
  const Dim batch = dim("batch");
  checkGradients({uniform({batch, 3}, -2, 2, {4, 3}), uniform({3, 2}), uniform({2})},
                 [](GraphBuilder&, const Args& x) { return reduceMean(tanh(matmul(x[0], x[1]) + x[2]), {0}); });
  checkGradients({uniform({batch, 3}, -2, 2, {4, 3})}, [](GraphBuilder&, const Args& x) {
    return reduceMean(softmax(x[0], 0) * x[0]) + reduceSum(reduceMax(x[0], {0}));
  });
}
TEST(StructuredGradients, symbolic_movement) {
  const Dim batch = dim("batch");
  checkGradients({uniform({batch, 4}, -2, 2, {3, 4}), uniform({batch, 2}, -2, 2, {3, 2})},
                 [=](GraphBuilder&, const Args& x) {
                   Value joined = concat({slice(x[0], {0, 1}, {batch, 3}), x[1]}, 1);
                   return curved(reshape(transpose(joined, {1, 0}), {batch * 4}));
                 });
}

}  // namespace
}  // namespace kiln
