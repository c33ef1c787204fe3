// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// vmap of every op that is no composite of others, with each choice of mapped operands.
#include <gtest/gtest.h>

#include "graph/build/operations.h"
#include "graph/build/transforms.h"
#include "tests/transforms/vmap_check.h"

namespace kiln::testing {
namespace {

using Values = std::vector<Value>;

// A function of one value.
Function of1(const std::function<Value(Value)>& f) {
  return [f](GraphBuilder&, const Values& in) { return Values{f(in[0])}; };
}
Function of2(const std::function<Value(Value, Value)>& f) {
  return [f](GraphBuilder&, const Values& in) { return Values{f(in[0], in[1])}; };
}
Function of3(const std::function<Value(Value, Value, Value)>& f) {
  return [f](GraphBuilder&, const Values& in) { return Values{f(in[0], in[1], in[2])}; };
}

TEST(VmapOfOps, elementwiseOpsRepeatWhatIsShared) {
  checkVmap({real({2, 3}), real({2, 3})}, of2([](Value x, Value y) { return tanh(x) * y - maximum(x, y); }));
  checkVmap({real({}), real({3})}, of2([](Value x, Value y) { return x + sin(y); }));
  checkVmap({real({3}), real({3}), real({3})},
            of3([](Value x, Value y, Value z) { return select(greater(x, 0), y, z) + clamp(y, -0.5, 0.5); }));
  checkVmap({real({2, 2})}, of1([](Value x) { return gelu(x) + softplus(x) + cast(cast(x, f32), f64); }),
            {.tolerance = 1e-6});
  checkVmap({indices({4}, 9), indices({4}, 5)},
            of2([](Value x, Value y) { return cast(x / (y + 1) + mod(x, y + 2), f64); }));
  checkVmap({real({4})}, of1([](Value x) { return bitcast(bitwiseXor(bitcast(x, i64), 1), f64); }),
            {.checksGradients = false});
}

TEST(VmapOfOps, reductionsGoOverTheAxesOfTheExample) {
  checkVmap({real({2, 3, 4})}, [](GraphBuilder&, const Values& in) {
    const Value x = in[0];
    return Values{reduceSum(x, {0, -1}),
                  reduceMean(x, {1}, true),
                  reduceMax(x, {-1}),
                  reduceMin(x, {0}),
                  reduceProd(x, {2}),
                  reduceLogSumExp(x, {1, 2}),
                  reduceVariance(x, {0}),
                  reduceL2(x, {1}),
                  reduceL1(x, {2}, true),
                  reduceSumSquare(x, {0, 1}),
                  reduceSum(x)};
  });
  checkVmap({real({2, 3})}, [](GraphBuilder&, const Values& in) {
    return Values{reduceAny(greater(in[0], 0.5), {1}), reduceAll(greater(in[0], -0.5), {0}), argmax(in[0], 0),
                  argmin(in[0], -1, true)};
  });
}

TEST(VmapOfOps, shapesGetTheBatchInFront) {
  checkVmap({real({3})}, of1([](Value x) { return broadcastTo(x, {2, 3}); }));
  checkVmap({real({})}, of1([](Value x) { return broadcastTo(x, {2}); }));
  checkVmap({real({2, 1, 3})}, of1([](Value x) { return broadcastTo(x, {4, 2, 5, 3}); }));
  checkVmap({real({2, 6})}, of1([](Value x) { return reshape(x, {3, 4}); }));
  checkVmap({real({2, 3, 4})}, of1([](Value x) { return transpose(x, {2, 0, 1}); }));
  checkVmap({real({5, 4})}, of1([](Value x) { return slice(x, {1, 0}, {5, 3}, {2, 1}); }));
  checkVmap({real({2, 3}), real({2, 2})}, of2([](Value x, Value y) { return concat({x, y}, 1); }));
  checkVmap({real({2, 3}), real({})}, of2([](Value x, Value v) { return pad(x, v, {1, 0}, {0, 2}, {0, 1}); }));
  checkVmap({real({2, 3})}, of1([](Value x) { return reverse(x, {-1}) + roll(x, {1, 2}, {0, 1}); }));
  checkVmap({real({2, 3})}, of1([](Value x) { return tile(x, {2, 1}); }));
  checkVmap({real({3, 3})}, of1([](Value x) { return triangular(x, true, -1); }));
  checkVmap({real({3, 4})}, of1([](Value x) { return diagonal(x, 1); }));
  checkVmap({real({4})}, of1([](Value x) { return padExtend(x, {2}, {1}); }));
}

TEST(VmapOfOps, matrixProductsShareWhatIsNotMapped) {
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      checkVmap({real(ta ? Dims{3, 2} : Dims{2, 3}), real(tb ? Dims{4, 3} : Dims{3, 4})},
                of2([&](Value a, Value b) { return matmul(a, b, ta, tb); }));
    }
  }
  checkVmap({real({2, 2, 3}), real({2, 3, 2})}, of2([](Value a, Value b) { return matmul(a, b); }));
  checkVmap({real({2, 3}), real({3, 4})},
            [](GraphBuilder&, const Values& in) { return Values{einsum("ij,jk->ki", {in[0], in[1]})}; });
}

TEST(VmapOfOps, sharedWeightsStayOneProduct) {
  auto graph = graphOf({Tensor(f64, {5, 2, 3}), Tensor(f64, {3, 4})}, [](GraphBuilder& g, const Values& in) {
    return vmap(g, [&](const Values& example) { return Values{matmul(example[0], in[1])}; }, {in[0]});
  });
  ASSERT_TRUE(graph.ok()) << graph.status();
  graph = expanded(*graph);
  ASSERT_TRUE(graph.ok()) << graph.status();
  int products = 0;
  for (const Node& node : graph->body().nodes) {
    if (node.op->name == "matmul") {
      ++products;
      EXPECT_EQ(node.outputs[0].shape, (Shape{10, 4})) << "the rows of all examples make one matrix";
    }
  }
  EXPECT_EQ(products, 1);
}

TEST(VmapOfOps, positionsOfEachExample) {
  checkVmap({real({4, 3}), indices({2}, 4)}, of2([](Value x, Value i) { return gather(x, i); }));
  checkVmap({real({2, 4}), indices({3, 2}, 4)}, of2([](Value x, Value i) { return gather(x, i, 1); }));
  checkVmap({real({2, 4, 3}), indices({2, 2}, 4)}, of2([](Value x, Value i) { return gather(x, i, 1, 1); }));
  checkVmap({real({4, 3}), indices({}, 4, i32)}, of2([](Value x, Value i) { return gather(x, i); }));
  checkVmap({real({4, 3}), indices({2}, 4), real({2, 3})},
            of3([](Value x, Value i, Value u) { return scatterAdd(x, i, u); }));
  checkVmap({real({2, 4}), indices({3}, 4), real({2, 3})},
            of3([](Value x, Value i, Value u) { return scatterAdd(x, i, u, 1); }));
  checkVmap({real({2, 4}), indices({2, 3}, 4), real({2, 3})},
            of3([](Value x, Value i, Value u) { return scatterAdd(x, i, u, 1, 1); }));
  for (const char* reduction : {"none", "mul", "max"}) {
    checkVmap({real({4}), indices({3}, 4), real({3})},
              of3([&](Value x, Value i, Value u) { return scatterSlices(x, i, u, 0, 0, true, reduction); }));
  }
  checkVmap({real({3, 4}), indices({2, 4}, 3)}, of2([](Value x, Value i) { return gatherElements(x, i, 0); }));
  checkVmap({real({3, 4}), indices({5, 1}, 3)}, of2([](Value x, Value i) { return gatherNd(x, i); }));
  checkVmap({real({3, 2}), indices({2, 2}, 3), real({2, 2})},
            of3([](Value x, Value i, Value u) { return scatter(x, i, u, 0, "add"); }));
  checkVmap({real({5, 2}), indices({5}, 3)}, of2([](Value x, Value i) { return segmentSum(x, i, 3); }));
  checkVmap({real({5, 2}), indices({3}, 5)}, of2([](Value w, Value i) { return embedding(w, i); }));
  checkVmap({indices({3}, 4)}, of1([](Value i) { return oneHot(i, 4, f64); }));
}

TEST(VmapOfOps, positionsAreOfTheExampleThatHasThem) {
  checkVmap({indices({3}, 4)}, [](GraphBuilder& g, const Values& in) { return Values{iota(g, {3}, 0, i64) * in[0]}; });
}

TEST(VmapOfOps, scansAndSortsGoAlongTheAxisOfTheExample) {
  checkVmap({real({3, 4})}, [](GraphBuilder&, const Values& in) {
    const Value x = in[0];
    const auto largest = topK(x, 2, 0);
    const auto sorted = sort(x, -1, true);
    return Values{cumsum(x, 0, true), cumprod(x, 1),  cummax(x, 0).values, cummin(x, -1).values,
                  sorted.values,      sorted.indices, largest.values,      largest.indices};
  });
  checkVmap({real({3, 2}), real({3, 2})}, of2([](Value a, Value b) { return linearRecurrence(a, b, 0, true); }));
}

TEST(VmapOfOps, normalizationsAndLosses) {
  checkVmap({real({2, 3})}, of1([](Value x) { return softmax(x, 0) + logSoftmax(x, -1); }));
  checkVmap({real({2, 3}), indices({2}, 3)}, of2([](Value x, Value y) { return softmaxCrossEntropy(x, y); }));
  checkVmap({real({2, 3}), real({2, 3}, 0, 1)}, of2([](Value x, Value y) { return softmaxCrossEntropy(x, y); }));
  checkVmap({real({2, 4}), real({4}), real({4})},
            of3([](Value x, Value scale, Value bias) { return layerNorm(x, scale, bias); }), {.tolerance = 1e-9});
  checkVmap({real({3}), real({3})}, of2([](Value x, Value y) { return huberLoss(x, y) + mseLoss(x, y); }));
}

TEST(VmapOfOps, ctcLossJoinsTheExamples) {
  checkVmap({real({4, 2, 3}), indices({2, 1}, 2)},
            [](GraphBuilder& g, const Values& in) {
              const Value lengths = g.constant(Tensor::of<int64_t>({2}, {4, 3}));
              const Value labelLengths = g.constant(Tensor::of<int64_t>({2}, {1, 1}));
              return Values{ctcLoss(logSoftmax(in[0]), in[1] + 1, lengths, labelLengths)};
            },
            {.tolerance = 1e-9});
}

TEST(VmapOfOps, linearAlgebraTakesTheBatch) {
  const auto tame = [](Value x, GraphBuilder& g) {
    Tensor diagonal(f64, {3, 3});
    for (int64_t i = 0; i < 3; ++i) {
      diagonal.set(i * 3 + i, 3);
    }
    return matmul(x, x, false, true) + g.constant(diagonal);
  };
  checkVmap({real({3, 3})},
            [&](GraphBuilder& g, const Values& in) {
              const Value a = tame(in[0], g);
              return Values{cholesky(a), det(a), inverse(a), lu(a).factors};
            },
            {.tolerance = 1e-9});
  checkVmap({real({3, 3}), real({3, 2})},
            [&](GraphBuilder& g, const Values& in) {
              const Value a = tame(in[0], g);
              return Values{solve(a, in[1]), triangularSolve(a, in[1], true, true)};
            },
            {.tolerance = 1e-9});
}

TEST(VmapOfOps, imagesJoinTheirBatch) {
  checkVmap({real({2, 5, 5, 2}), real({3, 3, 2, 2})},
            of2([](Value x, Value filter) { return conv(x, filter, {.strides = {2}, .padding = 1}); }));
  checkVmap({real({1, 4, 2}), real({2, 2, 3})},
            of2([](Value x, Value filter) { return convTranspose(x, filter, {.strides = {2}}); }));
  checkVmap({real({1, 4, 4, 2})},
            of1([](Value x) { return maxPool(x, {.kernel = {2}}) + avgPool(x, {.kernel = {2}}); }));
  checkVmap({real({1, 5, 2}), real({})},
            of2([](Value x, Value v) { return unfold(x, v, {.kernel = {3}, .padding = 1}); }));
  checkVmap({real({1, 3, 2, 2})}, of1([](Value x) { return fold(x, {4}, {.kernel = {2}}); }));
}

TEST(VmapOfOps, valuesThatPassThrough) {
  checkVmap({real({3}), real({3})}, [](GraphBuilder& g, const Values& in) {
    const Values behind = optimizationBarrier(g, {in[0], in[1]});
    return Values{stopGradient(in[0]) * in[1], behind[0] + behind[1],
                  assertThat(in[0], less(in[1], 5), "inputs are small")};
  });
}

}  // namespace
}  // namespace kiln::testing
