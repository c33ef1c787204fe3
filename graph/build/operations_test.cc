// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/operations.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

class Operations : public testing::Test {
 protected:
  void TearDown() override {
    StatusOr<Graph> graph = g.finish();
    EXPECT_TRUE(graph.ok() || errorIdOf(graph.status()) == "KILN-G0218")
        << graph.status();  // a case may have finished itself
  }
  Value input(const char* name, Shape shape, DType dtype = f32) { return g.placeholder(name, dtype, std::move(shape)); }

  GraphBuilder g{"operations"};
  Dim batch = dim("batch");
};

TEST_F(Operations, NumbersTakeTheDTypeBesideThem) {
  auto x = input("x", {batch}), n = input("n", {2}, i64);
  auto d = input("d", {}, f64);
  EXPECT_EQ((x * 2).dtype(), f32);
  EXPECT_EQ((1.5 - x).dtype(), f32);
  EXPECT_EQ((n + 3).dtype(), i64);
  EXPECT_EQ((d / 3).dtype(), f64);
  EXPECT_EQ((-n).dtype(), i64);
  EXPECT_EQ(select(greater(x, 0), x, -1).dtype(), f32);
  EXPECT_EQ(maximum(n, int64_t{4}).dtype(), i64);
}

TEST_F(Operations, ElementwiseOperandsBroadcastByExplicitNodes) {
  auto x = input("x", {batch, 4}), bias = input("bias", {4}), column = input("column", {batch, 1});
  auto sum = x + bias;
  EXPECT_EQ(sum.shape(), (Shape{batch, 4}));
  EXPECT_EQ((bias * column).shape(), (Shape{batch, 4}));
  EXPECT_EQ((x + x).shape(), (Shape{batch, 4}));
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const Body& body = graph->body();
  const Node& node = body.node(sum.ref().node);
  EXPECT_EQ(node.inputs[0], x.ref());
  const Node& repeated = body.node(node.inputs[1].node);
  EXPECT_EQ(repeated.op->name, "broadcast");
  EXPECT_EQ(repeated.inputs[0], bias.ref());
  EXPECT_EQ(body.node(repeated.inputs[1].node).attributes.get<Shape>("shape"), (Shape{batch, 4}));
}

TEST_F(Operations, SymbolicDimsFlowThroughShapes) {
  auto x = input("x", {batch, 6});
  EXPECT_EQ(reshape(x, {batch, 2, 3}).shape(), (Shape{batch, 2, 3}));
  EXPECT_EQ(reshape(x, {-1}).shape(), Shape{batch * 6});
  EXPECT_EQ(reshape(x, {batch * 2, -1}).shape(), (Shape{batch * 2, 3}));
  EXPECT_EQ(concat({x, x}, 0).shape(), (Shape{batch * 2, 6}));
  EXPECT_EQ(transpose(x).shape(), (Shape{6, batch}));
  EXPECT_EQ(transpose(x, {0, 1}).shape(), (Shape{batch, 6}));
  EXPECT_EQ(broadcastTo(x, {3, batch, 6}).shape(), (Shape{3, batch, 6}));
  EXPECT_EQ(slice(x, {0, 1}, {batch, 5}, {1, 2}).shape(), (Shape{batch, 2}));
  EXPECT_EQ(slice(x, {0, 1}, {batch, 5}).shape(), (Shape{batch, 4}));
  EXPECT_EQ(pad(x, 0.0, {1, 0}, {2, 1}).shape(), (Shape{batch + 3, 7}));
  EXPECT_EQ(expandDims(x, -1).shape(), (Shape{batch, 6, 1}));
  EXPECT_EQ(expandDims(x, 0).shape(), (Shape{1, batch, 6}));
  EXPECT_EQ(squeeze(expandDims(x, 1), 1).shape(), (Shape{batch, 6}));
}

TEST_F(Operations, BroadcastToItsOwnShapeAndCastToItsOwnTypeAreTheValue) {
  auto x = input("x", {batch, 6});
  EXPECT_EQ(broadcastTo(x, {batch, 6}).ref(), x.ref());
  EXPECT_EQ(cast(x, f32).ref(), x.ref());
  EXPECT_EQ(cast(x, i32).dtype(), i32);
}

TEST_F(Operations, MatmulBroadcastsBatchAxes) {
  auto a = input("a", {batch, 2, 3}), b = input("b", {3, 5}), c = input("c", {4, 1, 5, 3});
  EXPECT_EQ(matmul(a, b).shape(), (Shape{batch, 2, 5}));
  EXPECT_EQ(matmul(a, c, false, true).shape(), (Shape{4, batch, 2, 5}));
  EXPECT_EQ(matmul(b, b, true).shape(), (Shape{5, 5}));
}

TEST_F(Operations, ReductionsTakeAllAxesByDefault) {
  auto x = input("x", {batch, 4});
  EXPECT_EQ(reduceSum(x).shape(), Shape{});
  EXPECT_EQ(reduceMean(x, {1}).shape(), Shape{batch});
  EXPECT_EQ(reduceMax(x, {-1}, true).shape(), (Shape{batch, 1}));
  EXPECT_EQ(argmax(x).shape(), Shape{batch});
  EXPECT_EQ(argmax(x).dtype(), i64);
  EXPECT_EQ(softmax(x).shape(), (Shape{batch, 4}));
  EXPECT_EQ(logSoftmax(x, 0).shape(), (Shape{batch, 4}));
}

TEST_F(Operations, CrossEntropyTakesClassNumbersOrProbabilities) {
  auto logits = input("logits", {batch, 10});
  EXPECT_EQ(softmaxCrossEntropy(logits, input("labels", {batch}, i32)).shape(), Shape{batch});
  EXPECT_EQ(softmaxCrossEntropy(logits, input("probabilities", {batch, 10})).shape(), Shape{batch});
}

TEST_F(Operations, IndexingShapes) {
  auto table = input("table", {100, 8});
  auto ids = input("ids", {batch, 3}, i32);
  EXPECT_EQ(gather(table, ids).shape(), (Shape{batch, 3, 8}));
  EXPECT_EQ(scatterAdd(table, ids, gather(table, ids)).shape(), (Shape{100, 8}));
  EXPECT_EQ(oneHot(ids, 100).shape(), (Shape{batch, 3, 100}));
  EXPECT_EQ(iota(g, {batch, 2}, 0).dtype(), i64);
  EXPECT_EQ(full(g, {2, 3}, 1.5, f64).dtype(), f64);
}

TEST_F(Operations, UpdatesGiveTheNewValues) {
  auto p = input("p", {3}), s = input("s", {}, i64);
  EXPECT_EQ(sgdUpdate(p, p, 0.1).shape(), Shape{3});
  EXPECT_EQ(momentumUpdate(p, p, p, 0.1).velocity.shape(), Shape{3});
  EXPECT_EQ(adamUpdate(p, p, p, p, s, 1e-3).secondMoment.shape(), Shape{3});
}

}  // namespace
}  // namespace kiln
