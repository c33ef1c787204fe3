// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The functions of movement_operations.h and random_operations.h: shapes, and errors at the caller's line.
#include "gmock/gmock.h"
#include "graph/build/operations.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using testing::HasSubstr;

// What finish() says of a graph that `build` makes.
std::string errorOf(const std::function<void(GraphBuilder&)>& build) {
  GraphBuilder g("arrangements");
  build(g);
  return std::string(g.finish().status().message());
}

TEST(MovementOperations, stack_adds_an_axis) {
  GraphBuilder g("g");
  Value x = g.placeholder("x", f32, {dim("n"), 3});
  EXPECT_EQ(stack({x, x}).shape(), (Shape{2, dim("n"), 3}));
  EXPECT_EQ(stack({x, x, x}, -1).shape(), (Shape{dim("n"), 3, 3}));
  EXPECT_EQ(stack({x, x}, 1).shape(), (Shape{dim("n"), 2, 3}));
}

TEST(MovementOperations, split_cuts_an_axis) {
  GraphBuilder g("g");
  Value x = g.placeholder("x", f32, {dim("n"), 6});
  std::vector<Value> halves = split(x, 2, 1);
  ASSERT_EQ(halves.size(), 2u);
  EXPECT_EQ(halves[1].shape(), (Shape{dim("n"), 3}));
  EXPECT_EQ(split(x, std::vector<Dim>{1, 5}, -1)[1].shape(), (Shape{dim("n"), 5}));
  Value twice = g.placeholder("twice", f32, {dim("n") * 2});
  EXPECT_EQ(split(twice, 2)[0].shape(), Shape{dim("n")});
}

TEST(MovementOperations, split_needs_lengths_that_fit) {
  EXPECT_THAT(errorOf([](GraphBuilder& g) { split(g.placeholder("x", f32, {6}), 4); }),
              HasSubstr("option count is 4, wanted a divisor of 6, the length of axis 0 of [6]"));
  EXPECT_THAT(errorOf([](GraphBuilder& g) { split(g.placeholder("x", f32, {6}), std::vector<Dim>{1, 2}); }),
              HasSubstr("option lengths is [1, 2], wanted the sum 6"));
  EXPECT_THAT(errorOf([](GraphBuilder& g) { split(g.placeholder("x", f32, {6}), 2, 1); }), HasSubstr("KILN-G0224"));
}

TEST(MovementOperations, outer_and_diagonal_matrix) {
  GraphBuilder g("g");
  Value x = g.placeholder("x", f32, {dim("n"), 2}), y = g.placeholder("y", f32, {3});
  EXPECT_EQ(outer(x, y).shape(), (Shape{dim("n") * 2, 3}));
  EXPECT_EQ(diagonalMatrix(x).shape(), (Shape{dim("n"), 2, 2}));
  EXPECT_EQ(where(greater(y, 0), y, 0).shape(), Shape{3});
}

TEST(MovementOperations, einsum_names_the_equation) {
  EXPECT_THAT(errorOf([](GraphBuilder& g) { einsum("ij->i", {g.placeholder("x", f32, {6})}); }),
              HasSubstr("attribute 'equation' is ij->i"));
  GraphBuilder g("g");
  Value a = g.placeholder("a", f32, {2, 3}), b = g.placeholder("b", f32, {3, 4});
  EXPECT_EQ(einsum("ij,jk->ki", {a, b}).shape(), (Shape{4, 2}));
}

TEST(RandomOperations, shapes_and_types) {
  GraphBuilder g("g");
  const Dim n = dim("n");
  Value logits = g.placeholder("logits", f32, {n, 10});
  EXPECT_EQ(randomTruncatedNormal(g, {n, 2}, f64).shape(), (Shape{n, 2}));
  EXPECT_EQ(randomBernoulli(logits).dtype(), boolean);
  EXPECT_EQ(randomBernoulli(g, {3}, 0.5, f32).dtype(), f32);
  EXPECT_EQ(randomCategorical(logits, 4).shape(), (Shape{n, 4}));
  EXPECT_EQ(randomPermutation(g, n).shape(), Shape{n});
  EXPECT_EQ(randomGamma(logits).shape(), (Shape{n, 10}));
  EXPECT_EQ(randomIntegers(g, {2}, 0, 5, i32).dtype(), i32);
}

}  // namespace
}  // namespace kiln
