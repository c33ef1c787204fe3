// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of the ops that pick and write by index.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::indices;
using testing::Input;
using testing::uniform;
using Args = std::vector<Value>;

Value curved(Value x) { return tanh(x); }

TEST(IndexingGradients, gather_elements) {
  checkGradients({uniform({3, 4}), indices({2, 3}, {0, 3, -1, 2, 2, 0})},
                 [](GraphBuilder&, const Args& x) { return curved(gatherElements(x[0], x[1], 1)); });
  checkGradients({uniform({3, 4}), indices({2, 4}, {0, 2, -1, 1, 2, 2, 0, 0})},
                 [](GraphBuilder&, const Args& x) { return curved(gatherElements(x[0] * x[0], x[1])); });
}
TEST(IndexingGradients, gather_nd) {
  checkGradients({uniform({3, 4, 2}), indices({3, 2}, {0, 3, -1, 2, 0, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(gatherNd(x[0], x[1])); });
  checkGradients({uniform({2, 4}), indices({2, 3, 1}, {0, 3, 3, 1, 2, 0})},
                 [](GraphBuilder&, const Args& x) { return curved(gatherNd(x[0], x[1], 1)); });
}

// With an index twice, so that an update is replaced and others meet.
const Input kPlaces = indices({2, 3}, {0, 3, 0, 2, -1, 2});

TEST(IndexingGradients, scatter) {
  for (const char* how : {"none", "add", "mul"}) {
    checkGradients({uniform({2, 4}), kPlaces, uniform({2, 3})},
                   [=](GraphBuilder&, const Args& x) { return curved(scatter(x[0], x[1], x[2], 1, how)); });
  }
}
TEST(IndexingGradients, scatter_of_extremes) {
  // Far enough apart that no step of the differences changes which is largest.
  const Input x{{2, 4}, Tensor::of<double>({2, 4}, {0.5, -0.2, 0.9, -0.7, 0.3, 1.1, -1.2, 0.8})};
  const Input updates{{2, 3}, Tensor::of<double>({2, 3}, {0.1, -1.4, 0.7, 1.6, 0.2, -0.4})};
  for (const char* how : {"min", "max"}) {
    checkGradients({x, kPlaces, updates},
                   [=](GraphBuilder&, const Args& v) { return curved(scatter(v[0], v[1], v[2], 1, how)); });
  }
}
TEST(IndexingGradients, scatter_nd) {
  for (const char* how : {"none", "add", "mul"}) {
    checkGradients({uniform({3, 4, 2}), indices({3, 2}, {0, 3, -1, 2, 0, 3}), uniform({3, 2})},
                   [=](GraphBuilder&, const Args& x) { return curved(scatterNd(x[0], x[1], x[2], how)); });
  }
}
TEST(IndexingGradients, scatter_slices_in_batches) {
  for (const char* how : {"none", "mul"}) {
    checkGradients(
        {uniform({2, 3, 2}), indices({2, 2}, {0, 0, 2, 1}), uniform({2, 2, 2})},
        [=](GraphBuilder&, const Args& x) { return curved(scatterSlices(x[0], x[1], x[2], 1, 1, true, how)); });
  }
}

// The gradient of the sum of f(x, updates) for both.
std::vector<Tensor> gradientsOf(const std::vector<double>& x, const std::vector<double>& updates, const char* how) {
  GraphBuilder g("scatter");
  const Dim count = static_cast<int64_t>(updates.size());
  Value a = g.placeholder("x", f64, {static_cast<int64_t>(x.size())});
  Value u = g.placeholder("u", f64, {count});
  Value y = reduceSum(scatter(a, full(g, {count}, 0, i64), u, 0, how));
  const std::vector<Value> d = g.gradients({y}, {a, u});
  g.entry("reverse", {.feeds = {a, u}, .fetches = {{"dx", d[0]}, {"du", d[1]}}});
  StatusOr<Graph> graph = testing::expandDerivatives(*g.finish(), "reverse");
  EXPECT_TRUE(graph.ok()) << graph.status();
  return testing::evaluate(*graph, "reverse",
                           {Tensor::of<double>({static_cast<int64_t>(x.size())}, x),
                            Tensor::of<double>({static_cast<int64_t>(updates.size())}, updates)});
}

TEST(IndexingGradients, scatter_mul_counts_zeros) {
  std::vector<Tensor> one = gradientsOf({3, 7}, {0, 5}, "mul"), two = gradientsOf({0, 7}, {0, 5}, "mul");
  EXPECT_EQ(one[0].toString(), Tensor::of<double>({2}, {0, 1}).toString());
  EXPECT_EQ(one[1].toString(), Tensor::of<double>({2}, {15, 0}).toString());
  EXPECT_EQ(two[0].toString(), Tensor::of<double>({2}, {0, 1}).toString());
  EXPECT_EQ(two[1].toString(), Tensor::of<double>({2}, {0, 0}).toString());
}
TEST(IndexingGradients, scatter_max_shares_among_ties) {
  std::vector<Tensor> d = gradientsOf({3, 7}, {3, 2, 3}, "max");
  EXPECT_EQ(d[0].toString(), Tensor::of<double>({2}, {1.0 / 3, 1}).toString());
  EXPECT_EQ(d[1].toString(), Tensor::of<double>({3}, {1.0 / 3, 0, 1.0 / 3}).toString());
}

TEST(IndexingGradients, embedding) {
  checkGradients({uniform({4, 3}), indices({2, 2}, {1, 3, 1, 0})},
                 [](GraphBuilder&, const Args& x) { return curved(embedding(x[0], x[1])); });
  checkGradients({uniform({4, 3}), indices({3}, {1, 3, 1})},
                 [](GraphBuilder&, const Args& x) { return curved(embedding(x[0], x[1], 1)); });
}
TEST(IndexingGradients, segments) {
  checkGradients({uniform({5, 2}), indices({5}, {2, 0, 2, 2, 0})},
                 [](GraphBuilder&, const Args& x) { return curved(segmentSum(x[0], x[1], 3)); });
  checkGradients({uniform({5, 2}), indices({5}, {2, 0, 2, 2, 0})},
                 [](GraphBuilder&, const Args& x) { return curved(segmentMean(x[0] * x[0], x[1], 3)); });
  const Input data{{5}, Tensor::of<double>({5}, {0.5, -0.2, 0.9, -0.7, 0.3})};
  checkGradients({data, indices({5}, {1, 0, 1, 1, 0})},
                 [](GraphBuilder&, const Args& x) { return curved(segmentMax(x[0], x[1], 2)); });
  checkGradients({data, indices({5}, {1, 0, 1, 1, 0})},
                 [](GraphBuilder&, const Args& x) { return curved(segmentMin(x[0], x[1], 2)); });
}

}  // namespace
}  // namespace kiln
