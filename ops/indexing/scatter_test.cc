// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// gather_elements, gather_nd, the scatters, embedding and the segment ops.
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

Tensor ids(std::vector<int64_t> dims, const std::vector<int32_t>& values) {
  return Tensor::of<int32_t>(std::move(dims), values);
}
Tensor counted(std::vector<int64_t> dims) {
  Tensor t(f32, std::move(dims));
  for (int64_t i = 0; i < t.numElements(); ++i) {
    t.set(i, static_cast<double>(i + 1));
  }
  return t;
}
std::string faultOf(std::string_view op, const std::vector<Tensor>& operands, Attributes attributes = {}) {
  return errorIdOf(runReference(op, operands, std::move(attributes)).status()).value_or("none");
}
Attributes onAxis(int64_t axis, std::string reduction) { return {{"axis", axis}, {"reduction", std::move(reduction)}}; }
Attributes by(std::string reduction) { return {{"reduction", std::move(reduction)}}; }

TEST(GatherElements, c1_ranks) {
  EXPECT_THAT(infer("gather_elements", {type(f32, {2, 3}), type(i64, {2})}), fails("O0110", "indices is i64[2]"));
  EXPECT_THAT(infer("gather_elements", {type(f32, {2, 3}), type(i64, {2, 3})}, {{"axis", int64_t{2}}}),
              fails("O0111", "axis 2"));
  EXPECT_THAT(infer("gather_elements", {type(f32, {}), type(i64, {})}), fails("O0111", "axis 0"));
}
TEST(GatherElements, c2_other_dims_fit) {
  EXPECT_THAT(infer("gather_elements", {type(f32, {2, 3}), type(i64, {9, 4})}),
              fails("O0138", "dimension 1 to be at most 3"));
  EXPECT_THAT(infer("gather_elements", {type(f32, {2, 3}), type(i64, {9, dim("n")})}), fails("O0138", "at most 3"));
}
TEST(GatherElements, c3_result_shape) {
  EXPECT_EQ(infer("gather_elements", {type(boolean, {dim("n"), 3}), type(i32, {9, 2})}), "bool[9, 2]");
}
TEST(GatherElements, reference) {
  Tensor x = counted({2, 3});
  expectValues(run("gather_elements", {x, ids({2, 2}, {0, 2, -1, 0})}, {{"axis", int64_t{1}}}), {2, 2}, {1, 3, 6, 4});
  expectValues(run("gather_elements", {x, ids({1, 3}, {1, 0, -1})}), {1, 3}, {4, 2, 6});
  expectValues(run("gather_elements", {x, Tensor(i64, {0, 3})}), {0, 3}, {});
  EXPECT_EQ(faultOf("gather_elements", {x, ids({1, 1}, {2})}), "KILN-R0030");
  EXPECT_EQ(faultOf("gather_elements", {x, ids({1, 1}, {-3})}), "KILN-R0030");
}

TEST(GatherNd, c1_last_dim_of_indices) {
  EXPECT_THAT(infer("gather_nd", {type(f32, {2, 3}), type(i64, {4, 3})}), fails("O0138", "from 1 to 2"));
  EXPECT_THAT(infer("gather_nd", {type(f32, {2, 3}), type(i64, {4, dim("k")})}), fails("O0138", "from 1 to 2"));
  EXPECT_THAT(infer("gather_nd", {type(f32, {2, 3}), type(i64, {})}), fails("O0132", "batch_dims 0"));
  EXPECT_THAT(infer("gather_nd", {type(f32, {2, 3}), type(i64, {2, 2})}, {{"batch_dims", int64_t{1}}}),
              fails("O0138", "from 1 to 1"));
}
TEST(GatherNd, c2_batch_dims_are_equal) {
  EXPECT_THAT(infer("gather_nd", {type(f32, {2, 3}), type(i64, {4, 1})}, {{"batch_dims", int64_t{1}}}),
              fails("O0117", "2 vs 4"));
}
TEST(GatherNd, c3_result_shape) {
  EXPECT_EQ(infer("gather_nd", {type(f32, {2, 3, 5}), type(i64, {dim("n"), 7, 2})}), "f32[n, 7, 5]");
  EXPECT_EQ(infer("gather_nd", {type(f32, {dim("b"), 3, 5}), type(i64, {dim("b"), 1})}, {{"batch_dims", int64_t{1}}}),
            "f32[b, 5]");
}
TEST(GatherNd, reference) {
  Tensor x = counted({2, 3});
  expectValues(run("gather_nd", {x, ids({2, 2}, {0, 2, -1, -3})}), {2}, {3, 4});
  expectValues(run("gather_nd", {x, ids({2, 1}, {1, 0})}), {2, 3}, {4, 5, 6, 1, 2, 3});
  expectValues(run("gather_nd", {x, ids({2, 1}, {2, 0})}, {{"batch_dims", int64_t{1}}}), {2}, {3, 4});
  expectValues(run("gather_nd", {x, ids({2}, {1, 1})}), {}, {5});
  EXPECT_EQ(faultOf("gather_nd", {x, ids({1, 2}, {0, 3})}), "KILN-R0030");
  EXPECT_EQ(faultOf("gather_nd", {x, ids({1, 2}, {-3, 0})}), "KILN-R0030");
}

TEST(Scatter, c1_updates_fit_indices) {
  EXPECT_THAT(infer("scatter", {type(f32, {2, 3}), type(i64, {1, 3}), type(f32, {1, 2})}),
              fails("O0109", "updates is"));
  EXPECT_THAT(infer("scatter", {type(f32, {2, 3}), type(i64, {3}), type(f32, {3})}),
              fails("O0110", "indices is i64[3]"));
}
TEST(Scatter, c2_other_dims_fit) {
  EXPECT_THAT(infer("scatter", {type(f32, {2, 3}), type(i64, {1, 4}), type(f32, {1, 4})}), fails("O0138", "at most 3"));
}
TEST(Scatter, c3_reduction) {
  EXPECT_THAT(infer("scatter", {type(f32, {2}), type(i64, {1}), type(f32, {1})}, by("sum")),
              fails("O0133", "attribute 'reduction' is sum, wanted none, add, mul, min or max"));
  EXPECT_THAT(infer("scatter", {type(boolean, {2}), type(i64, {1}), type(boolean, {1})}, by("add")),
              fails("O0133", "none for a bool tensor"));
}
TEST(Scatter, c4_types) {
  EXPECT_THAT(infer("scatter", {type(f32, {2}), type(i64, {1}), type(f64, {1})}), fails("O0108", "updates is f64[1]"));
  EXPECT_EQ(infer("scatter", {type(boolean, {dim("n")}), type(i64, {4}), type(boolean, {4})}), "bool[n]");
}
TEST(Scatter, reference) {
  Tensor x = counted({2, 3}), updates = tensor(f32, {2, 2}, {10, 20, 30, 40});
  // Along rows; the last of equal ones wins.
  expectValues(run("scatter", {x, ids({2, 2}, {0, 0, -1, 1}), updates}, onAxis(1, "none")), {2, 3},
               {20, 2, 3, 4, 40, 30});
  expectValues(run("scatter", {x, ids({2, 2}, {0, 0, -1, 1}), updates}, onAxis(1, "add")), {2, 3},
               {31, 2, 3, 4, 45, 36});
  expectValues(run("scatter", {x, ids({2, 2}, {1, 1, 1, 0}), updates}, onAxis(0, "mul")), {2, 3},
               {1, 80, 3, 4 * 10 * 30, 100, 6});
  Tensor small = tensor(f32, {3}, {kNan, -5, 2});
  expectValues(run("scatter", {counted({2}), ids({3}, {0, 1, 1}), small}, onAxis(0, "min")), {2}, {kNan, -5});
  expectValues(run("scatter", {counted({2}), ids({3}, {1, 1, 0}), small}, onAxis(0, "max")), {2}, {2, kNan});
  Tensor flags = run("scatter", {tensor(boolean, {3}, {1, 1, 0}), ids({2}, {0, 2}), tensor(boolean, {2}, {0, 1})});
  expectValues(flags, {3}, {0, 1, 1});
  expectValues(run("scatter", {x, Tensor(i64, {0, 3}), Tensor(f32, {0, 3})}), {2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(faultOf("scatter", {x, ids({1, 1}, {2}), tensor(f32, {1, 1}, {0})}), "KILN-R0030");
}

TEST(ScatterNd, c1_to_c4) {
  EXPECT_THAT(infer("scatter_nd", {type(f32, {2, 3}), type(i64, {4, 3}), type(f32, {4})}),
              fails("O0138", "from 1 to 2"));
  EXPECT_THAT(infer("scatter_nd", {type(f32, {2, 3}), type(i64, {4, 1}), type(f32, {4})}),
              fails("O0109", "updates is [4], the result of gather_nd is [4, 3]"));
  EXPECT_THAT(infer("scatter_nd", {type(f32, {2}), type(i64, {4, 1}), type(f32, {4})}, by("")),
              fails("O0133", "none, add"));
  EXPECT_THAT(infer("scatter_nd", {type(f32, {2}), type(i64, {4, 1}), type(i32, {4})}), fails("O0108", "i32[4]"));
  EXPECT_EQ(infer("scatter_nd", {type(f32, {dim("n"), 3}), type(i64, {4, 2}), type(f32, {4})}), "f32[n, 3]");
}
TEST(ScatterNd, reference) {
  Tensor x = counted({2, 3}), rows = tensor(f32, {2, 3}, {10, 20, 30, 40, 50, 60});
  expectValues(run("scatter_nd", {x, ids({2, 1}, {1, -1}), rows}), {2, 3}, {1, 2, 3, 40, 50, 60});
  expectValues(run("scatter_nd", {x, ids({2, 1}, {1, -1}), rows}, by("add")), {2, 3}, {1, 2, 3, 54, 75, 96});
  Tensor two = tensor(f32, {2}, {7, 0.5});
  expectValues(run("scatter_nd", {x, ids({2, 2}, {0, 1, 0, 1}), two}, by("max")), {2, 3}, {1, 7, 3, 4, 5, 6});
  expectValues(run("scatter_nd", {x, ids({2, 2}, {0, 1, 0, 1}), two}, by("min")), {2, 3}, {1, 0.5, 3, 4, 5, 6});
  expectValues(run("scatter_nd", {x, ids({2, 2}, {0, 1, 0, 1}), two}, by("mul")), {2, 3}, {1, 7, 3, 4, 5, 6});
  EXPECT_EQ(faultOf("scatter_nd", {x, ids({1, 2}, {0, -4}), tensor(f32, {1}, {0})}), "KILN-R0030");
}

TEST(ScatterSlices, c1_to_c3) {
  EXPECT_THAT(infer("scatter_slices", {type(f32, {5, 2}), type(i32, {3}), type(f32, {3, 3})}),
              fails("O0109", "the result of gather is [3, 2]"));
  EXPECT_THAT(infer("scatter_slices", {type(f32, {5}), type(i32, {3}), type(f32, {3})}, by("add")),
              fails("O0133", "none, mul, min or max"));
  EXPECT_THAT(infer("scatter_slices", {type(f32, {5}), type(i32, {3}), type(f64, {3})}), fails("O0108", "f64[3]"));
  EXPECT_EQ(infer("scatter_slices", {type(f32, {5, 2}), type(i32, {3}), type(f32, {3, 2})}), "f32[5, 2]");
}
TEST(ScatterSlices, reference) {
  Tensor x = counted({3, 2}), updates = tensor(f32, {2, 2}, {10, -20, 30, -40});
  expectValues(run("scatter_slices", {x, ids({2}, {2, -1}), updates}), {3, 2}, {1, 2, 3, 4, 30, -40});
  expectValues(run("scatter_slices", {x, ids({2}, {0, 0}), updates}, by("max")), {3, 2}, {30, 2, 3, 4, 5, 6});
  expectValues(run("scatter_slices", {x, ids({2}, {0, 0}), updates}, by("mul")), {3, 2}, {300, 1600, 3, 4, 5, 6});
  EXPECT_EQ(faultOf("scatter_slices", {x, ids({2}, {0, -1}), updates}, {{"allow_negative", false}}), "KILN-R0030");
}

TEST(Embedding, c1_to_c3) {
  EXPECT_THAT(infer("embedding", {type(f32, {5}), type(i32, {3})}), fails("O0110", "weights is f32[5]"));
  EXPECT_THAT(infer("embedding", {type(f32, {5, 2}), type(i32, {3})}, {{"padding_idx", int64_t{5}}}),
              fails("O0133", "'padding_idx' is 5"));
  EXPECT_THAT(infer("embedding", {type(f32, {5, 2}), type(i32, {3})}, {{"padding_idx", int64_t{-2}}}),
              fails("O0133", "'padding_idx' is -2"));
  EXPECT_EQ(infer("embedding", {type(f64, {dim("v"), 2}), type(i64, {dim("n"), 7})}), "f64[n, 7, 2]");
}
TEST(Embedding, reference) {
  Tensor weights = counted({3, 2});
  expectValues(run("embedding", {weights, ids({2, 1}, {2, 0})}), {2, 1, 2}, {5, 6, 1, 2});
  expectValues(run("embedding", {weights, ids({3}, {2, 0, 2})}, {{"padding_idx", int64_t{0}}}), {3, 2},
               {5, 6, 0, 0, 5, 6});
  EXPECT_EQ(faultOf("embedding", {weights, ids({1}, {3})}), "KILN-R0030");
  EXPECT_EQ(faultOf("embedding", {weights, ids({1}, {-1})}), "KILN-R0030");
}

Attributes segments(int64_t count) { return {{"num_segments", count}}; }

TEST(Segments, c1_to_c3) {
  for (const char* op : {"segment_sum", "segment_mean", "segment_max", "segment_min"}) {
    EXPECT_THAT(infer(op, {type(f32, {5, 2}), type(i32, {4})}, segments(3)), fails("O0138", "'segment_ids' is i32[4]"));
    EXPECT_THAT(infer(op, {type(f32, {5, 2}), type(i32, {})}, segments(3)), fails("O0138", "one at least"));
    EXPECT_THAT(infer(op, {type(f32, {5, 2}), type(i32, {5})}, segments(-1)), fails("O0133", "'num_segments' is -1"));
    EXPECT_EQ(infer(op, {type(f32, {dim("n"), 2, 7}), type(i32, {dim("n"), 2})}, segments(3)), "f32[3, 7]");
  }
}
TEST(Segments, reference) {
  Tensor data = tensor(f32, {4, 2}, {1, 2, 3, 4, 5, 6, -7, 8}), where = ids({4}, {2, 0, 2, 0});
  expectValues(run("segment_sum", {data, where}, segments(3)), {3, 2}, {-4, 12, 0, 0, 6, 8});
  expectValues(run("segment_mean", {data, where}, segments(3)), {3, 2}, {-2, 6, 0, 0, 3, 4});
  constexpr double kMost = std::numeric_limits<float>::max();
  expectValues(run("segment_max", {data, where}, segments(3)), {3, 2}, {3, 8, -kMost, -kMost, 5, 6});
  expectValues(run("segment_min", {data, where}, segments(3)), {3, 2}, {-7, 4, kMost, kMost, 1, 2});
  expectValues(run("segment_max", {Tensor::of<int32_t>({1}, {3}), ids({1}, {1})}, segments(2)), {2},
               {-2147483648.0, 3});
  expectValues(run("segment_max", {tensor(f32, {2}, {kNan, 3}), ids({2}, {0, 0})}, segments(1)), {1}, {kNan});
  expectValues(run("segment_sum", {tensor(f32, {0, 2}, {}), Tensor(i64, {0})}, segments(1)), {1, 2}, {0, 0});
  for (const char* op : {"segment_sum", "segment_mean", "segment_max", "segment_min"}) {
    EXPECT_EQ(faultOf(op, {data, ids({4}, {0, 1, 2, 3})}, segments(3)), "KILN-R0030") << op;
    EXPECT_EQ(faultOf(op, {data, ids({4}, {0, 1, 2, -1})}, segments(3)), "KILN-R0030") << op;
  }
}

}  // namespace
}  // namespace kiln::ops
