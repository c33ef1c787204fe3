// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

Attributes axes(int64_t axis, int64_t batchDims = 0) { return {{"axis", axis}, {"batch_dims", batchDims}}; }

TEST(Gather, c1_axis_and_batch_dims) {
  EXPECT_THAT(infer("gather", {type(f32, {2, 3}), type(i32, {4})}, axes(2)),
              fails("O0111", "axis 2 is outside [0, 2): x has the shape [2, 3]"));
  EXPECT_THAT(infer("gather", {type(f32, {}), type(i32, {4})}, axes(0)), fails("O0111", "[]"));
  EXPECT_THAT(infer("gather", {type(f32, {2, 3}), type(i32, {2, 4})}, axes(0, 1)),
              fails("O0132", "batch_dims 1 is outside [0, 0]"));
  EXPECT_THAT(infer("gather", {type(f32, {2, 3}), type(i32, {})}, axes(1, 1)), fails("O0132", "indices []"));
}

TEST(Gather, c2_batch_dims_are_equal) {
  EXPECT_THAT(infer("gather", {type(f32, {2, 3}), type(i32, {4, 5})}, axes(1, 1)),
              fails("O0117", "x is [2, 3], indices is [4, 5] (dimension 0: 2 vs 4)"));
}

TEST(Gather, c3_result_shape) {
  EXPECT_EQ(infer("gather", {type(f32, {9, 4}), type(i64, {dim("n"), 2})}, axes(0)), "f32[n, 2, 4]");
  EXPECT_EQ(infer("gather", {type(boolean, {9, 4, 5}), type(i64, {})}, axes(1)), "bool[9, 5]");
  EXPECT_EQ(infer("gather", {type(f32, {dim("b"), 4, 5}), type(i64, {dim("b"), 7})}, axes(2, 1)), "f32[b, 4, 7]");
}

TEST(Gather, reference) {
  Tensor x = tensor(f32, {3, 2}, {1, 2, 3, 4, 5, 6});
  expectValues(run("gather", {x, Tensor::of<int32_t>({2}, {2, -3})}, axes(0)), {2, 2}, {5, 6, 1, 2});
  expectValues(run("gather", {x, Tensor::of<int64_t>({1, 1}, {1})}, axes(1)), {3, 1, 1}, {2, 4, 6});
  expectValues(run("gather", {x, Tensor::of<int64_t>({3, 2}, {0, 1, 1, 1, 1, 0})}, axes(1, 1)), {3, 2},
               {1, 2, 4, 4, 6, 5});
  expectValues(run("gather", {x, Tensor(i32, {0})}, axes(0)), {0, 2}, {});
}

TEST(Gather, index_outside_ends_the_run) {
  Tensor x = tensor(f32, {3}, {1, 2, 3});
  auto high = runReference("gather", {x, Tensor::scalar<int32_t>(3)}, axes(0)).status();
  EXPECT_EQ(errorIdOf(high), "KILN-R0030");
  EXPECT_THAT(std::string(high.message()), testing::HasSubstr("index 3 is out of range for an axis of length 3"));
  EXPECT_EQ(errorIdOf(runReference("gather", {x, Tensor::scalar<int64_t>(-4)}, axes(0)).status()), "KILN-R0030");
  EXPECT_EQ(errorIdOf(runReference("gather", {Tensor(f32, {0}), Tensor::scalar<int64_t>(0)}, axes(0)).status()),
            "KILN-R0030");
}

TEST(ScatterAdd, c1_updates_have_the_shape_of_gather) {
  EXPECT_THAT(infer("scatter_add", {type(f32, {5, 2}), type(i32, {3}), type(f32, {3, 3})}, axes(0)),
              fails("O0109", "updates is [3, 3], the result of gather is [3, 2]"));
  EXPECT_THAT(infer("scatter_add", {type(f32, {5}), type(i32, {3}), type(f64, {3})}, axes(0)),
              fails("O0108", "updates is f64[3]"));
  EXPECT_EQ(infer("scatter_add", {type(f32, {5, 2}), type(i32, {3}), type(f32, {3, 2})}, axes(0)), "f32[5, 2]");
}

TEST(ScatterAdd, reference) {
  Tensor x = tensor(f32, {3}, {10, 20, 30}), updates = tensor(f32, {4}, {1, 2, 3, 4});
  expectValues(run("scatter_add", {x, Tensor::of<int32_t>({4}, {0, 2, 0, -1}), updates}, axes(0)), {3}, {14, 20, 36});
  Tensor table = tensor(i32, {2, 2}, {1, 2, 3, 4});
  expectValues(
      run("scatter_add", {table, Tensor::of<int64_t>({2, 1}, {1, 0}), tensor(i32, {2, 1}, {5, 6})}, axes(1, 1)), {2, 2},
      {1, 7, 9, 4});
  EXPECT_EQ(
      errorIdOf(runReference("scatter_add", {x, Tensor::of<int32_t>({4}, {0, 2, 0, 3}), updates}, axes(0)).status()),
      "KILN-R0030");
}

TEST(OneHot, c1_depth) {
  EXPECT_THAT(infer("one_hot", {type(i32, {2})}, {{"depth", int64_t{0}}, {"dtype", f32}}),
              fails("O0133", "attribute 'depth' is 0, wanted at least 1"));
}

TEST(OneHot, c2_and_reference) {
  EXPECT_EQ(infer("one_hot", {type(i32, {dim("n")})}, {{"depth", int64_t{10}}, {"dtype", f64}}), "f64[n, 10]");
  expectValues(run("one_hot", {Tensor::of<int32_t>({4}, {1, -1, 3, -4})}, {{"depth", int64_t{3}}, {"dtype", f32}}),
               {4, 3}, {0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0});
  expectValues(run("one_hot", {Tensor::scalar<int64_t>(0)}, {{"depth", int64_t{2}}, {"dtype", boolean}}), {2}, {1, 0});
}

TEST(Iota, c1_c2_shape_and_axis) {
  const Attributes attributes = {{"axis", int64_t{0}}, {"dtype", i32}};
  EXPECT_EQ(infer("iota", {type(i64, {2})}, attributes, {{{dim("n"), Dim(3)}}}), "i32[n, 3]");
  EXPECT_THAT(infer("iota", {type(i64, {2})}, attributes),
              fails("O0113", "'shape' is not known while the graph is built"));
  EXPECT_THAT(infer("iota", {type(i64, {})}, attributes, {{{Dim(3)}}}),
              fails("O0110", "shape is i64[], wanted rank 1 (found 0)"));
  EXPECT_THAT(infer("iota", {type(i64, {1})}, attributes, {{{Dim(-3)}}}), fails("O0115", "dimension 0 is -3"));
  EXPECT_THAT(infer("iota", {type(i64, {0})}, attributes, {{std::vector<Dim>{}}}),
              fails("O0111", "axis 0 is outside [0, 0)"));
}

TEST(Iota, reference) {
  expectValues(run("iota", {vector64({2, 3})}, {{"axis", int64_t{1}}, {"dtype", f32}}), {2, 3}, {0, 1, 2, 0, 1, 2});
  expectValues(run("iota", {vector64({2, 3})}, {{"axis", int64_t{-2}}, {"dtype", i64}}), {2, 3}, {0, 0, 0, 1, 1, 1});
  expectValues(run("iota", {vector64({2, 0})}, {{"axis", int64_t{0}}, {"dtype", i32}}), {2, 0}, {});
}

}  // namespace
}  // namespace kiln::ops
