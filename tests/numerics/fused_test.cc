// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels of several ops, and what lies between kernels: compiled against the reference.
#include "compiler/jit/session.h"
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/numerics/compare.h"

namespace kiln::numerics {
namespace {

constexpr ToleranceSpec kLoose{ToleranceKind::kUlp, 64};

Feeds feedsOf(const std::map<std::string, std::vector<int64_t>>& dims, std::string_view sweep = "unit") {
  Numbers numbers(5);
  Feeds feeds;
  for (const auto& [name, lengths] : dims) {
    Tensor tensor(f32, lengths);
    fill(tensor, sweep, numbers);
    feeds.emplace(name, std::move(tensor));
  }
  return feeds;
}

TEST(Fused, longChainsAreCutAndStayRight) {
  GraphBuilder g("chain");
  Value y = g.placeholder("x", f32, {65});
  for (int i = 0; i < 400; ++i) {
    y = y * 1.01 + 0.1;
    y = i % 3 == 0 ? tanh(y) : y;
  }
  y.named("y");
  expectSame(g.finish().value(), feedsOf({{"x", {65}}}), {{"y", kLoose}});
}

TEST(Fused, layerNormIsRight) {
  for (int64_t width : {1, 5, 64, 1000}) {
    GraphBuilder g("norm");
    // In f64 and rounded at the end: where the result is near zero, digits of f32 would be lost in any order of
    // additions.
    auto wide = [&](std::string_view name, Shape shape) { return cast(g.placeholder(name, f32, shape), f64); };
    Value x = wide("x", {dim("n"), width}), gain = wide("g", {width}), bias = wide("b", {width});
    Value mean = reduceMean(x, {1}, true);
    Value centered = x - mean;
    Value variance = reduceMean(centered * centered, {1}, true);
    cast(centered * rsqrt(variance + 1e-3) * gain + bias, f32).named("y");
    cast(variance, f32).named("variance");
    Graph graph = g.finish().value();
    std::vector<Feeds> sets;
    for (int64_t rows : {0, 1, 7, 300}) {
      sets.push_back(feedsOf({{"x", {rows, width}}, {"g", {width}}, {"b", {width}}}));
    }
    expectSame(graph, sets, {{"variance", {ToleranceKind::kUlp, 1}}, {"y", {ToleranceKind::kUlp, 1}}});
  }
}

TEST(Fused, softmaxFeedsReductionsAndItsInput) {
  GraphBuilder g("attention");
  Value x = g.placeholder("x", f32, {dim("n"), 33});
  Value p = softmax(x);
  p.named("p");
  reduceSum(p * log(p), {1}).named("entropy");
  reduceMax(p, {1}, true).named("largest");
  (p * p - x).named("mixed");
  Graph graph = g.finish().value();
  expectSame(graph, std::vector<Feeds>{feedsOf({{"x", {6, 33}}}), feedsOf({{"x", {1, 33}}})},
             {{"p", kLoose}, {"entropy", kLoose}, {"largest", kLoose}, {"mixed", {ToleranceKind::kSumUlp, 4096}}});
}

TEST(Fused, columnSumsTakeProducersAndEpilogues) {
  GraphBuilder g("bias");
  Value d = g.placeholder("d", f32, {dim("n"), 50}), z = g.placeholder("z", f32, {dim("n"), 50}),
        b = g.placeholder("b", f32, {50});
  Value masked = d * step(z);
  (b - 0.1 * reduceSum(masked, {0})).named("new_b");
  (b - 0.1 * reduceSum(d * 2, {0})).named("other_b");
  masked.named("masked");
  Graph graph = g.finish().value();
  expectSame(graph,
             std::vector<Feeds>{feedsOf({{"d", {19, 50}}, {"z", {19, 50}}, {"b", {50}}}),
                                feedsOf({{"d", {0, 50}}, {"z", {0, 50}}, {"b", {50}}})},
             {{"new_b", {ToleranceKind::kSumUlp, 4}}, {"other_b", {ToleranceKind::kSumUlp, 4}}, {"masked", {}}});
}

TEST(Fused, productsTakeEpilogues) {
  for (const auto& [inner, columns] : {std::pair<int64_t, int64_t>{17, 9}, {5, 1}, {330, 140}}) {
    GraphBuilder g("layer");
    Value x = g.placeholder("x", f32, {dim("n"), inner}), w = g.placeholder("w", f32, {inner, columns}),
          b = g.placeholder("b", f32, {columns}), r = g.placeholder("r", f32, {dim("n"), columns});
    Value z = matmul(x, w) + b;
    (maximum(z, 0) + r).named("y");
    Value p = matmul(x, w * 2).named("p");
    (p * step(r)).named("masked");
    cast(matmul(x, w * 3) * 2, i32).named("cast");
    Graph graph = g.finish().value();
    std::vector<Feeds> sets;
    for (int64_t rows : {0, 1, 3, 50, 150}) {
      sets.push_back(
          feedsOf({{"x", {rows, inner}}, {"w", {inner, columns}}, {"b", {columns}}, {"r", {rows, columns}}}));
    }
    const ToleranceSpec sum{ToleranceKind::kSumUlp, 64};
    expectSame(graph, sets, {{"y", sum}, {"p", sum}, {"masked", sum}, {"cast", {ToleranceKind::kUlp, 1}}});
  }
}

TEST(Fused, productsOfKnownSizeTakeEpilogues) {
  GraphBuilder g("known");
  Value x = g.placeholder("x", f32, {150, 330}), w = g.placeholder("w", f32, {140, 330}),
        s = g.placeholder("s", f32, {1, 1, 20}), v = g.placeholder("v", f32, {20, 1});
  // Of another type than the product, whose 29 digits fewer it has; of one element; of batches that repeat operands.
  cast(matmul(x, w, false, true) * 0.5, f64).named("wide");
  (reshape(matmul(s, broadcastTo(v, {1, 20, 1})), {1}) + 1).named("one");
  matmul(broadcastTo(s, {4, 3, 20}), broadcastTo(v, {4, 20, 1})).named("repeated");
  (matmul(broadcastTo(x, {2, 150, 330}), broadcastTo(reshape(w, {330, 140}), {2, 330, 140})) - 1).named("batch");
  const ToleranceSpec sum{ToleranceKind::kSumUlp, 64};
  expectSame(g.finish().value(), feedsOf({{"x", {150, 330}}, {"w", {140, 330}}, {"s", {1, 1, 20}}, {"v", {20, 1}}}),
             {{"wide", {ToleranceKind::kSumUlp, 1 << 30}}, {"one", sum}, {"repeated", sum}, {"batch", sum}});
}

TEST(Fused, oneMatrixServesABatch) {
  GraphBuilder g("serves");
  Value x = g.placeholder("x", f32, {dim("b"), 3, dim("n"), 40}), w = g.placeholder("w", f32, {40, 70}),
        heads = g.placeholder("h", f32, {3, 40, 70});
  (matmul(x, w) + 1).named("one");
  matmul(x, heads).named("heads");
  matmul(w, x, true, true).named("left");
  const ToleranceSpec sum{ToleranceKind::kSumUlp, 64};
  std::vector<Feeds> sets;
  for (const auto& [batch, rows] : {std::pair<int64_t, int64_t>{2, 5}, {1, 1}, {0, 4}, {3, 60}}) {
    sets.push_back(feedsOf({{"x", {batch, 3, rows, 40}}, {"w", {40, 70}}, {"h", {3, 40, 70}}}));
  }
  expectSame(g.finish().value(), sets, {{"one", sum}, {"heads", sum}, {"left", sum}});
}

TEST(Fused, movementBetweenElementwiseOps) {
  GraphBuilder g("movement");
  Value x = g.placeholder("x", f32, {6, 20});
  Value t = transpose(x * 2) + 1;
  Value r = reshape(t, {12, 10}) * reshape(x, {12, 10});
  Value s = slice(r, {1, 2}, {11, 9}) + 3;
  Value c = concat({s, s * 2, reshape(slice(x, {0, 0}, {1, 7}), {1, 7})}, 0);
  pad(c - 1, g.scalar(5, f32), {1, 2}, {0, 3}).named("y");
  broadcastTo(reshape(reduceSum(t, {1}), {20, 1}), {20, 4}).named("z");
  expectSame(g.finish().value(), feedsOf({{"x", {6, 20}}}), {{"y", {}}, {"z", {ToleranceKind::kSumUlp, 2}}});
}

TEST(Fused, valuesInTwoPlacesAndFedValuesAreFetched) {
  GraphBuilder g("twice");
  Value x = g.placeholder("x", f32, {9});
  Value y = (x + 1).named("y");
  g.constant(Tensor::of<float>({2}, {1, 2})).named("c");
  Value z = (y * 2).named("z");
  (z - y).named("w");
  expectSame(g.finish().value(), feedsOf({{"x", {9}}}), {{"y", {}}, {"z", {}}, {"w", {}}, {"c", {}}, {"x", {}}});
}

TEST(Fused, bitsDoNotDependOnThreads) {
  GraphBuilder g("threads");
  Value x = g.placeholder("x", f32, {dim("n"), 777});
  softmax(x).named("p");
  reduceSum(tanh(x), {0}).named("columns");
  reduceSum(x * x).named("all");
  Graph graph = g.finish().value();
  const Feeds feeds = feedsOf({{"x", {501, 777}}});
  std::map<std::string, Tensor> results[2];
  for (int threads : {1, 2}) {
    Session session = createSession(graph, {.threads = threads}).value();
    results[threads - 1] = session.run({{"x", feeds.at("x")}}, {"p", "columns", "all"}).value();
  }
  for (const auto& [name, tensor] : results[0]) {
    EXPECT_TRUE(tensor.identicalTo(results[1].at(name))) << name;
  }
}

TEST(Fused, badIndexAndZeroDivisorEndTheRun) {
  GraphBuilder g("faults");
  Value x = g.placeholder("x", f32, {5, 8}), i = g.placeholder("i", i64, {33}), a = g.placeholder("a", i32, {33});
  gather(x, i).named("rows");
  (a / cast(i, i32)).named("quotient");
  Graph graph = g.finish().value();
  Session session = createSession(graph).value();
  Tensor xs(f32, {5, 8}), is(i64, {33}), as(i32, {33});
  for (int64_t k = 0; k < 33; ++k) {
    is.set(k, 1);
    as.set(k, static_cast<double>(k));
  }
  EXPECT_TRUE(session.run({{"x", xs}, {"i", is}, {"a", as}}, {"rows", "quotient"}).ok());
  is.set(32, 5);
  Status outOfRange = session.run({{"x", xs}, {"i", is}}, {"rows"}).status();
  EXPECT_TRUE(std::string(outOfRange.message()).find("KILN-R0030") != std::string::npos) << outOfRange;
  EXPECT_TRUE(std::string(outOfRange.message()).find("rows") != std::string::npos) << outOfRange;
  is.set(32, 0);
  is.set(7, 0);
  Status byZero = session.run({{"i", is}, {"a", as}}, {"quotient"}).status();
  EXPECT_TRUE(std::string(byZero.message()).find("KILN-R0031") != std::string::npos) << byZero;
}

}  // namespace
}  // namespace kiln::numerics
